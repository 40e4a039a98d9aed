//! The tokens that upstream providers issued, kept for the grants they were issued for.
//!
//! A person who logs in at a provider gets a grant here and, with it, a record with the
//! tokens of that provider, sealed for its row (`record.rs`). Tools reach the provider
//! with them (`client.rs`); nobody else sees them.
//!
//! They are refreshed shortly before they end, once for all who ask at the same time: in
//! this process by one flight for each record (`flights.rs`), among processes by a lease
//! in the record, taken by compare-and-set (`refresh.rs`). A provider that rotates its
//! refresh tokens has spent the old one when it answers, so the new one is kept in memory
//! until it is stored (`kept.rs`), and no caller that goes away ends a refresh.
//!
//! A grant whose provider stands behind it no longer is over: when the provider refuses to
//! refresh, or a tool needs a token that has ended and that nobody can refresh, the grant
//! is revoked. The MCP client notices at its next request, which is answered with 401, and
//! asks the person to log in.
//!
//! When a grant ends, however it ends, its tokens are revoked at the provider afterwards
//! (`revoke.rs`). What is left to revoke is in the store: records whose grant is revoked or
//! has expired.

mod client;
mod flights;
mod kept;
mod provides;
mod record;
mod refresh;
mod revoke;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use countersign_oauth::time::Clock;
use countersign_oauth::{Lifetime, Secret, UnixTime};
use countersign_store::{GrantId, Key, Record, SealingKeys, Store, StoreError};

pub use client::{UpstreamAccess, UpstreamClient, UpstreamFailure};
pub(crate) use provides::{Asked, Provides};

use crate::audit::AuditTrail;
use crate::grant::Granted;
use crate::grant_end::GrantEnder;
use crate::random::Random;
use crate::unavailable::Unavailable;
use crate::upstream::UpstreamTokens;
use flights::Flights;
use kept::Kept;

/// The tokens of all grants and providers.
pub(crate) struct Vault {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sealing: Arc<SealingKeys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) ender: Arc<GrantEnder>,
    pub(crate) audit: AuditTrail,
    providers: Vec<Arc<dyn Provides>>,
    flights: Arc<Flights<Renewal>>,
    kept: Kept,
}

/// What a vault is made of.
pub(crate) struct VaultParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sealing: Arc<SealingKeys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) ender: Arc<GrantEnder>,
    pub(crate) audit: AuditTrail,
    pub(crate) providers: Vec<Arc<dyn Provides>>,
}

/// What became of a refresh, for all who waited for it.
pub(crate) type Renewal = Result<Arc<UpstreamTokens>, Trouble>;

/// Why there is no upstream token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// The provider issued none for this grant, or the grant has ended.
    #[error("the grant has no tokens of this provider")]
    NotConnected,
    /// The token has ended, and the provider issues no other one.
    #[error("the provider no longer stands behind the grant")]
    LogInAgain,
    /// The provider does not answer, or not in a way that is understood.
    /// Trying again makes sense after this time.
    #[error("the provider does not answer")]
    ProviderDown(Lifetime),
    /// Nothing can be read or written here.
    #[error("the tokens cannot be read or written")]
    StoreDown,
    /// Too many refreshes at once, or one that takes too long.
    #[error("too many are waiting")]
    Busy,
}

impl From<Trouble> for Unavailable {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Busy => Self::Slow,
            Trouble::StoreDown => {
                Self::Store(StoreError::Unavailable("the upstream tokens".to_owned()))
            }
            Trouble::ProviderDown(wait) => Self::Elsewhere(wait),
            Trouble::NotConnected | Trouble::LogInAgain => Self::Fetch,
        }
    }
}

/// One record: whose tokens, and of which provider.
#[derive(Clone)]
struct Place {
    key: Key,
    grant: GrantId,
    provider: Arc<dyn Provides>,
}

impl Vault {
    pub(crate) fn new(parts: VaultParts) -> Arc<Self> {
        let vault = Arc::new(Self {
            store: parts.store,
            sealing: parts.sealing,
            clock: parts.clock,
            random: parts.random,
            ender: parts.ender,
            audit: parts.audit,
            providers: parts.providers,
            flights: Arc::default(),
            kept: Kept::default(),
        });
        // Whoever ends a grant tells it; there is one vault for each.
        let _ = vault.ender.vault.set(Arc::downgrade(&vault));
        vault
    }

    /// Whether there can be anything in it.
    pub(crate) fn has_providers(&self) -> bool {
        !self.providers.is_empty()
    }

    fn now(&self) -> UnixTime {
        self.clock.now()
    }

    fn asking(&self) -> Asked<'_> {
        Asked {
            now: self.now(),
            random: self.random.as_ref(),
        }
    }

    fn provider(&self, name: &str) -> Option<&Arc<dyn Provides>> {
        self.providers
            .iter()
            .find(|provider| provider.name() == name)
    }

    fn place(&self, grant: &GrantId, provider: &Arc<dyn Provides>) -> Place {
        Place {
            key: Key::upstream_tokens(grant, provider.name()),
            grant: grant.clone(),
            provider: Arc::clone(provider),
        }
    }

    /// Asks the provider that stands behind `granted`, if its access token has ended and
    /// it issued a refresh token: whoever was locked out there gets nothing more here.
    ///
    /// # Errors
    ///
    /// [`Trouble::LogInAgain`] if it says no, and the grant is revoked then;
    /// [`Trouble::NotConnected`] if its tokens are gone. Any other [`Trouble`] says that
    /// nothing is known.
    pub(crate) async fn ask_behind(self: &Arc<Self>, granted: &Granted) -> Result<(), Trouble> {
        // Who came another way, or by a provider that was taken away since, has nobody to
        // be asked.
        let provider = granted.upstream.as_deref();
        let Some(provider) = provider.and_then(|name| self.provider(name)) else {
            return Ok(());
        };
        let place = self.place(&granted.id, provider);
        if self.due_for_renewal(&place).await? {
            self.renewed(place, None).await?;
        }
        Ok(())
    }

    /// The access token of `place`, refreshed if it is about to end, or if it is `stale`:
    /// one that the provider refused.
    async fn token(
        self: &Arc<Self>,
        place: Place,
        stale: Option<&Secret>,
    ) -> Result<Arc<UpstreamTokens>, Trouble> {
        if let Some(tokens) = self.usable(&place, stale).await? {
            return Ok(tokens);
        }
        self.renewed(place, stale.cloned()).await
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("providers", &self.providers)
            .finish_non_exhaustive()
    }
}

/// Whether `record` hangs on `grant`: one that does not is only there to be revoked.
fn hangs_on(record: &Record, grant: &GrantId) -> bool {
    record.grant.as_ref() == Some(grant)
}
