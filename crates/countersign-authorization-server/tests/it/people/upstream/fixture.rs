//! A server whose people log in at providers that behave like the real ones.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use countersign_authorization_server::oauth::Secret;
use countersign_authorization_server::store::sqlite::SqliteStore;
use countersign_authorization_server::store::{Index, Kind, MemoryStore, SealingKeys, Store as _};
use countersign_authorization_server::upstream::UpstreamBuilder;
use countersign_authorization_server::{
    Accounts, AuthorizationServer, AuthorizationServerBuilder, People, Settings, Storage, Upstream,
};
use countersign_resource_server::provider::Preset;
use http::StatusCode;
use testkit::{FakeProvider, TestClock};

use super::super::browser::*;
use crate::fixture::{Events, ISSUER, Mood, Person, Seen, World};

/// A server, and its providers.
pub(crate) struct Inn {
    pub(crate) site: Site,
    pub(crate) github: FakeProvider,
    pub(crate) oidc: FakeProvider,
}

/// Which providers a server has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// GitHub and nothing else.
    Alone,
    /// GitHub, and one that speaks OpenID Connect.
    Providers,
    /// GitHub, and local accounts.
    WithAccounts,
}

/// The providers of a server at `issuer`, at the time of `clock`.
pub(crate) async fn providers(issuer: &str, clock: &TestClock) -> (FakeProvider, FakeProvider) {
    let github = FakeProvider::github()
        .clock(clock.clone())
        .redirect_uri(&format!("{issuer}/callback/github"))
        .start()
        .await;
    let oidc = FakeProvider::oidc()
        .clock(clock.clone())
        .seed(7)
        .redirect_uri(&format!("{issuer}/callback/oidc"))
        .start()
        .await;
    (github, oidc)
}

/// Our application at `provider`, made from the preset `name`.
pub(crate) fn application(provider: &FakeProvider, name: &str) -> UpstreamBuilder {
    let text = provider.localised(Preset::text(name).unwrap());
    let preset = Preset::parse(&text).unwrap();
    let mut values = BTreeMap::from([("client_id".to_owned(), provider.client_id().to_owned())]);
    if name == "oidc" {
        values.insert("issuer".to_owned(), provider.issuer().unwrap());
    }
    let filled = preset.fill(&values).unwrap();
    Upstream::builder(filled, provider.client_id())
        .secret(Secret::new(provider.client_secret().unwrap()))
        .danger_allow_loopback()
}

pub(crate) async fn inn(offer: Offer) -> Inn {
    inn_with(
        settings_at(ISSUER),
        offer,
        UpstreamBuilder::allow_everyone,
        |it| it,
    )
    .await
}

/// A server that lets those in at GitHub whom `rules` allow.
pub(crate) async fn inn_with(
    settings: Settings,
    offer: Offer,
    rules: impl FnOnce(UpstreamBuilder) -> UpstreamBuilder,
    change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
) -> Inn {
    let (store, clock) = (Arc::new(MemoryStore::new()), TestClock::new());
    let (github, oidc) = providers(settings.issuer.as_str(), &clock).await;
    let mut upstreams = vec![rules(application(&github, "github")).build().unwrap()];
    if offer == Offer::Providers {
        upstreams.push(application(&oidc, "oidc").allow_everyone().build().unwrap());
    }
    let site = site_at(settings, (store, clock), |mut builder| {
        for upstream in upstreams {
            builder = builder.upstream(upstream);
        }
        if offer == Offer::WithAccounts {
            builder = builder.with_local_accounts();
        }
        change(builder)
    })
    .await;
    Inn { site, github, oidc }
}

/// A server over a new store with the pages of the builder, and clients.
pub(crate) async fn site_at(
    settings: Settings,
    parts: (Arc<MemoryStore>, TestClock),
    change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
) -> Site {
    let site = site_over(settings, parts, change);
    add_clients(&site).await;
    site
}

/// A server over `store` with the pages of the builder.
pub(crate) fn site_over(
    settings: Settings,
    (store, clock): (Arc<MemoryStore>, TestClock),
    change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
) -> Site {
    let events = Arc::new(Events::default());
    let sealing = SealingKeys::parse(&SealingKeys::text_of([7; 32])).unwrap();
    let accounts = Accounts::new(store.clone())
        .clock(Arc::new(clock.clone()))
        .hashing_cost(cheap());
    let people = Arc::new(People::new(accounts.clone(), &settings));
    let builder = AuthorizationServer::with_settings(settings)
        .storage(Storage::new(store.clone(), sealing))
        .clock(Arc::new(clock.clone()))
        .audit(events.clone())
        .accounts(|accounts| accounts.hashing_cost(cheap()))
        .pages(|pages| {
            pages
                .scope("read", "Read your notes")
                .optional_scope("write", "Change your notes")
        });
    Site {
        server: change(builder).build().unwrap(),
        accounts,
        people,
        store,
        clock,
        events,
    }
}

impl Inn {
    pub(crate) fn browser(&self) -> Browser<'_> {
        self.site.browser()
    }

    /// How many live records of `kind` there are.
    pub(crate) async fn count(&self, kind: Kind) -> u64 {
        let index = Index::Kind(kind);
        let now = self.site.clock.now();
        self.site.store.count(&index, 1_000, now).await.unwrap()
    }

    /// That nobody has anything, and that no code reached GitHub.
    pub(crate) async fn assert_nothing_happened(&self) {
        for kind in [
            Kind::Account,
            Kind::UpstreamIdentity,
            Kind::UpstreamTokens,
            Kind::BrowserSession,
            Kind::Grant,
            Kind::AuthorizationCode,
        ] {
            assert_eq!(self.count(kind).await, 0, "{kind}");
        }
        let sent = self.github.requests_to(testkit::provider::Endpoint::Token);
        assert!(sent.is_empty(), "{sent:?}");
    }
}

/// A server with GitHub alone over the database at `path`, with sealing keys of `seed`.
pub(crate) async fn on_file(
    path: &Path,
    clock: &TestClock,
    github: &FakeProvider,
    seed: u8,
) -> World {
    let store = SqliteStore::open(path).await.unwrap();
    let upstream = application(github, "github").allow_everyone();
    let sealing = SealingKeys::parse(&SealingKeys::text_of([seed; 32])).unwrap();
    let (store, events) = (Arc::new(store), Arc::new(Events::default()));
    let server = AuthorizationServer::with_settings(settings_at(ISSUER))
        .storage(Storage::new(store.clone(), sealing))
        .clock(Arc::new(clock.clone()))
        .audit(events.clone())
        .upstream(upstream.build().unwrap())
        .build()
        .unwrap();
    let person = Arc::new(Person {
        mood: Mutex::new(Mood::Waits),
        enabled: Mutex::new(true),
        transaction: Mutex::new(None),
    });
    World {
        server,
        store,
        clock: clock.clone(),
        person,
        events,
    }
}

/// The address of the provider to which the consent given in `browser` leads.
pub(crate) async fn allow(browser: &Browser<'_>, client: &str) -> String {
    let page = browser.authorize(client, &[]).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    location_of(&browser.decide(&page, "allow", &[]).await)
}

pub(crate) fn location_of(seen: &Seen) -> String {
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
    seen.header("location").unwrap().to_owned()
}

/// Logs `browser` in at the provider of `inn` that has no other beside it.
pub(crate) async fn code_of(inn: &Inn, browser: &Browser<'_>, client: &str, person: &str) -> Seen {
    let callback = inn
        .github
        .approve(&allow(browser, client).await, person)
        .await;
    browser.get(&callback).await
}

/// `address` with the parameter `name` set, or without it.
pub(crate) fn with_parameter(address: &str, name: &str, value: Option<&str>) -> String {
    let mut url = url::Url::parse(address).unwrap();
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(found, _)| found != name)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut pairs = url.query_pairs_mut();
    pairs.clear().extend_pairs(kept);
    if let Some(value) = value {
        pairs.append_pair(name, value);
    }
    drop(pairs);
    url.into()
}

pub(crate) fn parameter(address: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(address).unwrap();
    let mut pairs = url.query_pairs();
    let (_, value) = pairs.find(|(found, _)| found == name)?;
    Some(value.into_owned())
}

/// The name of the one cookie of a login that is under way.
pub(crate) fn attempt_cookie(browser: &Browser<'_>) -> String {
    let cookies = browser.cookies.borrow();
    let mut names = cookies.keys().filter(|name| name.contains("-attempt-"));
    let name = names.next().unwrap().clone();
    assert_eq!(names.next(), None);
    name
}

/// A page with an error and nothing else: no redirect, no cookie.
pub(crate) fn assert_refused(seen: &Seen, status: StatusCode) {
    assert_eq!(seen.status, status, "{seen:?}");
    assert_eq!(seen.header("location"), None, "{seen:?}");
    assert_eq!(seen.header("set-cookie"), None, "{seen:?}");
    assert_eq!(
        seen.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(seen.body.len() < 8 * 1024, "{}", seen.body.len());
}
