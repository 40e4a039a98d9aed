//! Error codes of the token endpoint and its siblings: RFC 6749 §5.2.

use serde::Serialize;

/// A code of a token error response, also used by revocation (RFC 7009 §2.2.1)
/// and introspection (RFC 7662 §2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever answers must decide about each code"
)]
pub enum TokenErrorCode {
    /// A parameter is missing, repeated or malformed (RFC 6749 §5.2).
    InvalidRequest,
    /// The client did not authenticate (RFC 6749 §5.2).
    InvalidClient,
    /// The code, refresh token or assertion is invalid, expired, revoked, used, or of
    /// another client or redirect URI (RFC 6749 §5.2, RFC 7523 §3.1).
    InvalidGrant,
    /// The client may not use this grant type (RFC 6749 §5.2).
    UnauthorizedClient,
    /// The grant type is not supported (RFC 6749 §5.2).
    UnsupportedGrantType,
    /// The scope is malformed or more than was granted (RFC 6749 §5.2).
    InvalidScope,
    /// The resource is unknown, malformed or not the granted one (RFC 8707 §2).
    InvalidTarget,
    /// Tokens of this type cannot be revoked (RFC 7009 §2.2.1).
    UnsupportedTokenType,
    /// The proof of possession is missing or not good (RFC 9449 §5).
    InvalidDpopProof,
    /// The proof needs the nonce that comes with the answer (RFC 9449 §8).
    UseDpopNonce,
}

impl TokenErrorCode {
    /// The code on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }

    /// The HTTP status that goes with the code (RFC 6749 §5.2).
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient => 401,
            Self::InvalidRequest
            | Self::InvalidGrant
            | Self::UnauthorizedClient
            | Self::UnsupportedGrantType
            | Self::InvalidScope
            | Self::InvalidTarget
            | Self::UnsupportedTokenType
            | Self::InvalidDpopProof
            | Self::UseDpopNonce => 400,
        }
    }

    /// A sentence for the developer of the client. It is the same for every
    /// reason behind the code, so that it tells an attacker nothing, and it
    /// fits the characters of RFC 6749 §5.2.
    pub const fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest => {
                "a parameter is missing, repeated or malformed, or two ways of client authentication are used"
            }
            Self::InvalidClient => "client authentication failed",
            Self::InvalidGrant => {
                "the code, refresh token or assertion is invalid, expired, used or revoked, or was issued to another client or redirect URI"
            }
            Self::UnauthorizedClient => "this client may not use this grant type",
            Self::UnsupportedGrantType => "this grant type is not supported",
            Self::InvalidScope => "the scope is malformed, unknown or more than was granted",
            Self::InvalidTarget => "the resource is unknown or not the one that was granted",
            Self::UnsupportedTokenType => "tokens of this type cannot be revoked here",
            Self::InvalidDpopProof => {
                "the DPoP proof is missing, malformed, used before or for another request"
            }
            Self::UseDpopNonce => "the DPoP proof needs the nonce in the DPoP-Nonce header",
        }
    }

    /// The body of the answer (RFC 6749 §5.2), as JSON text.
    pub fn to_json(self) -> String {
        error_document(self.as_str(), self.description())
    }
}

#[derive(Serialize)]
struct Document<'a> {
    error: &'a str,
    error_description: &'a str,
}

/// The two members every error document of OAuth has (RFC 6749 §5.2, RFC 7591 §3.2.2).
pub(crate) fn error_document(error: &str, error_description: &str) -> String {
    let document = Document {
        error,
        error_description,
    };
    serde_json::to_string(&document).unwrap_or_default()
}
