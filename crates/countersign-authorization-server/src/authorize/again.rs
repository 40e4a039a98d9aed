//! An answer that is told again.
//!
//! Whoever presses a button twice makes the browser drop the first answer and wait for
//! the second; without this the client would never hear of what was decided. So an
//! answer is kept sealed on the request that it used up, for some seconds. It is the
//! same answer: no second code is made, and a code that was redeemed is not told again.

use countersign_oauth::grant::GrantState;
use countersign_oauth::{Lifetime, Secret};
use countersign_store::{Column, Found, GrantId, Key, Sealed, Status};
use serde::{Deserialize, Serialize};

use super::PendingAuthorization;
use super::attempt::Departure;
use super::pending::{pending_key, read};
use crate::audit::AuditEvent;
use crate::exchange::{Answer, see_other};
use crate::random::draw;
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// How long an answer is told again.
pub(crate) const AGAIN: Lifetime = Lifetime::from_secs(5);

/// What was decided, and where it was sent.
#[derive(Serialize, Deserialize)]
struct Receipt {
    /// What the code belongs to; nothing if the person said no.
    grant: Option<GrantId>,
    location: String,
    /// What binds the browser to the login at a provider, if it was sent to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<AttemptReceipt>,
}

/// A login at a provider that was begun.
#[derive(Serialize, Deserialize)]
struct AttemptReceipt {
    provider: String,
    state: String,
    cookie: String,
}

impl Inner {
    /// The receipt of an answer, for the request under `key`.
    pub(super) fn seal_answer(
        &self,
        key: &Key,
        grant: Option<&GrantId>,
        location: &str,
    ) -> Result<Sealed, Unavailable> {
        self.seal_receipt_of_answer(
            key,
            &Receipt {
                grant: grant.cloned(),
                location: location.to_owned(),
                attempt: None,
            },
        )
    }

    /// The receipt of `departure` to `provider`, for the request under `key`.
    pub(super) fn seal_departure(
        &self,
        key: &Key,
        provider: &str,
        departure: &Departure,
    ) -> Result<Sealed, Unavailable> {
        self.seal_receipt_of_answer(
            key,
            &Receipt {
                grant: None,
                location: departure.location.reveal().to_owned(),
                attempt: Some(AttemptReceipt {
                    provider: provider.to_owned(),
                    state: departure.state.reveal().to_owned(),
                    cookie: departure.cookie.reveal().to_owned(),
                }),
            },
        )
    }

    fn seal_receipt_of_answer(&self, key: &Key, receipt: &Receipt) -> Result<Sealed, Unavailable> {
        let text = serde_json::to_vec(receipt).map_err(|_| Unavailable::Seal)?;
        let nonce = draw(self.random.as_ref())?;
        let sealed = self.sealing.seal(key, Column::Receipt, &text, nonce);
        sealed.map_err(|_| Unavailable::Seal)
    }

    /// The answer that was given to the request under `transaction` a moment ago, if the
    /// same was decided: `subject` allowed it, or it was denied without one.
    pub(crate) async fn answer_again(
        &self,
        transaction: &Secret,
        subject: Option<&str>,
    ) -> Result<Option<(PendingAuthorization, Answer)>, Unavailable> {
        let Some((pending, receipt)) = self.fresh_receipt(transaction).await? else {
            return Ok(None);
        };
        let is_same = match (&receipt.grant, &receipt.attempt, subject) {
            (Some(grant), None, Some(subject)) => self.has_unused_code(grant, subject).await?,
            (None, None, None) => true,
            _ => false,
        };
        if !is_same {
            return Ok(None);
        }
        self.note_repeated(&pending);
        Ok(Some((pending, see_other(&receipt.location))))
    }

    /// The way to `provider` on which a browser was sent a moment ago for the request
    /// under `transaction`, if nobody has come back on it.
    pub(crate) async fn departure_again(
        &self,
        transaction: &Secret,
        provider: &str,
    ) -> Result<Option<Departure>, Unavailable> {
        let Some((pending, receipt)) = self.fresh_receipt(transaction).await? else {
            return Ok(None);
        };
        let Some(attempt) = receipt.attempt.filter(|sent| sent.provider == provider) else {
            return Ok(None);
        };
        let state = Secret::new(attempt.state);
        if self.attempt(&state).await?.is_none() {
            return Ok(None);
        }
        self.note_repeated(&pending);
        Ok(Some(Departure {
            state,
            cookie: Secret::new(attempt.cookie),
            location: Secret::new(receipt.location),
        }))
    }

    fn note_repeated(&self, pending: &PendingAuthorization) {
        let event = AuditEvent::AnswerRepeated(pending.client_id.clone());
        self.audit.note(event);
    }

    /// The receipt of the request under `transaction`, if it was answered a moment ago.
    async fn fresh_receipt(
        &self,
        transaction: &Secret,
    ) -> Result<Option<(PendingAuthorization, Receipt)>, Unavailable> {
        let (key, now) = (pending_key(transaction), self.now());
        let Found::Spent(record) = self.store.get(&key, now).await? else {
            return Ok(None);
        };
        let receipt = match &record.status {
            Status::Used {
                at,
                receipt: Some(receipt),
            } if now < at.saturating_add(AGAIN) && !record.has_expired(now) => receipt,
            _ => return Ok(None),
        };
        let opened = self.sealing.open(&key, Column::Receipt, receipt);
        let opened = opened.map_err(|_| Unavailable::Seal)?;
        let receipt = serde_json::from_slice(&opened).map_err(|_| Unavailable::Seal)?;
        Ok(Some((read(&record)?, receipt)))
    }

    /// Whether `subject` gave `grant`, and nobody has redeemed its code.
    pub(super) async fn has_unused_code(
        &self,
        grant: &GrantId,
        subject: &str,
    ) -> Result<bool, Unavailable> {
        let Found::Live(record) = self.store.get(&Key::grant(grant), self.now()).await? else {
            return Ok(false);
        };
        let is_theirs = record
            .subject
            .as_ref()
            .is_some_and(|owner| owner.as_str() == subject);
        Ok(is_theirs && record.grant_state() == Some(GrantState::CodeIssued))
    }
}
