//! The answer of the person: RFC 6749 §4.1.2.
//!
//! The waiting request is used up in the same step in which the code begins to
//! exist, so that two approvals make one code. The address is compared with what
//! the client has registered once more: it may have changed since.

use countersign_oauth::authorization_error::AuthorizationErrorCode;
use countersign_oauth::authorization_response::{AuthorizationAnswer, AuthorizationResponse};
use countersign_oauth::redirect_uri::{VerifiedRedirect, match_redirect_uri};
use countersign_oauth::{ScopeSet, Secret};
use countersign_store::{Found, GrantId};
use http::StatusCode;

use super::PendingAuthorization;
use super::pending::pending_key;
use crate::audit::AuditEvent;
use crate::client::Client;
use crate::exchange::{Answer, Notice, see_other};
use crate::grant::Granted;
use crate::random::draw;
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// What a person agreed to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Approval {
    /// Who it is: unique and never given to somebody else (RFC 7519 §4.1.2).
    pub subject: String,
    /// What they allow; what the client did not ask for is left out.
    pub scope: ScopeSet,
}

impl Approval {
    /// `subject` allows `scope`.
    pub fn new(subject: impl Into<String>, scope: ScopeSet) -> Self {
        Self {
            subject: subject.into(),
            scope,
        }
    }
}

/// What a client is told about a person who gives it nothing (RFC 6749 §4.1.2.1).
pub(super) const DENIED: AuthorizationAnswer = AuthorizationAnswer::Error(
    AuthorizationErrorCode::AccessDenied,
    "the request was denied",
);

impl Inner {
    /// Answers the waiting request with a code.
    pub(crate) async fn approve(
        &self,
        transaction: &Secret,
        approval: Approval,
    ) -> Result<Answer, Unavailable> {
        let Some((pending, redirect, client)) = self.answerable(transaction).await? else {
            return Ok(self.gone());
        };
        let granted = self.granted_by(&pending, approval, None)?;
        let challenge = pending.code_challenge.clone();
        let jkt = pending.dpop_jkt.clone();
        let (code, writes) = self.issue_code(&granted, &redirect, challenge, jkt)?;
        let key = pending_key(transaction);
        let answer = AuthorizationAnswer::Code(code);
        let location = self.location(&pending, &redirect, answer);
        let receipt = self.seal_answer(&key, Some(&granted.id), &location)?;
        let used = self.store.redeem(&key, writes, Some(receipt), self.now());
        let used = used.await?;
        let Found::Live(_) = used else {
            return Ok(self.gone());
        };
        self.keep_client(&client).await;
        let event = AuditEvent::CodeIssued(granted.client, granted.id, granted.subject);
        self.audit.note(event);
        Ok(see_other(&location))
    }

    /// What `approval` of `pending` grants, given by somebody who logged in here or at
    /// the provider `upstream`.
    pub(super) fn granted_by(
        &self,
        pending: &PendingAuthorization,
        approval: Approval,
        upstream: Option<&str>,
    ) -> Result<Granted, Unavailable> {
        let lifetime = self.settings.lifetimes.grant;
        Ok(Granted {
            id: GrantId::from_random(draw(self.random.as_ref())?),
            client: pending.client_id.clone(),
            subject: approval.subject,
            resource: pending.resource.clone(),
            scope: approval.scope.intersection(&pending.scope),
            expires_at: self.now().saturating_add(lifetime),
            upstream: upstream.map(str::to_owned),
            asserted_by: None,
            act: None,
        })
    }

    /// Answers the waiting request with `access_denied`.
    pub(crate) async fn deny(&self, transaction: &Secret) -> Result<Answer, Unavailable> {
        let Some((pending, redirect, _)) = self.answerable(transaction).await? else {
            return Ok(self.gone());
        };
        let location = self.location(&pending, &redirect, DENIED);
        let key = pending_key(transaction);
        let receipt = self.seal_answer(&key, None, &location)?;
        let used = self
            .store
            .redeem(&key, Vec::new(), Some(receipt), self.now());
        let Found::Live(_) = used.await? else {
            return Ok(self.gone());
        };
        self.audit
            .note(AuditEvent::ConsentDenied(pending.client_id.clone()));
        Ok(see_other(&location))
    }

    /// The waiting request and its address, if the client still has it.
    async fn answerable(
        &self,
        transaction: &Secret,
    ) -> Result<Option<(PendingAuthorization, VerifiedRedirect, Client)>, Unavailable> {
        match self.pending(transaction).await? {
            Some(pending) => self.still_answerable(pending).await,
            None => Ok(None),
        }
    }

    /// `pending` with its address, if the client still has it.
    pub(super) async fn still_answerable(
        &self,
        pending: PendingAuthorization,
    ) -> Result<Option<(PendingAuthorization, VerifiedRedirect, Client)>, Unavailable> {
        let Some(client) = self.find_client(&pending.client_id).await? else {
            return Ok(None);
        };
        let asked = pending.redirect_uri.as_str();
        let requested = pending.redirect_uri_was_sent.then_some(asked);
        let metadata = &client.facts.metadata;
        let matched = match_redirect_uri(
            requested,
            &metadata.redirect_uris,
            metadata.application_type,
        );
        let redirect = matched.ok().filter(|found| found.uri().as_str() == asked);
        Ok(redirect.map(|redirect| (pending, redirect, client)))
    }

    pub(super) fn location(
        &self,
        pending: &PendingAuthorization,
        redirect: &VerifiedRedirect,
        answer: AuthorizationAnswer,
    ) -> String {
        let (state, issuer) = (pending.state.as_deref(), &self.settings.issuer);
        AuthorizationResponse::new(redirect, state, issuer, answer).location()
    }

    /// The request was answered, has expired, or its client has changed.
    fn gone(&self) -> Answer {
        self.notice(StatusCode::BAD_REQUEST, Notice::GONE)
    }
}
