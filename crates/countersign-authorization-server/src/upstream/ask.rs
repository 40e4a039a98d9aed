//! One request to a provider, and what its answer means before anybody reads it.
//!
//! Redirects are no answer, wherever they lead; an outage is told apart from a refusal;
//! nothing of an answer reaches the log.

use std::sync::Arc;

use bytes::Bytes;
use countersign_oauth::json;
use countersign_resource_server::fetch::{Fetch, FetchError};
use http::{Request, Response, StatusCode};
use serde_json::{Map, Value};

use super::error::UpstreamError;

/// Sends requests to one provider.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    fetch: Arc<dyn Fetch>,
    /// The name of the provider, for the log.
    provider: Arc<str>,
}

impl Asker {
    pub(super) fn new(fetch: Arc<dyn Fetch>, provider: &str) -> Self {
        Self {
            fetch,
            provider: Arc::from(provider),
        }
    }

    pub(super) const fn fetcher(&self) -> &Arc<dyn Fetch> {
        &self.fetch
    }

    /// Sends `request` to `what`. Every status but those of an outage is an answer.
    pub(super) async fn ask(
        &self,
        what: &str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, UpstreamError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let answer = self.fetch.fetch(request).await.map_err(|error| {
            tracing::warn!(
                provider = %self.provider, %host, %error,
                "a request to {what} failed"
            );
            no_answer(what, error)
        })?;
        let status = answer.status();
        if status.is_server_error()
            || matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
            )
        {
            tracing::warn!(
                provider = %self.provider, %host, status = status.as_u16(),
                "{what} does not answer"
            );
            return Err(UpstreamError::unavailable(what));
        }
        Ok(answer)
    }

    /// The body of an answer that must be a success.
    pub(super) fn expect_success<'a>(
        &self,
        what: &str,
        answer: &'a Response<Bytes>,
    ) -> Result<&'a [u8], UpstreamError> {
        if answer.status() == StatusCode::OK {
            return Ok(answer.body());
        }
        let status = answer.status().as_u16();
        Err(self.bad_answer(&format!("{what} answers with status {status}")))
    }

    /// The JSON value of an answer that must be a success.
    pub(super) fn expect_json(
        &self,
        what: &str,
        answer: &Response<Bytes>,
    ) -> Result<Value, UpstreamError> {
        let body = self.expect_success(what, answer)?;
        json::parse(body).map_err(|error| {
            self.bad_answer(&format!("the answer of {what} is unreadable: {error}"))
        })
    }

    /// The JSON object of an answer that must be a success.
    pub(super) fn expect_object(
        &self,
        what: &str,
        answer: &Response<Bytes>,
    ) -> Result<Map<String, Value>, UpstreamError> {
        match self.expect_json(what, answer)? {
            Value::Object(object) => Ok(object),
            _ => Err(self.bad_answer(&format!("the answer of {what} is no JSON object"))),
        }
    }

    /// Notes that an answer is none; `sentence` contains nothing of it.
    pub(super) fn bad_answer(&self, sentence: &str) -> UpstreamError {
        tracing::warn!(provider = %self.provider, "{sentence}");
        UpstreamError::BadAnswer(sentence.to_owned())
    }
}

fn no_answer(what: &str, error: FetchError) -> UpstreamError {
    match error {
        FetchError::Unresolved
        | FetchError::Connection
        | FetchError::Timeout
        | FetchError::Exchange => UpstreamError::unavailable(what),
        // Waiting helps against none of these.
        _ => UpstreamError::BadAnswer(format!("{what} cannot be used: {error}")),
    }
}
