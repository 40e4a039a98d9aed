//! A store that keeps everything sealed in a folder.
//!
//! Each record is a file of its own, sealed with AES-256-GCM for the name that it has, so
//! that a copy under another name does not open (I20). It is written beside its place,
//! flushed, renamed and flushed again. Changes hold a lock of the operating system, which
//! ends with the process that holds it.

mod folder;
mod key;
mod lock;
mod record;
mod sealed;
#[cfg(all(feature = "keychain", any(target_os = "macos", windows)))]
mod system_keychain;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_oauth::{Issuer, ResourceUri};

use self::key::KeyPlace;
use self::lock::{Held, Locks};
use self::sealed::Records;
use super::{
    StoreError, StoredClient, StoredTokens, Storing, TokenGuard, TokenKey, TokenStore, newest_first,
};

/// How long somebody else may hold a record.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Keeps tokens and clients in a folder, sealed, for several processes at once.
///
/// # Security
///
/// Whoever has the key can open the records. With the feature `keychain` it is in the
/// keychain of macOS or the credential manager of Windows; else it is in the folder, for
/// its owner alone: that keeps the records out of backups and copies of single files, and
/// from other users of the machine, not from programs of the same user.
#[derive(Clone)]
pub struct FileStore {
    records: Arc<Records>,
    locks: Arc<Locks>,
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

impl FileStore {
    /// The store in `folder`, which is made, with a key, when the first record is
    /// written. A folder that others can write to is refused when it is used.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            records: Arc::new(Records::new(folder.into(), KeyPlace::usual())),
            locks: Arc::new(Locks::new(MAX_WAIT)),
        }
    }

    /// Gives up after `longest` if somebody else holds a record; 60 seconds unless said.
    #[must_use]
    pub fn max_wait(mut self, longest: Duration) -> Self {
        self.locks = Arc::new(Locks::new(longest));
        self
    }

    /// Does `work`, which blocks, where that harms nobody.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Records) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let records = self.records.clone();
        let done = tokio::task::spawn_blocking(move || work(&records)).await;
        done.unwrap_or_else(|_| Err(StoreError::Unusable("it broke off".to_owned())))
    }

    async fn hold(&self, name: String) -> Result<Arc<Held>, StoreError> {
        let file = {
            let name = name.clone();
            self.run(move |records| records.made_folder()?.lock_file(&name))
                .await?
        };
        Ok(Arc::new(self.locks.take(name, file).await?))
    }

    async fn all(&self) -> Result<BTreeMap<TokenKey, StoredTokens>, StoreError> {
        self.run(|records| {
            let Some(folder) = records.folder(false)? else {
                return Ok(BTreeMap::new());
            };
            let mut all = BTreeMap::new();
            for name in folder.names(record::TOKENS)? {
                all.extend(records.read_as(&name, record::read_tokens)?);
            }
            Ok(all)
        })
        .await
    }

    async fn tokens_under(&self, name: String) -> Result<Option<StoredTokens>, StoreError> {
        let read = move |records: &Records| records.read_as(&name, record::read_tokens);
        Ok(self.run(read).await?.map(|(_, tokens)| tokens))
    }
}

impl TokenStore for FileStore {
    fn tokens<'a>(&'a self, key: &'a TokenKey) -> Storing<'a, Option<StoredTokens>> {
        Box::pin(self.tokens_under(record::name_of_tokens(key)))
    }

    fn keys_for<'a>(&'a self, resource: &'a ResourceUri) -> Storing<'a, Vec<TokenKey>> {
        Box::pin(async { Ok(newest_first(resource, &self.all().await?)) })
    }

    fn list(&self) -> Storing<'_, Vec<(TokenKey, StoredTokens)>> {
        Box::pin(async { Ok(self.all().await?.into_iter().collect()) })
    }

    fn exclusive<'a>(&'a self, key: &'a TokenKey) -> Storing<'a, Box<dyn TokenGuard>> {
        Box::pin(async {
            let name = record::name_of_tokens(key);
            let guard: Box<dyn TokenGuard> = Box::new(Guard {
                held: self.hold(name.clone()).await?,
                store: self.clone(),
                key: key.clone(),
                name,
            });
            Ok(guard)
        })
    }

    fn client<'a>(&'a self, issuer: &'a Issuer) -> Storing<'a, Option<StoredClient>> {
        Box::pin(async {
            let name = record::name_of_client(issuer);
            self.run(move |records| records.read_as(&name, record::read_client))
                .await
        })
    }

    fn put_client<'a>(&'a self, client: &'a StoredClient) -> Storing<'a, ()> {
        Box::pin(async {
            let name = record::name_of_client(&client.issuer);
            let held = self.hold(name.clone()).await?;
            let text = record::write_client(client);
            self.run(move |records| {
                let done = records.write(&name, &text);
                drop(held);
                done
            })
            .await
        })
    }

    fn forget_client<'a>(&'a self, issuer: &'a Issuer) -> Storing<'a, ()> {
        Box::pin(async {
            let name = record::name_of_client(issuer);
            if self.run(|records| records.folder(false)).await?.is_none() {
                return Ok(());
            }
            let held = self.hold(name.clone()).await?;
            self.run(move |records| {
                let done = records.remove(&name);
                drop(held);
                done
            })
            .await
        })
    }
}

/// Holds the lock of one record. Work that was begun holds it too, so that a caller who
/// is cancelled releases it only when nothing is written any more.
struct Guard {
    held: Arc<Held>,
    store: FileStore,
    key: TokenKey,
    name: String,
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
        Box::pin(self.store.tokens_under(self.name.clone()))
    }

    fn put<'a>(&'a mut self, tokens: &'a StoredTokens) -> Storing<'a, ()> {
        Box::pin(async {
            let (name, held) = (self.name.clone(), self.held.clone());
            let text = record::write_tokens(&self.key, tokens);
            let write = move |records: &Records| {
                let done = records.write(&name, &text);
                drop(held);
                done
            };
            self.store.run(write).await
        })
    }

    fn remove(&mut self) -> Storing<'_, ()> {
        Box::pin(async {
            let (name, held) = (self.name.clone(), self.held.clone());
            let remove = move |records: &Records| {
                let done = records.remove(&name);
                drop(held);
                done
            };
            self.store.run(remove).await
        })
    }
}
