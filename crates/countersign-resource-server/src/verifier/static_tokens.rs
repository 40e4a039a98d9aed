//! Tokens that are written down in the configuration. For development.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use countersign_oauth::bearer::{self, Credential};
use countersign_oauth::{ScopeSet, Secret, UnixTime};

use super::cache::TokenDigest;
use super::{PresentedToken, Unavailable, Verification, Verifier};
use crate::{AccessToken, Assertion, ConfigurationError, IntoVerifier, Reason};

const NAMESPACE: &str = "urn:countersign:static-token";

/// Whom a static token stands for.
#[derive(Clone, Debug)]
pub struct StaticToken(Assertion);

impl StaticToken {
    /// A token of `subject` without scopes and without end.
    pub fn subject(subject: impl Into<Arc<str>>) -> Self {
        Self(Assertion::new(NAMESPACE, subject))
    }

    /// What the token may do.
    #[must_use]
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.0 = self.0.scopes(scopes);
        self
    }

    /// The OAuth client that acts.
    #[must_use]
    pub fn client_id(mut self, client: impl Into<Arc<str>>) -> Self {
        self.0 = self.0.client_id(client);
        self
    }

    /// When the token ends.
    #[must_use]
    pub fn expires_at(mut self, time: UnixTime) -> Self {
        self.0 = self.0.expires_at(time);
        self
    }
}

/// Tokens for development, as configured.
///
/// # Security
///
/// They do not expire unless told to, cannot be revoked, and stand in a file.
#[derive(Default)]
pub struct StaticTokens {
    tokens: Vec<(Secret, StaticToken)>,
    required_scopes: ScopeSet,
}

impl fmt::Debug for StaticTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticTokens")
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}

impl StaticTokens {
    /// No tokens yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a token: its text, and whom it stands for.
    #[must_use]
    pub fn token(mut self, text: Secret, stands_for: StaticToken) -> Self {
        self.tokens.push((text, stands_for));
        self
    }

    /// Scopes that every token needs, otherwise 403 `insufficient_scope`.
    #[must_use]
    pub fn required_scopes(mut self, scopes: ScopeSet) -> Self {
        self.required_scopes = scopes;
        self
    }
}

impl IntoVerifier for StaticTokens {
    type Verifier = StaticTokenVerifier;

    fn into_verifier(self) -> Result<StaticTokenVerifier, ConfigurationError> {
        if self.tokens.is_empty() {
            return Err(ConfigurationError::new(
                "there are no static tokens: add at least one, or remove the verifier",
            ));
        }
        let mut tokens: Vec<(TokenDigest, AccessToken)> = Vec::with_capacity(self.tokens.len());
        for (number, (text, StaticToken(assertion))) in self.tokens.into_iter().enumerate() {
            check_text(text.reveal(), number + 1)?;
            let digest = TokenDigest::of(PresentedToken::new(text.reveal()));
            if tokens.iter().any(|(known, _)| *known == digest) {
                return Err(ConfigurationError::new(format!(
                    "static token number {} is there twice: every token needs a text of its own",
                    number + 1
                )));
            }
            // Nothing withdraws such a token but its own expiry.
            let forever = UnixTime::from_secs(u64::MAX);
            let assertion = assertion.cacheable_until(forever);
            tokens.push((digest, AccessToken::assertion(assertion)));
        }
        tracing::warn!(
            tokens = tokens.len(),
            "static tokens are accepted: for development only, they cannot be revoked"
        );
        Ok(StaticTokenVerifier {
            tokens,
            required_scopes: self.required_scopes,
        })
    }
}

/// A text that no request could present is a mistake.
fn check_text(text: &str, number: usize) -> Result<(), ConfigurationError> {
    let header = format!("Bearer {text}");
    match bearer::parse([header.as_bytes()], None) {
        Ok(Credential::Presented(presented)) if presented == text => Ok(()),
        _ => Err(ConfigurationError::new(format!(
            "static token number {number} cannot be sent in a header: use 1 to 8192 letters, \
             digits and - . _ ~ + /"
        ))),
    }
}

/// Verifies [`StaticTokens`]. Unknown tokens are *not mine*.
pub struct StaticTokenVerifier {
    tokens: Vec<(TokenDigest, AccessToken)>,
    required_scopes: ScopeSet,
}

impl fmt::Debug for StaticTokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticTokenVerifier")
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}

impl StaticTokenVerifier {
    fn judge(&self, token: PresentedToken<'_>, now: UnixTime) -> Verification {
        let presented = TokenDigest::of(token);
        let mut found = None;
        // All are compared, so that the time says nothing about which one fits.
        for (digest, access_token) in &self.tokens {
            if verify_slices_are_equal(digest.bytes(), presented.bytes()).is_ok() {
                found = Some(access_token);
            }
        }
        match found {
            None => Verification::NotMine,
            Some(token) if token.exp().is_some_and(|expiry| expiry <= now) => {
                Verification::Rejected(Reason::Expired)
            }
            Some(token) => Verification::Accepted(token.clone()),
        }
    }
}

impl Verifier for StaticTokenVerifier {
    async fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<Verification, Unavailable> {
        Ok(self.judge(token, now))
    }

    fn required_scopes(&self) -> ScopeSet {
        self.required_scopes.clone()
    }
}
