//! Finding the record of a token that somebody asks about.

use countersign_oauth::Secret;
use countersign_oauth::jose::{Algorithm, verify_compact};
use countersign_oauth::json;
use countersign_store::{Found, Key, Record, SecretHash};

use crate::server::Inner;
use crate::unavailable::Unavailable;

/// A token of ours.
pub(super) enum StoredToken {
    Access(Found),
    Refresh(Found),
    /// Not of ours, or forgotten.
    Unknown,
}

impl StoredToken {
    /// The record, whatever its status.
    pub(super) const fn record(&self) -> Option<&Record> {
        match self {
            Self::Access(Found::Live(record) | Found::Spent(record))
            | Self::Refresh(Found::Live(record) | Found::Spent(record)) => Some(record),
            Self::Access(Found::Absent) | Self::Refresh(Found::Absent) | Self::Unknown => None,
        }
    }
}

impl Inner {
    /// What is known about `token`. The hint of the client is not needed: a token is
    /// looked for under both kinds.
    pub(super) async fn find_token(&self, token: &Secret) -> Result<StoredToken, Unavailable> {
        let now = self.now();
        let hash = SecretHash::of(token);
        let found = self.store.get(&Key::refresh_token(hash), now).await?;
        if found != Found::Absent {
            return Ok(StoredToken::Refresh(found));
        }
        let hash = self.hash_of_signed(token).await?.unwrap_or(hash);
        match self.store.get(&Key::access_token(hash), now).await? {
            Found::Absent => Ok(StoredToken::Unknown),
            found => Ok(StoredToken::Access(found)),
        }
    }

    /// The hash of the id of a token that we signed.
    async fn hash_of_signed(&self, token: &Secret) -> Result<Option<SecretHash>, Unavailable> {
        if !token.reveal().contains('.') {
            return Ok(None);
        }
        let keys = self.keys().await?;
        let verified = verify_compact(token.reveal(), &keys.verifying, &Algorithm::ALL).ok();
        let claims = verified.and_then(|token| json::parse_object(token.payload()).ok());
        let jti = claims
            .as_ref()
            .and_then(|claims| claims.get("jti")?.as_str());
        Ok(jti.map(|jti| SecretHash::of(&Secret::new(jti))))
    }
}
