//! Who is told of what: subscriptions under attack, on both wires.

use countersign::{Notifier, Sessions, resource};
use serde_json::{Value, json};
use testkit::{Answer, LegacyClient};

use crate::fixture::{Expected, Fixture, Seen};

/// Not even named to those who may not.
#[resource("cellar://{id}", scopes("vault"), hidden)]
async fn cellar(id: String) -> String {
    id
}

fn fixture() -> (Fixture, Notifier) {
    let notifier = Notifier::new();
    let given = notifier.clone();
    let fixture = Fixture::with(move |server| {
        server
            .notifier(&given)
            .sessions(Sessions::Always)
            .resource(cellar)
    });
    (fixture, notifier)
}

/// A stream of the new wire that wants to hear of `uris`, and what was granted.
async fn listening(fixture: &Fixture, token: &str, uris: &Value) -> (Answer, Value) {
    let filter = json!({ "notifications": { "resourceSubscriptions": uris } });
    let client = fixture.modern().bearer(token);
    let mut stream = client.send("subscriptions/listen", filter).await;
    let acknowledged = stream.next_message().await.unwrap();
    let method = "notifications/subscriptions/acknowledged";
    assert_eq!(acknowledged["method"], method, "{acknowledged}");
    let granted = acknowledged["params"]["notifications"]["resourceSubscriptions"].clone();
    (stream, granted)
}

/// The URI that the next message is about.
async fn next_uri(stream: &mut Answer) -> String {
    let message = stream.next_message().await.unwrap();
    assert_eq!(message["method"], "notifications/resources/updated");
    message["params"]["uri"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn e39_a_subscription_is_granted_for_what_the_caller_may_read_and_nothing_else() {
    let (fixture, notifier) = fixture();
    let wanted = json!([
        "vault://gold",
        "cellar://1",
        "no://where",
        "VAULT://gold",
        "note://1"
    ]);
    let (mut alice, granted) = listening(&fixture, &fixture.token(), &wanted).await;
    assert_eq!(granted, json!(["note://1"]));
    let keeper = fixture
        .issuer
        .token()
        .sub("keeper")
        .scopes("read vault")
        .sign();
    let (mut keeper, granted) = listening(&fixture, &keeper, &wanted).await;
    assert_eq!(granted, json!(["vault://gold", "cellar://1", "note://1"]));
    for uri in [
        "vault://gold",
        "cellar://1",
        "no://where",
        "note://2",
        "note://1",
    ] {
        notifier.resource_updated(uri);
    }
    assert_eq!(next_uri(&mut alice).await, "note://1");
    for uri in ["vault://gold", "cellar://1", "note://1"] {
        assert_eq!(next_uri(&mut keeper).await, uri);
    }
}

#[tokio::test]
async fn e39_a_hidden_resource_cannot_be_told_from_an_unknown_one_by_subscribing() {
    let (fixture, _notifier) = fixture();
    let mut alice = LegacyClient::new(fixture.http(), "/mcp").bearer(&fixture.token());
    alice.initialize().await;
    let ask = async |uri: &str| {
        let answer = alice
            .send("resources/subscribe", json!({ "uri": uri }))
            .await;
        let answer = Seen::of(answer).await;
        let text = answer.text().replace(uri, "URI");
        let id = answer.json()["id"].to_string();
        (answer.status, text.replace(&format!("\"id\":{id}"), ""))
    };
    assert_eq!(ask("cellar://1").await, ask("no://where").await);
    let forbidden = alice.send("resources/subscribe", json!({ "uri": "vault://gold" }));
    let forbidden = Seen::of(forbidden.await).await;
    Expected::Scope("read vault").check("forbidden", &forbidden);
}

#[tokio::test]
async fn e21_a_session_hears_of_its_own_subscriptions_only() {
    let (fixture, notifier) = fixture();
    let mut streams = Vec::new();
    for (subject, uri) in [("alice", "note://1"), ("bob", "note://2")] {
        let token = fixture.issuer.token().sub(subject).scopes("read").sign();
        let mut client = LegacyClient::new(fixture.http(), "/mcp").bearer(&token);
        client.initialize().await;
        client
            .result("resources/subscribe", json!({ "uri": uri }))
            .await;
        let stream = client.listen().send().await;
        streams.push((client, stream, uri));
    }
    for _ in 0..3 {
        notifier.resource_updated("note://1");
        notifier.resource_updated("note://2");
    }
    for (client, stream, uri) in &mut streams {
        for _ in 0..3 {
            assert_eq!(next_uri(stream).await, *uri);
        }
        client
            .result("resources/unsubscribe", json!({ "uri": uri }))
            .await;
    }
    notifier.resource_updated("note://1");
    notifier.resource_updated("note://2");
    notifier.tools_changed();
    for (_, stream, _) in &mut streams {
        let message = stream.next_message().await.unwrap();
        assert_eq!(message["method"], "notifications/tools/list_changed");
    }
}
