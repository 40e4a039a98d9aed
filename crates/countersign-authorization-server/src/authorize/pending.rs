//! An authorization request that waits for its person.

use countersign_oauth::authorization_request::Prompts;
use countersign_oauth::dpop::Thumbprint;
use countersign_oauth::pkce::CodeChallenge;
use countersign_oauth::redirect_uri::RedirectUri;
use countersign_oauth::{ClientId, ResourceUri, ScopeSet, Secret};
use countersign_store::{Found, Key, Record, SecretHash, StoreError};
use serde::{Deserialize, Serialize};

use crate::random::draw_secret;
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// A request that passed every check, as it was at that moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PendingAuthorization {
    /// Who asks.
    pub client_id: ClientId,
    /// Where the answer goes.
    pub redirect_uri: RedirectUri,
    /// Whether the request named it.
    pub redirect_uri_was_sent: bool,
    /// What the client wants back.
    pub state: Option<String>,
    /// Its proof key.
    pub code_challenge: CodeChallenge,
    /// The key that whoever redeems the code has to prove (RFC 9449 §10).
    pub dpop_jkt: Option<Thumbprint>,
    /// What the token is for.
    pub resource: ResourceUri,
    /// What the token shall permit.
    pub scope: ScopeSet,
    /// What the person is asked in any case.
    pub prompts: Prompts,
}

/// How it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct PendingBody {
    client_id: ClientId,
    redirect_uri: RedirectUri,
    redirect_uri_was_sent: bool,
    state: Option<String>,
    code_challenge: CodeChallenge,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dpop_jkt: Option<Thumbprint>,
    resource: String,
    scope: String,
    prompts: String,
}

impl Inner {
    /// Stores `pending` and answers the secret under which it is found.
    pub(crate) async fn remember_pending(
        &self,
        pending: &PendingAuthorization,
    ) -> Result<Secret, Unavailable> {
        let now = self.now();
        let transaction = draw_secret(self.random.as_ref())?;
        let record = Record::new(pending_key(&transaction), now)
            .of_client(countersign_store::ClientId::new(pending.client_id.as_str()))
            .expiring(now.saturating_add(self.settings.lifetimes.pending))
            .with_body(&PendingBody::of(pending))?;
        self.store.insert(record, now).await?;
        Ok(transaction)
    }

    /// The request that waits under `transaction`; nothing if it was answered or has
    /// expired.
    pub(crate) async fn pending(
        &self,
        transaction: &Secret,
    ) -> Result<Option<PendingAuthorization>, Unavailable> {
        match self
            .store
            .get(&pending_key(transaction), self.now())
            .await?
        {
            Found::Live(record) => Ok(Some(read(&record)?)),
            Found::Spent(_) | Found::Absent => Ok(None),
        }
    }

    /// Takes the request away, so that nobody can answer it any more. False if
    /// somebody was quicker.
    pub(super) async fn forget_pending(&self, transaction: &Secret) -> Result<bool, Unavailable> {
        let key = pending_key(transaction);
        let found = self
            .store
            .redeem(&key, Vec::new(), None, self.now())
            .await?;
        Ok(matches!(found, Found::Live(_)))
    }
}

pub(super) fn pending_key(transaction: &Secret) -> Key {
    Key::pending_authorization(SecretHash::of(transaction))
}

pub(super) fn read(record: &Record) -> Result<PendingAuthorization, StoreError> {
    record.body::<PendingBody>()?.read()
}

impl PendingBody {
    pub(super) fn of(pending: &PendingAuthorization) -> Self {
        Self {
            client_id: pending.client_id.clone(),
            redirect_uri: pending.redirect_uri.clone(),
            redirect_uri_was_sent: pending.redirect_uri_was_sent,
            state: pending.state.clone(),
            code_challenge: pending.code_challenge.clone(),
            dpop_jkt: pending.dpop_jkt.clone(),
            resource: pending.resource.as_str().to_owned(),
            scope: pending.scope.to_string(),
            prompts: pending.prompts.to_string(),
        }
    }

    pub(super) fn read(self) -> Result<PendingAuthorization, StoreError> {
        let corrupt = || StoreError::Corrupt("a waiting request cannot be read".to_owned());
        Ok(PendingAuthorization {
            client_id: self.client_id,
            redirect_uri: self.redirect_uri,
            redirect_uri_was_sent: self.redirect_uri_was_sent,
            state: self.state,
            code_challenge: self.code_challenge,
            dpop_jkt: self.dpop_jkt,
            resource: ResourceUri::parse(&self.resource).map_err(|_| corrupt())?,
            scope: ScopeSet::parse(&self.scope).map_err(|_| corrupt())?,
            prompts: if self.prompts.is_empty() {
                Prompts::default()
            } else {
                Prompts::parse(&self.prompts).ok_or_else(corrupt)?
            },
        })
    }
}
