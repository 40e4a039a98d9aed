//! Who issues tokens for a protected resource: RFC 9728 §3 and §5, RFC 8414 §3, OpenID
//! Connect Discovery 1.0 §4.
//!
//! | step | file |
//! |---|---|
//! | the metadata of the resource: where the challenge says, else at the well-known place of its path, else of its host | `resource.rs` |
//! | the metadata of its authorization server | `server.rs` |
//! | servers of 2025-03-26, which publish nothing about themselves: their host is the issuer | `unpublished.rs` |
//!
//! A document that is about something else stops the search: it is not an absent one.

mod resource;
mod server;
mod unpublished;

use bytes::Bytes;
use countersign_oauth::received_challenge::ReceivedChallenge;
use countersign_oauth::received_metadata::ReceivedMetadata;
use countersign_oauth::received_offer::ReceivedOffer;
use countersign_oauth::{Issuer, ResourceUri, ScopeSet};
use http::Response;

use crate::ask::Asker;
use crate::dpop;
use crate::error::OAuthError;

/// Who issues tokens for one resource, and how it is asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Discovery {
    /// The identifier that requests for tokens name, as the resource publishes it
    /// (RFC 8707 §2).
    pub resource: ResourceUri,
    /// Who issues. All that is remembered belongs to it.
    pub issuer: Issuer,
    /// What it publishes about itself.
    pub metadata: ReceivedMetadata,
    /// What it offers to clients.
    pub offer: ReceivedOffer,
    /// Whether there was a document about the server; without one, its endpoints are
    /// those of 2025-03-26.
    pub is_published: bool,
    /// The scopes that the resource names in its metadata.
    pub scopes: Option<ScopeSet>,
    /// Whether the resource takes only tokens that are bound to a key (RFC 9728 §2,
    /// RFC 9449 §7.1).
    pub is_bound: bool,
    /// Whether the resource takes proofs of keys like ours (RFC 9728 §2,
    /// `dpop_signing_alg_values_supported`).
    pub takes_proofs: bool,
}

/// What is wanted besides the resource itself.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Search<'a> {
    /// The challenge that the resource answered with, if it was asked.
    pub challenge: Option<&'a ReceivedChallenge>,
    /// Issuers to be preferred where the resource names several, the first most.
    pub preferred: &'a [Issuer],
}

impl<'a> Search<'a> {
    /// A search that begins with `challenge`.
    pub const fn after(challenge: Option<&'a ReceivedChallenge>) -> Self {
        Self {
            challenge,
            preferred: &[],
        }
    }

    /// Prefers `issuers`.
    #[must_use]
    pub const fn preferring(mut self, issuers: &'a [Issuer]) -> Self {
        self.preferred = issuers;
        self
    }
}

impl Discovery {
    /// Finds out who issues tokens for the resource that is called as `server`.
    ///
    /// # Errors
    ///
    /// [`OAuthError`] says what is wrong with which document. Nothing is sent to an
    /// authorization server that is not certain.
    pub async fn of(
        asker: &Asker,
        server: &ResourceUri,
        search: Search<'_>,
    ) -> Result<Self, OAuthError> {
        let demands_proof = search.challenge.is_some_and(|one| one.demands_proof);
        let Some(found) = resource::find(asker, server, search.challenge).await? else {
            let found = unpublished::find(asker, server).await?;
            return Ok(Self {
                is_bound: demands_proof,
                ..found
            });
        };
        let issuer = choose(asker, &found.authorization_servers, search.preferred)?;
        let (metadata, offer) = published(asker, &issuer).await?;
        Ok(Self {
            resource: found.resource,
            issuer,
            metadata,
            offer,
            is_published: true,
            scopes: found.scopes_supported,
            is_bound: demands_proof || found.dpop_bound_access_tokens_required,
            takes_proofs: dpop::is_among(&found.dpop_algorithms),
        })
    }

    /// The scopes of `challenge`, else those of the metadata, else none; and the ones of the
    /// settings, `own` (MCP, Authorization, Scope Selection Strategy).
    pub(crate) fn scopes_for(
        &self,
        challenge: Option<&ReceivedChallenge>,
        own: &ScopeSet,
    ) -> ScopeSet {
        let chosen = match challenge.and_then(ReceivedChallenge::scope) {
            Some(scopes) => scopes,
            None if own.is_empty() => self.scopes.clone().unwrap_or_default(),
            None => ScopeSet::new(),
        };
        chosen.union(own)
    }
}

/// What the authorization server `issuer` publishes about itself, and what it offers.
pub(crate) async fn published(
    asker: &Asker,
    issuer: &Issuer,
) -> Result<(ReceivedMetadata, ReceivedOffer), OAuthError> {
    server::find(asker, issuer).await?.ok_or_else(|| {
        OAuthError::BadAnswer(format!(
            "the authorization server {issuer} publishes no metadata"
        ))
    })
}

/// The client chooses among several (RFC 9728 §7.6): one that it knows already, else the
/// first that may be asked.
fn choose(asker: &Asker, named: &[Issuer], preferred: &[Issuer]) -> Result<Issuer, OAuthError> {
    let mut candidates = preferred.iter().filter(|one| named.contains(one));
    let mut all = candidates.by_ref().chain(named);
    let what = "the authorization server";
    let mut refusal = None;
    let found = all.find(|issuer| match asker.reach().judge(what, issuer.as_str()) {
        Ok(()) => true,
        Err(error) => {
            refusal.get_or_insert(error);
            false
        }
    });
    found.cloned().ok_or_else(|| {
        refusal.unwrap_or_else(|| {
            OAuthError::BadAnswer("the server names no authorization server".to_owned())
        })
    })
}

/// The body of an answer with a document; nothing if there is none at that address.
fn document(answer: &Response<Bytes>) -> Option<&[u8]> {
    answer
        .status()
        .is_success()
        .then_some(answer.body().as_ref())
}
