//! What is known of keys, and by whom.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use countersign_oauth::{ApiKeyDigest, ApiKeyId, ScopeSet, UnixTime};
use thiserror::Error;

use crate::Unavailable;

/// What stands before the name of a service where people and services are subjects.
const SERVICE: &str = "service:";
/// The longest name of a service, in bytes.
const LONGEST_SERVICE: usize = 64;

/// Whose key it is.
///
/// As the subject of a token a person is called by their own subject and a service
/// `service:NAME`. A person whose subject begins with `service:` has no keys, so that
/// nobody is taken for a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ApiKeyOwner {
    /// The person with this subject.
    Person(Arc<str>),
    /// A program of this name.
    Service(Arc<str>),
}

/// Why somebody cannot own keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a service has a name of 1 to 64 letters, digits, `.`, `_` and `-`, and a person a subject \
     that is not empty and does not begin with `service:`"
)]
#[non_exhaustive]
pub struct InvalidServiceName;

impl ApiKeyOwner {
    /// The service `name`.
    ///
    /// # Errors
    ///
    /// [`InvalidServiceName`] says what a name is.
    pub fn service(name: &str) -> Result<Self, InvalidServiceName> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > LONGEST_SERVICE || !name.bytes().all(fits) {
            return Err(InvalidServiceName);
        }
        Ok(Self::Service(name.into()))
    }

    /// The person whom tokens call `subject`.
    ///
    /// # Errors
    ///
    /// [`InvalidServiceName`] for a subject that could be taken for a service.
    pub fn person(subject: &str) -> Result<Self, InvalidServiceName> {
        if subject.is_empty() || subject.starts_with(SERVICE) {
            return Err(InvalidServiceName);
        }
        Ok(Self::Person(subject.into()))
    }

    /// What tokens call it.
    pub fn subject(&self) -> Arc<str> {
        match self {
            Self::Person(subject) => Arc::clone(subject),
            Self::Service(name) => format!("{SERVICE}{name}").into(),
        }
    }

    /// `person` or `service`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Service(_) => "service",
        }
    }
}

/// As the subject of a token.
impl fmt::Display for ApiKeyOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject())
    }
}

/// What is known of one key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApiKeyRecord {
    /// By which it is found.
    pub id: ApiKeyId,
    /// Of the whole key.
    pub digest: ApiKeyDigest,
    /// Whose it is.
    pub owner: ApiKeyOwner,
    /// What its owner calls it; for people.
    pub name: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// Roles of its bearer, readable as the claim `roles`.
    pub roles: Vec<String>,
    /// When it was made.
    pub created_at: UnixTime,
    /// From this second on it is refused; nothing for a key without an end.
    pub expires_at: Option<UnixTime>,
    /// Since when it is refused because it was revoked.
    pub revoked_at: Option<UnixTime>,
    /// When its use was noted last.
    pub last_used_at: Option<UnixTime>,
}

impl ApiKeyRecord {
    /// The key `id` of `owner`, whose digest is `digest`: without name, scopes and end.
    pub const fn new(
        id: ApiKeyId,
        digest: ApiKeyDigest,
        owner: ApiKeyOwner,
        created_at: UnixTime,
    ) -> Self {
        Self {
            id,
            digest,
            owner,
            name: String::new(),
            scopes: ScopeSet::new(),
            roles: Vec::new(),
            created_at,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }
}

/// Whoever knows keys: a store, or the memory of the process ([`KnownApiKeys`]).
pub trait ApiKeys: Send + Sync + 'static {
    /// Where the keys were made, such as the issuer identifier of the server that made
    /// them: keys of two places are of two issuers.
    fn place(&self) -> Arc<str>;

    /// What is known of the key `id`, if there is one; revoked ones included, if they are
    /// still known.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if it cannot be found out.
    fn find(
        &self,
        id: &ApiKeyId,
        now: UnixTime,
    ) -> impl Future<Output = Result<Option<ApiKeyRecord>, Unavailable>> + Send;

    /// Asked when `record` was found and its secret is the one that was presented: whether
    /// its owner still stands behind it. It may note the use.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if it cannot be found out.
    fn confirm(
        &self,
        record: &ApiKeyRecord,
        now: UnixTime,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send {
        let _ = (record, now);
        std::future::ready(Ok(true))
    }
}

/// Keys in the memory of the process: those of a configuration, or of a test.
#[derive(Clone, Debug)]
pub struct KnownApiKeys {
    place: Arc<str>,
    records: BTreeMap<ApiKeyId, ApiKeyRecord>,
}

impl KnownApiKeys {
    /// No keys yet; `place` names whoever made them, and is the same each time.
    pub fn new(place: impl Into<Arc<str>>) -> Self {
        Self {
            place: place.into(),
            records: BTreeMap::new(),
        }
    }

    /// Adds a key, or puts it in the place of the one with its id.
    #[must_use]
    pub fn with(mut self, record: ApiKeyRecord) -> Self {
        self.records.insert(record.id.clone(), record);
        self
    }
}

impl ApiKeys for KnownApiKeys {
    fn place(&self) -> Arc<str> {
        Arc::clone(&self.place)
    }

    async fn find(
        &self,
        id: &ApiKeyId,
        _now: UnixTime,
    ) -> Result<Option<ApiKeyRecord>, Unavailable> {
        Ok(self.records.get(id).cloned())
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send + 'a>>;

/// [`ApiKeys`] behind a pointer.
pub(super) trait DynApiKeys: Send + Sync + 'static {
    fn place(&self) -> Arc<str>;
    fn find<'a>(&'a self, id: &'a ApiKeyId, now: UnixTime) -> Answer<'a, Option<ApiKeyRecord>>;
    fn confirm<'a>(&'a self, record: &'a ApiKeyRecord, now: UnixTime) -> Answer<'a, bool>;
}

impl<K: ApiKeys> DynApiKeys for K {
    fn place(&self) -> Arc<str> {
        ApiKeys::place(self)
    }

    fn find<'a>(&'a self, id: &'a ApiKeyId, now: UnixTime) -> Answer<'a, Option<ApiKeyRecord>> {
        Box::pin(ApiKeys::find(self, id, now))
    }

    fn confirm<'a>(&'a self, record: &'a ApiKeyRecord, now: UnixTime) -> Answer<'a, bool> {
        Box::pin(ApiKeys::confirm(self, record, now))
    }
}
