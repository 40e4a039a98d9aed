//! Somebody has logged in at a provider: the answer to the request that they allowed
//! before (RFC 6749 §4.1.2).
//!
//! The account of a newcomer, the grant, its code and the tokens of the provider are
//! written in one step: there is no grant without the tokens that belong to it, and no
//! tokens without a grant with which they are revoked.

use countersign_oauth::ScopeSet;
use countersign_oauth::authorization_response::AuthorizationAnswer;
use countersign_store::{Conflict, Write};

use super::finish::DENIED;
use super::{Approval, Issued, PendingAuthorization};
use crate::accounts::{Accounts, Arriving};
use crate::audit::AuditEvent;
use crate::client::Client;
use crate::exchange::{Answer, see_other};
use crate::server::Inner;
use crate::unavailable::Unavailable;
use crate::upstream::{Arrival, Upstream, UpstreamIdentity};

/// How often a newcomer who arrives in several browsers at once is looked for.
const TRIES: usize = 3;

/// What is issued after a login at `upstream`.
pub(crate) struct Issuing<'a> {
    /// Where the account is.
    pub(crate) accounts: &'a Accounts,
    pub(crate) upstream: &'a Upstream,
    /// Who arrived, with which tokens.
    pub(crate) arrival: &'a Arrival,
}

/// What became of somebody who arrived.
pub(crate) enum Welcome {
    /// They have an account that may log in; for a request, this is the answer to it.
    In(Box<Arriving>, Option<Box<Told>>),
    /// Their account is disabled.
    Disabled,
    /// The client has changed or gone since they allowed it something.
    Gone,
}

/// What a client is told.
pub(crate) struct Told {
    /// The redirect to it.
    pub(crate) answer: Answer,
    pub(crate) client: Client,
    pub(crate) pending: PendingAuthorization,
    /// The code in it; nothing if it gets none.
    pub(crate) issued: Option<Issued>,
}

impl Inner {
    /// Answers `pending`, of which `scope` was allowed, with a code.
    pub(crate) async fn welcome_for(
        &self,
        issuing: &Issuing<'_>,
        pending: PendingAuthorization,
        scope: &ScopeSet,
    ) -> Result<Welcome, Unavailable> {
        let Some((pending, redirect, client)) = self.still_answerable(pending).await? else {
            return Ok(Welcome::Gone);
        };
        let provider = issuing.upstream.provider().name.as_str();
        for last in 1..=TRIES {
            let mut arriving = issuing.account().await?;
            if !arriving.account.is_enabled() {
                return Ok(Welcome::Disabled);
            }
            let approval = Approval::new(arriving.account.subject.as_str(), scope.clone());
            let granted = self.granted_by(&pending, approval, Some(provider))?;
            let challenge = pending.code_challenge.clone();
            let jkt = pending.dpop_jkt.clone();
            let (code, issued) = self.issue_code(&granted, &redirect, challenge, jkt)?;
            let mut writes = std::mem::take(&mut arriving.writes);
            writes.extend(issued);
            writes.extend(self.vault_writes(&granted, &issuing.arrival.tokens)?);
            match self.write_new(writes, last < TRIES).await? {
                Written::Done => {}
                Written::Again => continue,
            }
            self.keep_client(&client).await;
            let issued = Issued {
                client: granted.client.clone(),
                grant: granted.id.clone(),
                subject: granted.subject.clone(),
            };
            let event = AuditEvent::CodeIssued(granted.client, granted.id, granted.subject);
            self.audit.note(event);
            let answer = AuthorizationAnswer::Code(code);
            let told = Told {
                answer: see_other(&self.location(&pending, &redirect, answer)),
                client,
                pending,
                issued: Some(issued),
            };
            return Ok(Welcome::In(Box::new(arriving), Some(Box::new(told))));
        }
        Err(Unavailable::Login)
    }

    /// Lets somebody in whom `provider` vouches for, for the account page or before they
    /// are asked for anything.
    pub(crate) async fn welcome_to_account(
        &self,
        accounts: &Accounts,
        provider: &str,
        identity: &UpstreamIdentity,
    ) -> Result<Welcome, Unavailable> {
        for last in 1..=TRIES {
            let mut arriving = accounts.of_upstream(provider, identity).await?;
            if !arriving.account.is_enabled() {
                return Ok(Welcome::Disabled);
            }
            let writes = std::mem::take(&mut arriving.writes);
            if writes.is_empty() {
                return Ok(Welcome::In(Box::new(arriving), None));
            }
            match self.write_new(writes, last < TRIES).await? {
                Written::Done => return Ok(Welcome::In(Box::new(arriving), None)),
                Written::Again => {}
            }
        }
        Err(Unavailable::Login)
    }

    /// Tells the client of `pending` that it gets nothing; nothing if it is gone.
    pub(crate) async fn turn_away(
        &self,
        pending: PendingAuthorization,
    ) -> Result<Option<Told>, Unavailable> {
        let Some((pending, redirect, client)) = self.still_answerable(pending).await? else {
            return Ok(None);
        };
        let location = self.location(&pending, &redirect, DENIED);
        Ok(Some(Told {
            answer: see_other(&location),
            client,
            pending,
            issued: None,
        }))
    }

    async fn write_new(&self, writes: Vec<Write>, may_try: bool) -> Result<Written, Unavailable> {
        let written = self.store.write(writes, self.now()).await;
        match written.map_err(Unavailable::from) {
            Ok(()) => Ok(Written::Done),
            Err(error) if may_try && error.conflict() == Some(Conflict::Exists) => {
                Ok(Written::Again)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether something was written.
enum Written {
    Done,
    /// Not yet: the same person arrived in another browser at the same time.
    Again,
}

impl Issuing<'_> {
    async fn account(&self) -> Result<Arriving, Unavailable> {
        let provider = self.upstream.provider().name.as_str();
        let identity = &self.arrival.identity;
        self.accounts.of_upstream(provider, identity).await
    }
}
