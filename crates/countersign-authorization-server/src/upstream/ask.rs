//! One request to a provider, and what its answer means before anybody reads it.
//!
//! Redirects are no answer, wherever they lead; an outage is told apart from a refusal;
//! nothing of an answer reaches the log.

use std::sync::Arc;

use bytes::Bytes;
use countersign_oauth::{Lifetime, json};
use countersign_resource_server::fetch::{Fetch, FetchError, HoldOff, MOST_KEPT_OPEN, retry_after};
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode, Uri};
use serde_json::{Map, Value};

use super::error::UpstreamError;

/// Sends requests to one provider.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    fetch: Arc<dyn Fetch>,
    /// The name of the provider, for the log.
    provider: Arc<str>,
    /// Endpoints that want to be left alone.
    hold: Arc<HoldOff>,
}

impl Asker {
    pub(super) fn new(fetch: Arc<dyn Fetch>, provider: &str) -> Self {
        Self {
            fetch,
            provider: Arc::from(provider),
            hold: Arc::default(),
        }
    }

    pub(super) const fn fetcher(&self) -> &Arc<dyn Fetch> {
        &self.fetch
    }

    /// Sends `request` to `what`. Every status but those of an outage is an answer. Who
    /// says in an outage when to come back (RFC 9110 §10.2.3) is not asked before, except
    /// where a token of one person was sent too often: that is nobody else's business.
    pub(super) async fn ask(
        &self,
        what: &str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, UpstreamError> {
        self.ask_anew(what, || Ok(request.clone())).await
    }

    /// Sends to `what` what `make` makes. It makes another one for each connection that had
    /// been kept open and turned out to have ended.
    pub(super) async fn ask_anew(
        &self,
        what: &str,
        mut make: impl FnMut() -> Result<Request<Bytes>, UpstreamError> + Send,
    ) -> Result<Response<Bytes>, UpstreamError> {
        let mut request = make()?;
        let address = request.uri().clone();
        let host = address.host().unwrap_or_default();
        if let Some(left) = self.hold.left(&address) {
            return Err(UpstreamError::unavailable_for(what, left));
        }
        let credential = request.headers().get(AUTHORIZATION);
        let is_of_person = credential.is_some_and(|it| it.as_bytes().starts_with(b"Bearer "));
        let mut outcome = self.fetch.fetch(request).await;
        for _ in 0..MOST_KEPT_OPEN {
            if !matches!(outcome, Err(FetchError::Stale)) {
                break;
            }
            request = make()?;
            outcome = self.fetch.fetch(request).await;
        }
        let answer = outcome.map_err(|error| {
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
            let wait = match status {
                StatusCode::TOO_MANY_REQUESTS if is_of_person => retry_after(&answer),
                _ => self.hold.heed(&address, &answer),
            };
            return Err(match wait {
                Some(wait) => UpstreamError::unavailable_for(what, wait),
                None => UpstreamError::unavailable(what),
            });
        }
        Ok(answer)
    }

    /// How long `address` is left alone because it says so.
    pub(super) fn held(&self, address: &Uri) -> Option<Lifetime> {
        self.hold.left(address)
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
        | FetchError::Untrusted
        | FetchError::Timeout
        | FetchError::Stale
        | FetchError::Exchange => UpstreamError::unavailable(what),
        // Waiting helps against none of these.
        _ => UpstreamError::BadAnswer(format!("{what} cannot be used: {error}")),
    }
}
