//! Tokens of platforms for programs that run on them: rows WI-01 to WI-03 and C42.

use countersign_authorization_server::store::Kind;
use countersign_authorization_server::{Workload, WorkloadIssuer};
use serde_json::{Value, json};

use super::*;

fn workloads(issuer: &Issuer) -> WorkloadIssuer {
    let deployer = Workload::new("deployer", "W")
        .claim("repository", "acme/app")
        .claim_like("sub", "repo:acme/app:*")
        .scopes(["write"]);
    let reader = Workload::new("reader", "W")
        .claim("/kubernetes.io/namespace", "prod")
        .claim("/kubernetes.io/service~1account/name", "reader")
        .resource(UPSTREAM)
        .scopes(["read"]);
    WorkloadIssuer::new(PLATFORM)
        .keys(issuer.keys())
        .workload(deployer)
        .workload(reader)
}

async fn running(issuer: &Issuer) -> World {
    machines(|builder| builder.workloads(workloads(issuer))).await
}

fn claims(world: &World, changes: &Value) -> Value {
    let now = world.clock.now().as_secs();
    changed(
        json!({
            "iss": PLATFORM, "sub": "repo:acme/app:ref:refs/heads/main", "aud": ISSUER,
            "repository": "acme/app", "exp": now + 300, "jti": "one",
        }),
        changes,
    )
}

#[tokio::test]
async fn wi_02_a46_c42_a_token_of_a_platform_that_breaks_a_rule_is_refused_and_keeps_its_id() {
    let issuer = Issuer::new();
    let world = running(&issuer).await;
    let now = world.clock.now().as_secs();
    for changes in [
        json!({"iss": "https://evil.test"}),
        json!({"iss": null}),
        json!({"aud": null}),
        json!({"aud": "https://other.test"}),
        json!({"aud": [ISSUER, "https://other.test"]}),
        json!({"aud": []}),
        json!({"aud": RESOURCE}),
        json!({"exp": null}),
        json!({"exp": now - 61}),
        json!({"exp": now + 86_401}),
        json!({"nbf": now + 61}),
        json!({"iat": now + 61}),
        json!({"jti": null}),
        json!({"jti": 7}),
        json!({"sub": null}),
        json!({"sub": "repo:acme/app-evil:ref:refs/heads/main"}),
        json!({"sub": "repo:evil/acme/app:x"}),
        json!({"repository": null}),
        json!({"repository": "acme/app2"}),
        json!({"repository": "ACME/app"}),
        json!({"repository": ["acme/app"]}),
        json!({"cnf": {"jkt": "x"}}),
    ] {
        let assertion = issuer.sign(None, &claims(&world, &changes));
        let seen = world.present("W", &assertion, &[]).await;
        seen.assert_tok("invalid_grant");
    }
    // A46.
    for typ in [
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "refresh+jwt",
        "dpop+jwt",
        "logout+jwt",
        "client-authentication+jwt",
    ] {
        let assertion = issuer.sign(Some(typ), &claims(&world, &json!({})));
        let seen = world.present("W", &assertion, &[]).await;
        seen.assert_tok("invalid_grant");
    }
    let forged = Issuer::new().sign(None, &claims(&world, &json!({})));
    let seen = world.present("W", &forged, &[]).await;
    seen.assert_tok("invalid_grant");
    assert_eq!(world.count(Kind::AssertionId).await, 0);
    let token = issuer.sign(None, &claims(&world, &json!({})));
    only_access(&world.present("W", &token, &[]).await);
}

#[tokio::test]
async fn wi_02_another_client_than_that_of_the_workload_gets_nothing() {
    let issuer = Issuer::new();
    let world = running(&issuer).await;
    let token = issuer.sign(None, &claims(&world, &json!({})));
    let seen = world.present("E", &token, &[]).await;
    seen.assert_tok("invalid_grant");
    let seen = world.present("C1", &token, &[]).await;
    seen.assert_tok("unauthorized_client");
    only_access(&world.present("W", &token, &[]).await);
}

#[tokio::test]
async fn wi_02_a_workload_is_a_service_with_the_scopes_and_resources_of_its_rule() {
    let issuer = Issuer::new();
    let world = running(&issuer).await;
    for typ in [None, Some("JWT"), Some("JOSE")] {
        let jti = json!({"jti": format!("{typ:?}"), "aud": [ISSUER]});
        let token = issuer.sign(typ, &claims(&world, &jti));
        let more = [("resource", RESOURCE)];
        let token = only_access(&world.present("W", &token, &more).await);
        let told = world.told_about(&token).await;
        assert_eq!(told["sub"], "service:deployer");
        assert_eq!(told["client_id"], "W");
        assert_eq!(told["aud"], RESOURCE);
        assert_eq!(told["scope"], "write");
    }
    let reader = json!({
        "repository": null, "sub": "system:serviceaccount:prod:reader", "jti": "reader",
        "kubernetes.io": {"namespace": "prod", "service/account": {"name": "reader"}},
    });
    let token = issuer.sign(None, &claims(&world, &reader));
    for (more, error) in [
        (("resource", RESOURCE), "invalid_target"),
        (("scope", "write"), "invalid_scope"),
        (("scope", "read write"), "invalid_scope"),
    ] {
        let seen = world.present("W", &token, &[more]).await;
        seen.assert_tok(error);
    }
    let token = only_access(&world.present("W", &token, &[]).await);
    let told = world.told_about(&token).await;
    assert_eq!(told["sub"], "service:reader");
    assert_eq!(told["aud"], UPSTREAM);
    // No account is made for a program.
    assert_eq!(world.count(Kind::Account).await, 0);
    assert_eq!(world.count(Kind::RefreshToken).await, 0);
}
