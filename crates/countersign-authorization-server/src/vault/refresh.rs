//! Refreshing: RFC 6749 §6, towards the provider.
//!
//! Before a provider is asked, a lease is written into the record by compare-and-set, so
//! that one process asks and the others wait and read again; and so that a store that
//! takes no writes is noticed before a refresh token is spent. What the provider answers
//! is committed against the generation of tokens that it follows. If that fails, the
//! tokens are kept, and go on working.
//!
//! All of it runs in a task of its own: a caller that hangs up between the answer of the
//! provider and the commit would lose the only refresh token there is.

use std::sync::Arc;
use std::time::Duration;

use countersign_oauth::{Lifetime, ResourceUri, Secret};
use countersign_store::{Conflict, Found, Record, StoreError};
use tokio::time::{Instant, sleep, timeout};

use super::flights::Seat;
use super::kept::Unstored;
use super::provides::{No, PAUSE};
use super::record::{Age, Body, Lease};
use super::{Place, Provides, Renewal, Trouble, Vault, hangs_on};
use crate::audit::AuditEvent;
use crate::random::draw_id;
use crate::unavailable::Unavailable;
use crate::upstream::UpstreamTokens;

/// How long whoever refreshes is left alone by other processes.
const LEASE: Lifetime = Lifetime::from_secs(30);
/// How long a provider may take for all of a refresh; shorter than the lease.
const PROVIDER_PATIENCE: Duration = Duration::from_secs(15);
/// How long somebody waits for another process to refresh.
const WAITING_PATIENCE: Duration = Duration::from_secs(10);
/// How often somebody who waits reads again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How often a commit is tried against a record that changes.
const TRIES: usize = 5;
/// How long a commit that failed waits before it is tried again, each time.
const RETRIES: [u64; 6] = [100, 400, 1_000, 3_000, 8_000, 15_000];

/// What a look at the record says.
enum Look {
    /// The tokens can be used.
    Usable(Arc<UpstreamTokens>),
    /// They have to be refreshed.
    Due(Box<(Record, Body, UpstreamTokens)>),
}

/// What became of a commit.
enum Committed {
    /// The tokens are in the store, or newer ones are.
    Stored,
    /// The grant has ended meanwhile.
    Ended,
    /// The store does not take them.
    Failed,
}

impl Vault {
    /// The tokens of `place` if they need no refresh: not about to end, and not `stale`.
    pub(super) async fn usable(
        &self,
        place: &Place,
        stale: Option<&Secret>,
    ) -> Result<Option<Arc<UpstreamTokens>>, Trouble> {
        let (record, body) = self.find(place).await?;
        if self.kept.find(&place.key).is_some() || body.age(self.now()) != Age::Fresh {
            return Ok(None);
        }
        let tokens = self.opened(&record, &body)?;
        Ok((stale != Some(&tokens.access_token)).then(|| Arc::new(tokens)))
    }

    /// Whether the provider behind `place` would be asked if somebody used it now.
    pub(super) async fn due_for_renewal(&self, place: &Place) -> Result<bool, Trouble> {
        let (_, body) = self.find(place).await?;
        Ok(body.can_refresh && body.age(self.now()) != Age::Fresh)
    }

    /// The tokens of `place` after a refresh, of which there is one at a time.
    pub(super) async fn renewed(self: &Arc<Self>, place: Place, stale: Option<Secret>) -> Renewal {
        let waiting = match self.flights.board(&place.key) {
            Seat::Full => return Err(Trouble::Busy),
            Seat::Passenger(waiting) => waiting,
            Seat::Pilot(pilot) => {
                let waiting = pilot.passenger();
                let vault = Arc::clone(self);
                tokio::spawn(async move {
                    let outcome = vault.renew(&place, stale.as_ref()).await;
                    pilot.land(outcome);
                    vault.commit_kept(&place).await;
                });
                waiting
            }
        };
        waiting.outcome().await.unwrap_or(Err(Trouble::Busy))
    }

    /// Refreshes the tokens of `place`, unless somebody did.
    pub(super) async fn renew(&self, place: &Place, stale: Option<&Secret>) -> Renewal {
        let holder = draw_id(self.random.as_ref()).map_err(|_| Trouble::StoreDown)?;
        let begun = Instant::now();
        let (body, before) = loop {
            let (record, body, tokens) = match self.look(place, stale).await? {
                Look::Usable(tokens) => return Ok(tokens),
                Look::Due(found) => *found,
            };
            if tokens.refresh_token.is_none() {
                return self
                    .without_refresh_token(place, &body, tokens, stale)
                    .await;
            }
            if body.is_leased_to_another(&holder, self.now()) {
                if begun.elapsed() > WAITING_PATIENCE {
                    return Err(Trouble::Busy);
                }
                sleep(LOOK_AGAIN).await;
            } else if self.lease(record, &body, &holder).await? {
                break (body, tokens);
            }
        };
        let Some(refresh_token) = &before.refresh_token else {
            return Err(Trouble::LogInAgain);
        };
        let resource = ResourceUri::parse(&body.resource).map_err(|_| Trouble::StoreDown)?;
        let asked = place
            .provider
            .refresh(refresh_token, &resource, self.asking());
        match timeout(PROVIDER_PATIENCE, asked).await {
            Ok(Ok(mut tokens)) => {
                // RFC 6749 §6: a provider that issues no new refresh token leaves the old one.
                if tokens.refresh_token.is_none() {
                    tokens.refresh_token.clone_from(&before.refresh_token);
                }
                // The same: "if omitted is treated as equal to the scope originally granted".
                if tokens.scope.is_none() {
                    tokens.scope.clone_from(&before.scope);
                }
                self.store_renewed(place, &body, Arc::new(tokens)).await
            }
            Ok(Err(No::Ended)) => self.ended(place, &body, stale).await,
            outcome => {
                let wait = match outcome {
                    Ok(Err(No::Failed(wait))) => wait,
                    _ => PAUSE,
                };
                let known = self.failed(place, &body, before, &holder, stale).await;
                known.ok_or(Trouble::ProviderDown(wait))
            }
        }
    }

    /// What is in the record, or in memory if the store did not take it.
    async fn look(&self, place: &Place, stale: Option<&Secret>) -> Result<Look, Trouble> {
        if let Some(unstored) = self.kept.find(&place.key) {
            let committed = self.commit(place, &unstored).await;
            match committed {
                Committed::Ended => return Err(Trouble::NotConnected),
                Committed::Stored => {}
                Committed::Failed => {
                    // The grant must be live all the same.
                    self.find(place).await?;
                    let tokens = unstored.tokens;
                    let is_stale = stale == Some(&tokens.access_token);
                    let now = self.now();
                    let has_ended = tokens.expires_at.is_some_and(|end| end <= now);
                    if is_stale || has_ended {
                        // Another refresh would need the store.
                        return Err(Trouble::StoreDown);
                    }
                    return Ok(Look::Usable(tokens));
                }
            }
        }
        let (record, body) = self.find(place).await?;
        let tokens = self.opened(&record, &body)?;
        let is_stale = stale == Some(&tokens.access_token) && !body.is_young(self.now());
        if body.age(self.now()) == Age::Fresh && !is_stale {
            return Ok(Look::Usable(Arc::new(tokens)));
        }
        Ok(Look::Due(Box::new((record, body, tokens))))
    }

    /// A token that nobody can refresh is used to its end, and the grant with it.
    async fn without_refresh_token(
        &self,
        place: &Place,
        body: &Body,
        tokens: UpstreamTokens,
        stale: Option<&Secret>,
    ) -> Renewal {
        if body.age(self.now()) == Age::Ended || stale == Some(&tokens.access_token) {
            return Err(self.end(place).await);
        }
        Ok(Arc::new(tokens))
    }

    /// Takes the lease; false if somebody else changed the record.
    async fn lease(&self, record: Record, body: &Body, holder: &str) -> Result<bool, Trouble> {
        let lease = Lease {
            holder: holder.to_owned(),
            until: self.now().saturating_add(LEASE).as_secs(),
        };
        let leased = Body {
            lease: Some(lease),
            ..body.clone()
        };
        let record = record.with_body(&leased).map_err(broken)?;
        match self.store.replace(record, self.now()).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict(Conflict::Changed)) => Ok(false),
            Err(StoreError::Conflict(_)) => Err(Trouble::NotConnected),
            Err(error) => Err(broken(error)),
        }
    }

    /// Commits what a provider answered after the tokens of `body`, or keeps it.
    async fn store_renewed(
        &self,
        place: &Place,
        body: &Body,
        tokens: Arc<UpstreamTokens>,
    ) -> Renewal {
        let unstored = Unstored {
            tokens: Arc::clone(&tokens),
            after: body.clone(),
        };
        // Before the attempt: the task may end at any await.
        self.kept.keep(place.key.clone(), unstored.clone());
        match self.commit(place, &unstored).await {
            Committed::Stored => Ok(tokens),
            Committed::Failed => {
                tracing::error!(
                    provider = place.provider.name(),
                    "refreshed upstream tokens are not stored yet; they are kept in memory"
                );
                Ok(tokens)
            }
            Committed::Ended => Err(Trouble::NotConnected),
        }
    }

    /// One attempt to put `unstored` into the record. What is stored is not kept any more.
    async fn commit(&self, place: &Place, unstored: &Unstored) -> Committed {
        let committed = self.try_commit(place, unstored).await;
        match committed {
            Ok(Committed::Failed) | Err(_) => Committed::Failed,
            Ok(Committed::Stored) => {
                self.kept.forget(&place.key, unstored);
                Committed::Stored
            }
            Ok(Committed::Ended) => {
                self.give_back(place, unstored).await;
                self.kept.forget(&place.key, unstored);
                Committed::Ended
            }
        }
    }

    async fn try_commit(
        &self,
        place: &Place,
        unstored: &Unstored,
    ) -> Result<Committed, Unavailable> {
        for _ in 0..TRIES {
            let now = self.now();
            let record = match self.store.get(&place.key, now).await? {
                Found::Live(record) if hangs_on(&record, &place.grant) => record,
                _ => return Ok(Committed::Ended),
            };
            let body = Self::read_body(&record)?;
            if body.generation != unstored.after.generation {
                // It was written after all, or another process refreshed after us.
                return Ok(Committed::Stored);
            }
            let sealed = self.seal(&place.key, &unstored.tokens)?;
            let record = record
                .with_body(&body.followed_by(&unstored.tokens, now))?
                .with_sealed(sealed);
            match self.store.replace(record, now).await {
                Ok(()) => return Ok(Committed::Stored),
                // Housekeeping sealed it anew, or the grant has ended: look again.
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Committed::Failed)
    }

    /// Tries for a while to commit what is kept for `place`.
    async fn commit_kept(&self, place: &Place) {
        for pause in RETRIES {
            let Some(unstored) = self.kept.find(&place.key) else {
                return;
            };
            sleep(Duration::from_millis(pause)).await;
            self.commit(place, &unstored).await;
        }
    }

    /// Commits all that is kept, as far as the store takes it.
    pub(super) async fn commit_all_kept(&self) {
        for (key, unstored) in self.kept.all() {
            let of = |provider: &&Arc<dyn Provides>| {
                self.place(&unstored.after.grant, provider).key == key
            };
            if let Some(provider) = self.providers.iter().find(of) {
                let place = self.place(&unstored.after.grant, provider);
                self.commit(&place, &unstored).await;
            }
        }
    }

    /// The provider says that the refresh token is no good: unless another process has
    /// refreshed meanwhile, nobody stands behind the grant any more, and it is revoked.
    async fn ended(&self, place: &Place, before: &Body, stale: Option<&Secret>) -> Renewal {
        let (record, body) = self.find(place).await?;
        if body.generation != before.generation {
            let tokens = self.opened(&record, &body)?;
            if stale != Some(&tokens.access_token) {
                return Ok(Arc::new(tokens));
            }
        }
        Err(self.end(place).await)
    }

    /// Ends a grant that nobody stands behind, and answers what is to be said about it.
    pub(super) async fn end(&self, place: &Place) -> Trouble {
        if let Err(error) = self.ender.end(&place.grant, self.now()).await {
            tracing::error!(%error, "a grant that nobody stands behind could not be revoked");
            return Trouble::StoreDown;
        }
        let provider = place.provider.name().to_owned();
        let event = AuditEvent::UpstreamEnded(place.grant.clone(), provider);
        self.audit.note(event);
        Trouble::LogInAgain
    }

    /// The provider did not answer: others may try, and a token that has not ended goes on
    /// working, which comes back then.
    async fn failed(
        &self,
        place: &Place,
        body: &Body,
        before: UpstreamTokens,
        holder: &str,
        stale: Option<&Secret>,
    ) -> Option<Arc<UpstreamTokens>> {
        let provider = place.provider.name();
        tracing::warn!(provider, "upstream tokens could not be refreshed");
        self.give_up_lease(place, holder).await;
        if body.age(self.now()) == Age::Ended || stale == Some(&before.access_token) {
            return None;
        }
        Some(Arc::new(before))
    }

    /// Takes our lease away. If that fails it ends by itself.
    async fn give_up_lease(&self, place: &Place, holder: &str) {
        let Ok((record, body)) = self.find(place).await else {
            return;
        };
        if body.lease.as_ref().is_none_or(|own| own.holder != holder) {
            return;
        }
        let freed = Body {
            lease: None,
            ..body
        };
        let Ok(record) = record.with_body(&freed) else {
            return;
        };
        if let Err(error) = self.store.replace(record, self.now()).await {
            tracing::warn!(%error, "the lease of a refresh stays until it ends");
        }
    }

    /// The record of `place` and its body.
    async fn find(&self, place: &Place) -> Result<(Record, Body), Trouble> {
        match self.store.get(&place.key, self.now()).await {
            Ok(Found::Live(record)) if hangs_on(&record, &place.grant) => {
                let body = Self::read_body(&record).map_err(broken)?;
                Ok((record, body))
            }
            Ok(_) => Err(Trouble::NotConnected),
            Err(error) => Err(broken(error)),
        }
    }

    fn opened(&self, record: &Record, body: &Body) -> Result<UpstreamTokens, Trouble> {
        self.open(record, body).map_err(|error| {
            tracing::error!(%error, "upstream tokens cannot be opened");
            Trouble::StoreDown
        })
    }
}

fn broken(error: StoreError) -> Trouble {
    tracing::error!(%error, "upstream tokens cannot be read or written");
    Trouble::StoreDown
}
