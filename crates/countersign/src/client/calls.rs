//! What is asked of a server, with the answer as a type.

use rmcp::model::{
    ClientRequest, CompleteRequest, DiscoverRequest, DiscoverRequestParams, GetPromptRequest,
    GetPromptRequestParams, PingRequest, ReadResourceRequest, ReadResourceRequestParams,
    ServerResult,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::call::Call;
use super::challenge::printable;
use super::request::{Inputs, Terms};
use super::{Client, ClientError};
use crate::protocol::{
    CallToolResult, CompleteRequestParams, CompletionInfo, ContentBlock, GetPromptResult,
    JsonObject, ReadResourceResult,
};

pub(super) fn unexpected() -> ClientError {
    ClientError::NotMcp("its answer is not one to the request".into())
}

/// `arguments` as the object that they have to be; null is one without members.
fn object(arguments: impl Serialize) -> Result<JsonObject, ClientError> {
    match serde_json::to_value(arguments) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(Value::Null) => Ok(JsonObject::new()),
        _ => Err(ClientError::Arguments),
    }
}

impl Client {
    /// Calls the tool `name` and reads what it answers as a `T`: its structured content
    /// or, if it has none, its text, as JSON or as it is.
    ///
    /// # Errors
    ///
    /// [`ClientError::Tool`] if the tool failed, [`ClientError::NotThat`] if its answer
    /// is no `T`, and those of [`call_tool`](Self::call_tool).
    pub fn call<T: DeserializeOwned>(&self, name: &str, arguments: impl Serialize) -> Call<'_, T> {
        Call::new(self, name.to_owned(), object(arguments), |result| {
            if result.is_error == Some(true) {
                return Err(ClientError::Tool(printable(&text(&result))));
            }
            typed(result)
        })
    }

    /// Calls the tool `name` with `arguments`, an object or nothing. That the tool
    /// itself failed is part of the result ([`CallToolResult::is_error`]).
    ///
    /// # Errors
    ///
    /// [`ClientError::Forbidden`] with the scopes that are missing,
    /// [`ClientError::Rpc`] for an unknown tool or wrong arguments, and others.
    pub fn call_tool(
        &self,
        name: impl Into<String>,
        arguments: impl Serialize,
    ) -> Call<'_, CallToolResult> {
        Call::new(self, name.into(), object(arguments), Ok)
    }

    /// Reads the resource at `uri`.
    ///
    /// # Errors
    ///
    /// As [`call_tool`](Self::call_tool).
    pub async fn read_resource(&self, uri: &str) -> Result<ReadResourceResult, ClientError> {
        let make = |inputs: Inputs| {
            let mut params = ReadResourceRequestParams::new(uri);
            (params.input_responses, params.request_state) = (inputs.responses, inputs.state);
            ClientRequest::ReadResourceRequest(ReadResourceRequest::new(params))
        };
        match self.rounds(&Terms::of(self.patience), make).await? {
            ServerResult::ReadResourceResult(result) => Ok(result),
            _ => Err(unexpected()),
        }
    }

    /// The messages of the prompt `name` with `arguments`, an object or nothing.
    ///
    /// # Errors
    ///
    /// As [`call_tool`](Self::call_tool).
    pub async fn prompt(
        &self,
        name: &str,
        arguments: impl Serialize,
    ) -> Result<GetPromptResult, ClientError> {
        let arguments = object(arguments)?;
        let make = |inputs: Inputs| {
            let mut params = GetPromptRequestParams::new(name).with_arguments(arguments.clone());
            (params.input_responses, params.request_state) = (inputs.responses, inputs.state);
            ClientRequest::GetPromptRequest(GetPromptRequest::new(params))
        };
        match self.rounds(&Terms::of(self.patience), make).await? {
            ServerResult::GetPromptResult(result) => Ok(result),
            _ => Err(unexpected()),
        }
    }

    /// Suggestions for the argument that `params` names.
    ///
    /// # Errors
    ///
    /// As [`call_tool`](Self::call_tool).
    pub async fn complete(
        &self,
        params: CompleteRequestParams,
    ) -> Result<CompletionInfo, ClientError> {
        let request = ClientRequest::CompleteRequest(CompleteRequest::new(params));
        match self.request(&Terms::of(self.patience), request).await? {
            ServerResult::CompleteResult(result) => Ok(result.completion),
            _ => Err(unexpected()),
        }
    }

    /// Whether the server is there and answers: `ping` on legacy wires, and
    /// `server/discover` from 2026-07-28 on, which has no `ping`.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if it does not.
    pub async fn ping(&self) -> Result<(), ClientError> {
        let request = match self.is_modern() {
            true => ClientRequest::DiscoverRequest(DiscoverRequest::new(DiscoverRequestParams {})),
            false => ClientRequest::PingRequest(PingRequest::default()),
        };
        self.request(&Terms::of(self.patience), request).await?;
        Ok(())
    }
}

fn text(result: &CallToolResult) -> String {
    let blocks = result.content.iter().filter_map(ContentBlock::as_text);
    let texts: Vec<&str> = blocks.map(|block| block.text.as_str()).collect();
    texts.join("\n")
}

fn typed<T: DeserializeOwned>(result: CallToolResult) -> Result<T, ClientError> {
    let not_that = |error: serde_json::Error| ClientError::NotThat(printable(&error.to_string()));
    if let Some(structured) = result.structured_content {
        // What is no object may have been put into one, as its only member `result`.
        let wrapped = match &structured {
            Value::Object(object) if object.len() == 1 => object.get("result").cloned(),
            _ => None,
        };
        let plain = serde_json::from_value(structured).map_err(not_that);
        return match (plain, wrapped) {
            (Err(error), Some(inner)) => serde_json::from_value(inner).map_err(|_| error),
            (plain, _) => plain,
        };
    }
    let text = text(&result);
    match serde_json::from_str(&text) {
        Ok(value) => Ok(value),
        Err(_) => serde_json::from_value(Value::String(text)).map_err(not_that),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn structured(value: Value) -> CallToolResult {
        CallToolResult::structured(value)
    }

    #[test]
    fn an_answer_of_another_type_is_an_error() {
        assert!(matches!(
            typed::<u8>(structured(json!({"a": 1}))),
            Err(ClientError::NotThat(_))
        ));
        let text = CallToolResult::success(vec![ContentBlock::text("many")]);
        assert!(matches!(typed::<u8>(text), Err(ClientError::NotThat(_))));
    }

    #[test]
    fn structured_content_is_read_and_unwrapped_then_text_as_json_or_as_it_is() {
        assert_eq!(typed::<Value>(structured(json!([1]))).unwrap(), json!([1]));
        assert_eq!(typed::<u8>(structured(json!({"result": 3}))).unwrap(), 3);
        for (words, read) in [("3", json!(3)), ("many", json!("many"))] {
            let text = CallToolResult::success(vec![ContentBlock::text(words)]);
            assert_eq!(typed::<Value>(text).unwrap(), read);
        }
    }

    #[test]
    fn arguments_are_an_object_or_nothing() {
        assert!(object(json!([1])).is_err());
        assert!(object(json!("a")).is_err());
        assert_eq!(object(()).unwrap(), JsonObject::new());
        assert_eq!(object(json!({"a": 1})).unwrap().len(), 1);
    }
}
