//! Tokens that only their authorization server can judge: RFC 7662.
//!
//! Every token is asked for, so this verifier never says *not mine*: it comes
//! last in a chain. The inbound token is sent to the one endpoint that is
//! configured, and nowhere else.

mod answer;
mod builder;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_oauth::{Issuer, Lifetime, ScopeSet, UnixTime};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use tokio::sync::Semaphore;
use url::form_urlencoded;

pub use builder::IntrospectionVerifierBuilder;

use super::{PresentedToken, Unavailable, Verification, Verifier};
use crate::fetch::{Fetch, HoldOff, Repeatable};
use crate::{AccessToken, Reason};
use answer::Expectations;

pub(in crate::verifier) use answer::check_kind;
pub(in crate::verifier) use builder::{ClientCredentials, Method as ClientSecretMethod};

/// So many questions at a time; others wait. It bounds what a flood of made-up
/// tokens does to the authorization server.
const CONCURRENT_REQUESTS: usize = 64;

/// So long a token waits for its turn before the answer is 503.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

const RETRY_AFTER: Lifetime = Lifetime::from_secs(5);

/// Verifies tokens by asking the authorization server (RFC 7662).
///
/// ```
/// use countersign_resource_server::IntrospectionVerifier;
/// use countersign_resource_server::oauth::Secret;
///
/// let settings = IntrospectionVerifier::endpoint("https://as.example.com/introspect")
///     .client("my-mcp-server", Secret::new("from-a-file"))
///     .audience("https://mcp.example.com/mcp")
///     .issuer("https://as.example.com");
/// ```
#[derive(Debug)]
pub struct IntrospectionVerifier {
    endpoint: Uri,
    credentials: ClientCredentials,
    fetch: Arc<dyn Fetch>,
    expectations: Expectations,
    max_cache: Lifetime,
    required_scopes: ScopeSet,
    authorization_server: Option<Issuer>,
    permits: Semaphore,
    hold: HoldOff,
}

impl IntrospectionVerifier {
    /// RFC 7662 §2.1: a form post, authenticated.
    fn question(&self, token: PresentedToken<'_>) -> Request<Bytes> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", token.reveal());
        form.append_pair("token_type_hint", "access_token");
        let authorization = self.credentials.apply(&mut form);
        let mut request = Request::new(Bytes::from(form.finish()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        // A question changes nothing, however often it is asked.
        request.extensions_mut().insert(Repeatable);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value);
        }
        request
    }

    async fn judge(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<Verification, Unavailable> {
        let after = |wait| Unavailable::new("the introspection endpoint", wait);
        let unavailable = || after(RETRY_AFTER);
        if let Some(left) = self.hold.left(&self.endpoint) {
            return Err(after(left));
        }
        let answer = {
            let permit = tokio::time::timeout(LONGEST_WAIT, self.permits.acquire()).await;
            let Ok(Ok(_permit)) = permit else {
                return Err(unavailable());
            };
            self.fetch.fetch(self.question(token)).await
        };
        let answer = answer.map_err(|error| {
            tracing::warn!(host = self.endpoint.host(), %error, "introspection failed");
            unavailable()
        })?;
        match answer.status() {
            StatusCode::OK => {}
            status if status.is_success() => {
                return Ok(Verification::Rejected(UNREADABLE));
            }
            // RFC 7662 §2.3: 401 says that *our* credentials are wrong. Whatever it
            // is, it says nothing about the token.
            status => {
                let host = self.endpoint.host();
                tracing::warn!(host, status = status.as_u16(), "introspection failed");
                let wait = self.hold.heed(&self.endpoint, &answer);
                return Err(after(wait.unwrap_or(RETRY_AFTER)));
            }
        }
        Ok(
            match self.expectations.check(answer.body(), token.key(), now) {
                Err(reason) => Verification::Rejected(reason),
                Ok(verified) if self.max_cache == Lifetime::ZERO => {
                    Verification::Accepted(AccessToken::assertion(verified))
                }
                Ok(verified) => Verification::Accepted(AccessToken::assertion(
                    verified.cacheable_until(now.saturating_add(self.max_cache)),
                )),
            },
        )
    }
}

const UNREADABLE: Reason = Reason::Other("the answer of the introspection endpoint is unreadable");

impl Verifier for IntrospectionVerifier {
    fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> impl Future<Output = Result<Verification, Unavailable>> + Send {
        self.judge(token, now)
    }

    fn authorization_servers(&self) -> Vec<Issuer> {
        self.authorization_server.iter().cloned().collect()
    }

    fn required_scopes(&self) -> ScopeSet {
        self.required_scopes.clone()
    }
}
