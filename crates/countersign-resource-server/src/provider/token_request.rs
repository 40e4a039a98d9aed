//! Requests about a token: introspection and revocation, also where a provider does
//! not follow their RFCs.

use http::Method;
use serde::{Deserialize, Deserializer, de};

use super::pointer::Pointer;

/// How a token is sent to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TokenRequest {
    /// GET, POST or DELETE.
    #[serde(deserialize_with = "method")]
    pub method: Method,
    /// Where in the request the token is.
    pub token_in: TokenPlacement,
    /// The name of its parameter or member; without meaning where it is the credential.
    pub token_parameter: String,
    /// How our application authenticates.
    pub authentication: EndpointAuthentication,
}

impl Default for TokenRequest {
    /// As RFC 7662 §2.1 and RFC 7009 §2.1 say.
    fn default() -> Self {
        Self {
            method: Method::POST,
            token_in: TokenPlacement::Form,
            token_parameter: "token".to_owned(),
            authentication: EndpointAuthentication::TokenEndpoint,
        }
    }
}

/// Where in a request a token is. Never in the address, where logs would have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever writes the request must know each place"
)]
pub enum TokenPlacement {
    /// A parameter of a form in the body.
    Form,
    /// A member of a JSON object in the body.
    Json,
    /// It is the credential: `Authorization: Bearer`, and there is no body.
    Bearer,
}

/// How our application authenticates at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever writes the request must know each way"
)]
pub enum EndpointAuthentication {
    /// As at the token endpoint.
    TokenEndpoint,
    /// With its secret in the header `Authorization: Basic`, however it authenticates
    /// at the token endpoint.
    ClientSecretBasic,
    /// Not at all.
    None,
}

/// How a token is introspected (RFC 7662 §2).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct IntrospectionProfile {
    /// The request.
    pub request: TokenRequest,
    /// What must be `true` in the answer (RFC 7662 §2.2).
    pub active: Pointer,
    /// An answer with status 200 means that the token is active, and 4xx that it is
    /// not; [`active`](Self::active) is not looked at.
    pub active_by_status: bool,
}

impl Default for IntrospectionProfile {
    fn default() -> Self {
        Self {
            request: TokenRequest::default(),
            active: Pointer::member("active"),
            active_by_status: false,
        }
    }
}

/// How tokens are given back (RFC 7009 §2).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RevocationProfile {
    /// The request.
    pub request: TokenRequest,
    /// Which tokens are sent, one request each, in this order.
    pub tokens: Vec<RevokedToken>,
    /// To give back one token takes everything that the person allowed the application,
    /// so that it is done with the last grant of the person alone.
    pub ends_everything: bool,
}

impl Default for RevocationProfile {
    fn default() -> Self {
        Self {
            request: TokenRequest::default(),
            tokens: vec![RevokedToken::RefreshToken, RevokedToken::AccessToken],
            ends_everything: false,
        }
    }
}

/// A token that is given back; if there is none of the kind, nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "there are two kinds of tokens that an endpoint revokes"
)]
pub enum RevokedToken {
    /// The refresh token.
    RefreshToken,
    /// The access token.
    AccessToken,
}

fn method<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Method, D::Error> {
    match &*String::deserialize(deserializer)? {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "DELETE" => Ok(Method::DELETE),
        _ => Err(de::Error::custom("a method is GET, POST or DELETE")),
    }
}
