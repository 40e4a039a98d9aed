//! Whose session it is: E21 to E24, E29, TR-23 to TR-26.

use std::collections::HashSet;

use serde_json::json;

use super::{ALICE, Fixture, text};

/// Everything that may be tried with somebody else's session.
async fn try_all(fixture: &Fixture, token: Option<&str>, session: &str) -> Vec<(u16, String)> {
    let client = match token {
        Some(token) => fixture.client(token),
        None => testkit::LegacyClient::new(fixture.http(), "/mcp"),
    };
    let client = client.with_session(Some(session));
    let mut answers = Vec::new();
    for request in [
        client.mcp("tools/list", json!({})),
        client.mcp("tools/call", json!({ "name": "whoami", "arguments": {} })),
        client.with_body(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })),
        client.with_body(&json!({ "jsonrpc": "2.0", "id": 1, "result": {} })),
        client.listen(),
        client.listen().header("last-event-id", "0.0"),
        client.delete(),
    ] {
        let mut answer = request.send().await;
        answers.push((answer.status(), answer.text().await));
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn e21_e22_tr_25_a_session_does_not_exist_for_anybody_but_its_owner() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let id = alice.session().unwrap().to_owned();
    let unknown = try_all(&fixture, Some(ALICE), "unknown").await;
    assert!(
        unknown.iter().all(|(status, _)| *status == 404),
        "{unknown:?}"
    );
    for stranger in [
        Some("https:as/bob/app/read/"),
        Some("https:as/alice/other-app/read/"),
        Some("https:other-as/alice/app/read/"),
        Some("https:as/alice//read/"),
        None,
    ] {
        assert_eq!(
            try_all(&fixture, stranger, &id).await,
            unknown,
            "{stranger:?}"
        );
    }
    assert_eq!(text(&alice.call("whoami", json!({})).await), "alice read");
}

#[tokio::test(start_paused = true)]
async fn e22_an_anonymous_session_is_not_for_token_holders() {
    let fixture = Fixture::new();
    let mut anonymous = testkit::LegacyClient::new(fixture.http(), "/mcp");
    anonymous.initialize().await;
    let id = anonymous.session().unwrap();
    let stranger = fixture.client(ALICE).with_session(Some(id));
    assert_eq!(stranger.send("tools/list", json!({})).await.status(), 404);
    assert_eq!(text(&anonymous.call("whoami", json!({})).await), "nobody");
}

#[tokio::test(start_paused = true)]
async fn e22_e29_tr_24_a_refreshed_token_goes_on_and_each_call_has_its_own_scopes() {
    let fixture = Fixture::new();
    let alice = fixture
        .session("https:as/alice/app/read+admin/1000100")
        .await;
    let id = alice.session().unwrap();
    assert_eq!(text(&alice.call("admin", json!({})).await), "done");

    let reduced = fixture
        .client("https:as/alice/app/read/1000900")
        .with_session(Some(id));
    assert_eq!(text(&reduced.call("whoami", json!({})).await), "alice read");
    let call = json!({ "name": "admin", "arguments": {} });
    let refused = reduced.send("tools/call", call).await.json().await;
    assert_eq!(refused["error"]["code"], -32600, "{refused}");
    assert_eq!(
        refused["error"]["message"],
        "Insufficient permissions. Required scope: admin"
    );
    let listed = reduced.result("tools/list", json!({})).await.to_string();
    assert!(
        listed.contains("whoami") && !listed.contains("admin"),
        "{listed}"
    );
    let listed = alice.result("tools/list", json!({})).await.to_string();
    assert!(
        listed.contains("admin") && listed.contains("secret"),
        "{listed}"
    );
}

#[tokio::test(start_paused = true)]
async fn e39_a_hidden_tool_answers_in_a_session_as_an_unknown_one() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let mut errors = HashSet::new();
    for name in ["secret", "no-such-tool", "SECRET"] {
        let call = json!({ "name": name, "arguments": {} });
        let answer = alice.send("tools/call", call).await.json().await;
        errors.insert(answer["error"].to_string());
    }
    assert_eq!(errors.len(), 1, "{errors:?}");
}

#[tokio::test(start_paused = true)]
async fn e23_tr_23_session_ids_are_long_random_and_visible_ascii() {
    let limits = super::SessionLimits {
        per_caller: usize::MAX,
        total: usize::MAX,
        ..Default::default()
    };
    let fixture = Fixture::with(limits, super::SessionMode::Offered);
    let mut seen = HashSet::new();
    let mut bits = vec![0_u32; 256];
    for _ in 0..400 {
        let alice = fixture.session(ALICE).await;
        let id = alice.session().unwrap().to_owned();
        // 43 characters of base64url are 256 bits.
        assert_eq!(id.len(), 43);
        assert!(id.bytes().all(|byte| byte.is_ascii_graphic()));
        use base64::Engine;
        let raw = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(&id)
            .unwrap();
        for (position, count) in bits.iter_mut().enumerate() {
            *count += u32::from(raw[position / 8] >> (position % 8) & 1);
        }
        assert!(seen.insert(id));
        assert_eq!(alice.delete().send().await.status(), 204);
    }
    // No bit is constant: a counter or a timestamp would leave many that are.
    assert!(
        bits.iter().all(|ones| (100..300).contains(ones)),
        "{bits:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn e23_session_ids_that_cannot_be_are_not_found() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let id = alice.session().unwrap().to_owned();
    let long = "x".repeat(10 * 1024);
    let guesses = [
        "",
        " ",
        &long,
        "\t",
        &id[1..],
        &id.to_lowercase(),
        "../..",
        "%0d%0a",
    ];
    for guess in guesses {
        let client = fixture.client(ALICE).with_session(Some(guess));
        let answer = client.send("tools/list", json!({})).await;
        assert_eq!(answer.status(), 404, "{guess:?}");
    }
    // Bytes beyond ASCII, and two ids of which one is good.
    let raw = alice
        .mcp("tools/list", json!({}))
        .header("mcp-session-id", b"\xff\xfe");
    assert_eq!(raw.send().await.status(), 404);
    let two = alice
        .mcp("tools/list", json!({}))
        .also("mcp-session-id", "other");
    assert_eq!(two.send().await.status(), 404);
    let none = alice.mcp("tools/list", json!({})).without("mcp-session-id");
    assert_eq!(none.send().await.status(), 400);
}

#[tokio::test(start_paused = true)]
async fn e24_a_session_id_that_the_client_brings_to_initialize_is_ignored() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let params = json!({
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "x", "version": "0" },
    });
    let hers = alice.session().unwrap();
    for brought in [hers, "chosen-by-the-client"] {
        let bob = fixture
            .client("https:as/bob/app/read/")
            .with_session(Some(brought));
        let answer = bob.send("initialize", params.clone()).await;
        assert_eq!(answer.status(), 200);
        assert_ne!(answer.header("mcp-session-id"), Some(brought));
        let bob = fixture
            .client("https:as/bob/app/read/")
            .with_session(Some(brought));
        assert_eq!(bob.send("tools/list", json!({})).await.status(), 404);
    }
    assert_eq!(text(&alice.call("whoami", json!({})).await), "alice read");
}
