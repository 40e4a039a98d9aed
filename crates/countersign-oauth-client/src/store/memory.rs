//! A store that forgets everything with the process.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_oauth::{Issuer, ResourceUri};
use tokio::sync::OwnedMutexGuard;

use super::{
    StoredClient, StoredTokens, Storing, TokenGuard, TokenKey, TokenStore, newest_first,
    turns::Turns,
};

/// Keeps tokens and clients in memory, for tests and for programs without a disk.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Kept>);

#[derive(Default)]
struct Kept {
    state: Mutex<State>,
    turns: Turns<TokenKey>,
}

#[derive(Default)]
struct State {
    tokens: BTreeMap<TokenKey, StoredTokens>,
    clients: HashMap<Issuer, StoredClient>,
}

impl Kept {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl TokenStore for MemoryStore {
    fn tokens<'a>(&'a self, key: &'a TokenKey) -> Storing<'a, Option<StoredTokens>> {
        Box::pin(async { Ok(self.0.state().tokens.get(key).cloned()) })
    }

    fn keys_for<'a>(&'a self, resource: &'a ResourceUri) -> Storing<'a, Vec<TokenKey>> {
        Box::pin(async {
            let state = self.0.state();
            Ok(newest_first(resource, &state.tokens))
        })
    }

    fn list(&self) -> Storing<'_, Vec<(TokenKey, StoredTokens)>> {
        Box::pin(async { Ok(self.0.state().tokens.clone().into_iter().collect()) })
    }

    fn exclusive<'a>(&'a self, key: &'a TokenKey) -> Storing<'a, Box<dyn TokenGuard>> {
        Box::pin(async {
            let guard: Box<dyn TokenGuard> = Box::new(Guard {
                turn: self.0.turns.take(key).await,
                kept: self.0.clone(),
                key: key.clone(),
            });
            Ok(guard)
        })
    }

    fn client<'a>(&'a self, issuer: &'a Issuer) -> Storing<'a, Option<StoredClient>> {
        Box::pin(async { Ok(self.0.state().clients.get(issuer).cloned()) })
    }

    fn put_client<'a>(&'a self, client: &'a StoredClient) -> Storing<'a, ()> {
        Box::pin(async {
            let issuer = client.issuer.clone();
            self.0.state().clients.insert(issuer, client.clone());
            Ok(())
        })
    }

    fn forget_client<'a>(&'a self, issuer: &'a Issuer) -> Storing<'a, ()> {
        Box::pin(async {
            self.0.state().clients.remove(issuer);
            Ok(())
        })
    }
}

struct Guard {
    #[expect(dead_code, reason = "held, and released on drop")]
    turn: OwnedMutexGuard<()>,
    kept: Arc<Kept>,
    key: TokenKey,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl TokenGuard for Guard {
    fn tokens(&mut self) -> Storing<'_, Option<StoredTokens>> {
        Box::pin(async { Ok(self.kept.state().tokens.get(&self.key).cloned()) })
    }

    fn put<'a>(&'a mut self, tokens: &'a StoredTokens) -> Storing<'a, ()> {
        Box::pin(async {
            let key = self.key.clone();
            self.kept.state().tokens.insert(key, tokens.clone());
            Ok(())
        })
    }

    fn remove(&mut self) -> Storing<'_, ()> {
        Box::pin(async {
            self.kept.state().tokens.remove(&self.key);
            Ok(())
        })
    }
}
