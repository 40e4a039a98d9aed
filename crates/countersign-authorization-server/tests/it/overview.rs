//! What account pages and administrators see and can end.

use countersign_authorization_server::oauth::{ClientId, Lifetime};
use countersign_authorization_server::overview::GrantsOf;
use countersign_authorization_server::store::{GrantId, GrantState};
use http::StatusCode;

use crate::fixture::*;

#[tokio::test]
async fn a_grant_is_listed_until_it_is_revoked_and_then_nothing_of_it_works() {
    let world = world().await;
    let (access, refresh) = world.tokens().await;
    let created = world.clock.now();
    world.clock.advance(Lifetime::from_mins(5));
    let (_, next) = tokens_of(&world.refresh(&refresh, &[]).await);
    let portion = world
        .server
        .grants(GrantsOf::Subject("alice"), None)
        .await
        .unwrap();
    assert_eq!((portion.entries.len(), portion.next), (1, None));
    let grant = &portion.entries[0];
    assert_eq!(
        (grant.client.as_str(), grant.subject.as_str()),
        ("C1", "alice")
    );
    assert_eq!(
        (grant.resource.as_str(), grant.scope.as_str()),
        (RESOURCE, "read write")
    );
    assert_eq!(grant.state, GrantState::Active);
    assert_eq!(grant.created_at, created);
    assert_eq!(grant.last_used_at, Some(world.clock.now()));
    assert!(
        world
            .server
            .grants(GrantsOf::Subject("bob"), None)
            .await
            .unwrap()
            .entries
            .is_empty()
    );
    assert!(
        !world
            .server
            .revoke_grant(&GrantId::new("unknown"))
            .await
            .unwrap()
    );
    assert!(world.server.revoke_grant(&grant.id).await.unwrap());
    assert!(!world.server.revoke_grant(&grant.id).await.unwrap());
    assert!(
        world
            .server
            .grants(GrantsOf::Everybody, None)
            .await
            .unwrap()
            .entries
            .is_empty()
    );
    assert!(!world.is_active(&access).await);
    world.refresh(&next, &[]).await.assert_tok("invalid_grant");
}

#[tokio::test]
async fn c11_c32_a_deleted_client_takes_its_grants_with_it() {
    let world = world().await;
    let (access, refresh) = world.tokens().await;
    let code = world.code("C1").await;
    let id = ClientId::parse("C1").unwrap();
    assert_eq!(
        world
            .server
            .grants(GrantsOf::Client(&id), None)
            .await
            .unwrap()
            .entries
            .len(),
        2
    );
    world.server.delete_client(&id).await.unwrap();
    assert!(!world.is_active(&access).await);
    world
        .refresh(&refresh, &[])
        .await
        .assert_tok("invalid_client");
    world.redeem(&code, &[]).await.assert_tok("invalid_client");
    world.authorize(&[]).await.assert_page();
    assert!(
        world
            .server
            .grants(GrantsOf::Client(&id), None)
            .await
            .unwrap()
            .entries
            .is_empty()
    );
    let clients = world.server.clients(None).await.unwrap().entries;
    assert!(clients.iter().all(|client| client.id != id));
    assert_eq!(clients.len(), 3);
}

#[tokio::test]
async fn keys_are_listed_with_the_time_they_sign_and_end() {
    let world = world().await;
    let first = world.server.signing_keys().await.unwrap();
    assert_eq!(
        (first.len(), first[0].algorithm, first[0].published_until),
        (1, "ES256", None)
    );
    let kid = world.server.rotate_keys().await.unwrap();
    let keys = world.server.signing_keys().await.unwrap();
    assert_eq!(
        (keys.len(), &keys[0].kid, &keys[1].kid),
        (2, &first[0].kid, &kid)
    );
    let begins = world.clock.now().saturating_add(Lifetime::from_mins(5));
    assert_eq!(keys[1].signs_from, begins);
    assert!(keys[0].published_until.is_some_and(|end| end > begins));
    assert_eq!(world.get("/jwks").await.status, StatusCode::OK);
}
