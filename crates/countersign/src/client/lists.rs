//! What a server offers. Its lists have an end, and its schemas too.

use rmcp::model::{
    ClientRequest, ListPromptsRequest, ListResourceTemplatesRequest, ListResourcesRequest,
    ListToolsRequest, ServerResult,
};
use serde_json::Value;

use super::challenge::printable;
use super::request::Terms;
use super::{Client, ClientError};
use crate::protocol::{PaginatedRequestParams, Prompt, Resource, ResourceTemplate, Tool};

/// A server that hands out cursors for ever is stopped here.
const MAX_PAGES: usize = 1_000;
/// More of one kind nobody can choose from.
const MAX_ITEMS: usize = 10_000;
/// A schema has at most so many values in it.
const MAX_NODES: usize = 10_000;
/// And is nested at most so deep.
const MAX_DEPTH: usize = 64;

impl Client {
    /// The tools this caller sees. One whose schema is larger than anybody can read, or
    /// wants header fields that cannot be, is left out.
    ///
    /// Nothing that a schema refers to is fetched.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as every method here.
    pub async fn tools(&self) -> Result<Vec<Tool>, ClientError> {
        let make = |params| ClientRequest::ListToolsRequest(ListToolsRequest::with_param(params));
        let take = |result| match result {
            ServerResult::ListToolsResult(page) => Some((page.tools, page.next_cursor)),
            _ => None,
        };
        let mut tools = self.pages(make, take).await?;
        tools.retain(|tool| {
            let output = tool.output_schema.as_deref();
            let sound = [Some(&*tool.input_schema), output]
                .into_iter()
                .flatten()
                .all(is_bounded);
            if !sound {
                let tool = printable(&tool.name);
                tracing::warn!(tool, "a tool with an excessive schema is left out");
            }
            sound
        });
        Ok(tools)
    }

    /// The resources this caller sees.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn resources(&self) -> Result<Vec<Resource>, ClientError> {
        let make =
            |params| ClientRequest::ListResourcesRequest(ListResourcesRequest::with_param(params));
        self.pages(make, |result| match result {
            ServerResult::ListResourcesResult(page) => Some((page.resources, page.next_cursor)),
            _ => None,
        })
        .await
    }

    /// The resource templates this caller sees.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn resource_templates(&self) -> Result<Vec<ResourceTemplate>, ClientError> {
        let make = |params| {
            let request = ListResourceTemplatesRequest::with_param(params);
            ClientRequest::ListResourceTemplatesRequest(request)
        };
        self.pages(make, |result| match result {
            ServerResult::ListResourceTemplatesResult(page) => {
                Some((page.resource_templates, page.next_cursor))
            }
            _ => None,
        })
        .await
    }

    /// The prompts this caller sees.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn prompts(&self) -> Result<Vec<Prompt>, ClientError> {
        let make =
            |params| ClientRequest::ListPromptsRequest(ListPromptsRequest::with_param(params));
        self.pages(make, |result| match result {
            ServerResult::ListPromptsResult(page) => Some((page.prompts, page.next_cursor)),
            _ => None,
        })
        .await
    }

    async fn pages<T>(
        &self,
        make: impl Fn(PaginatedRequestParams) -> ClientRequest,
        take: impl Fn(ServerResult) -> Option<(Vec<T>, Option<String>)>,
    ) -> Result<Vec<T>, ClientError> {
        let terms = Terms::of(self.patience);
        let mut items = Vec::new();
        let mut params = PaginatedRequestParams::default();
        for _ in 0..MAX_PAGES {
            let result = self.request(&terms, make(params)).await?;
            let page = take(result);
            let (more, cursor) =
                page.ok_or_else(|| ClientError::NotMcp("its list is none".into()))?;
            if more.len() > MAX_ITEMS - items.len() {
                return Err(ClientError::TooLarge);
            }
            items.extend(more);
            if cursor.is_none() {
                return Ok(items);
            }
            params = PaginatedRequestParams::default().with_cursor(cursor);
        }
        Err(ClientError::NotMcp("its list has no end".into()))
    }
}

/// Whether `schema` is one that somebody could have written.
fn is_bounded(schema: &crate::protocol::JsonObject) -> bool {
    let mut nodes = 0;
    let mut rest: Vec<(&Value, usize)> = schema.values().map(|value| (value, 1)).collect();
    while let Some((value, depth)) = rest.pop() {
        nodes += 1;
        if nodes > MAX_NODES || depth > MAX_DEPTH {
            return false;
        }
        match value {
            Value::Array(items) => rest.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(members) => {
                rest.extend(members.values().map(|member| (member, depth + 1)));
            }
            _ => {}
        }
    }
    true
}
