//! Rules of a server, over HTTP: E39, RS-26, RS-31, M-22.

use std::sync::Arc;

use countersign::policy::rules::{Authority, Role, Rule, RuleSet, Rules, Unmentioned, What, Who};
use countersign::verifier::JwtVerifier;
use countersign::{App, Context, Http, Notifier, Server, Sessions, ToolError, resource, tool};
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::{Value, json};
use testkit::client::http::RequestBuilder;
use testkit::{AUDIENCE, ISSUER, LegacyClient, ModernClient, NOW, TestClock, TestIssuer};

use crate::fixture::{Expected, Fixture, HandClock, Seen, place};
use crate::foreign::{Theirs, names, protected, text};

/// What belongs to a person.
#[resource("user://{id}/private")]
async fn private(id: String) -> String {
    format!("what {id} keeps")
}

/// Says what the caller is.
#[tool]
async fn roles(context: Context) -> String {
    context.caller().roles().collect::<Vec<_>>().join(" ")
}

/// For managers, as a check in the middle.
#[tool]
async fn approve(context: Context) -> Result<&'static str, ToolError> {
    context.require_role("manager")?;
    Ok("approved")
}

const RULES: &str = r#"
default = "scopes"
issuer = "https://as.test"

[scopes.includes]
"root" = ["operate"]

[roles.manager]
claim = "groups"
any = ["managers"]

[[rules]]
name = "everybody greets"
effect = "allow"
who = { authenticated = true }
what = { tools = ["greet", "roles", "approve", "admin_report"] }

[[rules]]
name = "operators call what is hidden"
effect = "allow"
who = { scope = "operate" }
what = { tools = ["chatty"], resources = ["vault://gold"], prompts = ["summary"] }
visibility = "hidden"

[[rules]]
name = "operators call what is not"
effect = "allow"
who = { scope = "operate" }
what = { tools = ["fails"], resources = ["note://*"] }

[[rules]]
name = "everybody has things"
effect = "allow"
who = { authenticated = true }
what = { resources = ["user://{subject}/*"] }
"#;

fn rules() -> RuleSet {
    let text = RULES.replace("https://as.test", ISSUER);
    RuleSet::parse(&text).unwrap()
}

/// A server of its own, with authentication.
fn authenticated(name: &str, issuer: &TestIssuer) -> Server {
    let verifier = JwtVerifier::key_set(issuer.jwks())
        .issuer(ISSUER)
        .audience(AUDIENCE);
    let clock = HandClock(TestClock::at(NOW));
    Server::new(name).auth(verifier).clock(Arc::new(clock))
}

fn fixture() -> Fixture {
    Fixture::with(|server| {
        server
            .rules(rules())
            .notifier(&Notifier::new())
            .completion(
                |_: Context, _: countersign::component::CompletionRequest| async {
                    Ok::<_, ToolError>(vec!["one".to_owned()])
                },
            )
            .tool(roles)
            .tool(approve)
            .resource(private)
    })
}

/// The answer without what the client chose itself.
async fn answer(request: RequestBuilder, asked: &str) -> (u16, Value) {
    let seen = Seen::of(request.send().await).await;
    let text = seen.text().replace(asked, "<asked>");
    let start = text.find("{\"").unwrap_or_default();
    let mut message: Value = serde_json::from_str(text[start..].trim()).unwrap_or(Value::Null);
    message["id"] = Value::Null;
    (seen.status, message)
}

#[tokio::test]
async fn e39_what_a_rule_hides_or_forbids_stays_so_whichever_way_it_is_asked_for() {
    let fixture = fixture();
    let client = fixture.modern();
    let reference = |name: &str| {
        let reference = json!({ "type": "ref/prompt", "name": name });
        json!({ "ref": reference, "argument": { "name": "text", "value": "" } })
    };
    let named = |name: &str| json!({ "name": name, "arguments": {} });
    let uri = |uri: &str| json!({ "uri": uri });
    let sampling =
        |tool: &str| json!({ "messages": [], "maxTokens": 1, "tools": [{ "name": tool }] });
    let task = |id: &str| json!({ "taskId": id });
    // A direct call, the sampling wrapper, a resource as a tool and back, a prompt, a
    // completion, the result of a task, an alias or another case of the name.
    for (method, hidden, unknown, params) in [
        (
            "tools/call",
            "chatty",
            "never_was",
            &named as &dyn Fn(&str) -> Value,
        ),
        ("sampling/createMessage", "chatty", "never_was", &sampling),
        ("tools/call", "vault://gold", "vault://none", &named),
        ("resources/read", "chatty", "never_was", &uri),
        ("resources/read", "tool://chatty", "tool://never_was", &uri),
        ("resources/read", "vault://gold", "vault://none", &uri),
        ("prompts/get", "summary", "never_was", &named),
        ("prompts/get", "chatty", "never_was", &named),
        ("completion/complete", "summary", "never_was", &reference),
        ("tasks/get", "chatty", "never_was", &task),
        ("tasks/result", "chatty", "never_was", &task),
        ("tools/call", "Chatty", "Never_was", &named),
        ("tools/call", "CHATTY", "NEVER_WAS", &named),
        ("tools/call", "chatty/", "never_was/", &named),
        ("resources/read", "VAULT://gold", "VAULT://none", &uri),
        ("resources/read", "vault://gold/", "vault://none/", &uri),
        ("resources/read", "vault://g%6fld", "vault://n%6fne", &uri),
    ] {
        let told = answer(client.mcp(method, params(hidden)), hidden).await;
        let truth = answer(client.mcp(method, params(unknown)), unknown).await;
        assert!(
            told.1["error"]["code"].is_i64(),
            "{method} {hidden}: {told:?}"
        );
        assert_eq!(told, truth, "{method} {hidden}");
    }
    assert_eq!(fixture.runs.count(), 0);
    // What is forbidden says what helps, with everything that the server needs.
    for (method, params) in [
        ("tools/call", json!({ "name": "fails", "arguments": {} })),
        ("resources/read", json!({ "uri": "note://7" })),
    ] {
        let request = client.mcp(method, params);
        fixture
            .attack(method, request, Expected::Scope("operate read"))
            .await;
    }
    let template = json!({
        "ref": { "type": "ref/resource", "uri": "note://{id}" },
        "argument": { "name": "id", "value": "" },
    });
    let request = client.mcp("completion/complete", template.clone());
    fixture
        .attack("completion", request, Expected::Scope("operate read"))
        .await;
    // Whoever may, may by every way.
    let token = fixture.issuer.token().scopes("read root").sign();
    let operator = fixture.modern().bearer(&token);
    assert_eq!(
        operator.call("chatty", json!({})).await["content"][0]["text"],
        "done"
    );
    let completed = operator.result("completion/complete", template).await;
    assert_eq!(completed["completion"]["values"], json!(["one"]));
    let completed = operator
        .result("completion/complete", reference("summary"))
        .await;
    assert_eq!(completed["completion"]["values"], json!(["one"]));
}

#[tokio::test]
async fn e39_lists_and_subscriptions_have_what_the_rules_allow_and_nothing_else() {
    let fixture = fixture();
    let operator = fixture.issuer.token().scopes("read operate vault").sign();
    for (token, tools, templates, watched) in [
        (
            fixture.token(),
            json!(["greet", "roles", "approve"]),
            json!(["user://{id}/private"]),
            json!(["user://alice/private"]),
        ),
        (
            operator,
            json!(["greet", "fails", "chatty", "roles", "approve"]),
            json!(["note://{id}", "user://{id}/private"]),
            json!(["vault://gold", "note://1", "user://alice/private"]),
        ),
    ] {
        let client = fixture.modern().bearer(&token);
        let listed = client.result("tools/list", json!({})).await;
        assert_eq!(json!(names(&listed, "tools")), tools);
        let listed = client.result("resources/templates/list", json!({})).await;
        let found = listed["resourceTemplates"].as_array().unwrap().iter();
        let found: Vec<_> = found.map(|one| one["uriTemplate"].clone()).collect();
        assert_eq!(json!(found), templates);
        let wanted = [
            "vault://gold",
            "note://1",
            "user://alice/private",
            "user://bob/private",
        ];
        let filter = json!({ "notifications": { "resourceSubscriptions": wanted } });
        let mut stream = client.send("subscriptions/listen", filter).await;
        let granted = stream.next_message().await.unwrap();
        let granted = &granted["params"]["notifications"]["resourceSubscriptions"];
        assert_eq!(*granted, watched);
    }
}

#[tokio::test]
async fn rs_31_a_person_reads_what_is_theirs_in_both_eras() {
    let fixture = Fixture::with(|server| {
        server
            .rules(rules())
            .resource(private)
            .sessions(Sessions::Always)
    });
    for subject in ["alice", "bob", "*", "..", "alice/private"] {
        let token = fixture.issuer.token().sub(subject).scopes("read").sign();
        let modern = ModernClient::new(fixture.http(), "/mcp").bearer(&token);
        let mut legacy = LegacyClient::new(fixture.http(), "/mcp").bearer(&token);
        legacy.initialize().await;
        let params = json!({ "uri": "user://alice/private" });
        let modern = Seen::of(modern.send("resources/read", params.clone()).await).await;
        let legacy = Seen::of(legacy.send("resources/read", params.clone()).await).await;
        for seen in [modern, legacy] {
            let read = seen.text().contains("what alice keeps");
            assert_eq!(read, subject == "alice", "{subject}: {}", seen.text());
            assert_eq!(seen.status, if read { 200 } else { 403 }, "{subject}");
        }
    }
}

#[tokio::test]
async fn m_22_handlers_see_the_roles_of_the_caller() {
    let fixture = fixture();
    let with = |groups: Value| {
        let token = fixture
            .issuer
            .token()
            .scopes("read")
            .claim("groups", groups);
        fixture.modern().bearer(&token.sign())
    };
    let worker = with(json!(["workers"]));
    assert_eq!(text(&worker.call("roles", json!({})).await), "");
    let refused = worker.call("approve", json!({})).await;
    assert_eq!(refused["isError"], true);
    assert_eq!(text(&refused), "Insufficient permissions.");
    let manager = with(json!(["workers", "managers"]));
    assert_eq!(text(&manager.call("roles", json!({})).await), "manager");
    assert_eq!(text(&manager.call("approve", json!({})).await), "approved");
}

#[tokio::test]
async fn bp_32_rules_that_are_replaced_count_from_the_next_request_on() {
    let rules = Rules::new(rules());
    let given = rules.clone();
    let fixture = Fixture::with(|server| server.scope_implies("all", ["read"]).rules(given));
    let token = fixture.issuer.token().scopes("all").sign();
    let client = fixture.modern().bearer(&token);
    let call = async |tool: &str| {
        let params = json!({ "name": tool, "arguments": { "name": "World" } });
        client.send("tools/call", params).await.status()
    };
    assert_eq!(call("greet").await, 200);
    let nobody = RuleSet::builder(Unmentioned::Deny).build().unwrap();
    rules.replace(nobody);
    assert_eq!(call("greet").await, 403);
    let everybody = Rule::allow("all", Who::scope("read"), What::tools(["*"]));
    rules.replace(
        RuleSet::builder(Unmentioned::Deny)
            .rule(everybody)
            .build()
            .unwrap(),
    );
    assert_eq!(
        call("greet").await,
        200,
        "what the server says of scopes still counts"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_used_leaves_the_rules_of_before_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    let started = async || {
        let issuer = TestIssuer::as_test();
        let server = authenticated("rules", &issuer)
            .rules_file(&path)
            .tool(roles);
        let token = issuer.token().scopes("read").sign();
        (
            server
                .start(Http::bind("127.0.0.1:0").public_url(AUDIENCE))
                .await,
            token,
        )
    };
    write("default = \"open\"\n");
    let error = started().await.0.unwrap_err().to_string();
    assert!(
        error.contains("policy.toml: line 1: default: unknown variant"),
        "{error}"
    );
    write("default = \"scopes\"\n");
    let (running, token) = started().await;
    let running = running.unwrap();
    let client = ModernClient::new(testkit::Http::service(running.app()), "/mcp").bearer(&token);
    let call = async || {
        let params = json!({ "name": "roles", "arguments": {} });
        client.send("tools/call", params).await.status()
    };
    assert_eq!(call().await, 200);
    write("default = \"deny\"\n[[rules]]\nname = 7\n");
    let wrong = running.reload().unwrap_err().to_string();
    assert!(
        wrong.contains("policy.toml: line 3: rules.0.name"),
        "{wrong}"
    );
    assert_eq!(call().await, 200);
    std::fs::remove_file(&path).unwrap();
    assert!(
        running
            .reload()
            .unwrap_err()
            .to_string()
            .contains("cannot be read")
    );
    assert_eq!(call().await, 200);
    write("default = \"deny\"\n");
    running.reload().unwrap();
    assert_eq!(call().await, 403);
}

/// Rules are replaced while a request of somebody who was let in is still read.
#[tokio::test]
async fn rs_26_who_was_let_in_before_is_judged_by_the_rules_of_the_decision_alone() {
    let with = |allows: &str| {
        let text = format!("default = \"scopes\"\n[scopes.includes]\n{allows}");
        RuleSet::parse(&text).unwrap()
    };
    let (all, nothing) = (with("\"root\" = [\"admin\"]\n"), with(""));
    for (before, after, status) in [(&all, &nothing, 403), (&nothing, &all, 200)] {
        let rules = Rules::new(before.clone());
        let fixture = Fixture::with(|server| server.rules(rules.clone()));
        let token = fixture.issuer.token().scopes("read root").sign();
        let call = json!({ "name": "admin_report", "arguments": {} });
        let client = ModernClient::new(fixture.http(), "/mcp").bearer(&token);
        let (parts, body) = client.mcp("tools/call", call).build().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let late = futures_util::stream::once(async move {
            let ready: Result<(), _> = receiver.await;
            ready.map(|()| http_body::Frame::data(body))
        });
        let request = http::Request::from_parts(parts, StreamBody::new(Box::pin(late)));
        let app = fixture.app.clone();
        let answering = tokio::spawn(async move { app.respond(request, None).await.status() });
        // It is let in, and waits for its body.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        rules.replace(after.clone());
        sender.send(()).unwrap();
        assert_eq!(answering.await.unwrap().as_u16(), status);
    }
}

#[tokio::test]
async fn rules_that_nobody_could_meet_stop_the_start() {
    let member = Role::new("staff").member(Authority::issuer(ISSUER), "alice");
    let staff = RuleSet::builder(Unmentioned::Scopes)
        .role(member)
        .build()
        .unwrap();
    let start = async |server: Server| {
        let started = server.start(Http::bind("127.0.0.1:0")).await;
        started.map(drop).map_err(|error| error.to_string())
    };
    let error = start(Server::new("open").rules(staff.clone()))
        .await
        .unwrap_err();
    assert!(
        error.contains("nobody can say it: add a verifier"),
        "{error}"
    );
    let issuer = TestIssuer::as_test();
    let twice = authenticated("twice", &issuer)
        .rules(staff.clone())
        .rules(staff);
    let error = start(twice).await.unwrap_err();
    assert!(error.contains("put them into one set"), "{error}");
    let missing = authenticated("file", &issuer).rules_file("/nowhere/policy.toml");
    let error = start(missing).await.unwrap_err();
    assert!(
        error.contains("/nowhere/policy.toml cannot be read"),
        "{error}"
    );
}

fn foreign(rules: RuleSet) -> (App, TestIssuer, Theirs) {
    let (issuer, theirs) = (TestIssuer::as_test(), Theirs::default());
    let server = protected(Server::from_rmcp(theirs.clone()), &issuer).rules(rules);
    (server.into_app(&place()).unwrap(), issuer, theirs)
}

#[tokio::test(start_paused = true)]
async fn e39_a_rule_holds_for_a_handler_of_the_sdk_whatever_it_takes_for_the_name() {
    let hidden = Rule::deny("no deletion", Who::anyone(), What::tools(["delete_*"])).hidden();
    let rules = RuleSet::builder(Unmentioned::Scopes).rule(hidden);
    let (app, issuer, theirs) = foreign(rules.build().unwrap());
    let token = issuer.token().sub("alice").scopes("read admin").sign();
    let client = ModernClient::new(testkit::Http::service(app), "/mcp").bearer(&token);
    let named = |name: &str| json!({ "name": name, "arguments": {} });
    for name in ["delete_all", "DELETE_ALL", "Delete_all", " delete_all "] {
        let told = answer(client.mcp("tools/call", named(name)), name).await;
        let truth = answer(client.mcp("tools/call", named("never_was")), "never_was").await;
        assert!(told.1["error"]["code"].is_i64(), "{name}: {told:?}");
        assert_eq!(told, truth, "{name}");
    }
    assert_eq!(theirs.0.load(std::sync::atomic::Ordering::SeqCst), 0);
    let listed = client.result("tools/list", json!({})).await;
    assert_eq!(names(&listed, "tools"), ["whoami", "panics"]);
    assert_eq!(
        client.send("tools/call", named("whoami")).await.status(),
        200
    );
}
