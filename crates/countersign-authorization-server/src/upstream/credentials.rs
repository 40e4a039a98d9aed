//! How our application authenticates at a provider: RFC 6749 §2.3, RFC 7523 §2.2.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_oauth::client_authentication::{ASSERTION_TYPE, TokenEndpointAuthMethod};
use countersign_oauth::jose::{SigningKey, sign_compact};
use countersign_oauth::{Lifetime, Secret, UnixTime, form};
use countersign_resource_server::provider::AssertionAudience;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use serde_json::json;

use super::error::UpstreamError;
use crate::random::{Random, draw_id};

/// How long an assertion is valid.
const ASSERTION_LIFETIME: Lifetime = Lifetime::from_mins(1);

/// What our application proves itself with.
#[derive(Clone)]
pub(super) enum Proof {
    /// Nothing.
    Public,
    /// A secret, in the header.
    Basic(Secret),
    /// A secret, in the body.
    Post(Secret),
    /// A private key.
    Key(Arc<SigningKey>, AssertionAudience),
}

/// Our application at the provider.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) client_id: String,
    pub(super) proof: Proof,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("client_id", &self.client_id)
            .field("method", &self.method().as_str())
            .finish_non_exhaustive()
    }
}

impl Credentials {
    pub(super) const fn method(&self) -> TokenEndpointAuthMethod {
        match self.proof {
            Proof::Public => TokenEndpointAuthMethod::None,
            Proof::Basic(_) => TokenEndpointAuthMethod::ClientSecretBasic,
            Proof::Post(_) => TokenEndpointAuthMethod::ClientSecretPost,
            Proof::Key(..) => TokenEndpointAuthMethod::PrivateKeyJwt,
        }
    }

    /// Which audience assertions need; nothing if there are none.
    pub(super) const fn assertion_audience(&self) -> Option<AssertionAudience> {
        match self.proof {
            Proof::Key(_, audience) => Some(audience),
            Proof::Public | Proof::Basic(_) | Proof::Post(_) => None,
        }
    }

    /// Adds to `parameters` what the method adds; returns the header that it needs.
    /// `audience` is for assertions.
    pub(super) fn apply(
        &self,
        parameters: &mut Parameters,
        audience: &str,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<Option<HeaderValue>, UpstreamError> {
        match &self.proof {
            Proof::Public => parameters.set("client_id", &self.client_id),
            Proof::Post(secret) => {
                parameters.set("client_id", &self.client_id);
                parameters.set("client_secret", secret.reveal());
            }
            Proof::Basic(secret) => return self.basic(secret).map(Some),
            Proof::Key(key, _) => {
                let assertion = self.assertion(key, audience, now, random)?;
                parameters.set("client_id", &self.client_id);
                parameters.set("client_assertion_type", ASSERTION_TYPE);
                parameters.set("client_assertion", assertion.reveal());
            }
        }
        Ok(None)
    }

    /// `Authorization: Basic` with the secret, however the application authenticates
    /// otherwise; nothing if there is no secret.
    pub(super) fn as_basic(&self) -> Result<Option<HeaderValue>, UpstreamError> {
        match &self.proof {
            Proof::Basic(secret) | Proof::Post(secret) => self.basic(secret).map(Some),
            Proof::Public | Proof::Key(..) => Ok(None),
        }
    }

    /// RFC 6749 §2.3.1: id and secret are each form-encoded before they are joined.
    fn basic(&self, secret: &Secret) -> Result<HeaderValue, UpstreamError> {
        let pair = Secret::new(format!(
            "{}:{}",
            form::encode(&self.client_id),
            form::encode(secret.reveal())
        ));
        sensitive("Basic", &Secret::new(STANDARD.encode(pair.reveal())))
    }

    /// RFC 7523 §3: issuer and subject are the client, one audience, a fresh id.
    fn assertion(
        &self,
        key: &SigningKey,
        audience: &str,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<Secret, UpstreamError> {
        let no_key = || UpstreamError::unavailable("the key of the application");
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": audience,
            "jti": draw_id(random).map_err(|_| no_key())?,
            "iat": now.as_secs(),
            "nbf": now.as_secs(),
            "exp": now.saturating_add(ASSERTION_LIFETIME).as_secs(),
        });
        let generator = aws_lc_rs::rand::SystemRandom::new();
        let claims = claims.to_string();
        let assertion = sign_compact(Some("JWT"), claims.as_bytes(), key, &generator);
        assertion.map(Secret::new).map_err(|_| no_key())
    }
}

/// The header `Authorization` with `credential`, kept out of logs.
pub(super) fn sensitive(scheme: &str, credential: &Secret) -> Result<HeaderValue, UpstreamError> {
    let text = Secret::new(format!("{scheme} {}", credential.reveal()));
    let mut value = HeaderValue::from_str(text.reveal())
        .map_err(|_| UpstreamError::BadAnswer("a credential is no header value".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The parameters of one request, each once. Values are wiped on drop.
#[derive(Clone, Default)]
pub(super) struct Parameters(Vec<(String, Secret)>);

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

impl Parameters {
    /// Sets the parameter `name`, whatever it was before (RFC 6749 §3.1: parameters
    /// "MUST NOT be included more than once").
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), Secret::new(value)));
    }

    /// As a query or a form.
    pub(super) fn encoded(&self) -> Secret {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{}={}", form::encode(name), form::encode(value.reveal())))
            .collect();
        Secret::new(pairs.join("&"))
    }

    /// As a JSON object of texts.
    pub(super) fn as_json(&self) -> Secret {
        let members = self.0.iter();
        let members: serde_json::Map<String, serde_json::Value> = members
            .map(|(name, value)| (name.clone(), value.reveal().into()))
            .collect();
        Secret::new(serde_json::Value::Object(members).to_string())
    }

    /// Makes them the form in the body of `request`.
    pub(super) fn into_form(self, request: &mut Request<Bytes>, header: Option<HeaderValue>) {
        *request.body_mut() = Bytes::from(self.encoded().reveal().to_owned());
        let form = HeaderValue::from_static(form::MEDIA_TYPE);
        request.headers_mut().insert(CONTENT_TYPE, form);
        if let Some(header) = header {
            request.headers_mut().insert(AUTHORIZATION, header);
        }
    }
}
