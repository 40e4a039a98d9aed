//! Clients: where they come from and how they prove who they are.
//!
//! A client is registered in the store, by an administrator or by itself
//! (RFC 7591), or is described by the document under its id
//! (draft-ietf-oauth-client-id-metadata-document).

mod authenticate;
mod document;
mod keys;
mod outbound;
mod policy;
mod registered;

use std::sync::LazyLock;

use countersign_oauth::client_metadata::ClientMetadata;
use countersign_oauth::redirect_uri::ApplicationType;
use countersign_oauth::{ClientId, Secret, UnixTime};
use countersign_store::{Record, SecretHash, StoreError};
use serde::{Deserialize, Serialize};

pub(crate) use authenticate::{ASSERTION_ALGORITHMS, Unauthenticated};
pub use document::{ClientIdDocuments, DocumentTrust};
pub use policy::{ClientPolicy, EveryClient};
pub(crate) use registered::record_of;

/// Where a client comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever trusts a client must decide about each"
)]
pub enum ClientSource {
    /// An administrator registered it.
    Administrator,
    /// It registered itself.
    Itself,
    /// A document under its id.
    Document,
}

/// A client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// What is known about it.
    pub facts: ClientFacts,
    /// How long it has been there; nothing about one that a document describes.
    pub registered: Option<Registered>,
}

/// Since when a client is in the store, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Registered {
    /// When it was registered.
    pub at: UnixTime,
    /// When it last got tokens, if it registered itself.
    pub last_used_at: Option<UnixTime>,
    /// When it ends if it is not used until then; never if absent.
    pub expires_at: Option<UnixTime>,
}

impl Client {
    /// The client in `record`, with the id `id`.
    pub(crate) fn read(id: ClientId, record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            id,
            facts: record.body()?,
            registered: Some(Registered {
                at: record.created_at,
                last_used_at: record.last_used_at,
                expires_at: record.expires_at,
            }),
        })
    }

    /// Whether it proves who it is at the token endpoint (RFC 6749 §2.1).
    pub(crate) const fn is_confidential(&self) -> bool {
        let method = self.facts.metadata.token_endpoint_auth_method;
        method.is_confidential()
    }

    /// Whether it proves that with something that nobody else has. What was given to an
    /// application before it was handed out is in each of its copies (RFC 8252 §8.5).
    pub(crate) fn has_credentials_of_its_own(&self) -> bool {
        let is_handed_out = self.facts.metadata.application_type == ApplicationType::Native
            && self.facts.source != ClientSource::Itself;
        self.is_confidential() && !is_handed_out
    }
}

/// What is stored about a client.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientFacts {
    /// What it says about itself, checked.
    pub metadata: ClientMetadata,
    /// Where it comes from.
    pub source: ClientSource,
    /// The hash of its secret, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<SecretHash>,
    /// From then on the secret is refused, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret_expires_at: Option<u64>,
    /// The resources whose tokens it may introspect, because it serves them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub introspects: Vec<String>,
}

impl ClientFacts {
    /// A client from `source` without a secret.
    pub const fn new(metadata: ClientMetadata, source: ClientSource) -> Self {
        Self {
            metadata,
            source,
            secret: None,
            secret_expires_at: None,
            introspects: Vec::new(),
        }
    }

    /// Gives it a secret, of which the hash is kept. It expires at `expires_at`, or never.
    #[must_use]
    pub fn with_secret(mut self, secret: &Secret, expires_at: Option<UnixTime>) -> Self {
        self.secret = Some(SecretHash::of(secret));
        self.secret_expires_at = expires_at.map(UnixTime::as_secs);
        self
    }

    /// Whether `presented` is the secret of the client with these `facts`, if there is
    /// one, and has not expired. However that is, one hash is made and two are compared.
    pub(crate) fn has_secret(facts: Option<&Self>, presented: &Secret, now: UnixTime) -> bool {
        let stored = facts.and_then(|facts| facts.secret);
        let is_equal = stored.unwrap_or(*NO_SECRET) == SecretHash::of(presented);
        let end = facts.and_then(|facts| facts.secret_expires_at);
        is_equal && stored.is_some() && end.is_none_or(|end| now.as_secs() < end)
    }
}

/// What is compared where there is nothing to compare with.
static NO_SECRET: LazyLock<SecretHash> = LazyLock::new(|| SecretHash::of(&Secret::new("")));
