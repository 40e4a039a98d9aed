//! What is remembered between runs: tokens, and the clients registered for them.
//!
//! Tokens belong to an issuer, a resource and a client together ([`TokenKey`]), and are
//! never used for anything else. Whoever wants to refresh them takes
//! [`TokenStore::exclusive`] first, and reads them once more under it: somebody else may
//! have refreshed them meanwhile. [`FileStore`] keeps everything sealed on disk;
//! [`MemoryStore`] forgets it with the process.

mod client;
mod file;
mod memory;
mod tokens;
pub(crate) mod turns;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use countersign_oauth::{ClientId, Issuer, ResourceUri};
use thiserror::Error;

pub use client::StoredClient;
pub use file::FileStore;
pub use memory::MemoryStore;
pub use tokens::{StoredTokens, TokenType};

/// What tokens belong to. Tokens kept under one key are never used under another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct TokenKey {
    /// Who issued the tokens.
    pub issuer: Issuer,
    /// For which protected resource.
    pub resource: ResourceUri,
    /// To which client.
    pub client: ClientId,
}

impl TokenKey {
    /// The tokens that `issuer` issued to `client` for `resource`.
    pub const fn new(issuer: Issuer, resource: ResourceUri, client: ClientId) -> Self {
        Self {
            issuer,
            resource,
            client,
        }
    }
}

/// An answer of a [`TokenStore`] on its way.
pub type Storing<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps tokens and registered clients.
///
/// What cannot be read, was altered or belongs elsewhere is answered like what is not
/// there: the worst that a broken store does is to ask a person to log in again.
pub trait TokenStore: Debug + Send + Sync + 'static {
    /// The tokens under `key`, without waiting for whoever refreshes them.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be used at all.
    fn tokens<'a>(&'a self, key: &'a TokenKey) -> Storing<'a, Option<StoredTokens>>;

    /// Under which keys there are tokens for `resource`, the newest tokens first. It
    /// says who issued tokens before, so that a later run needs no discovery before its
    /// first refusal.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be used at all.
    fn keys_for<'a>(&'a self, resource: &'a ResourceUri) -> Storing<'a, Vec<TokenKey>>;

    /// All tokens, in the order of their keys.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be used at all.
    fn list(&self) -> Storing<'_, Vec<(TokenKey, StoredTokens)>>;

    /// Waits until nobody else, in this process or another, holds `key`, and holds it
    /// until the guard is dropped. A holder that dies releases it. Needed to put or
    /// remove tokens.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`] if it takes too long, and if the store cannot be used.
    fn exclusive<'a>(&'a self, key: &'a TokenKey) -> Storing<'a, Box<dyn TokenGuard>>;

    /// The client that was registered with `issuer` (RFC 7591).
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be used at all.
    fn client<'a>(&'a self, issuer: &'a Issuer) -> Storing<'a, Option<StoredClient>>;

    /// Keeps `client`, in the place of an earlier one of the same issuer. It is on disk
    /// when this answers, if there is a disk.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it is not kept.
    fn put_client<'a>(&'a self, client: &'a StoredClient) -> Storing<'a, ()>;

    /// Forgets the client that was registered with `issuer`, if there is one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it may still be there.
    fn forget_client<'a>(&'a self, issuer: &'a Issuer) -> Storing<'a, ()>;
}

/// The only holder of one [`TokenKey`], until it is dropped.
pub trait TokenGuard: Debug + Send {
    /// The tokens as they are now: read them again before you refresh.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be used.
    fn tokens(&mut self) -> Storing<'_, Option<StoredTokens>>;

    /// Replaces the tokens. They are on disk when this answers, if there is a disk:
    /// show a new token to nobody before that.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the earlier ones, or none, may still be there.
    fn put<'a>(&'a mut self, tokens: &'a StoredTokens) -> Storing<'a, ()>;

    /// Forgets the tokens, if there are any.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if they may still be there.
    fn remove(&mut self) -> Storing<'_, ()>;
}

/// Why a store cannot be used, as one sentence for people. It never carries a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else holds the tokens.
    #[error(
        "another process has been refreshing these tokens for {seconds} seconds; try again, \
         or stop it"
    )]
    Busy {
        /// How long was waited.
        seconds: u64,
    },
    /// The store cannot be used.
    #[error("the token store cannot be used: {0}")]
    Unusable(String),
}

/// The keys of the tokens for `resource`, those that were got last first.
fn newest_first(
    resource: &ResourceUri,
    tokens: &BTreeMap<TokenKey, StoredTokens>,
) -> Vec<TokenKey> {
    let mut found: Vec<_> = tokens
        .iter()
        .filter(|(key, _)| key.resource == *resource)
        .collect();
    found.sort_by_key(|(_, tokens)| std::cmp::Reverse(tokens.obtained_at));
    found.into_iter().map(|(key, _)| key.clone()).collect()
}
