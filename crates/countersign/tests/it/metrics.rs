//! Row H15: what is counted, who may read it, and that no client makes new series.

use std::collections::{BTreeMap, BTreeSet};

use countersign::audit::{Outcome, Record, Sink};
use countersign::metrics::Metrics;
use countersign::oauth::ScopeSet;
use countersign::{Http, Server, Sessions};
use serde_json::json;
use testkit::LegacyClient;

use crate::fixture::{Fixture, place};

type Labels = BTreeMap<String, String>;

/// The samples of an exposition, which is read strictly.
struct Samples(BTreeMap<(String, Labels), f64>);

fn is_name(name: &str) -> bool {
    let mut signs = name.bytes();
    signs.next().is_some_and(|sign| sign.is_ascii_lowercase())
        && signs.all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == b'_')
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        assert!(is_name(name), "{name}");
        let (mut value, mut signs) = (String::new(), after.chars());
        loop {
            match signs.next().unwrap() {
                '"' => break,
                '\\' => value.push(match signs.next().unwrap() {
                    'n' => '\n',
                    sign @ ('\\' | '"') => sign,
                    other => panic!("\\{other}"),
                }),
                sign => value.push(sign),
            }
        }
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name}");
        rest = signs.as_str();
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (labels, rest.strip_prefix("} ").unwrap()),
        }
    }
}

impl Samples {
    fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'));
        let (mut samples, mut families) = (BTreeMap::new(), BTreeMap::new());
        let mut family = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, _) = help.split_once(' ').unwrap();
                assert!(is_name(name), "{name}");
                let kind = lines.next().unwrap().strip_prefix("# TYPE ").unwrap();
                let (again, kind) = kind.split_once(' ').unwrap();
                assert_eq!(again, name);
                assert!(families.insert(name, kind).is_none(), "{name} twice");
                family = name.to_owned();
                continue;
            }
            let end = line.find(['{', ' ']).unwrap();
            let (name, rest) = line.split_at(end);
            let ending = name.strip_prefix(family.as_str()).unwrap();
            match families[family.as_str()] {
                "counter" => assert!(ending.is_empty() && family.ends_with("_total"), "{name}"),
                "gauge" => assert_eq!(ending, ""),
                "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&ending), "{name}"),
                other => panic!("{other}"),
            }
            let (labels, value) = match rest.strip_prefix('{') {
                Some(rest) => labels(rest),
                None => (Labels::new(), &rest[1..]),
            };
            let value = value.parse::<f64>().unwrap();
            let earlier = samples.insert((name.to_owned(), labels), value);
            assert!(earlier.is_none(), "twice: {line}");
        }
        Self(samples)
    }

    fn of(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let found = self.0.get(&(name.to_owned(), labels.collect()));
        found.copied().unwrap_or_default()
    }
}

const DECISIONS: &str = "countersign_decisions_total";
const COMPONENTS: &str = "countersign_component_decisions_total";
const DURATIONS: &str = "countersign_http_request_duration_seconds";

fn counted() -> (Fixture, Metrics) {
    let metrics = Metrics::new();
    let scopes = ScopeSet::parse("metrics:read").unwrap();
    let fixture = Fixture::with(|server| {
        let server = server.metrics(&metrics);
        server.metrics_route("/metrics", &metrics, scopes)
    });
    (fixture, metrics)
}

#[tokio::test]
async fn h15_metrics_are_off_unless_asked_for_and_then_behind_their_scope() {
    let off = Fixture::new();
    let get = |fixture: &Fixture| fixture.http().get("/metrics");
    assert_eq!(off.see(get(&off)).await.status, 404);
    let (fixture, _metrics) = counted();
    let refused = fixture.see(get(&fixture)).await;
    assert_eq!(refused.status, 401);
    assert!(
        !refused.text().contains("countersign_"),
        "{}",
        refused.text()
    );
    let bearer = |scopes: &str| {
        let token = fixture.issuer.token().scopes(scopes).sign();
        get(&fixture).header("authorization", format!("Bearer {token}"))
    };
    let refused = fixture.see(bearer("read admin")).await;
    assert_eq!(refused.status, 403);
    assert!(
        !refused.text().contains("countersign_"),
        "{}",
        refused.text()
    );
    let shown = fixture.see(bearer("read metrics:read")).await;
    assert_eq!(shown.status, 200);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(shown.header("content-type"), Some(kind));
    Samples::parse(&shown.text());
}

#[tokio::test]
async fn h15_whoever_asks_how_the_server_is_learns_that_it_lives_and_nothing_else() {
    let (fixture, _metrics) = counted();
    let healthy = fixture.see(fixture.http().get("/healthz")).await;
    assert_eq!((healthy.status, &*healthy.text()), (200, "ok\n"));
    let known = ["cache-control", "content-length", "content-type"];
    for name in healthy.headers.keys() {
        assert!(known.contains(&name.as_str()), "{name}");
    }
    let changed = fixture.http().post("/healthz").body("x");
    assert_eq!(fixture.see(changed).await.status, 405);
    for path in [
        "/debug",
        "/debug/pprof",
        "/debug/vars",
        "/config",
        "/env",
        "/status",
        "/health",
        "/healthz/",
        "/healthz/details",
        "/actuator/env",
        "/.env",
        "/support",
    ] {
        let seen = fixture.see(fixture.http().get(path)).await;
        assert_eq!(seen.status, 404, "{path}");
        assert_eq!(seen.text(), "", "{path}");
    }
}

#[tokio::test]
async fn h15_a_route_without_a_scope_and_a_public_address_stop_the_start() {
    let metrics = Metrics::new();
    let open = Server::new("open").metrics_route("/metrics", &metrics, ScopeSet::new());
    let told = open.into_app(&place()).unwrap_err().to_string();
    assert!(told.contains("metrics_route"), "{told}");
    assert!(metrics.start("0.0.0.0:0").await.is_err());
    let first = Server::new("first").metrics(&metrics);
    first.into_app(&Http::bind("127.0.0.1:8000")).unwrap();
    let second = Server::new("second").metrics(&metrics);
    let told = second.into_app(&Http::bind("127.0.0.1:8000")).unwrap_err();
    assert!(told.to_string().contains("two servers"), "{told}");
}

#[tokio::test]
async fn an_address_of_its_own_serves_the_numbers() {
    let metrics = Metrics::new();
    let running = metrics.start("127.0.0.1:0").await.unwrap();
    let http = testkit::Http::socket(&running.address().to_string());
    let mut answer = http.get("/metrics").send().await;
    assert_eq!(answer.status(), 200);
    Samples::parse(&answer.text().await);
}

#[tokio::test]
async fn decisions_components_and_durations_are_counted() {
    let (fixture, metrics) = counted();
    let client = fixture.modern();
    for _ in 0..3 {
        client.call("greet", json!({ "name": "World" })).await;
    }
    let params = json!({ "name": "admin_report", "arguments": {} });
    assert_eq!(client.send("tools/call", params).await.status(), 403);
    assert_eq!(fixture.see(fixture.call()).await.status, 401);
    let samples = Samples::parse(&metrics.text());
    let decided = |method, outcome, reason| {
        let labels = [("method", method), ("outcome", outcome), ("reason", reason)];
        samples.of(DECISIONS, &labels)
    };
    assert_eq!(decided("tools/call", "allowed", "none"), 3.0);
    assert_eq!(decided("tools/call", "refused", "insufficient_scope"), 1.0);
    let unknown = samples
        .0
        .iter()
        .filter(|((name, labels), _)| name == DECISIONS && labels["reason"] == "no_credential");
    assert_eq!(unknown.map(|(_, count)| count).sum::<f64>(), 1.0);
    let of = |name, outcome| {
        let labels = [("kind", "tool"), ("component", name), ("outcome", outcome)];
        samples.of(COMPONENTS, &labels)
    };
    assert_eq!(of("greet", "allowed"), 3.0);
    assert_eq!(of("admin_report", "refused"), 1.0);
    for (class, count) in [("2xx", 3.0), ("4xx", 2.0)] {
        let total = samples.of(&format!("{DURATIONS}_count"), &[("class", class)]);
        assert_eq!(total, count, "{class}");
        let last = [("class", class), ("le", "+Inf")];
        assert_eq!(samples.of(&format!("{DURATIONS}_bucket"), &last), count);
    }
    assert_eq!(
        samples.of("countersign_http_requests_in_progress", &[]),
        0.0
    );
}

#[tokio::test]
async fn h15_a_flood_of_odd_names_makes_no_new_series() {
    let (fixture, metrics) = counted();
    let client = fixture.modern();
    let mut sizes = BTreeSet::new();
    for number in 0..300 {
        let odd = format!("odd\"\\{number}");
        let params = json!({ "name": odd, "arguments": {} });
        client.send("tools/call", params).await;
        client
            .send("resources/read", json!({ "uri": format!("x://{number}") }))
            .await;
        client.send("prompts/get", json!({ "name": odd })).await;
        client.send(&format!("odd/{number}"), json!({})).await;
        let record = Record::new(format!("event_{number}"), "", 0).reason(format!("why_{number}"));
        metrics.note(record.outcome(Outcome::Refused).method(odd));
        sizes.insert(Samples::parse(&metrics.text()).0.len());
    }
    assert!(sizes.len() <= 3, "{sizes:?}");
    let text = metrics.text();
    for mine in ["odd", "x://", "event_", "why_"] {
        assert!(!text.contains(mine), "{mine}: {text}");
    }
    let odd = [
        ("event", "other"),
        ("outcome", "refused"),
        ("reason", "other"),
    ];
    let samples = Samples::parse(&text);
    assert_eq!(samples.of("countersign_events_total", &odd), 300.0);
    let tools = [
        ("kind", "tool"),
        ("component", "other"),
        ("outcome", "refused"),
    ];
    assert_eq!(samples.of(COMPONENTS, &tools), 300.0);
}

#[tokio::test]
async fn sessions_and_remembered_tokens_are_shown() {
    let metrics = Metrics::new();
    let fixture = Fixture::with(|server| server.sessions(Sessions::Always).metrics(&metrics));
    let shown = |name: &str| Samples::parse(&metrics.text()).of(name, &[]);
    assert_eq!(shown("countersign_sessions"), 0.0);
    assert_eq!(shown("countersign_token_cache_entries"), 0.0);
    let room = shown("countersign_token_cache_capacity");
    assert!(room >= 10_000.0, "{room}");
    let mut sessions = Vec::new();
    for number in 1..=3 {
        let subject = format!("user {number}");
        let token = fixture.issuer.token().scopes("read").sub(&subject);
        let mut client = LegacyClient::new(fixture.http(), "/mcp").bearer(&token.sign());
        client.initialize().await;
        sessions.push(client);
        assert_eq!(shown("countersign_sessions"), f64::from(number));
        assert_eq!(shown("countersign_token_cache_entries"), f64::from(number));
    }
    for client in sessions {
        client.delete().send().await;
    }
    assert_eq!(shown("countersign_sessions"), 0.0);
    assert_eq!(shown("countersign_streams"), 0.0);
    // What is gone is not shown any more, and not kept either.
    drop(fixture);
    assert!(!metrics.text().contains("countersign_sessions"));
}
