//! Tokens that only the provider can judge: its introspection endpoint (RFC 7662), or its
//! userinfo endpoint (OpenID Connect Core 1.0 §5.3), or what it has instead.
//!
//! The inbound token is sent to that one endpoint, and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_oauth::dpop::Thumbprint;
use countersign_oauth::{Lifetime, UnixTime, json};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use url::form_urlencoded;

use super::super::introspection::{ClientCredentials, check_kind};
use super::endpoint::Endpoint;
use super::judge::{Judge, scopes};
use crate::fetch::{Fetch, HoldOff, retry_after};
use crate::provider::{IntrospectionProfile, TokenPlacement};
use crate::{AccessToken, Assertion, PresentedToken, Reason, Unavailable, Verification};

/// So many questions at a time; others wait.
const CONCURRENT_REQUESTS: usize = 64;

/// So long a token waits for its turn before the answer is 503.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

const RETRY_AFTER: Lifetime = Lifetime::from_secs(5);

const ISSUER: Reason = Reason::Other("the issuer of the token is not the configured one");
const UNREADABLE: Reason = Reason::Other("the answer of the provider is unreadable");
const TIMES: Reason = Reason::Other("a time in the answer of the provider is none");
const NOT_YET: Reason = Reason::Other("the token is not valid yet");

/// What is asked.
#[derive(Debug)]
pub(super) enum Question {
    /// Whether the token is active.
    Introspection {
        profile: Box<IntrospectionProfile>,
        credentials: Option<ClientCredentials>,
    },
    /// Who its owner is.
    Userinfo,
}

#[derive(Debug)]
pub(super) struct Asked {
    pub(super) judge: Judge,
    pub(super) question: Question,
    pub(super) endpoint: Endpoint,
    pub(super) fetch: Arc<dyn Fetch>,
    pub(super) max_cache: Lifetime,
    /// Stands for the issuer of a provider that has none.
    pub(super) namespace: String,
    pub(super) permits: Semaphore,
    /// Whether the endpoint wants to be left alone.
    pub(super) hold: HoldOff,
}

/// What an answer says before anything in it is looked at.
enum Heard {
    Document(Map<String, Value>, Option<String>),
    No(Reason),
}

impl Asked {
    pub(super) const fn permits() -> Semaphore {
        Semaphore::const_new(CONCURRENT_REQUESTS)
    }

    pub(super) async fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<Verification, Unavailable> {
        let after = |wait| Unavailable::new("the identity provider", wait);
        let unavailable = || after(RETRY_AFTER);
        let address = self.endpoint.address(now).await?;
        if let Some(left) = self.hold.left(&address) {
            return Err(after(left));
        }
        let host = address.host().map(str::to_owned);
        let answer = {
            let permit = tokio::time::timeout(LONGEST_WAIT, self.permits.acquire()).await;
            let Ok(Ok(_permit)) = permit else {
                return Err(unavailable());
            };
            self.fetch.fetch(self.request(address.clone(), token)).await
        };
        let answer = answer.map_err(|error| {
            tracing::warn!(host, %error, "the identity provider cannot be asked");
            unavailable()
        })?;
        let status = answer.status();
        let heard = self.hear(&answer).ok_or_else(|| {
            let status = status.as_u16();
            tracing::warn!(host, status, "the identity provider does not judge tokens");
            let wait = if self.is_about_one_token(answer.status()) {
                retry_after(&answer)
            } else {
                self.hold.heed(&address, &answer)
            };
            after(wait.unwrap_or(RETRY_AFTER))
        })?;
        Ok(match heard {
            Heard::No(reason) => Verification::Rejected(reason),
            Heard::Document(document, scopes) => {
                match self.check(document, scopes, token.key(), now) {
                    Ok(verified) => Verification::Accepted(AccessToken::assertion(verified)),
                    Err(reason) => Verification::Rejected(reason),
                }
            }
        })
    }

    /// Too many requests with one token keep nobody else out.
    fn is_about_one_token(&self, status: StatusCode) -> bool {
        let bears_token = match &self.question {
            Question::Userinfo => true,
            Question::Introspection { profile, .. } => {
                profile.request.token_in == TokenPlacement::Bearer
            }
        };
        bears_token && status == StatusCode::TOO_MANY_REQUESTS
    }

    fn request(&self, address: Uri, token: PresentedToken<'_>) -> Request<Bytes> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = address;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let (shape, credentials) = match &self.question {
            Question::Userinfo => {
                bear(&mut request, token);
                return request;
            }
            Question::Introspection {
                profile,
                credentials,
            } => (&profile.request, credentials),
        };
        *request.method_mut() = shape.method.clone();
        let mut form = form_urlencoded::Serializer::new(String::new());
        let (media_type, body) = match shape.token_in {
            TokenPlacement::Bearer => {
                bear(&mut request, token);
                return request;
            }
            TokenPlacement::Json => {
                authorize(&mut request, credentials.as_ref(), &mut form);
                let body = json!({ shape.token_parameter.as_str(): token.reveal() });
                ("application/json", body.to_string())
            }
            TokenPlacement::Form => {
                form.append_pair(&shape.token_parameter, token.reveal());
                if shape.token_parameter == "token" {
                    form.append_pair("token_type_hint", "access_token");
                }
                authorize(&mut request, credentials.as_ref(), &mut form);
                ("application/x-www-form-urlencoded", form.finish())
            }
        };
        *request.body_mut() = Bytes::from(body);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        request
    }

    /// What the answer says about the token; `None` if it says nothing about it.
    fn hear(&self, answer: &Response<Bytes>) -> Option<Heard> {
        let (is_credential, by_status) = match &self.question {
            Question::Userinfo => (true, true),
            Question::Introspection { profile, .. } => (
                profile.request.token_in == TokenPlacement::Bearer,
                profile.active_by_status,
            ),
        };
        match answer.status() {
            StatusCode::OK => {}
            status if status.is_success() => return Some(Heard::No(UNREADABLE)),
            // Where the token is the credential, it is the token that is not accepted.
            StatusCode::UNAUTHORIZED if is_credential => return Some(Heard::No(Reason::Inactive)),
            // Otherwise these are about us.
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_EARLY
            | StatusCode::TOO_MANY_REQUESTS => return None,
            status if by_status && status.is_client_error() => {
                return Some(Heard::No(Reason::Inactive));
            }
            _ => return None,
        }
        let header = self.judge.profile.scopes.header.as_deref();
        let named = header.map(|name| {
            let value = answer.headers().get(name);
            let value = value.and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        });
        Some(match json::parse_object(answer.body()) {
            Ok(document) => Heard::Document(document, named),
            Err(_) => Heard::No(UNREADABLE),
        })
    }

    fn check(
        &self,
        document: Map<String, Value>,
        header: Option<String>,
        proven: Option<&Thumbprint>,
        now: UnixTime,
    ) -> Result<Assertion, Reason> {
        self.check_active(&document, proven)?;
        let issuer = self.check_issuer(&document)?;
        let expires_at = self.expiry(&document)?;
        if expires_at.is_some_and(|end| end <= now) {
            return Err(Reason::Expired);
        }
        if time(document.get("nbf"))?.is_some_and(|start| now < start) {
            return Err(NOT_YET);
        }
        let found = self.judge.check(&document)?;
        let granted = match header {
            Some(names) => scopes(names.split([',', ' ']).map(str::to_owned).collect()),
            None => found.scopes,
        };
        let mut verified = Assertion::new(issuer, found.subject)
            .audience(found.audience)
            .scopes(granted);
        if let Some(client) = found.client {
            verified = verified.client_id(client);
        }
        if let Some(end) = expires_at {
            verified = verified.expires_at(end);
        }
        if let (Question::Introspection { .. }, Some(key)) = (&self.question, proven) {
            verified = verified.bound_to(key.clone());
        }
        if self.max_cache != Lifetime::ZERO {
            verified = verified.cacheable_until(now.saturating_add(self.max_cache));
        }
        Ok(verified.claims(document))
    }

    /// RFC 7662 §2.2: "active  REQUIRED.  Boolean indicator".
    fn check_active(
        &self,
        document: &Map<String, Value>,
        proven: Option<&Thumbprint>,
    ) -> Result<(), Reason> {
        let Question::Introspection { profile, .. } = &self.question else {
            return Ok(());
        };
        if !profile.active_by_status {
            let whole = Value::Object(document.clone());
            match profile.active.find(&whole) {
                Some(Value::Bool(true)) => {}
                Some(Value::Bool(false)) => return Err(Reason::Inactive),
                _ => return Err(UNREADABLE),
            }
        }
        check_kind(document, proven)
    }

    fn check_issuer(&self, document: &Map<String, Value>) -> Result<String, Reason> {
        match document.get("iss") {
            None | Some(Value::Null) => {
                let first = self.judge.first_issuer();
                Ok(first.unwrap_or_else(|| self.namespace.clone()))
            }
            Some(Value::String(issuer)) if self.judge.knows_issuer(issuer, document) => {
                Ok(issuer.clone())
            }
            Some(_) => Err(ISSUER),
        }
    }

    fn expiry(&self, document: &Map<String, Value>) -> Result<Option<UnixTime>, Reason> {
        let whole = Value::Object(document.clone());
        time(self.judge.profile.expires_at.find(&whole))
    }
}

/// RFC 7662 §2.2: "Integer timestamp"; some providers write its digits as a text.
fn time(value: Option<&Value>) -> Result<Option<UnixTime>, Reason> {
    let seconds = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok()
        }
        Some(other) => other.as_u64(),
    };
    seconds
        .map(|seconds| Some(UnixTime::from_secs(seconds)))
        .ok_or(TIMES)
}

/// RFC 6750 §2.1.
fn bear(request: &mut Request<Bytes>, token: PresentedToken<'_>) {
    if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", token.reveal())) {
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
}

fn authorize(
    request: &mut Request<Bytes>,
    credentials: Option<&ClientCredentials>,
    form: &mut form_urlencoded::Serializer<'_, String>,
) {
    if let Some(value) = credentials.and_then(|credentials| credentials.apply(form)) {
        request.headers_mut().insert(AUTHORIZATION, value);
    }
}
