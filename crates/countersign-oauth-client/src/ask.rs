//! One request to an authorization server, and what its answer means before anybody
//! reads it.
//!
//! Redirects are no answer, wherever they lead; an outage is told apart from a refusal;
//! nothing of an answer reaches the log.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use bytes::Bytes;
use countersign_oauth::client_authentication::{AssertionFacts, OwnClient};
use countersign_oauth::parameters::Parameters;
use countersign_oauth::time::Clock;
use countersign_oauth::{Secret, UnixTime, form};
use countersign_resource_server::fetch::{Fetch, FetchError, HoldOff, MOST_KEPT_OPEN};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};

use crate::error::{NoAnswer, OAuthError};
use crate::random::{Random, SystemGenerator, draw_secret};
use crate::reach::{Reach, explain};

/// Sends requests to authorization servers and for metadata. Cloning is cheap; clones
/// share who wants to be left alone.
#[derive(Clone)]
pub struct Asker {
    fetch: Arc<dyn Fetch>,
    reach: Reach,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    hold: Arc<HoldOff>,
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker")
            .field("fetch", &self.fetch)
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

impl Asker {
    /// Asks with `fetch` what `reach` permits, at the times of `clock`.
    pub fn new(fetch: Arc<dyn Fetch>, reach: Reach, clock: Arc<dyn Clock>) -> Self {
        Self {
            fetch,
            reach,
            clock,
            random: Arc::new(SystemGenerator),
            hold: Arc::default(),
        }
    }

    /// Which addresses may be asked.
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// Now.
    pub fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// The source of what nobody may guess.
    pub fn random(&self) -> &dyn Random {
        self.random.as_ref()
    }

    /// Adds to `parameters` what proves that they come from `client`: one method, its own
    /// (RFC 6749 §2.3). What it returns is the value of `Authorization`, if the method
    /// needs one. Assertions are for `audience`, the issuer (RFC 7523 §3).
    fn authenticate(
        &self,
        client: &OwnClient,
        audience: &str,
        parameters: &mut Parameters,
    ) -> Result<Option<Secret>, OAuthError> {
        let jti = draw_secret(self.random())?;
        let facts = AssertionFacts {
            audience,
            jti: jti.reveal(),
            now: self.now(),
            random: &SystemRandom::new(),
        };
        client
            .apply(parameters, &facts)
            .map_err(|error| OAuthError::Configuration(format!("the key of the client: {error}")))
    }

    /// A request of `client` to `what` at `address`, with `parameters` and what proves that
    /// they come from it. Assertions are for `audience`, the issuer.
    pub(crate) fn request_of(
        &self,
        client: &OwnClient,
        audience: &str,
        (what, address): (&str, &str),
        parameters: &Parameters,
    ) -> Result<Request<Bytes>, OAuthError> {
        let mut parameters = parameters.clone();
        let authorization = self.authenticate(client, audience, &mut parameters)?;
        let mut request = request(what, Method::POST, address)?;
        *request.body_mut() = Bytes::from(parameters.encoded().reveal().to_owned());
        let media_type = HeaderValue::from_static(form::MEDIA_TYPE);
        request.headers_mut().insert(CONTENT_TYPE, media_type);
        if let Some(authorization) = &authorization {
            let value = sensitive(authorization)?;
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// Sends `request` to `what`. Every status but those of an outage is an answer. Who
    /// says in an outage when to come back (RFC 9110 §10.2.3) is not asked before.
    ///
    /// # Errors
    ///
    /// [`OAuthError::NotPermitted`] if the target may not be asked;
    /// [`OAuthError::Unreachable`] if there is no answer.
    pub async fn ask(
        &self,
        what: &str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, OAuthError> {
        self.ask_anew(what, || Ok(request.clone())).await
    }

    /// Sends to `what` what `make` makes. It makes another one, with proofs and assertions
    /// that were not sent before, for each connection that had been kept open and turned
    /// out to have ended: then most likely nobody has read the one before, and if somebody
    /// has, its answer is lost without another question.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask), and those of `make`.
    pub(crate) async fn ask_anew(
        &self,
        what: &str,
        mut make: impl FnMut() -> Result<Request<Bytes>, OAuthError> + Send,
    ) -> Result<Response<Bytes>, OAuthError> {
        let request = make()?;
        let address = request.uri().clone();
        self.reach.judge(what, &address.to_string())?;
        let host = address.authority().map_or("", Authority::as_str);
        let unreachable = |why, retry_after| OAuthError::Unreachable {
            what: what.to_owned(),
            host: Some(host.to_owned()),
            why,
            retry_after,
        };
        if let Some(left) = self.hold.left(&address) {
            return Err(unreachable(NoAnswer::LeftAlone, Some(left)));
        }
        let mut outcome = self.fetch.fetch(request).await;
        for _ in 0..MOST_KEPT_OPEN {
            if !matches!(outcome, Err(FetchError::Stale)) {
                break;
            }
            tracing::debug!(%host, "a connection to {what} had ended, a new one is made");
            outcome = self.fetch.fetch(make()?).await;
        }
        let answer = outcome.map_err(|error| {
            tracing::warn!(%host, %error, "a request to {what} failed");
            explain(what, host, error)
        })?;
        let status = answer.status();
        let is_outage = status.is_server_error()
            || matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
            );
        if is_outage {
            tracing::warn!(%host, status = status.as_u16(), "{what} does not answer");
            let failed = NoAnswer::Failed(status.as_u16());
            return Err(unreachable(failed, self.hold.heed(&address, &answer)));
        }
        if status.is_redirection() {
            return Err(OAuthError::BadAnswer(format!(
                "{what} redirects, and nothing that this client asks may be elsewhere than it said"
            )));
        }
        Ok(answer)
    }

    /// Asks for the JSON document at `address`.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn document(&self, what: &str, address: &str) -> Result<Response<Bytes>, OAuthError> {
        self.ask(what, request(what, Method::GET, address)?).await
    }
}

/// A request to `address` that asks for JSON.
pub(crate) fn request(
    what: &str,
    method: Method,
    address: &str,
) -> Result<Request<Bytes>, OAuthError> {
    let uri: Uri = address
        .parse()
        .map_err(|_| OAuthError::BadAnswer(format!("{what} has no usable address")))?;
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(ACCEPT, json);
    Ok(request)
}

/// `text` as the value of a header, kept out of logs.
pub(crate) fn sensitive(text: &Secret) -> Result<HeaderValue, OAuthError> {
    let mut value = HeaderValue::from_str(text.reveal())
        .map_err(|_| OAuthError::BadAnswer("a credential is no header value".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
