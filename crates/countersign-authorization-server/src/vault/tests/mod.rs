//! The vault with a provider that is a value: what it is asked and what it answers.

mod refreshing;
mod revoking;
mod using;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use countersign_oauth::{ClientId, Lifetime, ResourceUri, ScopeSet, Secret, UnixTime};
use countersign_resource_server::fetch::{FetchError, Fetching};
use countersign_store::store::StoreFuture;
use countersign_store::{
    CounterKey, Found, GrantId, GrantState, Hits, Index, Key, Listed, MemoryStore, Page, Record,
    Sealed, SealingKeys, Store, StoreError, Write,
};
use http::{Request, Response, StatusCode};
use testkit::TestClock;
use tokio::time::sleep;
use url::Url;

use super::provides::{Asking, No, PAUSE};
use super::{Asked, Place, Provides, Renewal, UpstreamAccess, Vault, VaultParts};
use crate::audit::AuditTrail;
use crate::confirmed::Confirmed;
use crate::grant::Granted;
use crate::grant_end::GrantEnder;
use crate::random::SystemGenerator;
use crate::upstream::UpstreamTokens;
use countersign_audit::Sink;

/// How long an access token of the provider lives.
const LIFE: u64 = 3600;

/// What the provider does when it is asked to refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Rotates,
    /// Issues no new refresh token.
    Renews,
    Refuses,
    Fails,
    Hangs,
}

/// A provider.
#[derive(Debug)]
struct Provider {
    mood: Mutex<Mood>,
    /// How long it thinks before it answers.
    thinks: Duration,
    /// The refresh tokens that it was shown.
    refreshed: Mutex<Vec<String>>,
    /// The access and refresh tokens that were given back.
    revoked: Mutex<Vec<(String, Option<String>)>>,
    revokes: Mutex<bool>,
    /// Whether giving back one token ends all that the person allowed.
    ends_everything: Mutex<bool>,
    /// What its API answers; 200 at the end.
    statuses: Mutex<VecDeque<StatusCode>>,
    /// The requests that reached its API.
    requests: Mutex<Vec<Request<Bytes>>>,
    clock: TestClock,
}

impl Provider {
    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn refreshes(&self) -> Vec<String> {
        self.refreshed.lock().unwrap().clone()
    }

    fn revocations(&self) -> Vec<(String, Option<String>)> {
        self.revoked.lock().unwrap().clone()
    }

    /// The tokens that it issues the `number`th time.
    fn tokens(number: usize, now: UnixTime) -> UpstreamTokens {
        UpstreamTokens {
            access_token: Secret::new(format!("upstream-access-{number}")),
            refresh_token: Some(Secret::new(format!("upstream-refresh-{number}"))),
            expires_at: Some(now.saturating_add(Lifetime::from_secs(LIFE))),
            scope: None,
        }
    }
}

impl Provides for Provider {
    fn name(&self) -> &str {
        "hub"
    }

    fn display_name(&self) -> &str {
        "The Hub"
    }

    fn refresh<'a>(
        &'a self,
        refresh_token: &'a Secret,
        resource: &'a ResourceUri,
        at: Asked<'a>,
    ) -> Asking<'a, UpstreamTokens> {
        assert_eq!(resource.as_str(), "https://rs.test/mcp");
        Box::pin(async move {
            let number = {
                let mut refreshed = self.refreshed.lock().unwrap();
                refreshed.push(refresh_token.reveal().to_owned());
                refreshed.len()
            };
            sleep(self.thinks).await;
            let mood = *self.mood.lock().unwrap();
            let mut tokens = Self::tokens(number, at.now);
            match mood {
                Mood::Rotates => Ok(tokens),
                Mood::Renews => {
                    tokens.refresh_token = None;
                    Ok(tokens)
                }
                Mood::Refuses => Err(No::Ended),
                Mood::Fails => Err(No::Failed(PAUSE)),
                Mood::Hangs => std::future::pending().await,
            }
        })
    }

    fn ends_everything(&self) -> bool {
        *self.ends_everything.lock().unwrap()
    }

    fn revoke<'a>(&'a self, tokens: &'a UpstreamTokens, _at: Asked<'a>) -> Asking<'a, ()> {
        Box::pin(async move {
            if !*self.revokes.lock().unwrap() {
                return Err(No::Failed(PAUSE));
            }
            let refresh = tokens.refresh_token.as_ref();
            self.revoked.lock().unwrap().push((
                tokens.access_token.reveal().to_owned(),
                refresh.map(|token| token.reveal().to_owned()),
            ));
            Ok(())
        })
    }

    fn allows(&self, url: &Url) -> bool {
        url.origin().ascii_serialization() == "https://api.hub.test"
    }

    fn fetch(&self, request: Request<Bytes>) -> Fetching<'_> {
        Box::pin(async move {
            self.requests.lock().unwrap().push(request);
            let status = self.statuses.lock().unwrap().pop_front();
            match status {
                Some(StatusCode::GATEWAY_TIMEOUT) => Err(FetchError::Timeout),
                status => {
                    let mut answer = Response::new(Bytes::from_static(b"{}"));
                    *answer.status_mut() = status.unwrap_or(StatusCode::OK);
                    Ok(answer)
                }
            }
        })
    }
}

/// A store that takes so many more writes and then none, until it is told otherwise.
struct Flaky {
    inner: Arc<dyn Store>,
    writes_left: Mutex<usize>,
    /// How many records were listed.
    listed: AtomicUsize,
}

impl Flaky {
    fn takes(&self, writes: usize) {
        *self.writes_left.lock().unwrap() = writes;
    }
}

impl Store for Flaky {
    fn write(&self, writes: Vec<Write>, now: UnixTime) -> StoreFuture<'_, ()> {
        let mut left = self.writes_left.lock().unwrap();
        if *left == 0 {
            let full = StoreError::Unavailable("the disk is full".to_owned());
            return Box::pin(async { Err(full) });
        }
        *left -= 1;
        self.inner.write(writes, now)
    }
    fn get<'a>(&'a self, key: &'a Key, now: UnixTime) -> StoreFuture<'a, Found> {
        self.inner.get(key, now)
    }
    fn redeem<'a>(
        &'a self,
        key: &'a Key,
        writes: Vec<Write>,
        receipt: Option<Sealed>,
        now: UnixTime,
    ) -> StoreFuture<'a, Found> {
        self.inner.redeem(key, writes, receipt, now)
    }
    fn revoke_grant<'a>(&'a self, grant: &'a GrantId, now: UnixTime) -> StoreFuture<'a, u64> {
        self.inner.revoke_grant(grant, now)
    }
    fn touch<'a>(
        &'a self,
        key: &'a Key,
        extend_to: Option<UnixTime>,
        now: UnixTime,
    ) -> StoreFuture<'a, bool> {
        self.inner.touch(key, extend_to, now)
    }
    fn hit<'a>(
        &'a self,
        counter: &'a CounterKey,
        window: Lifetime,
        now: UnixTime,
    ) -> StoreFuture<'a, Hits> {
        self.inner.hit(counter, window, now)
    }
    fn hits<'a>(&'a self, counter: &'a CounterKey, now: UnixTime) -> StoreFuture<'a, Option<Hits>> {
        self.inner.hits(counter, now)
    }
    fn forget_hits<'a>(&'a self, counter: &'a CounterKey) -> StoreFuture<'a, ()> {
        self.inner.forget_hits(counter)
    }
    fn list<'a>(&'a self, index: &'a Index, page: Page, now: UnixTime) -> StoreFuture<'a, Listed> {
        Box::pin(async move {
            let listed = self.inner.list(index, page, now).await?;
            self.listed
                .fetch_add(listed.records.len(), Ordering::Relaxed);
            Ok(listed)
        })
    }
    fn count<'a>(&'a self, index: &'a Index, most: u64, now: UnixTime) -> StoreFuture<'a, u64> {
        self.inner.count(index, most, now)
    }
    fn purge(&self, now: UnixTime) -> StoreFuture<'_, u64> {
        self.inner.purge(now)
    }
}

/// What was noted.
#[derive(Debug, Default)]
struct Events(Mutex<Vec<String>>);

impl Sink for Events {
    fn note(&self, record: countersign_audit::Record) {
        self.0.lock().unwrap().push(record.event.to_string());
    }
}

/// A vault in a process of its own, and what is around it.
struct World {
    vault: Arc<Vault>,
    store: Arc<Flaky>,
    provider: Arc<Provider>,
    clock: TestClock,
    events: Arc<Events>,
}

fn provider(clock: &TestClock) -> Arc<Provider> {
    Arc::new(Provider {
        mood: Mutex::new(Mood::Rotates),
        thinks: Duration::from_millis(20),
        refreshed: Mutex::default(),
        revoked: Mutex::default(),
        revokes: Mutex::new(true),
        ends_everything: Mutex::new(false),
        statuses: Mutex::default(),
        requests: Mutex::default(),
        clock: clock.clone(),
    })
}

fn world() -> World {
    let clock = TestClock::new();
    let provider = provider(&clock);
    world_over(Arc::new(MemoryStore::new()), &provider)
}

/// One more process over `store`, at the same provider.
fn world_over(store: Arc<dyn Store>, provider: &Arc<Provider>) -> World {
    let store = Arc::new(Flaky {
        inner: store,
        writes_left: Mutex::new(usize::MAX),
        listed: AtomicUsize::new(0),
    });
    let (clock, events) = (provider.clock.clone(), Arc::new(Events::default()));
    let sealing = SealingKeys::parse(&SealingKeys::text_of([7; 32])).unwrap();
    let shared: Arc<dyn Store> = store.clone();
    let upstream: Arc<dyn Provides> = provider.clone();
    let ender = GrantEnder {
        store: Arc::clone(&shared),
        confirmed: Arc::new(Confirmed::default()),
        token_manager: None,
        vault: OnceLock::new(),
    };
    let vault = Vault::new(VaultParts {
        store: shared,
        sealing: Arc::new(sealing),
        clock: Arc::new(clock.clone()),
        random: Arc::new(SystemGenerator),
        ender: Arc::new(ender),
        audit: AuditTrail {
            sink: events.clone(),
            clock: Arc::new(clock.clone()),
        },
        providers: vec![upstream],
    });
    World {
        vault,
        store,
        provider: Arc::clone(provider),
        clock,
        events,
    }
}

/// The grant `id` of somebody who came by the provider, for ten days.
fn granted(id: &str, now: UnixTime) -> Granted {
    Granted {
        id: GrantId::new(id),
        client: ClientId::parse("C1").unwrap(),
        subject: "alice".to_owned(),
        resource: ResourceUri::parse("https://rs.test/mcp").unwrap(),
        scope: ScopeSet::parse("read").unwrap(),
        expires_at: now.saturating_add(Lifetime::from_hours(240)),
        upstream: Some("hub".to_owned()),
        asserted_by: None,
        act: None,
    }
}

impl World {
    fn now(&self) -> UnixTime {
        self.vault.now()
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Lifetime::from_secs(seconds));
    }

    /// Somebody logs in at the provider.
    async fn log_in(&self, id: &str) -> Granted {
        self.log_in_with(id, Provider::tokens(0, self.now())).await
    }

    async fn log_in_with(&self, id: &str, tokens: UpstreamTokens) -> Granted {
        let granted = granted(id, self.now());
        let grant = Record::new(Key::grant(&granted.id), self.now())
            .in_state(GrantState::Active)
            .about(granted.store_subject())
            .expiring(granted.expires_at)
            .with_body(&granted.body())
            .unwrap();
        let kept = self.vault.keep(&granted, &tokens).unwrap().unwrap();
        let writes = vec![Write::Insert(grant), kept];
        self.store.inner.write(writes, self.now()).await.unwrap();
        granted
    }

    fn place(&self, granted: &Granted) -> Place {
        let provider = self.vault.provider("hub").unwrap();
        self.vault.place(&granted.id, provider)
    }

    /// What a call of a tool gets.
    async fn token(&self, granted: &Granted) -> Renewal {
        self.vault.token(self.place(granted), None).await
    }

    fn access(&self, granted: &Granted) -> UpstreamAccess {
        UpstreamAccess::new(&self.vault, &granted.id)
    }

    /// The refresh token in the record, and whether somebody has a lease.
    async fn stored(&self, granted: &Granted) -> (String, bool) {
        let place = self.place(granted);
        let found = self.store.get(&place.key, self.now()).await.unwrap();
        let record = found.live().unwrap();
        let body = Vault::read_body(&record).unwrap();
        let tokens = self.vault.open(&record, &body).unwrap();
        let refresh = tokens.refresh_token.unwrap().reveal().to_owned();
        (refresh, body.lease.is_some())
    }

    async fn is_live(&self, granted: &Granted) -> bool {
        let key = Key::grant(&granted.id);
        let found = self.store.get(&key, self.now()).await.unwrap();
        matches!(found, Found::Live(_))
    }

    fn saw(&self, event: &str) -> bool {
        let events = self.events.0.lock().unwrap();
        events.iter().any(|seen| seen.starts_with(event))
    }
}

fn access_token(renewal: &Renewal) -> &str {
    renewal.as_ref().unwrap().access_token.reveal()
}
