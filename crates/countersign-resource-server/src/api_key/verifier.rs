//! From a presented text to an [`AccessToken`].

use std::fmt;
use std::sync::Arc;

use countersign_oauth::api_key::MalformedApiKey;
use countersign_oauth::{ApiKeyDigest, ApiKeyFormat, ScopeSet, Secret, UnixTime};
use serde_json::{Map, Value};
use thiserror::Error;

use super::fixed::Fixed;
use super::keys::{ApiKeyOwner, ApiKeyRecord, DynApiKeys};
use crate::verifier::{PresentedToken, Unavailable, Verification, Verifier};
use crate::{AccessToken, Assertion, Reason, Source};

/// No key is longer, in bytes: what is, is not even hashed.
const LONGEST: usize = 1024;

/// Why a key is rejected. For the log and the audit, never for the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ApiKeyRefusal {
    /// The text is no key, found out without a look-up.
    #[error(transparent)]
    Malformed(#[from] MalformedApiKey),
    /// There is no key with this id.
    #[error("there is no API key with this id")]
    Unknown,
    /// There is, and its secret is another one.
    #[error("the API key has another secret")]
    WrongSecret,
    /// It was revoked.
    #[error("the API key was revoked")]
    Revoked,
    /// Whoever owns it is gone, disabled, or does not stand behind it any more.
    #[error("the owner of the API key is gone or disabled")]
    Owner,
}

/// Verifies API keys; made from an [`ApiKeyAuth`](super::ApiKeyAuth). Texts that do not
/// begin like a key are *not mine*.
#[derive(Clone)]
pub struct ApiKeyVerifier {
    pub(super) source: Source,
    pub(super) format: ApiKeyFormat,
    pub(super) fixed: Vec<Fixed>,
    pub(super) keys: Option<Arc<dyn DynApiKeys>>,
    pub(super) required_scopes: ScopeSet,
}

impl Verifier for ApiKeyVerifier {
    async fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<Verification, Unavailable> {
        let text = token.reveal();
        let is_long = text.len() > LONGEST;
        if !is_long && let Some(verification) = self.judge_fixed(token, now) {
            return Ok(verification);
        }
        let rejected = |why| Ok(Verification::Rejected(Reason::ApiKey(why)));
        let id = match self.format.parse(text) {
            Ok(id) => id,
            Err(MalformedApiKey::OtherPrefix) => return Ok(Verification::NotMine),
            Err(why) => return rejected(why.into()),
        };
        let Some(keys) = &self.keys else {
            return rejected(ApiKeyRefusal::Unknown);
        };
        let found = keys.find(&id, now).await?;
        // Something is compared in either case.
        let digest = found
            .as_ref()
            .map_or_else(ApiKeyDigest::of_nothing, |record| record.digest);
        let matches = digest.matches(&Secret::new(text));
        let record = match found {
            Some(record) if matches => record,
            Some(_) => return rejected(ApiKeyRefusal::WrongSecret),
            None => return rejected(ApiKeyRefusal::Unknown),
        };
        // From here on whoever asks has the key, and may learn by the time it takes why it
        // does not open anything.
        if record.revoked_at.is_some() {
            return rejected(ApiKeyRefusal::Revoked);
        }
        if record.expires_at.is_some_and(|end| end <= now) {
            return Ok(Verification::Rejected(Reason::Expired));
        }
        if !keys.confirm(&record, now).await? {
            return rejected(ApiKeyRefusal::Owner);
        }
        Ok(Verification::Accepted(accepted(&keys.place(), record)))
    }

    fn required_scopes(&self) -> ScopeSet {
        self.required_scopes.clone()
    }

    fn source(&self) -> Source {
        self.source.clone()
    }
}

impl ApiKeyVerifier {
    /// The answer about a key with a text of its own, if it is one.
    fn judge_fixed(&self, token: PresentedToken<'_>, now: UnixTime) -> Option<Verification> {
        if self.fixed.is_empty() {
            return None;
        }
        let presented = ApiKeyDigest::of(&Secret::new(token.reveal()));
        // All are compared, so that the time says nothing about which one fits.
        let found = self.fixed.iter().fold(None, |found, fixed| {
            if fixed.digest == presented {
                Some(&fixed.access_token)
            } else {
                found
            }
        })?;
        Some(match found.exp() {
            Some(end) if end <= now => Verification::Rejected(Reason::Expired),
            _ => Verification::Accepted(found.clone()),
        })
    }
}

/// After the last check. Nothing is remembered, so that a revocation counts at once.
fn accepted(place: &str, record: ApiKeyRecord) -> AccessToken {
    let mut claims = claims(&record.owner, &record.name, &record.roles);
    claims.insert("key_id".to_owned(), record.id.as_str().into());
    let issuer = format!("urn:countersign:api-keys:{place}");
    let mut assertion = Assertion::new(issuer, record.owner.subject())
        .client_id(record.id.as_str())
        .key(record.id.as_str())
        .issued_at(record.created_at)
        .scopes(record.scopes)
        .claims(claims);
    if let Some(end) = record.expires_at {
        assertion = assertion.expires_at(end);
    }
    AccessToken::assertion(assertion)
}

/// What handlers and policies can ask about a key.
pub(super) fn claims(owner: &ApiKeyOwner, name: &str, roles: &[String]) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), (*owner.subject()).into());
    claims.insert("owner".to_owned(), owner.kind().into());
    claims.insert("key_name".to_owned(), name.into());
    if !roles.is_empty() {
        claims.insert("roles".to_owned(), roles.into());
    }
    claims
}

impl fmt::Debug for ApiKeyVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyVerifier")
            .field("format", &self.format)
            .field("fixed", &self.fixed.len())
            .finish_non_exhaustive()
    }
}
