//! What lasts longer than a request belongs to one caller of one source.

use countersign::{Server, Sessions};
use countersign_oauth::Secret;
use countersign_resource_server::{InHeader, StaticToken, StaticTokens};
use serde_json::{Value, json};
use testkit::{LegacyClient, ModernClient};

use super::{Holds, app, legacy, modern, server};
use crate::fixture::{Seen, place};

async fn status(client: &LegacyClient) -> u16 {
    let params = json!({ "name": "whoami", "arguments": {} });
    client.send("tools/call", params).await.status()
}

#[tokio::test(start_paused = true)]
async fn tr_24_tr_25_a_session_of_one_source_does_not_exist_for_the_same_subject_of_another() {
    let app = server()
        .sessions(Sessions::Always)
        .into_app(&place())
        .unwrap();
    for (opener, others) in [
        (Holds::Token, [Holds::Key, Holds::Nothing]),
        (Holds::Key, [Holds::Token, Holds::Both]),
        (Holds::Nothing, [Holds::Key, Holds::Both]),
        // It belongs to whom the source speaks for that was declared first.
        (Holds::Both, [Holds::Key, Holds::Nothing]),
    ] {
        let mut owner = legacy(&app, opener);
        owner.initialize().await;
        let id = owner.session().unwrap().to_owned();
        for other in others {
            let thief = legacy(&app, other).with_session(Some(&id));
            assert_eq!(status(&thief).await, 404, "{opener:?} {other:?}");
            for request in [thief.listen(), thief.delete()] {
                let answer = request.send().await;
                assert_eq!(answer.status(), 404, "{opener:?} {other:?}");
            }
        }
        assert_eq!(status(&owner).await, 200, "{opener:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_of_the_first_credential_goes_on_whatever_comes_beside_it() {
    let app = server()
        .sessions(Sessions::Always)
        .into_app(&place())
        .unwrap();
    let mut owner = legacy(&app, Holds::Token);
    owner.initialize().await;
    let id = owner.session().unwrap().to_owned();
    let equipped = legacy(&app, Holds::Both).with_session(Some(&id));
    let params = json!({ "name": "create_admin_user", "arguments": {} });
    let seen = Seen::of(equipped.send("tools/call", params.clone()).await).await;
    let text = &seen.json()["result"]["content"][0]["text"];
    assert_eq!(text, "api_key alice stats", "{}", seen.text());
    // The key was for that one request.
    let seen = Seen::of(owner.send("tools/call", params).await).await;
    assert_eq!(seen.status, 401, "{}", seen.text());
}

async fn call(client: &ModernClient, tool: &str) -> Value {
    let params = json!({ "name": tool, "arguments": {} });
    let mut answer = client.send("tools/call", params).await;
    answer.response().await["result"]["content"][0]["text"].clone()
}

#[tokio::test(start_paused = true)]
async fn e40_a_thousand_mixed_calls_of_one_subject_are_answered_each_to_its_source() {
    let app = app();
    let kinds = [
        (Holds::Token, "oauth alice admin:write"),
        (Holds::Key, "api_key alice stats"),
        (Holds::Both, "oauth alice admin:write"),
        (Holds::Nothing, "nobody - "),
    ];
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..1_000 {
        let (holds, expected) = kinds[number % kinds.len()];
        let client = modern(&app, holds);
        calls.spawn(async move { (holds, call(&client, "whoami").await, expected) });
    }
    while let Some(done) = calls.join_next().await {
        let (holds, told, expected) = done.unwrap();
        assert_eq!(told, expected, "{holds:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn e40_the_list_of_one_source_is_private_and_not_served_to_another() {
    let app = app();
    let mut lists = Vec::new();
    for holds in [
        Holds::Both,
        Holds::Token,
        Holds::Key,
        Holds::Both,
        Holds::Token,
    ] {
        let client = modern(&app, holds);
        let result = client.result("tools/list", json!({})).await;
        assert_eq!(result["cacheScope"], "private", "{holds:?}");
        lists.push(result["tools"].as_array().unwrap().len());
    }
    assert_eq!(lists, [7, 4, 4, 7, 4]);
}

/// Says who calls.
#[countersign::tool(auth = any("team-a", "team-b"))]
async fn which(context: countersign::Context) -> String {
    super::acts(&context)
}

#[tokio::test]
async fn the_same_text_and_subject_at_two_sources_of_one_place_is_the_first_that_knows_it() {
    let of = |text: &str| {
        let alice = StaticToken::subject("alice");
        StaticTokens::new().token(Secret::new(text), alice)
    };
    let server = Server::new("Teams")
        .source("team-a", of("a"))
        .source("team-b", of("b"))
        .source("team-b", InHeader::new("X-Team", of("a")))
        .tool(which);
    let app = server.into_app(&place()).unwrap();
    let http = testkit::Http::service(app);
    let client = || ModernClient::new(http.clone(), "/mcp");
    for (client, expected) in [
        (client().bearer("a"), "team-a alice "),
        (client().bearer("b"), "team-b alice "),
        (client().header("x-team", "a"), "team-b alice "),
    ] {
        assert_eq!(call(&client, "which").await, expected);
    }
}
