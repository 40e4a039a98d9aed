//! Who is told of what: subscriptions under attack, on both wires.

use countersign::policy::rules::{RuleSet, Rules};
use countersign::protocol::ErrorData;
use countersign::{Notifier, Server, Sessions, resource};
use rmcp::model::{
    ResourceUpdatedNotification, ResourceUpdatedNotificationParam, ServerCapabilities,
    ServerConfig, ServerNotification, SubscribeRequestParams, SubscriptionFilter,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use testkit::{Answer, ISSUER, LegacyClient, ModernClient, TestIssuer};
use tokio::sync::broadcast;

use crate::fixture::{Expected, Fixture, Seen, place};
use crate::foreign::protected;

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

/// Rules that let the caller watch `vault://gold`, and rules of a later day that do not.
fn rules_of_two_days() -> [(RuleSet, RuleSet, &'static str); 3] {
    let parse = |text: &str| RuleSet::parse(text).unwrap();
    let nothing = format!("default = \"scopes\"\nissuer = \"{ISSUER}\"\n");
    let denied = "[[rules]]\nname = \"no\"\neffect = \"deny\"\n\
                  what = { resources = [\"vault://*\"] }\n";
    let role = |group: &str| {
        format!(
            "{nothing}[roles.banned]\nclaim = \"groups\"\nany = [\"{group}\"]\n{denied}\
             who = {{ role = \"banned\" }}\n"
        )
    };
    let everybody = format!("{nothing}{denied}who = {{ authenticated = true }}\n");
    let included = format!("{nothing}[scopes.includes]\n\"keeper\" = [\"vault\"]\n");
    [
        (parse(&nothing), parse(&everybody), "read vault"),
        (parse(&role("others")), parse(&role("staff")), "read vault"),
        (parse(&included), parse(&nothing), "read keeper"),
    ]
}

/// What is still said on a stream that ends.
async fn rest(mut stream: Answer) -> String {
    let mut all = String::new();
    while let Some(message) = stream.next_message().await {
        all.push_str(&message.to_string());
    }
    all
}

#[tokio::test]
async fn rs_26_what_new_rules_do_not_permit_is_not_heard_of_any_more() {
    for (before, after, scopes) in rules_of_two_days() {
        let (rules, notifier) = (Rules::new(before.clone()), Notifier::new());
        let fixture = Fixture::with(|server| {
            let server = server.notifier(&notifier).sessions(Sessions::Always);
            server.rules(rules.clone())
        });
        let token = fixture.issuer.token().sub("ada").scopes(scopes);
        let token = token.claim("groups", json!(["staff"])).sign();
        let (lost, granted) = listening(&fixture, &token, &json!(["vault://gold"])).await;
        assert_eq!(granted, json!(["vault://gold"]));
        let (mut kept, _) = listening(&fixture, &token, &json!(["note://1"])).await;
        let mut legacy = LegacyClient::new(fixture.http(), "/mcp").bearer(&token);
        legacy.initialize().await;
        for uri in ["vault://gold", "note://1"] {
            let subscribe = json!({ "uri": uri });
            legacy.result("resources/subscribe", subscribe).await;
        }
        let mut session = legacy.listen().send().await;
        let tell = || {
            notifier.resource_updated("vault://gold");
            notifier.resource_updated("note://1");
        };
        tell();
        assert_eq!(next_uri(&mut session).await, "vault://gold");
        assert_eq!(next_uri(&mut session).await, "note://1");
        assert_eq!(next_uri(&mut kept).await, "note://1");

        rules.replace(after);
        tell();
        assert_eq!(next_uri(&mut session).await, "note://1");
        assert_eq!(next_uri(&mut kept).await, "note://1");
        let said = rest(lost).await;
        assert_eq!(said.matches("resources/updated").count(), 1, "{said}");

        // Whoever asked is heard again when the old rules are back.
        rules.replace(before);
        tell();
        assert_eq!(next_uri(&mut session).await, "vault://gold");
    }
}

/// A handler of the SDK, which tells sessions of everything and asks nobody again.
#[derive(Clone)]
struct Teller(broadcast::Sender<&'static str>);

fn updated(uri: &str) -> ServerNotification {
    let params = ResourceUpdatedNotificationParam::new(uri);
    ServerNotification::ResourceUpdatedNotification(ResourceUpdatedNotification::new(params))
}

impl ServerHandler for Teller {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_resources();
        ServerConfig::new(capabilities.enable_resources_subscribe().build())
    }

    fn accepted_subscription_filter(
        &self,
        asked: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(asked.clone())
    }

    async fn listen(&self, stream: SubscriptionContext) -> Result<(), ErrorData> {
        let mut told = self.0.subscribe();
        let asked = stream.accepted().resource_subscriptions.clone();
        loop {
            let uri = tokio::select! {
                uri = told.recv() => uri.unwrap(),
                () = stream.cancelled() => return Ok(()),
            };
            let is_asked_for = asked.iter().flatten().any(|asked| asked == uri);
            if is_asked_for && stream.sink().send(updated(uri)).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn subscribe(
        &self,
        _asked: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let mut told = self.0.subscribe();
        tokio::spawn(async move {
            while let Ok(uri) = told.recv().await {
                if context.peer.send_notification(updated(uri)).await.is_err() {
                    return;
                }
            }
        });
        Ok(())
    }
}

#[tokio::test]
async fn rs_26_a_handler_of_the_sdk_tells_nobody_what_new_rules_do_not_permit() {
    for (before, after, scopes) in rules_of_two_days() {
        let (rules, issuer) = (Rules::new(before), TestIssuer::as_test());
        let teller = Teller(broadcast::Sender::new(16));
        let server = Server::from_rmcp(teller.clone()).resource_scopes("vault://{+any}", ["vault"]);
        let server = server.sessions(Sessions::Always).rules(rules.clone());
        let app = protected(server, &issuer).into_app(&place()).unwrap();
        let token = issuer.token().sub("ada").scopes(scopes);
        let token = token.claim("groups", json!(["staff"])).sign();
        let http = testkit::Http::service(app);
        let listen = async |uri: &str| {
            let filter = json!({ "notifications": { "resourceSubscriptions": [uri] } });
            let client = ModernClient::new(http.clone(), "/mcp").bearer(&token);
            let mut stream = client.send("subscriptions/listen", filter).await;
            let acknowledged = stream.next_message().await.unwrap();
            assert!(acknowledged.to_string().contains(uri), "{acknowledged}");
            stream
        };
        let (lost, mut kept) = (listen("vault://gold").await, listen("note://1").await);
        let mut legacy = LegacyClient::new(http.clone(), "/mcp").bearer(&token);
        legacy.initialize().await;
        legacy
            .result("resources/subscribe", json!({ "uri": "vault://gold" }))
            .await;
        let mut session = legacy.listen().send().await;
        while teller.0.receiver_count() < 3 {
            tokio::task::yield_now().await;
        }
        teller.0.send("vault://gold").unwrap();
        assert_eq!(next_uri(&mut session).await, "vault://gold");

        rules.replace(after);
        // The stream ends; the handler would not have asked anybody.
        let said = rest(lost).await;
        assert!(said.matches("resources/updated").count() <= 1, "{said}");
        teller.0.send("vault://gold").unwrap();
        teller.0.send("note://1").unwrap();
        assert_eq!(next_uri(&mut session).await, "note://1");
        assert_eq!(next_uri(&mut kept).await, "note://1");
    }
}
