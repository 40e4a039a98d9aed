//! What administrators do with the accounts of a server is noted, and counts at once.

use std::sync::{Arc, Mutex};

use countersign_authorization_server::accounts::{AccountName, HashingCost, Password};
use countersign_authorization_server::oauth::introspection::ActiveToken;
use countersign_authorization_server::oauth::{Lifetime, ResourceUri, ScopeSet, Secret};
use countersign_authorization_server::settings::AccessTokenFormat;
use countersign_authorization_server::store::{GrantId, SealingKeys};
use countersign_authorization_server::{
    Accounts, AuthorizationServer, AuthorizationServerBuilder, People, Storage, TokenManager,
    Unavailable,
};
use countersign_resource_server::{PresentedToken, Verification, Verifier as _};
use testkit::TestClock;

use crate::audit::taken;
use crate::fixture::*;
use crate::watched_store::{Health, WatchedStore};

struct House {
    server: AuthorizationServer,
    accounts: Accounts,
    store: Arc<WatchedStore>,
    events: Arc<Events>,
    clock: TestClock,
}

type Change = fn(AuthorizationServerBuilder) -> AuthorizationServerBuilder;

fn cheap(accounts: Accounts) -> Accounts {
    let mut cost = HashingCost::default();
    (cost.memory, cost.passes) = (32, 1);
    accounts.hashing_cost(cost)
}

/// A server with pages and accounts of its own, as its builder makes them.
fn house(change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder) -> House {
    house_with(change, |_, builder| (None, builder.accounts(cheap)))
}

/// A server that is given the pages, and with them the accounts.
fn given_house(
    change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
) -> House {
    house_with(change, |store, builder| {
        let accounts = cheap(Accounts::new(store));
        let people = People::new(accounts.clone(), &settings());
        (Some(accounts), builder.interaction(Arc::new(people)))
    })
}

fn house_with(
    change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
    people: impl FnOnce(
        Arc<WatchedStore>,
        AuthorizationServerBuilder,
    ) -> (Option<Accounts>, AuthorizationServerBuilder),
) -> House {
    let (store, events) = (WatchedStore::new(Health::Good), Arc::new(Events::default()));
    let clock = TestClock::new();
    let sealing = SealingKeys::parse(&SealingKeys::text_of([7; 32])).unwrap();
    let builder = AuthorizationServer::with_settings(settings())
        .storage(Storage::new(store.clone(), sealing))
        .clock(Arc::new(clock.clone()))
        .audit(events.clone());
    let (accounts, builder) = people(store.clone(), builder);
    let server = change(builder).build().unwrap();
    let own = || server.people().unwrap().accounts().clone();
    House {
        accounts: accounts.unwrap_or_else(own),
        server,
        store,
        events,
        clock,
    }
}

/// Both of them.
fn houses(change: Change) -> [House; 2] {
    [house(change), given_house(change)]
}

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

fn password(text: &str) -> Password {
    Password::new(Secret::new(text)).unwrap()
}

impl House {
    /// An access token of `subject`.
    async fn token(&self, subject: &str) -> Secret {
        let resource = ResourceUri::parse(RESOURCE).unwrap();
        let scope = ScopeSet::parse("read").unwrap();
        let lifetime = Lifetime::from_mins(10);
        let issued = self
            .server
            .issue_test_token(subject, &resource, scope, lifetime);
        issued.await.unwrap()
    }

    /// Whether our own resource server accepts `token`; nothing if it cannot be judged.
    async fn accepts(&self, token: &Secret) -> Option<bool> {
        let resource = ResourceUri::parse(RESOURCE).unwrap();
        let verifier = self.server.own_tokens(resource).unwrap();
        let presented = PresentedToken::new(token.reveal());
        let verdict = verifier.verify(presented, self.clock.now()).await;
        Some(matches!(verdict.ok()?, Verification::Accepted(_)))
    }
}

#[tokio::test]
async fn h13_what_administrators_do_with_accounts_are_events_with_whose() {
    for house in houses(|builder| builder) {
        assert_each_change_is_noted(&house).await;
    }
}

async fn assert_each_change_is_noted(house: &House) {
    let (accounts, alice) = (&house.accounts, name("alice"));
    accounts.disable(&alice).await.unwrap_err();
    accounts.enable(&alice).await.unwrap_err();
    accounts.delete(&alice).await.unwrap_err();
    let new = password("another password");
    accounts.set_password(&alice, &new).await.unwrap_err();
    assert_eq!(taken(&house.events), Vec::<String>::new());

    let subject = accounts.add(&alice, &password("first password")).await;
    let subject = subject.unwrap();
    accounts.add(&alice, &new).await.unwrap_err();
    accounts.disable(&alice).await.unwrap();
    accounts.enable(&alice).await.unwrap();
    accounts.set_password(&alice, &new).await.unwrap();
    accounts.delete(&alice).await.unwrap();
    let changes = ["added", "disabled", "enabled", "password_set", "deleted"];
    let expected = changes.map(|change| format!("account_{change} subject={subject}"));
    assert_eq!(taken(&house.events), expected);
}

#[tokio::test]
async fn h13_what_administrators_make_for_clients_is_an_event_without_its_secret() {
    let house = house(|builder| builder);
    let token = house
        .server
        .initial_access_token(Lifetime::from_hours(1))
        .await;
    let events = taken(&house.events);
    assert_eq!(events, ["initial_access_token_issued"]);
    assert!(!format!("{events:?}").contains(token.unwrap().reveal()));
}

#[tokio::test]
async fn c32_an_account_that_ends_here_ends_at_once_also_while_the_store_is_down() {
    let ways = ["disabled", "password", "deleted"];
    let houses = ways.map(|way| houses(|builder| builder).map(|house| (way, house)));
    for (way, house) in houses.into_iter().flatten() {
        let (accounts, alice) = (&house.accounts, name("alice"));
        let added = accounts.add(&alice, &password("first password")).await;
        let token = house.token(&added.unwrap()).await;
        assert_eq!(house.accepts(&token).await, Some(true));
        house.store.is(Health::Down);
        // The store confirmed it a moment ago.
        assert_eq!(house.accepts(&token).await, Some(true), "{way}");
        house.store.is(Health::Good);
        let done = match way {
            "disabled" => accounts.disable(&alice).await,
            "password" => {
                accounts
                    .set_password(&alice, &password("the new one"))
                    .await
            }
            _ => accounts.delete(&alice).await,
        };
        done.unwrap();
        house.store.is(Health::Down);
        assert_eq!(house.accepts(&token).await, None, "{way}");
        house.store.is(Health::Good);
        assert_eq!(house.accepts(&token).await, Some(false), "{way}");
    }
}

/// Notes which grants have ended.
#[derive(Clone, Debug, Default)]
struct Notes(Arc<Mutex<(Option<GrantId>, Vec<GrantId>)>>);

impl TokenManager for Notes {
    async fn generate_access_token(
        &self,
        _: &ActiveToken,
        grant: &GrantId,
    ) -> Result<Secret, Unavailable> {
        self.0.lock().unwrap().0 = Some(grant.clone());
        Ok(Secret::new("a-text-of-more-than-22-characters"))
    }

    async fn end_grant(&self, grant: &GrantId) -> Result<(), Unavailable> {
        self.0.lock().unwrap().1.push(grant.clone());
        Ok(())
    }
}

#[tokio::test]
async fn m_28_a_token_manager_hears_of_the_grants_of_an_account_that_ends() {
    for is_given in [false, true] {
        let notes = Notes::default();
        let given = notes.clone();
        let change = |builder: AuthorizationServerBuilder| {
            builder
                .settings(|settings| settings.access_token_format = AccessTokenFormat::Opaque)
                .token_manager(given)
        };
        let house = if is_given {
            given_house(change)
        } else {
            house(change)
        };
        let (accounts, alice) = (&house.accounts, name("alice"));
        let added = accounts.add(&alice, &password("first password")).await;
        house.token(&added.unwrap()).await;
        let made_for = notes.0.lock().unwrap().0.clone().unwrap();
        accounts.disable(&alice).await.unwrap();
        assert_eq!(notes.0.lock().unwrap().1, [made_for]);
    }
}

#[test]
fn accounts_that_belong_to_another_server_stop_the_start() {
    let house = house(|builder| builder);
    let people = Arc::new(People::new(house.accounts.clone(), &settings()));
    let refused = AuthorizationServer::with_settings(settings())
        .storage(Storage::memory().unwrap())
        .interaction(people)
        .build();
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("Accounts::new"), "{said}");
}
