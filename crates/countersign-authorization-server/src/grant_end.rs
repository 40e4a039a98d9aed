//! The end of a grant, whoever brings it about: RFC 7009 §2.1, RFC 9700 §4.14.2.

use std::sync::{Arc, OnceLock, Weak};

use countersign_oauth::UnixTime;
use countersign_store::{GrantId, Store};

use crate::confirmed::Confirmed;
use crate::token_manager::DynTokenManager;
use crate::unavailable::Unavailable;
use crate::vault::Vault;

/// Ends grants: in the store, and wherever else something of them is known.
pub(crate) struct GrantEnder {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) confirmed: Arc<Confirmed>,
    pub(crate) token_manager: Option<Arc<dyn DynTokenManager>>,
    /// Set as soon as it is made.
    pub(crate) vault: OnceLock<Weak<Vault>>,
}

impl GrantEnder {
    /// Revokes `grant` with all that hangs on it, and answers how many records it took.
    /// What the token manager hears comes last: without it the tokens are dead as well.
    pub(crate) async fn end(&self, grant: &GrantId, now: UnixTime) -> Result<u64, Unavailable> {
        let revoked = self.store.revoke_grant(grant, now).await;
        // Also if it failed: it may have been written all the same.
        self.confirmed.forget_grant(grant);
        let revoked = revoked?;
        if let Some(vault) = self.vault.get().and_then(Weak::upgrade) {
            vault.grant_ended(grant);
        }
        if let Some(manager) = &self.token_manager {
            manager.end_grant(grant).await?;
        }
        Ok(revoked)
    }
}
