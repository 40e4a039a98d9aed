//! Keys whose text somebody else made: of any alphabet, without id and checksum.

use countersign_oauth::{ApiKeyDigest, ApiKeyFormat, ScopeSet, Secret, UnixTime};

use super::keys::ApiKeyOwner;
use crate::{AccessToken, Assertion, ConfigurationError};

/// What a service presents that was given a text of its own.
const ISSUER: &str = "urn:countersign:api-keys";
/// Shorter texts can be tried out.
const SHORTEST: usize = 16;
const LONGEST: usize = 512;

/// What a key with a text of your own opens, and who its bearer is: a service.
#[derive(Clone, Debug)]
pub struct FixedKey {
    service: String,
    scopes: ScopeSet,
    roles: Vec<String>,
    expires_at: Option<UnixTime>,
}

impl FixedKey {
    /// A key of the service `name`, without scopes and without end. Tokens call it
    /// `service:NAME`.
    pub fn service(name: impl Into<String>) -> Self {
        Self {
            service: name.into(),
            scopes: ScopeSet::new(),
            roles: Vec::new(),
            expires_at: None,
        }
    }

    /// What it may do.
    #[must_use]
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = scopes;
        self
    }

    /// The roles of its bearer, readable as the claim `roles`.
    #[must_use]
    pub fn roles<I>(mut self, roles: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// From which second on it is refused.
    #[must_use]
    pub const fn expires_at(mut self, time: UnixTime) -> Self {
        self.expires_at = Some(time);
        self
    }

    /// The key with the text `text`, which must be one that can be presented and that
    /// nobody guesses.
    pub(super) fn settled(
        self,
        text: &Secret,
        format: &ApiKeyFormat,
    ) -> Result<Fixed, ConfigurationError> {
        let owner = ApiKeyOwner::service(&self.service).map_err(|error| {
            ConfigurationError::new(format!(
                "an API key is of the service `{}`: {error}",
                self.service.escape_default()
            ))
        })?;
        let whose = &self.service;
        let wrong = |what: &str| {
            Err(ConfigurationError::new(format!(
                "the API key of the service `{whose}` {what}"
            )))
        };
        let shown = text.reveal();
        if !(SHORTEST..=LONGEST).contains(&shown.len()) {
            return wrong(
                "must have 16 to 512 characters, so that nobody finds it by trying: set another \
                 one, such as the output of `openssl rand -hex 32`",
            );
        }
        if !shown.bytes().all(is_sendable) {
            return wrong(
                "has characters that cannot be sent as a credential: use letters, digits and \
                 - . _ ~ + / =",
            );
        }
        if format.recognises(shown) && format.parse(shown).is_err() {
            return wrong("was not copied as it is: its checksum does not fit");
        }
        let mut claims = super::verifier::claims(&owner, &self.service, &self.roles);
        claims.insert("key_name".to_owned(), self.service.clone().into());
        let mut assertion = Assertion::new(ISSUER, owner.subject())
            .key(self.service.as_str())
            .scopes(self.scopes)
            .claims(claims);
        if let Some(time) = self.expires_at {
            assertion = assertion.expires_at(time);
        }
        Ok(Fixed {
            digest: ApiKeyDigest::of(text),
            access_token: AccessToken::assertion(assertion),
        })
    }
}

/// As in `b64token` (RFC 6750 §2.1), so that it can be a Bearer credential too.
fn is_sendable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

/// A key that was checked.
#[derive(Clone)]
pub(super) struct Fixed {
    pub(super) digest: ApiKeyDigest,
    pub(super) access_token: AccessToken,
}
