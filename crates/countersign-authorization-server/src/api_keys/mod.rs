//! API keys: made for people and services, shown once, rotated and revoked.
//!
//! What a key looks like is in [`countersign_oauth::api_key`]; who verifies one is an
//! [`ApiKeyAuth`](countersign_resource_server::ApiKeyAuth), which asks this module at each
//! request, so that a revocation counts from the next one on. The store has the digest of
//! a key and never the key.
//!
//! Whoever may open the store may do all of this; what people may do with their own keys
//! is decided in `people/api_keys.rs`.

mod manage;
mod record;
mod settings;
mod verified;

use countersign_oauth::{ApiKeyId, Lifetime, ScopeSet, Secret, UnixTime};
use countersign_resource_server::ApiKeyOwner;
use countersign_store::Conflict;
use thiserror::Error;

pub(crate) use manage::withdraw_all;
pub use settings::{ApiKeySettings, PersonalKeys};

use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;

/// The API keys of a server: it makes, lists, rotates and revokes them, and knows them
/// when one is presented ([`ApiKeyAuth::keys`](countersign_resource_server::ApiKeyAuth::keys)).
#[derive(Clone, Debug)]
pub struct ApiKeyManager {
    server: AuthorizationServer,
}

impl AuthorizationServer {
    /// The API keys in the store of this server.
    pub fn api_keys(&self) -> ApiKeyManager {
        ApiKeyManager {
            server: self.clone(),
        }
    }
}

/// What a new key is to be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApiKeyRequest {
    /// Whose it is.
    pub owner: ApiKeyOwner,
    /// What its owner calls it: 1 to 100 characters for people to read.
    pub name: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// Roles of whoever presents it, readable as the claim `roles`.
    pub roles: Vec<String>,
    /// How long it is good; without an end if absent.
    pub lifetime: Option<Lifetime>,
}

impl ApiKeyRequest {
    /// A key of `owner` called `name`, without scopes, roles and end.
    pub fn new(owner: ApiKeyOwner, name: impl Into<String>) -> Self {
        Self {
            owner,
            name: name.into(),
            scopes: ScopeSet::new(),
            roles: Vec::new(),
            lifetime: None,
        }
    }

    /// It may do this.
    #[must_use]
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = scopes;
        self
    }

    /// Whoever presents it has these roles.
    #[must_use]
    pub fn roles<I>(mut self, roles: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// It is good for `lifetime`.
    #[must_use]
    pub const fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

/// A key that was just made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IssuedApiKey {
    /// What is known of it from now on.
    pub overview: ApiKeyOverview,
    /// The whole key. The store has its digest alone, so that this is the only time it
    /// can be shown.
    pub text: Secret,
}

/// One key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiKeyOverview {
    /// By which it is rotated and revoked.
    pub id: ApiKeyId,
    /// Whose it is.
    pub owner: ApiKeyOwner,
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// The roles of whoever presents it.
    pub roles: Vec<String>,
    /// When it was made.
    pub created_at: UnixTime,
    /// From when on it is refused.
    pub expires_at: Option<UnixTime>,
    /// Since when it is refused because it was revoked.
    pub revoked_at: Option<UnixTime>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<UnixTime>,
    /// The key that takes its place when it ends, after a rotation.
    pub replaced_by: Option<ApiKeyId>,
}

/// Whose keys are asked for.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no other owner of a key")]
pub enum ApiKeysOf<'a> {
    /// All of them.
    Everybody,
    /// Those of this person or service.
    Owner(&'a ApiKeyOwner),
}

/// Why a key was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// The name cannot be shown to people.
    #[error("the name of an API key has 1 to 100 characters, and none that cannot be seen")]
    Name,
    /// A role cannot be one.
    #[error("a role has 1 to 100 characters, and none that cannot be seen")]
    Role,
    /// A key that ends at once is of no use.
    #[error("an API key must be good for longer than no time")]
    Lifetime,
    /// The owner has as many keys as one may have, or made many today.
    #[error("there are too many API keys of this owner: revoke one first, or wait a day")]
    TooMany,
    /// There is no key with this id that can be used, or it was rotated before.
    #[error("there is no API key with this id that can be used, or another has taken its place")]
    Unknown,
    /// Somebody else changed it at the same time; it can be tried again.
    #[error("the API key was changed at the same time")]
    Changed,
    /// Nothing can be decided.
    #[error(transparent)]
    Unavailable(Unavailable),
}

impl From<Unavailable> for ApiKeyError {
    fn from(error: Unavailable) -> Self {
        match error.conflict() {
            Some(Conflict::Changed) => Self::Changed,
            _ => Self::Unavailable(error),
        }
    }
}
