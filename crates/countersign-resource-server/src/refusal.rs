//! Why a request is refused, and the answer that says so.
//!
//! The *reason* is precise and goes to the log; the *code* is registered and
//! goes to the wire. The body never says which check failed.

use std::fmt;

use bytes::Bytes;
use countersign_oauth::bearer::MalformedCredential;
use countersign_oauth::claims::ClaimsError;
use countersign_oauth::jose::JwsError;
use countersign_oauth::{Challenge, ChallengeErrorCode, ScopeSet};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use thiserror::Error;

use crate::{ApiKeyRefusal, Unavailable};

/// Why a token was rejected. For the log and the audit, never for the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// No verifier knows this kind of token.
    #[error("no verifier knows this kind of token")]
    UnknownToken,
    /// The signature, or what selects its key, is bad (RFC 7515 §5.2).
    #[error(transparent)]
    Signature(#[from] JwsError),
    /// The signature is good and the claims are not (RFC 7519 §4.1).
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// The authorization server says that the token is not active (RFC 7662 §2.2).
    #[error("the authorization server says that the token is not active")]
    Inactive,
    /// The token names another audience.
    #[error("the token is meant for another audience")]
    Audience,
    /// The token has expired.
    #[error("the token has expired")]
    Expired,
    /// An API key is not good.
    #[error(transparent)]
    ApiKey(#[from] ApiKeyRefusal),
    /// A verifier of the application says no, in its own words (no secrets, no input).
    #[error("{0}")]
    Other(&'static str),
}

/// A request that is not let through.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The credential does not fit its grammar: 400 `invalid_request`.
    Malformed(MalformedCredential),
    /// No credential was presented: 401 without an error code. The scopes are
    /// those that the operation needs.
    Unauthenticated(ScopeSet),
    /// The token is not good: 401 `invalid_token`.
    Rejected(Reason),
    /// The token is good and lacks scopes; these are all that the operation
    /// needs: 403 `insufficient_scope`.
    InsufficientScope(ScopeSet),
    /// A policy objects for a reason that no scope would remove: 403.
    Forbidden,
    /// Too many requests: 429.
    TooMany {
        /// When to try again.
        retry_after: countersign_oauth::Lifetime,
    },
    /// A dependency does not answer: 503, never 401.
    Unavailable(Unavailable),
}

/// The precise reason, for the log; never for the wire.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => why.fmt(f),
            Self::Unauthenticated(_) => f.write_str("no token was presented"),
            Self::Rejected(reason) => reason.fmt(f),
            Self::InsufficientScope(needed) => write!(f, "the token lacks a scope of: {needed}"),
            Self::Forbidden => f.write_str("a policy objects"),
            Self::TooMany { .. } => f.write_str("too many requests"),
            Self::Unavailable(unavailable) => unavailable.fmt(f),
        }
    }
}

/// What a challenge says about the resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Realm<'a> {
    /// What a caller without a token is told to ask for.
    pub(crate) scopes: &'a ScopeSet,
    /// What every token needs; those that only some verifiers need are not in it.
    pub(crate) own_scopes: &'a ScopeSet,
    pub(crate) resource_metadata: Option<&'a str>,
}

impl Refusal {
    /// The status code.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(MalformedCredential::TooLong) => StatusCode::UNAUTHORIZED,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated(_) | Self::Rejected(_) => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope(_) | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn code(&self) -> Option<ChallengeErrorCode> {
        match self {
            Self::Malformed(MalformedCredential::TooLong) | Self::Rejected(_) => {
                Some(ChallengeErrorCode::InvalidToken)
            }
            Self::Malformed(_) => Some(ChallengeErrorCode::InvalidRequest),
            Self::InsufficientScope(_) => Some(ChallengeErrorCode::InsufficientScope),
            Self::Unauthenticated(_)
            | Self::Forbidden
            | Self::TooMany { .. }
            | Self::Unavailable(_) => None,
        }
    }

    /// The answer: status, challenge and an empty body (RFC 6750 §3).
    pub(crate) fn response(&self, realm: Realm<'_>) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.challenge(realm) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        let retry_after = match self {
            Self::TooMany { retry_after } => Some(*retry_after),
            Self::Unavailable(unavailable) => Some(unavailable.retry_after),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.as_secs().max(1)));
        }
        if let Some(code) = self.code() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let body = format!("{{\"error\":\"{}\"}}", code.as_str());
            *response.body_mut() = Bytes::from(body);
        }
        response
    }

    fn challenge(&self, realm: Realm<'_>) -> Option<HeaderValue> {
        let challenge = match (self, self.code()) {
            (Self::Unauthenticated(_), _) => Challenge::unauthenticated(),
            (_, Some(code)) => Challenge::failed(code),
            (_, None) => return None,
        };
        // RS-26: everything the operation needs in one challenge, what the whole
        // resource needs included.
        let scopes = match self {
            Self::InsufficientScope(scopes) => scopes.union(realm.own_scopes),
            Self::Unauthenticated(scopes) => scopes.union(realm.scopes),
            _ => realm.scopes.clone(),
        };
        let mut challenge = challenge.scope(&scopes);
        if let Some(address) = realm.resource_metadata {
            challenge = challenge.resource_metadata(address);
        }
        HeaderValue::from_str(&challenge.to_string()).ok()
    }
}
