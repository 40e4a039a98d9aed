//! Refusals and answers, the same on the direct lane, without and with a session, for a
//! handler of the SDK, at a route and in memory.

use countersign::component::CompletionRequest;
use countersign::in_memory::CallError;
use countersign::policy::Denial;
use countersign::{
    AccessToken, App, Assertion, Context, Notifier, Server, Sessions, SourceName, SourceRule,
    ToolError, oauth::ScopeSet,
};
use serde_json::{Value, json};
use testkit::client::http::RequestBuilder;

use super::{ASKS_FOR_KEY, Holds, METADATA, app, legacy, machines, modern, people, server};
use crate::fixture::{Seen, place};
use crate::foreign::Theirs;

/// Every challenge, in order.
fn challenges(seen: &Seen) -> Vec<String> {
    let lines = seen.headers.get_all("www-authenticate").iter();
    lines
        .map(|line| line.to_str().unwrap().to_owned())
        .collect()
}

async fn see(request: RequestBuilder) -> Seen {
    Seen::of(request.send().await).await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Direct,
    Stateless,
    Session,
}

const LANES: [Lane; 3] = [Lane::Direct, Lane::Stateless, Lane::Session];

/// Sends one request on one lane.
async fn ask(lane: Lane, holds: Holds, method: &str, params: Value) -> Seen {
    match lane {
        Lane::Direct => see(modern(&app(), holds).mcp(method, params)).await,
        Lane::Stateless => {
            let app = server()
                .sessions(Sessions::Never)
                .into_app(&place())
                .unwrap();
            see(legacy(&app, holds).mcp(method, params)).await
        }
        Lane::Session => {
            let app = server()
                .sessions(Sessions::Always)
                .into_app(&place())
                .unwrap();
            let mut client = legacy(&app, holds);
            client.initialize().await;
            assert!(client.session().is_some());
            see(client.mcp(method, params)).await
        }
    }
}

fn tool(name: &str) -> (&'static str, Value) {
    ("tools/call", json!({ "name": name, "arguments": {} }))
}

fn resource(uri: &str) -> (&'static str, Value) {
    ("resources/read", json!({ "uri": uri }))
}

#[tokio::test(start_paused = true)]
async fn m_20_a_credential_of_another_source_is_401_with_the_challenges_of_the_right_ones() {
    let oauth = format!("Bearer {METADATA}");
    let oauth_admin = format!("Bearer scope=\"admin:write\", {METADATA}");
    let key = ASKS_FOR_KEY.to_owned();
    let prompt = (
        "prompts/get",
        json!({ "name": "report", "arguments": { "topic": "x" } }),
    );
    for lane in LANES {
        for (holds, (method, params), expected, sources) in [
            (
                Holds::Key,
                tool("delete_user"),
                vec![&oauth_admin],
                json!(["oauth"]),
            ),
            (
                Holds::Nothing,
                tool("delete_user"),
                vec![&oauth_admin],
                json!(["oauth"]),
            ),
            (
                Holds::Token,
                tool("create_admin_user"),
                vec![&key],
                json!(["api_key"]),
            ),
            (
                Holds::Nothing,
                tool("either"),
                vec![&oauth, &key],
                json!(["api_key", "oauth"]),
            ),
            (Holds::Token, tool("both"), vec![&key], json!(["api_key"])),
            (Holds::Key, tool("both"), vec![&oauth], json!(["oauth"])),
            (
                Holds::Nothing,
                tool("both"),
                vec![&oauth, &key],
                json!(["oauth", "api_key"]),
            ),
            (Holds::Key, tool("public"), vec![&oauth], json!(["oauth"])),
            (
                Holds::Token,
                resource("admin://system/stats"),
                vec![&key],
                json!(["api_key"]),
            ),
            (
                Holds::Key,
                resource("user://alice/private"),
                vec![&oauth],
                json!(["oauth"]),
            ),
            (Holds::Token, prompt.clone(), vec![&key], json!(["api_key"])),
        ] {
            let what = format!("{lane:?} {holds:?} {method} {params}");
            let seen = ask(lane, holds, method, params).await;
            assert_eq!(seen.status, 401, "{what}: {}", seen.text());
            let told = challenges(&seen);
            assert_eq!(told.iter().collect::<Vec<_>>(), expected, "{what}");
            assert_eq!(seen.json()["sources"], sources, "{what}");
            assert!(seen.json().get("error").is_none(), "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn m_20_the_credential_that_a_component_names_acts_with_its_own_scopes_alone() {
    for lane in LANES {
        for (holds, name, expected) in [
            (Holds::Token, "whoami", "oauth alice admin:write"),
            (Holds::Key, "whoami", "api_key alice stats"),
            (Holds::Both, "whoami", "oauth alice admin:write"),
            (Holds::Nothing, "whoami", "nobody - "),
            (Holds::Token, "delete_user", "oauth alice admin:write"),
            (Holds::Both, "delete_user", "oauth alice admin:write"),
            (Holds::Key, "create_admin_user", "api_key alice stats"),
            (Holds::Both, "create_admin_user", "api_key alice stats"),
            (Holds::Token, "either", "oauth alice admin:write"),
            (Holds::Both, "either", "api_key alice stats"),
            (Holds::Both, "both", "oauth alice admin:write"),
            (Holds::Nothing, "public", "nobody - "),
            (Holds::Token, "public", "oauth alice admin:write"),
        ] {
            let (method, params) = tool(name);
            let seen = ask(lane, holds, method, params).await;
            let text = seen.json()["result"]["content"][0]["text"].clone();
            assert_eq!(
                text,
                json!(expected),
                "{lane:?} {holds:?} {name}: {}",
                seen.text()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn e39_a_hidden_component_of_another_source_answers_as_unknown_whatever_the_method() {
    for lane in LANES {
        for holds in [Holds::Token, Holds::Nothing] {
            let mut told = Vec::new();
            for name in ["maintenance", "never_was", "MAINTENANCE", " maintenance"] {
                let (method, params) = tool(name);
                let mut seen = ask(lane, holds, method, params).await;
                assert!(challenges(&seen).is_empty(), "{lane:?}");
                let mut message = seen.json();
                message["id"] = Value::Null;
                told.push((seen.status, message));
                seen.headers.clear();
            }
            told.dedup();
            assert_eq!(told.len(), 1, "{lane:?} {holds:?}: {told:?}");
            let names = listed(lane, holds, "tools/list", "tools").await;
            assert!(!names.contains(&"maintenance".to_owned()), "{lane:?}");
        }
    }
}

async fn suggestions(_: Context, _: CompletionRequest) -> Result<Vec<String>, ToolError> {
    Ok(vec!["one".to_owned()])
}

#[tokio::test(start_paused = true)]
async fn e39_no_method_leads_around_the_sources_of_a_component() {
    let server = server().sessions(Sessions::Always).completion(suggestions);
    let server = server.notifier(&Notifier::new());
    let app = server.into_app(&place()).unwrap();
    let mut client = legacy(&app, Holds::Token);
    client.initialize().await;
    let stats = json!({ "uri": "admin://system/stats" });
    let completion = json!({
        "ref": { "type": "ref/prompt", "name": "report" },
        "argument": { "name": "topic", "value": "" },
    });
    let report = json!({ "name": "report", "arguments": { "topic": "x" } });
    for (method, params) in [
        tool("create_admin_user"),
        ("resources/read", stats.clone()),
        ("resources/subscribe", stats),
        ("prompts/get", report),
        ("completion/complete", completion.clone()),
    ] {
        let seen = see(client.mcp(method, params)).await;
        assert_eq!(seen.status, 401, "{method}: {}", seen.text());
        assert_eq!(challenges(&seen), [ASKS_FOR_KEY], "{method}");
    }
    for (method, params) in [
        tool("admin://system/stats"),
        tool("report"),
        ("prompts/get", json!({ "name": "create_admin_user" })),
        resource("create_admin_user"),
    ] {
        let seen = see(client.mcp(method, params)).await;
        assert!(challenges(&seen).is_empty(), "{method}");
        assert!(seen.json()["error"]["code"].is_i64(), "{}", seen.text());
    }
    let equipped = legacy(&app, Holds::Both).with_session(client.session());
    let seen = see(equipped.mcp("completion/complete", completion)).await;
    let values = &seen.json()["result"]["completion"]["values"];
    assert_eq!(*values, json!(["one"]), "{}", seen.text());
}

async fn listed(lane: Lane, holds: Holds, method: &str, member: &str) -> Vec<String> {
    let seen = ask(lane, holds, method, json!({})).await;
    let message = seen.json();
    let items = message["result"][member].as_array().unwrap().clone();
    let mut names: Vec<String> = items
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test(start_paused = true)]
async fn e39_lists_show_what_the_sources_of_the_caller_open() {
    for lane in LANES {
        for (holds, expected) in [
            (Holds::Nothing, &["public", "whoami"][..]),
            (Holds::Token, &["delete_user", "either", "public", "whoami"]),
            (
                Holds::Key,
                &["create_admin_user", "either", "maintenance", "whoami"],
            ),
            (
                Holds::Both,
                &[
                    "both",
                    "create_admin_user",
                    "delete_user",
                    "either",
                    "maintenance",
                    "public",
                    "whoami",
                ],
            ),
        ] {
            let tools = listed(lane, holds, "tools/list", "tools").await;
            assert_eq!(tools, expected, "{lane:?} {holds:?}");
            let key = matches!(holds, Holds::Key | Holds::Both);
            let resources = listed(lane, holds, "resources/list", "resources").await;
            assert_eq!(resources.len(), usize::from(key), "{lane:?} {holds:?}");
            let prompts = listed(lane, holds, "prompts/list", "prompts").await;
            assert_eq!(prompts.len(), usize::from(key), "{lane:?} {holds:?}");
        }
    }
}

fn foreign() -> App {
    Server::from_rmcp(Theirs::default())
        .auth(people())
        .source("api_key", machines())
        .tool_auth("delete_all", SourceRule::of("api_key"))
        .resource_auth("file:///vault/{+path}", SourceRule::of("api_key"))
        .hide_resource("file:///vault/{+path}")
        .into_app(&place())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn e39_sources_by_name_guard_a_handler_of_the_sdk_in_every_spelling_and_era() {
    let app = foreign();
    let (direct, mut session) = (modern(&app, Holds::Token), legacy(&app, Holds::Token));
    session.initialize().await;
    for name in ["delete_all", "DELETE_ALL"] {
        let (method, params) = tool(name);
        for request in [
            direct.mcp(method, params.clone()),
            session.mcp(method, params.clone()),
        ] {
            let seen = see(request).await;
            let realm = "ApiKey realm=\"Notes\"";
            assert_eq!(seen.status, 401, "{name}");
            let told = challenges(&seen);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(
                !realm.is_empty() && told[0].starts_with("ApiKey "),
                "{told:?}"
            );
        }
    }
    for uri in ["file:///vault/b", "file:///%76ault/b"] {
        let (method, params) = resource(uri);
        let seen = see(direct.mcp(method, params)).await;
        assert!(challenges(&seen).is_empty());
        assert!(seen.json()["error"]["code"].is_i64(), "{}", seen.text());
    }
    let machine = modern(&app, Holds::Key);
    let (method, params) = tool("delete_all");
    let seen = see(machine.mcp(method, params)).await;
    assert_eq!(seen.status, 200, "{}", seen.text());
}

#[tokio::test]
async fn a_route_accepts_its_sources_and_sees_no_credential() {
    let app = app();
    let http = testkit::Http::service(app);
    let token = format!("Bearer {}", super::TOKEN);
    for (request, expected) in [
        (http.get("/stats"), 401),
        (http.get("/stats").header("authorization", &token), 401),
        (http.get("/stats").header("x-api-key", "wrong"), 401),
        (http.get("/stats?x-api-key=key-of-alice"), 401),
        (
            http.get("/stats")
                .header("x-api-key", super::KEY)
                .header("authorization", "Bearer wrong"),
            401,
        ),
    ] {
        let seen = see(request).await;
        assert_eq!(seen.status, expected);
        assert!(!challenges(&seen).is_empty());
    }
    for request in [
        http.get("/stats").header("x-api-key", super::KEY),
        http.get("/stats")
            .header("x-api-key", super::KEY)
            .header("authorization", &token),
    ] {
        let seen = see(request).await;
        assert_eq!((seen.status, &*seen.text()), (200, "api_key false"));
    }
}

#[tokio::test]
async fn tr_29_scripts_of_an_allowed_origin_may_send_keys_and_read_every_challenge() {
    let origin = "https://app.example";
    let app = server().into_app(&place().allowed_origin(origin)).unwrap();
    let http = testkit::Http::service(app.clone());
    let preflight = http
        .request(http::Method::OPTIONS, "/mcp")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "x-api-key, content-type");
    let seen = see(preflight).await;
    let allowed = seen.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("x-api-key"), "{allowed}");
    let (method, params) = tool("either");
    let refused = modern(&app, Holds::Nothing).mcp(method, params);
    let seen = see(refused.header("origin", origin)).await;
    assert_eq!((seen.status, challenges(&seen).len()), (401, 2));
    let exposed = seen.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("WWW-Authenticate"), "{exposed}");
}

#[tokio::test]
async fn a_caller_in_memory_is_of_the_source_that_the_test_says() {
    let token = |source: SourceName, scopes: &str| {
        let scopes = ScopeSet::parse(scopes).unwrap();
        let assertion = Assertion::new("https://as.test", "ada").source(source);
        AccessToken::assertion(assertion.scopes(scopes))
    };
    let client = server().test_client().unwrap();
    let person = client
        .clone()
        .caller(token(SourceName::OAUTH, "admin:write"));
    let machine = client.clone().caller(token(SourceName::API_KEY, "stats"));
    let refused = person.call_tool("create_admin_user", Value::Null).await;
    assert!(
        matches!(&refused, Err(CallError::Denied(Denial::WrongSource(wrong)))
            if wrong.accepts().to_string() == "api_key"),
        "{refused:?}"
    );
    assert_eq!(refused.unwrap_err().status(), 401);
    let done = machine.call_tool("create_admin_user", Value::Null).await;
    let done = done.unwrap();
    assert_eq!(done.content[0].as_text().unwrap().text, "api_key ada stats");
    let together = person.also(token(SourceName::API_KEY, "stats"));
    for (tool, expected) in [
        ("both", "oauth ada admin:write"),
        ("either", "api_key ada stats"),
        ("whoami", "oauth ada admin:write"),
    ] {
        let done = together.call_tool(tool, Value::Null).await.unwrap();
        assert_eq!(done.content[0].as_text().unwrap().text, expected, "{tool}");
    }
}
