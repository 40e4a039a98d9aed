//! Scopes that contain others: RS-28.

use countersign::Sessions;
use serde_json::json;
use testkit::LegacyClient;

use crate::fixture::{Expected, Fixture, Seen};

fn fixture() -> Fixture {
    Fixture::with(|server| {
        server
            .scope_implies("root", ["admin", "vault"])
            .scope_implies("admin", ["read", "secret"])
            .sessions(Sessions::Always)
    })
}

#[tokio::test]
async fn rs_28_a_scope_that_does_not_contain_the_needed_one_is_refused() {
    let fixture = fixture();
    for (held, needed) in [("secret", "read"), ("vault", "read"), ("rooted", "read")] {
        let token = fixture.issuer.token().scopes(held).sign();
        let request = fixture.call_with(format!("Bearer {token}"));
        fixture.attack(held, request, Expected::Scope(needed)).await;
    }
    let admin = fixture.issuer.token().scopes("admin").sign();
    let read = fixture
        .modern()
        .bearer(&admin)
        .mcp("resources/read", json!({ "uri": "vault://gold" }));
    fixture
        .attack("admin", read, Expected::Scope("read vault"))
        .await;
}

#[tokio::test]
async fn rs_28_a_scope_that_contains_the_needed_one_is_enough_everywhere() {
    let fixture = fixture();
    let root = fixture.issuer.token().scopes("root").sign();
    let modern = fixture.modern().bearer(&root);
    let mut legacy = LegacyClient::new(fixture.http(), "/mcp").bearer(&root);
    legacy.initialize().await;
    for tool in ["admin_report", "secret_tool"] {
        for answer in [
            modern.call(tool, json!({})).await,
            legacy.call(tool, json!({})).await,
        ] {
            assert_ne!(answer["isError"], true, "{tool}: {answer}");
        }
    }
    for listed in [
        modern.result("tools/list", json!({})).await,
        legacy.result("tools/list", json!({})).await,
    ] {
        assert!(listed.to_string().contains("secret_tool"), "{listed}");
    }
    let gold = modern
        .result("resources/read", json!({ "uri": "vault://gold" }))
        .await;
    assert_eq!(gold["contents"][0]["text"], "gold");
    let route = fixture.http().get("/admin").bearer(&root);
    assert_eq!(Seen::of(route.send().await).await.text(), "admin");
}
