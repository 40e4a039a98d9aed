//! Revoking at the provider what was revoked here: RFC 7009 §2, towards the provider.
//!
//! Our revocation never waits for it. What is to be done follows from the store alone:
//! a record whose grant is revoked, or that has expired, holds tokens that are still to be
//! given back. A task does it at once if it can, housekeeping does what is left, again and
//! again for a week. Whoever revokes, and in whichever process, need not know of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_oauth::{Lifetime, UnixTime};
use countersign_store::{Found, GrantId, Index, Kind, Page, Record, Status, Subject, Write};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::kept::Unstored;
use super::provides::Provides;
use super::record::Body;
use super::{Place, Vault};
use crate::audit::AuditEvent;
use crate::unavailable::Unavailable;
use crate::upstream::UpstreamTokens;

/// How long it is tried.
const PERIOD: Lifetime = Lifetime::from_hours(7 * 24);
/// How long a provider may take for one.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many are revoked in one round of housekeeping.
const MOST_IN_A_ROUND: u64 = 1000;
/// How many tokens of one person are looked at in one call of the store.
const PAGE: usize = 100;

/// What is to be done about a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// Its grant is live.
    InUse,
    /// Its grant ended at that time, and its tokens are to be given back.
    Over(UnixTime),
    /// The same, and the store forgets it the next time that it purges.
    Leaving(UnixTime),
}

/// How far a round of housekeeping has come.
#[derive(Default)]
struct Round {
    revoked: u64,
    asked: u64,
    /// The providers that did not answer in this round.
    down: HashSet<String>,
}

impl Vault {
    /// Gives back the tokens of `grant`, which was revoked just now, without anybody
    /// waiting for it.
    pub(crate) fn grant_ended(self: &Arc<Self>, grant: &GrantId) {
        if !self.has_providers() {
            return;
        }
        // Without a runtime housekeeping does it.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (vault, grant) = (Arc::clone(self), grant.clone());
        runtime.spawn(async move {
            for provider in &vault.providers {
                let place = vault.place(&grant, provider);
                if let Err(error) = vault.revoke_spent(&place).await {
                    tracing::warn!(%error, "upstream tokens are revoked later");
                }
            }
        });
    }

    async fn revoke_spent(&self, place: &Place) -> Result<(), Unavailable> {
        if let Found::Spent(record) = self.store.get(&place.key, self.now()).await? {
            let body = Self::read_body(&record)?;
            self.revoke_record(&record, &body, &place.provider).await?;
        }
        Ok(())
    }

    /// Gives back tokens whose grant ended while they were refreshed. Those that are in
    /// the record by now are older.
    pub(super) async fn give_back(&self, place: &Place, unstored: &Unstored) {
        if let Err(error) = self.try_to_give_back(place, unstored).await {
            tracing::error!(%error, "upstream tokens of a grant that ended may stay valid");
        }
    }

    /// Puts the tokens into a record that hangs on no grant, for housekeeping if they
    /// cannot be revoked at once.
    async fn try_to_give_back(
        &self,
        place: &Place,
        unstored: &Unstored,
    ) -> Result<(), Unavailable> {
        let now = self.now();
        let body = unstored.after.followed_by(&unstored.tokens, now);
        let sealed = self.seal(&place.key, &unstored.tokens)?;
        let record = Record::new(place.key.clone(), now).with_sealed(sealed);
        let record = record.with_body(&body)?;
        let kept = self.store.write(detached(record.clone(), now), now).await;
        // Also if it is not kept.
        self.revoke_record(&record, &body, &place.provider).await?;
        Ok(kept?)
    }

    /// Does what is left to do: commits what is kept in memory, and gives back the tokens
    /// of grants that are over. Answers how many were given back. To be called before
    /// the store forgets what has expired.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is; a provider that does not answer is none.
    pub(crate) async fn keep_house(&self) -> Result<u64, Unavailable> {
        self.commit_all_kept().await;
        // What is in use is not read, however much it is.
        let (index, now) = (Index::LooseUpstreamTokens, self.now());
        let mut page = Page::first(Page::LONGEST);
        let mut round = Round::default();
        loop {
            let listed = self.store.list(&index, page, now).await?;
            for record in &listed.records {
                self.settle(record, &mut round).await?;
            }
            match listed.next {
                Some(next) => page = page.after(next),
                None => return Ok(round.revoked),
            }
        }
    }

    /// Does what is to be done about one record.
    async fn settle(&self, record: &Record, round: &mut Round) -> Result<(), Unavailable> {
        let now = self.now();
        let fate = fate(record, now);
        let (Fate::Over(since) | Fate::Leaving(since)) = fate else {
            return Ok(());
        };
        let body = Self::read_body(record)?;
        let has_time = now < since.saturating_add(PERIOD);
        let provider = self.provider(&body.provider);
        let provider = provider.filter(|_| {
            has_time && round.asked < MOST_IN_A_ROUND && !round.down.contains(&body.provider)
        });
        if let Some(provider) = provider {
            round.asked += 1;
            if self.revoke_record(record, &body, provider).await? {
                round.revoked += 1;
                return Ok(());
            }
            round.down.insert(body.provider.clone());
        }
        if !has_time {
            let event = AuditEvent::UpstreamNotRevoked(body.grant, body.provider);
            self.audit.note(event);
            self.store.remove(record.key.clone(), now).await?;
        } else if fate == Fate::Leaving(since) {
            let mut kept = Record::new(record.key.clone(), since).with_body(&body)?;
            kept.sealed.clone_from(&record.sealed);
            self.store.write(detached(kept, now), now).await?;
        }
        Ok(())
    }

    /// Gives back the tokens in `record` and forgets them. False if the provider does not
    /// do it now. Tokens that cannot be opened are forgotten: their key was taken away. So
    /// are those that would take the tokens of other grants along; the last grant of the
    /// person ends them all.
    async fn revoke_record(
        &self,
        record: &Record,
        body: &Body,
        provider: &Arc<dyn Provides>,
    ) -> Result<bool, Unavailable> {
        if provider.ends_everything() && self.has_others(body).await? {
            self.store.remove(record.key.clone(), self.now()).await?;
            return Ok(true);
        }
        match self.open(record, body) {
            Ok(tokens) if !self.revoked(provider.as_ref(), &tokens).await => return Ok(false),
            Ok(_) => {
                let event = AuditEvent::UpstreamRevoked(body.grant.clone(), body.provider.clone());
                self.audit.note(event);
            }
            Err(error) => {
                tracing::error!(%error, "upstream tokens cannot be opened to be revoked");
                let event =
                    AuditEvent::UpstreamNotRevoked(body.grant.clone(), body.provider.clone());
                self.audit.note(event);
            }
        }
        self.store.remove(record.key.clone(), self.now()).await?;
        Ok(true)
    }

    /// Whether another live grant of the same person has tokens of the same provider.
    async fn has_others(&self, body: &Body) -> Result<bool, Unavailable> {
        let subject = Subject::new(body.subject.as_str());
        let index = Index::Subject(Kind::UpstreamTokens, subject);
        let mut page = Page::first(PAGE);
        loop {
            let listed = self.store.list(&index, page, self.now()).await?;
            for record in listed.records.iter().filter(|one| one.grant.is_some()) {
                let other = Self::read_body(record)?;
                if other.provider == body.provider && other.grant != body.grant {
                    return Ok(true);
                }
            }
            match listed.next {
                Some(next) => page = page.after(next),
                None => return Ok(false),
            }
        }
    }

    /// Whether the provider gave its word.
    async fn revoked(&self, provider: &dyn Provides, tokens: &UpstreamTokens) -> bool {
        let asked = provider.revoke(tokens, self.asking());
        matches!(timeout(PATIENCE, asked).await, Ok(Ok(())))
    }
}

fn fate(record: &Record, now: UnixTime) -> Fate {
    if record.grant.is_none() {
        return Fate::Over(record.created_at);
    }
    match (&record.status, record.expires_at.filter(|end| *end <= now)) {
        (Status::Live, None) => Fate::InUse,
        (Status::Live, Some(end)) => Fate::Leaving(end),
        (Status::Revoked { at } | Status::Used { at, .. }, None) => Fate::Over(*at),
        (Status::Revoked { at } | Status::Used { at, .. }, Some(_)) => Fate::Leaving(*at),
    }
}

/// `record` in the place of the one under its key, on no grant, until it is given up.
fn detached(record: Record, now: UnixTime) -> Vec<Write> {
    let key = record.key.clone();
    // Longer than it is tried, so that housekeeping notes that it gave up.
    let end = now.saturating_add(PERIOD).saturating_add(PERIOD);
    vec![Write::Remove(key), Write::Insert(record.expiring(end))]
}
