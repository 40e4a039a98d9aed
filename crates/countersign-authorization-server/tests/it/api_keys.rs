//! API keys: made, presented, rotated, revoked, and gone with their owner.

use std::sync::Arc;

use countersign_authorization_server::accounts::AccountName;
use countersign_authorization_server::api_keys::{
    ApiKeyError, ApiKeyManager, ApiKeyRequest, ApiKeysOf, IssuedApiKey,
};
use countersign_authorization_server::oauth::{ApiKeyId, Lifetime, ScopeSet, Secret};
use countersign_authorization_server::store::{SealingKeys, Store};
use countersign_authorization_server::{AuthorizationServer, Storage};
use countersign_resource_server::{
    ApiKeyAuth, ApiKeyOwner, ApiKeyRefusal, IntoVerifier as _, PresentedToken, Reason,
    Verification, Verifier as _,
};
use testkit::TestClock;

use crate::fixture::*;
use crate::people::browser::{PASSWORD, Site, site_with};
use crate::watched_store::{Health, WatchedStore};

const DAY: Lifetime = Lifetime::from_hours(24);

async fn site() -> Site {
    let site = site_with(settings(), |builder| builder).await;
    for name in ["alice", "bob"] {
        site.add(name, PASSWORD).await;
    }
    site
}

fn nightly() -> ApiKeyRequest {
    let owner = ApiKeyOwner::service("nightly").unwrap();
    ApiKeyRequest::new(owner, "The nightly report").scopes(ScopeSet::parse("read").unwrap())
}

async fn of(site: &Site, name: &str) -> ApiKeyOwner {
    let name = AccountName::parse(name).unwrap();
    let account = site.accounts.named(&name).await.unwrap().unwrap();
    ApiKeyOwner::person(&account.subject).unwrap()
}

/// What a resource server says to `text`; nothing if it cannot say anything.
async fn judged(keys: &ApiKeyManager, clock: &TestClock, text: &Secret) -> Option<Verification> {
    let auth = ApiKeyAuth::header("X-API-Key").keys(keys.clone());
    let verifier = auth.into_verifier().unwrap();
    let presented = PresentedToken::new(text.reveal());
    verifier.verify(presented, clock.now()).await.ok()
}

async fn opens(site: &Site, issued: &IssuedApiKey) -> bool {
    let keys = site.server.api_keys();
    let judged = judged(&keys, &site.clock, &issued.text).await;
    matches!(judged, Some(Verification::Accepted(_)))
}

async fn refusal(site: &Site, text: &Secret) -> Reason {
    match judged(&site.server.api_keys(), &site.clock, text).await {
        Some(Verification::Rejected(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a82_a_revoked_key_is_refused_from_the_next_request_on() {
    let site = site().await;
    let keys = site.server.api_keys();
    let issued = keys.create(&nightly()).await.unwrap();
    let id = issued.overview.id.clone();
    assert!(opens(&site, &issued).await);
    assert!(keys.revoke(&id).await.unwrap());
    let revoked = Reason::ApiKey(ApiKeyRefusal::Revoked);
    assert_eq!(refusal(&site, &issued.text).await, revoked);
    // Nothing brings it back, and a second time there is nothing to revoke.
    assert!(!keys.revoke(&id).await.unwrap());
    let rotated = keys.rotate(&id, DAY).await.unwrap_err();
    assert!(matches!(rotated, ApiKeyError::Unknown));
    assert_eq!(refusal(&site, &issued.text).await, revoked);
    let shown = keys.show(&id).await.unwrap().unwrap();
    assert!(shown.revoked_at.is_some());
    let unknown = ApiKeyId::parse("000000000000").unwrap();
    assert!(!keys.revoke(&unknown).await.unwrap());
    assert_eq!(site.saw("api_key_created"), 1);
    assert_eq!(site.saw("api_key_revoked"), 1);
}

#[tokio::test]
async fn a82_the_keys_of_somebody_who_is_disabled_or_deleted_are_refused() {
    let site = site().await;
    let keys = site.server.api_keys();
    for (name, end) in [("alice", "disable"), ("bob", "delete")] {
        let owner = of(&site, name).await;
        let issued = keys
            .create(&ApiKeyRequest::new(owner, "Mine"))
            .await
            .unwrap();
        assert!(opens(&site, &issued).await, "{name}");
        let name = AccountName::parse(name).unwrap();
        match end {
            "disable" => site.accounts.disable(&name).await.unwrap(),
            _ => site.accounts.delete(&name).await.unwrap(),
        }
        assert!(!opens(&site, &issued).await, "{end}");
        if end == "disable" {
            // What it had allowed stays revoked.
            site.accounts.enable(&name).await.unwrap();
            let reason = refusal(&site, &issued.text).await;
            assert_eq!(reason, Reason::ApiKey(ApiKeyRefusal::Revoked));
        }
    }
    // An owner of whom nothing is known.
    let nobody = ApiKeyOwner::person("nobody").unwrap();
    let issued = keys
        .create(&ApiKeyRequest::new(nobody, "Mine"))
        .await
        .unwrap();
    let reason = refusal(&site, &issued.text).await;
    assert_eq!(reason, Reason::ApiKey(ApiKeyRefusal::Owner));
}

#[tokio::test]
async fn a_new_password_from_an_administrator_ends_the_keys_of_the_person() {
    use countersign_authorization_server::accounts::Password;
    let site = site().await;
    let keys = site.server.api_keys();
    let (alice, bob) = (of(&site, "alice").await, of(&site, "bob").await);
    let hers = keys
        .create(&ApiKeyRequest::new(alice, "Mine"))
        .await
        .unwrap();
    let his = keys.create(&ApiKeyRequest::new(bob, "Mine")).await.unwrap();
    let name = AccountName::parse("alice").unwrap();
    let password = Password::new(Secret::new("another password")).unwrap();
    site.accounts.set_password(&name, &password).await.unwrap();
    assert!(!opens(&site, &hers).await);
    assert!(opens(&site, &his).await);
}

#[tokio::test]
async fn after_a_rotation_both_keys_work_until_the_overlap_ends() {
    let site = site().await;
    let keys = site.server.api_keys();
    let request = nightly().roles(["reporter"]).lifetime(DAY);
    let old = keys.create(&request).await.unwrap();
    site.clock.advance(Lifetime::from_hours(1));
    let new = keys
        .rotate(&old.overview.id, Lifetime::from_hours(2))
        .await
        .unwrap();
    assert!(opens(&site, &old).await && opens(&site, &new).await);
    assert_ne!(old.overview.id, new.overview.id);
    assert_eq!(new.overview.scopes, old.overview.scopes);
    assert_eq!(new.overview.roles, ["reporter"]);
    let created = new.overview.created_at;
    let end = new.overview.expires_at;
    assert_eq!(end, Some(created.saturating_add(DAY)));
    let shown = keys.show(&old.overview.id).await.unwrap().unwrap();
    assert_eq!(shown.replaced_by, Some(new.overview.id.clone()));
    // It has a successor, and gets no second one.
    let again = keys.rotate(&old.overview.id, DAY).await.unwrap_err();
    assert!(matches!(again, ApiKeyError::Unknown));
    site.clock.advance(Lifetime::from_secs(2 * 3600 - 1));
    assert!(opens(&site, &old).await);
    site.clock.advance(Lifetime::from_secs(1));
    assert!(!opens(&site, &old).await);
    assert!(opens(&site, &new).await);
    assert_eq!(site.saw("api_key_rotated"), 1);
}

#[tokio::test]
async fn an_overlap_never_lengthens_the_life_of_the_old_key() {
    let site = site().await;
    let keys = site.server.api_keys();
    let hour = Lifetime::from_hours(1);
    let old = keys.create(&nightly().lifetime(hour)).await.unwrap();
    let end = old.overview.expires_at;
    keys.rotate(&old.overview.id, DAY).await.unwrap();
    let shown = keys.show(&old.overview.id).await.unwrap().unwrap();
    assert_eq!(shown.expires_at, end);
    // Without an overlap it ends in the same step.
    let old = keys.create(&nightly()).await.unwrap();
    let new = keys.rotate(&old.overview.id, Lifetime::ZERO).await.unwrap();
    assert!(!opens(&site, &old).await);
    assert!(opens(&site, &new).await);
    assert_eq!(new.overview.expires_at, None);
}

#[tokio::test]
async fn a_key_ends_at_its_second() {
    let site = site().await;
    let keys = site.server.api_keys();
    let issued = keys.create(&nightly().lifetime(DAY)).await.unwrap();
    site.clock.advance(Lifetime::from_secs(24 * 3600 - 1));
    assert!(opens(&site, &issued).await);
    site.clock.advance(Lifetime::from_secs(1));
    assert!(!opens(&site, &issued).await);
}

#[tokio::test]
async fn a_use_is_noted_once_a_minute_and_not_at_all_for_a_wrong_secret() {
    let site = site().await;
    let keys = site.server.api_keys();
    let issued = keys.create(&nightly()).await.unwrap();
    let id = issued.overview.id.clone();
    let last_used = async || keys.show(&id).await.unwrap().unwrap().last_used_at;
    let wrong = Secret::new(issued.text.reveal().to_ascii_lowercase());
    judged(&keys, &site.clock, &wrong).await;
    assert_eq!(last_used().await, None);
    assert!(opens(&site, &issued).await);
    let first = last_used().await;
    assert!(first.is_some());
    site.clock.advance(Lifetime::from_secs(59));
    assert!(opens(&site, &issued).await);
    assert_eq!(last_used().await, first);
    site.clock.advance(Lifetime::from_secs(1));
    assert!(opens(&site, &issued).await);
    assert!(last_used().await > first);
}

#[tokio::test]
async fn a59_owners_of_equal_names_see_nothing_of_each_other() {
    let site = site().await;
    let keys = site.server.api_keys();
    let hostile = ["nightly", "nightly\0", "nightly\n", ":nightly", "night:ly"];
    let mut owners = vec![ApiKeyOwner::service("nightly").unwrap()];
    owners.extend(hostile.map(|subject| ApiKeyOwner::person(subject).unwrap()));
    for owner in &owners {
        let request = ApiKeyRequest::new(owner.clone(), "Mine");
        keys.create(&request).await.unwrap();
    }
    for owner in &owners {
        let listed = keys.list(ApiKeysOf::Owner(owner), None).await.unwrap();
        let found: Vec<_> = listed.entries.iter().map(|key| &key.owner).collect();
        assert_eq!(found, [owner]);
    }
    let all = keys.list(ApiKeysOf::Everybody, None).await.unwrap();
    assert_eq!(all.entries.len(), owners.len());
}

#[tokio::test]
async fn names_that_nobody_can_read_are_refused() {
    let site = site().await;
    let keys = site.server.api_keys();
    let owner = || ApiKeyOwner::service("nightly").unwrap();
    for name in ["", " ", "a\nb", "a\u{202e}b", " a", &"a".repeat(101)] {
        let made = keys.create(&ApiKeyRequest::new(owner(), name)).await;
        assert!(matches!(made, Err(ApiKeyError::Name)), "{name:?}");
        let request = ApiKeyRequest::new(owner(), "a").roles([name]);
        let made = keys.create(&request).await;
        assert!(matches!(made, Err(ApiKeyError::Role)), "{name:?}");
    }
    let made = keys.create(&nightly().lifetime(Lifetime::ZERO)).await;
    assert!(matches!(made, Err(ApiKeyError::Lifetime)));
}

#[tokio::test]
async fn a_store_that_is_down_neither_lets_in_nor_refuses() {
    let (store, clock) = (WatchedStore::new(Health::Good), TestClock::new());
    let sealing = SealingKeys::parse(&SealingKeys::text_of([7; 32])).unwrap();
    let server = AuthorizationServer::with_settings(settings())
        .storage(Storage::new(Arc::clone(&store) as Arc<dyn Store>, sealing))
        .clock(Arc::new(clock.clone()))
        .build()
        .unwrap();
    let keys = server.api_keys();
    let issued = keys.create(&nightly()).await.unwrap();
    store.is(Health::Down);
    assert!(judged(&keys, &clock, &issued.text).await.is_none());
    assert!(keys.revoke(&issued.overview.id).await.is_err());
    assert!(keys.create(&nightly()).await.is_err());
    store.is(Health::Good);
    assert!(judged(&keys, &clock, &issued.text).await.is_some());
}

#[tokio::test]
async fn h9_no_key_is_in_the_database_the_audit_or_what_is_printed_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("store.db");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(path.parent().unwrap(), mode).unwrap();
    }
    let events = Arc::new(Events::default());
    let server = AuthorizationServer::with_settings(settings())
        .storage(Storage::sqlite(&path).await.unwrap())
        .audit(events.clone())
        .build()
        .unwrap();
    let keys = server.api_keys();
    let first = keys.create(&nightly()).await.unwrap();
    let second = keys.rotate(&first.overview.id, DAY).await.unwrap();
    let printed = format!("{first:?} {second:?} {:?}", events.0.lock().unwrap());
    let mut searched = 0;
    for issued in [&first, &second] {
        let text = issued.text.reveal();
        let secret = text.rsplit('_').next().unwrap();
        assert!(!printed.contains(&secret[..16]));
        for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            searched += bytes.len();
            let half = &secret.as_bytes()[..16];
            assert!(!bytes.windows(16).any(|part| part == half));
        }
    }
    assert!(searched > 20_000, "only {searched} bytes were searched");
}
