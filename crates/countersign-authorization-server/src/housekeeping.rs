//! What a server does now and then, without being asked: revoking upstream what was
//! revoked here, forgetting what has ended, and moving sealed copies to the newest sealing
//! key.
//!
//! Clients that registered themselves and were not used end by themselves, like all
//! that expires. Passwords are hashed anew when a person logs in, because nobody else
//! has them.

use countersign_store::Kind;
use countersign_store::seal::StoredSealError;

use crate::random::draw;
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;

/// The kinds with copies that are read back.
const SEALED: [Kind; 2] = [Kind::SigningKey, Kind::UpstreamTokens];

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Housekeeping {
    /// How many records were forgotten.
    pub forgotten: u64,
    /// How many sealed copies were moved to the newest key.
    pub resealed: u64,
    /// How many upstream tokens of grants that have ended were revoked at their provider.
    pub revoked_upstream: u64,
}

impl AuthorizationServer {
    /// Does all of it once. Call it every quarter of an hour or so.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is, or if a sealed copy does not open; what was
    /// done before stays done.
    pub async fn keep_house(&self) -> Result<Housekeeping, Unavailable> {
        let inner = self.inner();
        // First: what has expired is forgotten next, and nothing that expires meanwhile.
        let now = inner.now();
        let revoked_upstream = inner.vault.keep_house().await?;
        let forgotten = inner.store.purge(now).await?;
        let resealed = self.reseal().await?;
        Ok(Housekeeping {
            forgotten,
            resealed,
            revoked_upstream,
        })
    }

    /// Opens every sealed copy, so that a server with the wrong sealing keys does not
    /// start. Answers how many there are.
    ///
    /// # Errors
    ///
    /// [`StoredSealError`] names the first copy that does not open.
    pub async fn check_seals(&self) -> Result<u64, StoredSealError> {
        let inner = self.inner();
        let store = inner.store.as_ref();
        inner
            .sealing
            .check_stored(store, &SEALED, inner.now())
            .await
    }

    async fn reseal(&self) -> Result<u64, Unavailable> {
        let inner = self.inner();
        // With one key there is none to move away from.
        if inner.sealing.ids().nth(1).is_none() {
            return Ok(0);
        }
        let nonce = || draw(inner.random.as_ref()).ok();
        let store = inner.store.as_ref();
        let moved = inner
            .sealing
            .reseal_stored(store, &SEALED, &nonce, inner.now())
            .await;
        moved.map_err(|error| match error {
            StoredSealError::Store(error) => Unavailable::Store(error),
            StoredSealError::Random => Unavailable::Random,
            _ => Unavailable::Seal,
        })
    }
}
