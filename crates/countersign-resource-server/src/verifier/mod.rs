//! Verifiers: from a presented token to an [`AccessToken`].
//!
//! A verifier answers in three ways. *Not mine* lets the next one of the chain
//! look; *accepted* and *rejected* end the chain. A dependency that fails is no
//! answer at all but [`Unavailable`]: the client gets 503 and keeps its token.

mod cache;
mod chain;
mod introspection;
mod jwt;
mod provider;
mod static_tokens;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use countersign_oauth::dpop::Thumbprint;
use countersign_oauth::{Issuer, Lifetime, ScopeSet, ScopeToken, UnixTime};
use thiserror::Error;

pub use cache::CacheLimits;
pub(crate) use cache::TokenDigest;
pub use chain::{ChainOutcome, VerifiedToken, VerifierChain};
pub use introspection::{IntrospectionVerifier, IntrospectionVerifierBuilder};
pub use jwt::{JwtVerifier, JwtVerifierBuilder};
pub use provider::{ProviderVerifier, ProviderVerifierBuilder};
pub use static_tokens::{StaticToken, StaticTokenVerifier, StaticTokens};

use crate::{AccessToken, Reason, Source};

/// A token as it was presented; nothing about it is verified.
#[derive(Clone, Copy)]
pub struct PresentedToken<'a> {
    text: &'a str,
    key: Option<&'a Thumbprint>,
}

impl<'a> PresentedToken<'a> {
    /// Wraps the text of a Bearer credential.
    pub const fn new(text: &'a str) -> Self {
        Self { text, key: None }
    }

    /// The token of a request with a proof of possession of `key` that was checked, nonce
    /// and replay included (RFC 9449 §4.3).
    ///
    /// # Security
    ///
    /// A token that is bound to `key` is accepted then.
    pub const fn with_proof_of(text: &'a str, key: &'a Thumbprint) -> Self {
        let key = Some(key);
        Self { text, key }
    }

    /// The key that whoever presents the token has proven to have. A verifier accepts a
    /// token that is bound to a key only with this one, and says so by
    /// [`Assertion::bound_to`](crate::Assertion::bound_to); a token that is bound to none
    /// only without.
    pub const fn key(self) -> Option<&'a Thumbprint> {
        self.key
    }

    /// The text. It must not reach a log, an error or another server.
    pub const fn reveal(self) -> &'a str {
        self.text
    }
}

impl fmt::Debug for PresentedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedToken(redacted)")
    }
}

/// The answer of a verifier.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a fourth answer would have to be handled by every chain"
)]
pub enum Verification {
    /// The token is of a kind this verifier does not know; the next one may look.
    NotMine,
    /// The token is good.
    Accepted(AccessToken),
    /// The token is of this verifier's kind and not good. Nobody else is asked.
    Rejected(Reason),
}

/// Something the verifier depends on does not answer.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{what} is not available")]
#[non_exhaustive]
pub struct Unavailable {
    /// What does not answer, for the log: a role, never a secret or a full URL.
    pub what: String,
    /// When to try again.
    pub retry_after: Lifetime,
}

impl Unavailable {
    /// `what` does not answer; trying again makes sense after `retry_after`.
    pub fn new(what: impl Into<String>, retry_after: Lifetime) -> Self {
        Self {
            what: what.into(),
            retry_after,
        }
    }
}

/// A configuration that must not start. The sentence says what to set.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{0}")]
pub struct ConfigurationError(String);

impl ConfigurationError {
    /// `sentence` says what is wrong and what to set.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// Verifies tokens of one kind. Implement this for tokens of your own.
pub trait Verifier: Send + Sync + 'static {
    /// Judges `token` at the time `now`.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the token could not be judged. Never use it for a token
    /// that is bad.
    fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> impl Future<Output = Result<Verification, Unavailable>> + Send;

    /// The issuers whose tokens are accepted; published in the protected resource
    /// metadata so that clients can find where to log in (RFC 9728 §2).
    fn authorization_servers(&self) -> Vec<Issuer> {
        Vec::new()
    }

    /// Scopes that every token of this verifier needs; a token without them is
    /// answered with 403 `insufficient_scope`.
    fn required_scopes(&self) -> ScopeSet {
        ScopeSet::new()
    }

    /// Where its credentials are in a request, and what they are called unless the
    /// server names them otherwise: `Authorization: Bearer`, and `oauth`.
    fn source(&self) -> Source {
        Source::default()
    }

    /// What clients write to ask the authorization server for `scope`, if that is not its
    /// name in tokens: Microsoft Entra wants `api://CLIENT-ID/read` and issues `read`.
    fn asked_as(&self, scope: &ScopeToken) -> ScopeToken {
        scope.clone()
    }
}

/// Something that becomes a verifier at start: a verifier itself, or a builder
/// whose settings are checked now.
pub trait IntoVerifier {
    /// What it becomes.
    type Verifier: Verifier;

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] stops the start and says what to set.
    fn into_verifier(self) -> Result<Self::Verifier, ConfigurationError>;
}

impl<V: Verifier> IntoVerifier for V {
    type Verifier = V;

    fn into_verifier(self) -> Result<V, ConfigurationError> {
        Ok(self)
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Verification, Unavailable>> + Send + 'a>>;

/// [`Verifier`] behind a pointer.
pub(crate) trait DynVerifier: Send + Sync + 'static {
    fn verify<'a>(&'a self, token: PresentedToken<'a>, now: UnixTime) -> Answer<'a>;
    fn authorization_servers(&self) -> Vec<Issuer>;
    fn asked_as(&self, scope: &ScopeToken) -> ScopeToken;
}

impl<V: Verifier> DynVerifier for V {
    fn verify<'a>(&'a self, token: PresentedToken<'a>, now: UnixTime) -> Answer<'a> {
        Box::pin(Verifier::verify(self, token, now))
    }

    fn authorization_servers(&self) -> Vec<Issuer> {
        Verifier::authorization_servers(self)
    }

    fn asked_as(&self, scope: &ScopeToken) -> ScopeToken {
        Verifier::asked_as(self, scope)
    }
}
