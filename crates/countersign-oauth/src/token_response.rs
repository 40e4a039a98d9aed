//! The token response: RFC 6749 §5.1.

use serde::Serialize;

use crate::bearer::Scheme;
use crate::{Lifetime, ResourceUri, ScopeSet, Secret};

/// The headers of every answer of the token endpoint, errors included
/// (RFC 6749 §5.1: "MUST include the HTTP 'Cache-Control' response header field
/// with a value of 'no-store'").
pub const NO_STORE: [(&str, &str); 2] = [("cache-control", "no-store"), ("pragma", "no-cache")];

/// The tokens that a client gets (RFC 6750 §4, RFC 9449 §5).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Secret,
    /// How it is presented.
    pub token_type: Scheme,
    /// How long it is valid.
    pub expires_in: Lifetime,
    /// A refresh token, if the grant has one.
    pub refresh_token: Option<Secret>,
    /// What the access token permits; always stated, so that a client sees when
    /// it differs from what it asked for (RFC 6749 §5.1).
    pub scope: ScopeSet,
    /// The audience of the access token.
    pub resource: Option<ResourceUri>,
    /// What was issued (RFC 8693 §2.2.1); stated in answer to an exchange alone.
    pub issued_token_type: Option<&'static str>,
}

#[derive(Serialize)]
struct Document<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
}

impl TokenResponse {
    /// A response with `access_token`, valid for `expires_in`, that permits `scope`.
    pub const fn new(access_token: Secret, expires_in: Lifetime, scope: ScopeSet) -> Self {
        Self {
            access_token,
            token_type: Scheme::Bearer,
            expires_in,
            refresh_token: None,
            scope,
            resource: None,
            issued_token_type: None,
        }
    }

    /// The body, as JSON text. It holds the tokens in clear: it is sent, never logged.
    pub fn to_json(&self) -> Secret {
        let document = Document {
            access_token: self.access_token.reveal(),
            token_type: self.token_type.as_str(),
            expires_in: self.expires_in.as_secs(),
            refresh_token: self.refresh_token.as_ref().map(Secret::reveal),
            scope: self.scope.to_string(),
            resource: self.resource.as_ref().map(ResourceUri::as_str),
            issued_token_type: self.issued_token_type,
        };
        Secret::new(serde_json::to_string(&document).unwrap_or_default())
    }
}
