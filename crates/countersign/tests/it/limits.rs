//! How often callers may ask: C12, E31, G1 to G9, G11 to G17, M-23, TR-28.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::limit::{LimitStore, LimitStoreLost, SharedBudget, Taking, WhenLost};
use countersign::oauth::Lifetime;
use countersign::{App, Http, Limits, Quota, Server, Sessions, tool};
use serde_json::{Value, json};
use testkit::{LegacyClient, ModernClient, NOW};
use tokio::sync::Notify;

use crate::fixture::{Fixture, place};
use crate::foreign::{Theirs, protected};

fn limited(limits: Limits) -> Fixture {
    Fixture::with(|server| server.limits(limits))
}

fn per_user(requests: u32) -> Limits {
    Limits::none().per_user(Quota::per_minute(requests))
}

fn token_of(fixture: &Fixture, subject: &str) -> String {
    fixture.issuer.token().sub(subject).scopes("read").sign()
}

fn client_of(fixture: &Fixture, subject: &str) -> ModernClient {
    ModernClient::new(fixture.http(), "/mcp").bearer(&token_of(fixture, subject))
}

fn greeting() -> Value {
    json!({ "name": "greet", "arguments": { "name": "World" } })
}

/// `app` as it is seen from `peer`.
fn from(app: &App, peer: &str) -> testkit::Http {
    let (app, peer) = (app.clone(), peer.parse::<IpAddr>().unwrap());
    testkit::Http::function(move |request| {
        let app = app.clone();
        async move { app.respond(request, Some(peer)).await }
    })
}

/// How many greetings of `client` pass until one is refused.
async fn passing(client: &ModernClient) -> usize {
    for passed in 0..500 {
        match client.send("tools/call", greeting()).await.status() {
            200 => {}
            429 => return passed,
            other => panic!("{other}"),
        }
    }
    500
}

#[tokio::test(start_paused = true)]
async fn m_23_g12_the_hundred_and_first_request_is_refused_in_the_words_of_the_documents() {
    let fixture = limited(Limits::new());
    let client = fixture.modern();
    assert_eq!(passing(&client).await, 100);
    let runs = fixture.runs.count();
    let body = client.body("tools/call", greeting());
    let mut refused = client.with_body(&body).send().await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("content-type"), Some("application/json"));
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    assert_eq!(refused.header("www-authenticate"), None);
    for name in refused.headers().keys() {
        assert!(!name.as_str().contains("ratelimit"), "{name}");
    }
    let message = "Rate limit exceeded for user alice. Max 100 requests per minute.";
    let expected = json!({
        "jsonrpc": "2.0", "id": body["id"], "error": { "code": -32000, "message": message },
    });
    assert_eq!(refused.response().await, expected);
    assert_eq!(fixture.runs.count(), runs);
    assert_eq!(passing(&client_of(&fixture, "bob")).await, 100);
    tokio::time::advance(Duration::from_millis(600)).await;
    assert_eq!(passing(&client).await, 1);
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert_eq!(passing(&client).await, 100);
}

#[tokio::test(start_paused = true)]
async fn g8_whoever_sets_the_clock_frees_nobody_and_locks_nobody_out() {
    let fixture = limited(per_user(10));
    let client = fixture.modern();
    assert_eq!(passing(&client).await, 10);
    for time in [NOW.as_secs() - 100, NOW.as_secs() + 100] {
        fixture
            .clock
            .set(countersign::oauth::UnixTime::from_secs(time));
        assert_eq!(passing(&client).await, 0);
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(passing(&client).await, 10);
}

#[tokio::test(start_paused = true)]
async fn g5_g6_g7_no_header_no_claim_and_no_client_makes_another_user() {
    let fixture = limited(per_user(10));
    assert_eq!(passing(&fixture.modern()).await, 10);
    let names = [
        "Alice",
        "alice.",
        "alice ",
        "a\u{200b}lice",
        "\u{ff41}lice",
        "ALICE",
    ];
    for (number, name) in names.into_iter().enumerate() {
        let token = fixture.issuer.token().scopes("read");
        let token = token
            .client_id(&format!("client-{number}"))
            .claim("email", format!("{name}@example.com"))
            .claim("preferred_username", name)
            .sign();
        let client = ModernClient::new(fixture.http(), "/mcp").bearer(&token);
        let mut params = greeting();
        params["_meta"] = json!({ "user": name, "userId": number });
        let request = client.mcp("tools/call", params);
        let request = request
            .header("x-user", number.to_string())
            .header("x-forwarded-user", number.to_string());
        assert_eq!(request.send().await.status(), 429, "{name}");
    }
    // Whose subject is another is somebody else: only the issuer can say so.
    assert_eq!(passing(&client_of(&fixture, "Alice")).await, 10);
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_unknown_or_nonsense_counts_too() {
    for attempt in 0..8 {
        let fixture = limited(per_user(10));
        let client = fixture.modern();
        for _ in 0..10 {
            let request = match attempt {
                0 => client.mcp(
                    "tools/call",
                    json!({ "name": "admin_report", "arguments": {} }),
                ),
                1 => client.mcp(
                    "tools/call",
                    json!({ "name": "no_such_tool", "arguments": {} }),
                ),
                2 => client.mcp("no/such/method", json!({})),
                3 => client.mcp("resources/read", json!({ "uri": "no://such" })),
                4 => client.with_body(&json!({ "jsonrpc": "1.0" })),
                5 => client.with_body(&json!({ "jsonrpc": "2.0", "method": "notifications/x" })),
                6 => fixture.http().get("/mcp").bearer(&fixture.token()),
                _ => client.mcp("tools/call", greeting()).body("no JSON"),
            };
            assert_ne!(request.send().await.status(), 429, "{attempt}");
        }
        assert_eq!(passing(&client).await, 0, "{attempt}");
    }
}

#[tokio::test(start_paused = true)]
async fn g14_no_other_spelling_of_the_path_has_another_budget() {
    let fixture = limited(per_user(10));
    let client = fixture.modern();
    assert_eq!(passing(&client).await, 10);
    let body = client.body("tools/call", greeting()).to_string();
    for path in [
        "/mcp/", "//mcp", "/MCP", "/%6dcp", "/./mcp", "/mcp;x", "/mcp?x",
    ] {
        let request = fixture.http().post(path).bearer(&fixture.token());
        let request = request
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .body(body.clone());
        let status = request.send().await.status();
        assert!([404, 429].contains(&status), "{path} {status}");
    }
    let head = fixture.http().request(http::Method::HEAD, "/mcp");
    let head = head.bearer(&fixture.token()).send().await;
    assert_eq!(head.status(), 405);
    assert_eq!(fixture.runs.count(), 10);
}

#[tokio::test(start_paused = true)]
async fn g1_g2_g3_an_address_is_what_the_connection_or_a_trusted_proxy_says() {
    let app = |http: &Http| {
        let server = Server::new("s").tool(quick).danger_without_authentication();
        let limits = Limits::none().per_address(Quota::per_hour(5));
        server.limits(limits).into_app(http).unwrap()
    };
    let open = Http::bind("127.0.0.1:8000");
    let send = async |app: &App, peer: &str, name: &str, value: &str| {
        let client = ModernClient::new(from(app, peer), "/mcp");
        let request = client.mcp("tools/call", json!({ "name": "quick", "arguments": {} }));
        request.header(name, value).send().await.status()
    };
    for name in [
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "cf-connecting-ip",
        "true-client-ip",
        "x-client-ip",
    ] {
        let app = app(&open);
        for number in 0..10 {
            let value = format!("1.2.3.{number}");
            let status = send(&app, "203.0.113.1", name, &value).await;
            assert_eq!(
                status,
                if number < 5 { 200 } else { 429 },
                "{name} {number}"
            );
        }
        assert_eq!(send(&app, "203.0.113.2", name, "1.2.3.4").await, 200);
    }
    let behind = app(&open.trusted_proxy("10.0.0.0/8"));
    for number in 0..10 {
        let chain = format!("1.2.3.{number}, 203.0.113.1");
        let status = send(&behind, "10.0.0.1", "x-forwarded-for", &chain).await;
        assert_eq!(status, if number < 5 { 200 } else { 429 }, "{number}");
    }
    let other = send(&behind, "10.0.0.1", "x-forwarded-for", "203.0.113.2").await;
    assert_eq!(other, 200);
    // Junk is the address of the proxy, whatever it says.
    for number in 0..10 {
        let junk = format!("junk-{number}");
        let status = send(&behind, "10.0.0.1", "x-forwarded-for", &junk).await;
        assert_eq!(status, if number < 5 { 200 } else { 429 }, "{junk}");
    }
}

#[tokio::test(start_paused = true)]
async fn g4_g12_g17_addresses_are_counted_before_anything_else_at_every_path() {
    let limits = Limits::none().per_address(Quota::per_hour(5));
    for path in [
        "/mcp",
        "/.well-known/oauth-protected-resource/mcp",
        "/open",
        "/none",
    ] {
        let fixture = limited(limits.clone());
        for number in 0..20 {
            let http = from(&fixture.app, &format!("2001:db8::{number:x}"));
            let mut answer = http.get(path).send().await;
            if number < 5 {
                assert_ne!(answer.status(), 429, "{path} {number}");
                continue;
            }
            assert_eq!(answer.status(), 429, "{path}");
            assert_eq!(answer.header("retry-after"), Some("720"));
            let message = "Rate limit exceeded. Please try again later.";
            let error = json!({ "code": -32000, "message": message });
            let expected = json!({ "jsonrpc": "2.0", "id": null, "error": error });
            assert_eq!(answer.response().await, expected);
        }
        let health = from(&fixture.app, "2001:db8::1")
            .get("/healthz")
            .send()
            .await;
        assert_eq!(health.status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn c12_guessed_tokens_are_counted_and_keep_nobody_out() {
    let fixture = Fixture::new();
    let http = from(&fixture.app, "203.0.113.1");
    let call = |token: &str| {
        let client = ModernClient::new(http.clone(), "/mcp").bearer(token);
        client.mcp("tools/call", greeting())
    };
    let forged = fixture.issuer.token().signature("x").sign();
    for number in 0..300 {
        let guess = match number % 3 {
            0 => forged.clone(),
            1 => format!("guess-{number}"),
            _ => format!("{}.{number}", fixture.token()),
        };
        let answer = call(&guess).send().await;
        assert_eq!(
            answer.status(),
            if number < 100 { 401 } else { 429 },
            "{number}"
        );
        assert_eq!(answer.header("www-authenticate").is_some(), number < 100);
    }
    // Whoever shares the address is served, or told to log in again.
    assert_eq!(call(&fixture.token()).send().await.status(), 200);
    let expired = fixture.issuer.token().scopes("read");
    let expired = expired.exp(NOW.saturating_sub(Lifetime::from_hours(1)));
    let mut neighbours = call(&expired.sign()).send().await;
    assert_eq!(neighbours.status(), 401, "{:?}", neighbours.text().await);
    assert_eq!(call("guess").send().await.status(), 429);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(call("guess").send().await.status(), 401);
}

#[tokio::test(flavor = "current_thread")]
async fn g15_a_thousand_bad_signatures_at_once_let_others_pass() {
    let fixture = Fixture::new();
    let forged = fixture.issuer.token().signature([7; 64]).sign();
    let finished = Arc::new(Mutex::new(Vec::new()));
    let mut running = Vec::new();
    let mut send = |peer: &str, token: &str| {
        let client = ModernClient::new(from(&fixture.app, peer), "/mcp").bearer(token);
        let request = client.mcp("tools/call", greeting());
        let (finished, peer) = (Arc::clone(&finished), peer.to_owned());
        running.push(tokio::spawn(async move {
            let status = request.send().await.status();
            finished.lock().unwrap().push((peer, status));
        }));
    };
    for _ in 0..1_000 {
        send("203.0.113.1", &forged);
    }
    for number in 0..4 {
        send(&format!("198.51.100.{number}"), &fixture.token());
    }
    for task in running {
        task.await.unwrap();
    }
    let finished = finished.lock().unwrap();
    let places = finished.iter().enumerate();
    let others = places.filter(|(_, (peer, _))| peer != "203.0.113.1");
    let others: Vec<_> = others
        .map(|(place, (_, status))| (place, *status))
        .collect();
    assert!(
        others.iter().all(|(_, status)| *status == 200),
        "{others:?}"
    );
    // One in 64 addresses shares the turns of the flood.
    let early = others.iter().filter(|(place, _)| *place < 100).count();
    assert!(early >= 2, "{others:?}");
}

/// Does nothing.
#[tool]
async fn quick() -> &'static str {
    "quick"
}

/// Waits until it is told to go on.
#[tool]
async fn held(go_on: countersign::State<Arc<Notify>>) -> &'static str {
    go_on.0.notified().await;
    "held"
}

fn with_held(limits: Limits, sessions: Sessions) -> (App, Arc<Notify>) {
    let go_on = Arc::new(Notify::new());
    let server = Server::new("s").tool(quick).tool(held);
    let server = server.state(Arc::clone(&go_on)).sessions(sessions);
    let server = server.limits(limits).danger_without_authentication();
    let place = Http::bind("127.0.0.1:8000");
    (server.into_app(&place).unwrap(), go_on)
}

#[tokio::test(start_paused = true)]
async fn expensive_work_runs_so_often_at_once_in_both_lanes() {
    for sessions in [Sessions::Never, Sessions::Always] {
        let (app, go_on) = with_held(Limits::none().concurrent("held", 2), sessions);
        let mut client = LegacyClient::new(testkit::Http::service(app), "/mcp");
        client.initialize().await;
        let call = || client.mcp("tools/call", json!({ "name": "held", "arguments": {} }));
        let mut running = Vec::new();
        for _ in 0..2 {
            let request = call();
            running.push(tokio::spawn(async move {
                request.send().await.response().await
            }));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut refused = call().send().await;
        assert_eq!(refused.status(), 429, "{sessions:?}");
        let error = refused.response().await["error"].clone();
        assert_eq!(
            error["message"],
            "Rate limit exceeded. Please try again later."
        );
        let free = client.call("quick", json!({})).await;
        assert_eq!(free["content"][0]["text"], "quick");
        go_on.notify_waiters();
        for task in running {
            let answer = task.await.unwrap();
            assert_eq!(answer["result"]["content"][0]["text"], "held", "{answer}");
        }
        let request = call();
        let again = tokio::spawn(async move { request.send().await.status() });
        tokio::time::sleep(Duration::from_secs(1)).await;
        go_on.notify_waiters();
        assert_eq!(again.await.unwrap(), 200, "{sessions:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn e31_a_session_is_no_way_around_a_limit() {
    let (app, _) = with_held(per_user(10), Sessions::Always);
    let mut client = LegacyClient::new(testkit::Http::service(app.clone()), "/mcp");
    client.initialize().await;
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let params = json!({ "name": "quick", "arguments": {} });
        statuses.push(client.send("tools/call", params).await.status());
    }
    assert_eq!(
        statuses.iter().filter(|status| **status == 429).count(),
        4,
        "{statuses:?}"
    );
    let other = LegacyClient::new(testkit::Http::service(app), "/mcp");
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "another", "version": "0" },
    });
    assert_eq!(other.send("initialize", hello).await.status(), 429);
}

#[tokio::test(start_paused = true)]
async fn g17_streams_of_the_old_transport_are_opened_so_often() {
    let server = Server::new("s").tool(quick).danger_without_authentication();
    let place = Http::bind("127.0.0.1:8000").http_with_sse();
    let app = server.limits(per_user(3)).into_app(&place).unwrap();
    let mut open = Vec::new();
    for number in 0..5 {
        let http = testkit::Http::service(app.clone());
        let request = http.get("/sse").header("accept", "text/event-stream");
        let answer = request.send().await;
        assert_eq!(answer.status(), if number < 3 { 200 } else { 429 });
        open.push(answer);
    }
}

#[tokio::test(start_paused = true)]
async fn tools_of_a_handler_of_the_sdk_are_limited_by_name() {
    let issuer = testkit::TestIssuer::as_test();
    let limits = per_user(10)
        .cost("delete_all", 4)
        .per_component("whoami", Quota::per_minute(1));
    let server = protected(Server::from_rmcp(Theirs::default()), &issuer).limits(limits);
    let app = server.into_app(&place()).unwrap();
    let token = issuer.token().scopes("read admin").sign();
    let client = ModernClient::new(testkit::Http::service(app), "/mcp").bearer(&token);
    let call = async |name: &str| {
        let params = json!({ "name": name, "arguments": {} });
        client.send("tools/call", params).await.status()
    };
    assert_eq!(call("delete_all").await, 200);
    assert_eq!(call("whoami").await, 200);
    assert_eq!(call("whoami").await, 429);
    assert_eq!(call("delete_all").await, 200);
    assert_eq!(call("delete_all").await, 429);
}

#[tokio::test(start_paused = true)]
async fn limits_hold_without_http_as_well() {
    let server = || Server::new("s").tool(quick).limits(per_user(3));
    let client = server().test_client().unwrap();
    for _ in 0..3 {
        client.call_tool("quick", json!({})).await.unwrap();
    }
    let refused = client.call_tool("quick", json!({})).await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (429, Some(-32000)));
    assert!(client.list_tools().await.is_err());
}

#[test]
fn a_limit_for_nothing_stops_the_start() {
    for (limits, word) in [
        (Limits::new().cost("qick", 2), "`qick`"),
        (
            Limits::new().per_component("note://{id}", Quota::per_minute(1)),
            "note",
        ),
        (Limits::new().cost("quick", 1_000), "costs 1000"),
        (Limits::new().per_user(Quota::per_minute(0)), "`user`"),
    ] {
        let server = Server::new("s").tool(quick).limits(limits);
        let refused = server.into_app(&Http::bind("127.0.0.1:8000")).unwrap_err();
        assert!(refused.to_string().contains(word), "{refused}");
    }
}

/// Counts in one place for several servers.
#[derive(Debug, Default)]
struct Common {
    taken: Mutex<HashMap<String, u32>>,
    is_lost: Mutex<bool>,
}

impl LimitStore for Common {
    fn take<'a>(&'a self, budget: SharedBudget<'a>, cost: u32) -> Taking<'a> {
        Box::pin(async move {
            if *self.is_lost.lock().unwrap() {
                return Err(LimitStoreLost::default());
            }
            let key = format!("{:?} {} {}", budget.budget, budget.issuer, budget.name);
            let mut taken = self.taken.lock().unwrap();
            let taken = taken.entry(key).or_default();
            if *taken + cost > budget.quota.most() {
                return Ok(Some(Lifetime::from_secs(30)));
            }
            *taken += cost;
            Ok(None)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn several_servers_have_one_limit_if_they_share_a_store() {
    let common = Arc::new(Common::default());
    let limits = || per_user(10).shared(common.clone(), WhenLost::Refuse);
    let (one, other) = (limited(limits()), limited(limits()));
    for _ in 0..5 {
        assert_eq!(
            one.modern().send("tools/call", greeting()).await.status(),
            200
        );
    }
    assert_eq!(passing(&other.modern()).await, 5);
    let refused = one.modern().send("tools/call", greeting()).await;
    assert_eq!(
        (refused.status(), refused.header("retry-after")),
        (429, Some("30"))
    );
}

#[tokio::test(start_paused = true)]
async fn g16_a_store_that_is_lost_closes_the_server_or_leaves_it_its_own_count() {
    for (when_lost, status) in [(WhenLost::Refuse, 503), (WhenLost::CountHere, 200)] {
        let common = Arc::new(Common::default());
        *common.is_lost.lock().unwrap() = true;
        let fixture = limited(per_user(10).shared(common, when_lost));
        let client = fixture.modern();
        let answer = client.send("tools/call", greeting()).await;
        assert_eq!(answer.status(), status);
        if when_lost == WhenLost::CountHere {
            assert_eq!(passing(&client).await, 9);
        } else {
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert_eq!(fixture.runs.count(), 0);
        }
    }
}
