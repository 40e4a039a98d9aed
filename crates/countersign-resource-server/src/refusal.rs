//! Why a request is refused, and the answer that says so.
//!
//! The *reason* is precise and goes to the log; the *code* is registered and
//! goes to the wire. The body never says which check failed.

use std::fmt;

use bytes::Bytes;
use countersign_oauth::bearer::MalformedCredential;
use countersign_oauth::claims::ClaimsError;
use countersign_oauth::jose::JwsError;
use countersign_oauth::{ChallengeErrorCode, ScopeSet};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use thiserror::Error;

use crate::gate::{Asked, Challenges, Whose};
use crate::verifier::VerifierChain;
use crate::{
    ApiKeyRefusal, Caller, Presentation, ProofRefusal, SourceName, Unavailable, WrongSource,
};

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
    /// The token is bound to no key, where every token has to be.
    #[error("the token came without a proof of possession, which every token needs here")]
    ProofRequired,
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
    /// A credential does not fit its grammar: 400 `invalid_request`.
    Malformed {
        /// Why not.
        why: MalformedCredential,
        /// Where it is in the request.
        at: Presentation,
    },
    /// No credential was presented: 401 without an error code. The scopes are
    /// those that the operation needs.
    Unauthenticated(ScopeSet),
    /// A credential is not good: 401 `invalid_token`.
    Rejected {
        /// Why not; for the log.
        reason: Reason,
        /// Where it is in the request.
        at: Presentation,
        /// The source whose kind it is of, if it is of any.
        source: Option<SourceName>,
    },
    /// The token came with a proof of possession that does not count, or without one in the
    /// scheme that needs it: 401 `invalid_dpop_proof` or `use_dpop_nonce` (RFC 9449 §7.1, §9).
    NotProven(ProofRefusal),
    /// The credential is good and lacks scopes: 403 `insufficient_scope`.
    InsufficientScope {
        /// All that the operation needs.
        scopes: ScopeSet,
        /// The source of the credential.
        source: Option<SourceName>,
    },
    /// The operation takes no credential of the sources that were presented: 401
    /// without an error code, with the challenges of those that it takes.
    WrongSource(WrongSource),
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
            Self::Malformed { why, .. } => why.fmt(f),
            Self::Unauthenticated(_) => f.write_str("no token was presented"),
            Self::Rejected { reason, .. } => reason.fmt(f),
            Self::NotProven(why) => why.fmt(f),
            Self::InsufficientScope { scopes, .. } => {
                write!(f, "the token lacks a scope of: {scopes}")
            }
            Self::WrongSource(wrong) => {
                write!(
                    f,
                    "no credential of this source was presented: {}",
                    wrong.accepts()
                )
            }
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
    pub(crate) challenges: &'a Challenges,
    /// Knows how clients ask for scopes.
    pub(crate) chain: Option<&'a VerifierChain>,
}

impl Refusal {
    /// The status code.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Malformed {
                why: MalformedCredential::TooLong,
                ..
            }
            | Self::Unauthenticated(_)
            | Self::Rejected { .. }
            | Self::NotProven(_)
            | Self::WrongSource(_) => StatusCode::UNAUTHORIZED,
            Self::Malformed { .. } => StatusCode::BAD_REQUEST,
            Self::InsufficientScope { .. } | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The reason as one stable word, for the audit log.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed_credential",
            Self::Unauthenticated(_) => "no_credential",
            Self::Rejected { .. } => "token_rejected",
            Self::NotProven(ProofRefusal::Invalid(_)) => "proof_rejected",
            Self::NotProven(ProofRefusal::Nonce(_)) => "nonce_needed",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::WrongSource(_) => "wrong_source",
            Self::Forbidden => "forbidden",
            Self::TooMany { .. } => "rate_limited",
            Self::Unavailable(_) => "unavailable",
        }
    }

    const fn code(&self) -> Option<ChallengeErrorCode> {
        match self {
            Self::Malformed {
                why: MalformedCredential::TooLong,
                ..
            }
            | Self::Rejected { .. } => Some(ChallengeErrorCode::InvalidToken),
            Self::NotProven(ProofRefusal::Invalid(_)) => Some(ChallengeErrorCode::InvalidDpopProof),
            Self::NotProven(ProofRefusal::Nonce(_)) => Some(ChallengeErrorCode::UseDpopNonce),
            Self::Malformed { .. } => Some(ChallengeErrorCode::InvalidRequest),
            Self::InsufficientScope { .. } => Some(ChallengeErrorCode::InsufficientScope),
            Self::Unauthenticated(_)
            | Self::WrongSource(_)
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
        self.write_challenges(realm, headers);
        let retry_after = match self {
            Self::TooMany { retry_after } => Some(*retry_after),
            Self::Unavailable(unavailable) => Some(unavailable.retry_after),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.as_secs().max(1)));
        }
        if let Some(body) = self.body() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *response.body_mut() = Bytes::from(body);
        }
        response
    }

    /// What a person who looks at the answer finds there; names of sources are words of
    /// the configuration.
    fn body(&self) -> Option<String> {
        if let Self::WrongSource(wrong) = self {
            let sources: Vec<&str> = wrong.missing().collect();
            let body = serde_json::json!({"message": wrong.to_string(), "sources": sources});
            return Some(body.to_string());
        }
        let code = self.code()?;
        Some(format!("{{\"error\":\"{}\"}}", code.as_str()))
    }

    fn write_challenges(&self, realm: Realm<'_>, headers: &mut HeaderMap) {
        let code = self.code();
        // RS-26: everything the operation needs in one challenge, what the whole
        // resource needs included.
        let (whose, scopes) = match self {
            Self::Unauthenticated(scopes) => (Whose::Everybodys, scopes.union(realm.scopes)),
            Self::WrongSource(wrong) => {
                let scopes = wrong.scopes().union(realm.scopes);
                (Whose::Lacking(wrong), scopes)
            }
            Self::InsufficientScope { scopes, source } => {
                let whose = source.as_ref().map_or(Whose::Everybodys, Whose::Named);
                (whose, scopes.union(realm.own_scopes))
            }
            Self::Malformed { at, .. } => (Whose::Of(at, None), realm.scopes.clone()),
            Self::Rejected { at, source, .. } => {
                (Whose::Of(at, source.as_ref()), realm.scopes.clone())
            }
            Self::NotProven(_) => (Whose::Of(&Presentation::Dpop, None), realm.scopes.clone()),
            Self::Forbidden | Self::TooMany { .. } | Self::Unavailable(_) => return,
        };
        let asked = Asked {
            scopes: &scopes,
            chain: realm.chain,
        };
        realm.challenges.write(headers, whose, code, asked);
    }

    /// `caller` lacks scopes; `scopes` are all that the operation needs.
    pub fn insufficient_scope(caller: &Caller, scopes: ScopeSet) -> Self {
        Self::InsufficientScope {
            scopes,
            source: caller.source().cloned(),
        }
    }
}
