//! The `WWW-Authenticate: Bearer` challenge: RFC 6750 §3, RFC 9728 §5.1; the one of tokens
//! that need a proof (RFC 9449 §7.1); and the one of
//! credentials in a header of their own, in the same shape (RFC 9110 §11.6.1).

use std::fmt;

use crate::{Scheme, ScopeSet};

/// The registered error codes of RFC 6750 §3.1 and RFC 9449 §7.1 and §9.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the set is closed by RFC 6750 §3.1 and RFC 9449 §12.2"
)]
pub enum ChallengeErrorCode {
    /// The request is malformed: 400.
    InvalidRequest,
    /// The token is expired, revoked, malformed or not for this resource: 401.
    InvalidToken,
    /// The token lacks a scope that the request needs: 403.
    InsufficientScope,
    /// The proof of possession is missing or not good: 401.
    InvalidDpopProof,
    /// The proof needs the nonce that comes with the answer: 401.
    UseDpopNonce,
}

impl ChallengeErrorCode {
    /// The code on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }

    /// The HTTP status that goes with the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::InvalidToken | Self::InvalidDpopProof | Self::UseDpopNonce => 401,
            Self::InsufficientScope => 403,
        }
    }
}

/// One challenge. Each attribute appears at most once (RFC 6750 §3).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Challenge<'a> {
    /// What the credential is for, for people (RFC 9110 §11.5).
    pub realm: Option<&'a str>,
    /// How the token is asked for.
    pub scheme: Scheme,
    /// The header that has the credential as its whole value; the scheme is then
    /// `ApiKey`, which is not registered.
    pub header: Option<&'a str>,
    /// Absent when the request carried no credentials (RFC 6750 §3.1).
    pub error: Option<ChallengeErrorCode>,
    /// A fixed sentence of ours; never input.
    pub error_description: Option<&'static str>,
    /// Every scope the operation needs.
    pub scope: Option<&'a ScopeSet>,
    /// Address of the protected resource metadata (RFC 9728 §5.1).
    pub resource_metadata: Option<&'a str>,
    /// What proofs may be signed with, separated by spaces (RFC 9449 §7.1).
    pub algs: Option<&'a str>,
}

impl<'a> Challenge<'a> {
    /// A challenge for a request without credentials: no error code.
    pub const fn unauthenticated() -> Self {
        Self {
            realm: None,
            scheme: Scheme::Bearer,
            header: None,
            error: None,
            error_description: None,
            scope: None,
            resource_metadata: None,
            algs: None,
        }
    }

    /// A challenge for a request whose credential failed with `error`.
    pub const fn failed(error: ChallengeErrorCode) -> Self {
        Self {
            error: Some(error),
            ..Self::unauthenticated()
        }
    }

    /// Says what the credential is for (RFC 9110 §11.5).
    #[must_use]
    pub const fn realm(mut self, realm: &'a str) -> Self {
        self.realm = Some(realm);
        self
    }

    /// Asks for a credential in the header `name` instead of a bearer token.
    #[must_use]
    pub const fn in_header(mut self, name: &'a str) -> Self {
        self.header = Some(name);
        self
    }

    /// Asks for a token with a proof, which may be signed with `algs`, names of algorithms
    /// separated by spaces (RFC 9449 §7.1).
    #[must_use]
    pub const fn with_proof(mut self, algs: &'a str) -> Self {
        self.scheme = Scheme::Dpop;
        self.algs = Some(algs);
        self
    }

    /// Adds a fixed sentence for people.
    #[must_use]
    pub const fn described(mut self, sentence: &'static str) -> Self {
        self.error_description = Some(sentence);
        self
    }

    /// Adds the scopes that the operation needs; none are written if the set is empty.
    /// `offline_access` is never written: it is between a client and its
    /// authorization server.
    #[must_use]
    pub const fn scope(mut self, scope: &'a ScopeSet) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Adds the address of the protected resource metadata (RFC 9728 §5.1).
    #[must_use]
    pub const fn resource_metadata(mut self, address: &'a str) -> Self {
        self.resource_metadata = Some(address);
        self
    }
}

/// The header value. Characters outside the attribute grammar are left out, so
/// that no value can end its quotes or start a new header line (RFC 6750 §3).
impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.header.is_some() {
            "ApiKey"
        } else {
            self.scheme.as_str()
        })?;
        let mut separator = " ";
        let mut attribute = |f: &mut fmt::Formatter<'_>, name: &str, value: &str| {
            write!(f, "{separator}{name}=\"")?;
            separator = ", ";
            for character in value.chars() {
                if matches!(character, ' ' | '!' | '#'..='[' | ']'..='~') {
                    fmt::Write::write_char(f, character)?;
                }
            }
            f.write_str("\"")
        };
        for (name, value) in [("realm", self.realm), ("header", self.header)] {
            if let Some(value) = value {
                attribute(f, name, value)?;
            }
        }
        if let Some(error) = self.error {
            attribute(f, "error", error.as_str())?;
        }
        if let Some(sentence) = self.error_description {
            attribute(f, "error_description", sentence)?;
        }
        if let Some(scope) = self.scope {
            let asked_for = scope.without_offline_access();
            if !asked_for.is_empty() {
                attribute(f, "scope", &asked_for.to_string())?;
            }
        }
        if let Some(address) = self.resource_metadata {
            attribute(f, "resource_metadata", address)?;
        }
        if let Some(algorithms) = self.algs {
            attribute(f, "algs", algorithms)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rs_23_a_challenge_without_credentials_has_no_error() {
        let scope = ScopeSet::parse("read").unwrap();
        let challenge = Challenge::unauthenticated()
            .scope(&scope)
            .resource_metadata("https://rs.test/.well-known/oauth-protected-resource/mcp");
        assert_eq!(
            challenge.to_string(),
            "Bearer scope=\"read\", \
             resource_metadata=\"https://rs.test/.well-known/oauth-protected-resource/mcp\""
        );
    }

    #[test]
    fn rs_08_offline_access_is_never_asked_for() {
        let scope = ScopeSet::parse("offline_access read").unwrap();
        let challenge = Challenge::failed(ChallengeErrorCode::InsufficientScope).scope(&scope);
        assert_eq!(
            challenge.to_string(),
            "Bearer error=\"insufficient_scope\", scope=\"read\""
        );
        let scope = ScopeSet::parse("offline_access").unwrap();
        assert_eq!(
            Challenge::unauthenticated().scope(&scope).to_string(),
            "Bearer"
        );
    }

    #[test]
    fn rs_30_e46_no_value_can_leave_its_quotes_or_its_line() {
        let challenge = Challenge::unauthenticated().resource_metadata("a\"b\\c\r\nX: y\u{7f}");
        assert_eq!(
            challenge.to_string(),
            "Bearer resource_metadata=\"abcX: y\""
        );
    }

    #[test]
    fn a_key_is_asked_for_in_its_header_and_nothing_ends_the_quotes() {
        let challenge = Challenge::unauthenticated()
            .realm("Stats \"1\"\r\nX: y")
            .in_header("x-api-key");
        assert_eq!(
            challenge.to_string(),
            "ApiKey realm=\"Stats 1X: y\", header=\"x-api-key\""
        );
        assert_eq!(
            Challenge::unauthenticated().realm("api keys").to_string(),
            "Bearer realm=\"api keys\""
        );
    }
}
