//! What there is, for account pages and administrators: clients, grants and keys.
//! Nothing here shows a token or a secret.

use countersign_oauth::{ClientId, UnixTime};
use countersign_store::{Cursor, GrantId, GrantState, Index, Kind, Page, Record, Subject};

use crate::audit::AuditEvent;
use crate::client::Client;
use crate::grant::GrantBody;
use crate::server::{AuthorizationServer, Inner};
use crate::unavailable::Unavailable;

/// How many entries a page has.
const PAGE: usize = 100;

/// Whose grants are asked for.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there is no other owner of a grant"
)]
pub enum GrantsOf<'a> {
    /// All of them.
    Everybody,
    /// Those that this person gave.
    Subject(&'a str),
    /// Those that this client has.
    Client(&'a ClientId),
}

/// One live grant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GrantOverview {
    /// By which it is revoked.
    pub id: GrantId,
    /// Who has it.
    pub client: ClientId,
    /// Who gave it.
    pub subject: String,
    /// What its tokens are for.
    pub resource: String,
    /// What they permit at most, names separated by blanks.
    pub scope: String,
    /// The name of the provider at which the person logged in for it, such as `github`;
    /// nothing if it was not at an upstream provider.
    pub upstream: Option<String>,
    /// How far it has come.
    pub state: GrantState,
    /// Since when.
    pub created_at: UnixTime,
    /// When tokens were issued last.
    pub last_used_at: Option<UnixTime>,
    /// Until when, if it is not revoked before.
    pub expires_at: UnixTime,
}

/// One signing key that is published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyOverview {
    /// Its id.
    pub kid: String,
    /// What it signs with.
    pub algorithm: &'static str,
    /// From when on it signs, until a newer one does.
    pub signs_from: UnixTime,
    /// Until when it is published; absent for the newest.
    pub published_until: Option<UnixTime>,
}

/// A part of a list, and where the next one begins.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Portion<T> {
    /// The entries, oldest first.
    pub entries: Vec<T>,
    /// Where to go on; nothing after the last.
    pub next: Option<Cursor>,
}

impl AuthorizationServer {
    /// The live grants of `owner`, from `after` on or from the beginning.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn grants(
        &self,
        owner: GrantsOf<'_>,
        after: Option<Cursor>,
    ) -> Result<Portion<GrantOverview>, Unavailable> {
        let index = match owner {
            GrantsOf::Everybody => Index::Kind(Kind::Grant),
            GrantsOf::Subject(subject) => Index::Subject(Kind::Grant, Subject::new(subject)),
            GrantsOf::Client(client) => {
                let client = countersign_store::ClientId::new(client.as_str());
                Index::Client(Kind::Grant, client)
            }
        };
        self.inner().portion(&index, after, grant_of).await
    }

    /// Revokes a grant with every code and token that hangs on it. False if there was
    /// nothing left to revoke.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is; then nothing was revoked for certain.
    pub async fn revoke_grant(&self, grant: &GrantId) -> Result<bool, Unavailable> {
        let inner = self.inner();
        let has_ended = inner.end_grant(grant).await? > 0;
        if has_ended {
            inner.audit.note(AuditEvent::GrantRevoked(grant.clone()));
        }
        Ok(has_ended)
    }

    /// The clients in the store, from `after` on or from the beginning.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn clients(&self, after: Option<Cursor>) -> Result<Portion<Client>, Unavailable> {
        let index = Index::Kind(Kind::Client);
        self.inner().portion(&index, after, client_of).await
    }

    /// The signing keys that are published, oldest first. The first call on an empty
    /// store makes a key.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is, or if no key can be made.
    pub async fn signing_keys(&self) -> Result<Vec<KeyOverview>, Unavailable> {
        Ok(self.inner().keys().await?.overview())
    }
}

impl Inner {
    /// Revokes a grant with all that hangs on it, and answers how many records it took.
    pub(crate) async fn end_grant(&self, grant: &GrantId) -> Result<u64, Unavailable> {
        self.ender.end(grant, self.now()).await
    }

    async fn portion<T>(
        &self,
        index: &Index,
        after: Option<Cursor>,
        read: impl Fn(&Record) -> Result<T, Unavailable>,
    ) -> Result<Portion<T>, Unavailable> {
        let page = Page::first(PAGE);
        let page = after.map_or(page, |after| page.after(after));
        let listed = self.store.list(index, page, self.now()).await?;
        Ok(Portion {
            entries: listed.records.iter().map(read).collect::<Result<_, _>>()?,
            next: listed.next,
        })
    }
}

fn grant_of(record: &Record) -> Result<GrantOverview, Unavailable> {
    let body: GrantBody = record.body()?;
    Ok(GrantOverview {
        id: GrantId::new(record.key.id()),
        client: body.client,
        subject: body.subject,
        resource: body.resource,
        scope: body.scope,
        upstream: body.upstream,
        state: record.grant_state().unwrap_or(GrantState::Revoked),
        created_at: record.created_at,
        last_used_at: record.last_used_at,
        expires_at: UnixTime::from_secs(body.expires_at),
    })
}

fn client_of(record: &Record) -> Result<Client, Unavailable> {
    let id = ClientId::parse(record.key.id());
    let id = id.map_err(|_| countersign_store::StoreError::Corrupt("a client id".to_owned()))?;
    Ok(Client::read(id, record)?)
}
