//! What introspection answers: RFC 7662 §2.2.
//!
//! Of a token that is not active, or that the caller may not ask about, nothing
//! is said but that: "the authorization server SHOULD NOT include any
//! additional information about an inactive token, including why".

use serde::Serialize;

use crate::actor::Actor;
use crate::dpop::{self, Thumbprint};
use crate::{ScopeSet, UnixTime};

/// What is known about a token.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a token is active or nothing is said about it"
)]
pub enum Introspection {
    /// Unknown, expired, revoked, or not for the caller.
    Inactive,
    /// Good for use at this moment.
    Active(Box<ActiveToken>),
}

/// An active token (RFC 7662 §2.2).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct ActiveToken {
    /// What it permits.
    #[serde(serialize_with = "as_text", skip_serializing_if = "ScopeSet::is_empty")]
    pub scope: ScopeSet,
    /// The client it was issued to.
    pub client_id: String,
    /// When it expires.
    #[serde(serialize_with = "as_seconds")]
    pub exp: UnixTime,
    /// When it was issued.
    #[serde(serialize_with = "as_seconds")]
    pub iat: UnixTime,
    /// Whom it is about.
    pub sub: String,
    /// Which resource it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    /// Who issued it.
    pub iss: String,
    /// Its id, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The key that it is bound to (RFC 9449 §6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// `Bearer` or `DPoP` for access tokens; absent for refresh tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    /// Who acts for the subject (RFC 8693 §4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
}

impl ActiveToken {
    /// An access token of `client_id` about `sub`, issued by `iss` at `iat`,
    /// that expires at `exp`.
    pub fn new(
        iss: impl Into<String>,
        sub: impl Into<String>,
        client_id: impl Into<String>,
        iat: UnixTime,
        exp: UnixTime,
    ) -> Self {
        Self {
            scope: ScopeSet::new(),
            client_id: client_id.into(),
            exp,
            iat,
            sub: sub.into(),
            aud: None,
            iss: iss.into(),
            jti: None,
            cnf: None,
            token_type: Some("Bearer"),
            act: None,
        }
    }

    /// The same token, bound to the key `jkt`: of the type `DPoP` (RFC 9449 §6.2).
    #[must_use]
    pub fn bound_to(mut self, jkt: Thumbprint) -> Self {
        self.cnf = Some(Confirmation { jkt });
        self.token_type = Some(dpop::SCHEME);
        self
    }
}

/// What a token is bound to (RFC 7800 §3.1, RFC 9449 §6.1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Confirmation {
    /// The thumbprint of the key.
    pub jkt: Thumbprint,
}

#[derive(Serialize)]
struct Document<'a> {
    active: bool,
    #[serde(flatten)]
    token: &'a ActiveToken,
}

impl Introspection {
    /// The body, as JSON text.
    pub fn to_json(&self) -> String {
        match self {
            Self::Inactive => r#"{"active":false}"#.to_owned(),
            Self::Active(token) => {
                let document = Document {
                    active: true,
                    token,
                };
                serde_json::to_string(&document).unwrap_or_default()
            }
        }
    }
}

fn as_text<S: serde::Serializer>(scope: &ScopeSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(scope)
}

fn as_seconds<S: serde::Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_secs())
}
