//! Each assertion is good for one token: rows EM-04, C42, WI-02.

use std::sync::Arc;

use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::store::Kind;
use countersign_authorization_server::store::sqlite::{SqliteOptions, SqliteStore};
use countersign_authorization_server::{
    AuthorizationServerBuilder, TrustedIdentityProvider, Workload, WorkloadIssuer,
};
use serde_json::{Value, json};

use super::*;

fn both(
    builder: AuthorizationServerBuilder,
    idp: &Issuer,
    platform: &Issuer,
) -> AuthorizationServerBuilder {
    let workload = Workload::new("deployer", "E")
        .claim("sub", "U1")
        .scopes(["read"]);
    builder
        .identity_assertions(TrustedIdentityProvider::new("acme", IDP).keys(idp.keys()))
        .workloads(
            WorkloadIssuer::new(PLATFORM)
                .keys(platform.keys())
                .workload(workload),
        )
}

fn claims(world: &World, issuer: &str) -> Value {
    let now = world.clock.now().as_secs();
    json!({
        "iss": issuer, "sub": "U1", "aud": ISSUER, "client_id": "E", "resource": RESOURCE,
        "iat": now, "exp": now + 300, "jti": "one", "scope": "read",
    })
}

#[tokio::test]
async fn em_04_c42_wi_02_one_that_was_used_is_refused_on_another_node_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/as.db");
    let (idp, platform) = (Issuer::new(), Issuer::new());
    let open = async || {
        let store = SqliteStore::open_with(SqliteOptions::new(&path)).await;
        let store: Arc<dyn Store> = Arc::new(store.unwrap());
        machines_over(store, |builder| both(builder, &idp, &platform))
    };
    let first = open().await;
    add_machines(&first).await;
    let second = open().await;
    let for_person = idp.sign(Some("oauth-id-jag+jwt"), &claims(&first, IDP));
    let for_workload = platform.sign(None, &claims(&first, PLATFORM));
    for assertion in [&for_person, &for_workload] {
        only_access(&first.present("E", assertion, &[]).await);
        for node in [&first, &second] {
            let seen = node.present("E", assertion, &[]).await;
            seen.assert_tok("invalid_grant");
            assert!(
                node.last_refusal()
                    .contains("the assertion was used before")
            );
        }
    }
    drop((first, second));
    let restarted = open().await;
    for assertion in [&for_person, &for_workload] {
        let seen = restarted.present("E", assertion, &[]).await;
        seen.assert_tok("invalid_grant");
    }
}

#[tokio::test]
async fn em_04_of_many_that_come_at_once_one_gets_tokens() {
    let (idp, platform) = (Issuer::new(), Issuer::new());
    let world = machines(|builder| both(builder, &idp, &platform)).await;
    let for_person = idp.sign(Some("oauth-id-jag+jwt"), &claims(&world, IDP));
    let for_workload = platform.sign(None, &claims(&world, PLATFORM));
    for assertion in [&for_person, &for_workload] {
        let all = (0..20).map(|_| world.present("E", assertion, &[]));
        let all = futures_util::future::join_all(all).await;
        let issued = all.iter().filter(|seen| seen.status == 200).count();
        assert_eq!(issued, 1);
        for seen in all.iter().filter(|seen| seen.status != 200) {
            seen.assert_tok("invalid_grant");
        }
    }
}

#[tokio::test]
async fn em_04_people_who_arrive_at_once_by_different_assertions_have_one_account() {
    let (idp, platform) = (Issuer::new(), Issuer::new());
    let world = machines(|builder| both(builder, &idp, &platform)).await;
    let assertions: Vec<String> = (0..8)
        .map(|number| {
            let claims = changed(claims(&world, IDP), &json!({"jti": number.to_string()}));
            idp.sign(Some("oauth-id-jag+jwt"), &claims)
        })
        .collect();
    let all = assertions.iter().map(|it| world.present("E", it, &[]));
    for seen in futures_util::future::join_all(all).await {
        only_access(&seen);
    }
    assert_eq!(world.count(Kind::Account).await, 1);
}

#[tokio::test]
async fn em_04_ids_are_forgotten_when_their_assertions_have_ended_and_not_before() {
    let (idp, platform) = (Issuer::new(), Issuer::new());
    let world = machines(|builder| both(builder, &idp, &platform)).await;
    let assertion = idp.sign(Some("oauth-id-jag+jwt"), &claims(&world, IDP));
    only_access(&world.present("E", &assertion, &[]).await);
    // Until the end, with the difference of the clocks.
    world.clock.advance(Lifetime::from_secs(359));
    world.server.keep_house().await.unwrap();
    let seen = world.present("E", &assertion, &[]).await;
    seen.assert_tok("invalid_grant");
    assert!(world.last_refusal().contains("used before"));
    world.clock.advance(Lifetime::from_secs(1));
    world.server.keep_house().await.unwrap();
    assert_eq!(world.count(Kind::AssertionId).await, 0);
    let seen = world.present("E", &assertion, &[]).await;
    seen.assert_tok("invalid_grant");
    assert!(world.last_refusal().contains("expired"));
}

#[tokio::test]
async fn em_04_the_id_of_one_issuer_uses_up_none_of_another_and_none_of_a_client() {
    let (idp, platform) = (Issuer::new(), Issuer::new());
    let world = machines(|builder| both(builder, &idp, &platform)).await;
    let for_person = idp.sign(Some("oauth-id-jag+jwt"), &claims(&world, IDP));
    only_access(&world.present("E", &for_person, &[]).await);
    let for_workload = platform.sign(None, &claims(&world, PLATFORM));
    only_access(&world.present("E", &for_workload, &[]).await);
    assert_eq!(world.count(Kind::AssertionId).await, 2);
}
