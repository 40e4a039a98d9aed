//! What administrators make: clients, tokens for their registration, and access tokens
//! to try a server with. RFC 7591 §3 and RFC 6749 §2.3.1 for the first two.
//!
//! Whoever may open the store may do all of this; nothing here asks who is calling.

use countersign_oauth::client_id_document::ClientIdUrl;
use countersign_oauth::{ClientId, Lifetime, ResourceUri, ScopeSet, Secret};
use countersign_store::{Conflict, GrantId, GrantState, Key, Record, SecretHash, Write};
use thiserror::Error;

use crate::audit::{Administered, AuditEvent};
use crate::client::ClientFacts;
use crate::grant::Granted;
use crate::issue::Refreshable;
use crate::random::{draw, draw_id, draw_secret};
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;

/// The client that test tokens name as theirs. No registration can take this id.
const TEST_CLIENT: &str = "countersign-token";

/// A client that was just registered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewClient {
    /// Its id.
    pub id: ClientId,
    /// Its secret, if it authenticates with one. The store has the hash alone, so
    /// that this is the only time it can be shown.
    pub secret: Option<Secret>,
}

/// Why a client was not added or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The id has a colon, so it is looked for as the address of a document and never
    /// found here.
    #[error("a client id with a colon is the address of a document: choose one without")]
    IdIsAddress,
    /// There is a client with this id.
    #[error("there is a client with this id")]
    Exists,
    /// There is no client with this id, or somebody else changed it at the same time.
    #[error("there is no client with this id, or it was changed at the same time")]
    Changed,
    /// Nothing can be decided.
    #[error(transparent)]
    Unavailable(Unavailable),
}

impl From<Unavailable> for ClientError {
    fn from(error: Unavailable) -> Self {
        match error.conflict() {
            Some(Conflict::Exists) => Self::Exists,
            Some(_) => Self::Changed,
            None => Self::Unavailable(error),
        }
    }
}

impl AuthorizationServer {
    /// Registers a client under the id `id`, which has no colon.
    ///
    /// # Errors
    ///
    /// [`ClientError::IdIsAddress`], [`ClientError::Exists`], or
    /// [`ClientError::Unavailable`].
    pub async fn add_client(&self, id: &ClientId, facts: &ClientFacts) -> Result<(), ClientError> {
        if ClientIdUrl::is_meant(id) {
            return Err(ClientError::IdIsAddress);
        }
        self.inner().add_client(id, facts).await?;
        self.note_client(id, Administered::Added);
        Ok(())
    }

    /// Changes a client in the store.
    ///
    /// # Errors
    ///
    /// [`ClientError::Changed`], or [`ClientError::Unavailable`].
    pub async fn replace_client(
        &self,
        id: &ClientId,
        facts: &ClientFacts,
    ) -> Result<(), ClientError> {
        self.inner().replace_client(id, facts).await?;
        self.note_client(id, Administered::Changed);
        Ok(())
    }

    /// Takes a client away, with every grant that it has.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is; some grants may be revoked by then.
    pub async fn delete_client(&self, id: &ClientId) -> Result<(), Unavailable> {
        self.inner().delete_client(id).await?;
        self.note_client(id, Administered::Deleted);
        Ok(())
    }

    fn note_client(&self, id: &ClientId, done: Administered) {
        let event = AuditEvent::ClientAdministered(id.clone(), done);
        self.inner().audit.note(event);
    }

    /// Registers a client under a new id, with a new secret that does not expire if
    /// its `token_endpoint_auth_method` needs one.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is, or if no random bytes can be drawn.
    pub async fn register_client(&self, facts: ClientFacts) -> Result<NewClient, Unavailable> {
        let inner = self.inner();
        let random = inner.random.as_ref();
        let id = ClientId::parse(&draw_id(random)?).map_err(|_| Unavailable::Random)?;
        let (facts, secret) = if facts.metadata.token_endpoint_auth_method.has_secret() {
            let secret = draw_secret(random)?;
            (facts.with_secret(&secret, None), Some(secret))
        } else {
            (facts, None)
        };
        inner.add_client(&id, &facts).await?;
        self.note_client(&id, Administered::Added);
        Ok(NewClient { id, secret })
    }

    /// A token with which one client can register itself, within `lifetime`, where
    /// [`Registration::InitialAccessToken`](crate::settings::Registration) is asked for.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is, or if no random bytes can be drawn.
    pub async fn initial_access_token(&self, lifetime: Lifetime) -> Result<Secret, Unavailable> {
        let inner = self.inner();
        let (now, token) = (inner.now(), draw_secret(inner.random.as_ref())?);
        let record = Record::new(Key::initial_access_token(SecretHash::of(&token)), now)
            .expiring(now.saturating_add(lifetime));
        inner.store.insert(record, now).await?;
        inner.audit.note(AuditEvent::InitialAccessTokenIssued);
        Ok(token)
    }

    /// An access token about `subject` that permits `scope` at `resource`, to try it
    /// with, without a login. It is valid for `lifetime`, at most as long as any access
    /// token, and is revoked by its grant as those are.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is, or if no token can be made.
    ///
    /// # Security
    ///
    /// `subject` need not have an account and has not agreed to anything: whoever may
    /// call this may be anybody.
    pub async fn issue_test_token(
        &self,
        subject: &str,
        resource: &ResourceUri,
        scope: ScopeSet,
        lifetime: Lifetime,
    ) -> Result<Secret, Unavailable> {
        let inner = self.inner();
        let now = inner.now();
        let lifetime = lifetime.min(inner.settings.lifetimes.access_token);
        let granted = Granted {
            id: GrantId::from_random(draw(inner.random.as_ref())?),
            client: ClientId::parse(TEST_CLIENT).map_err(|_| Unavailable::Random)?,
            subject: subject.to_owned(),
            resource: resource.clone(),
            scope: scope.clone(),
            expires_at: now.saturating_add(lifetime),
            upstream: None,
            asserted_by: None,
            act: None,
        };
        let mut issued = inner
            .issue_tokens(&granted, scope, Refreshable::No, None)
            .await?;
        let grant = inner.grant_record(&granted, GrantState::Active)?;
        issued.writes.insert(0, Write::Insert(grant));
        inner.store.write(issued.writes, now).await?;
        inner.audit.note(AuditEvent::TestTokenIssued(granted.id));
        Ok(issued.response.access_token)
    }
}
