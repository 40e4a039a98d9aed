//! Rows H13, E34, F20: what is noted of each decision.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign::audit::{Outcome, Record, Severity, Sink, SinkFull};
use countersign::oauth::Secret;
use countersign::{ApiKeyAuth, FixedKey, Http, RunningServer, Server, Sessions};
use serde_json::{Value, json};
use testkit::client::http::RequestBuilder;
use testkit::{AUDIENCE, LegacyClient, ModernClient, NOW, TestClock, TestIssuer};

use crate::fixture::{CANARY, Ended, Expected, Fixture, Noted, Runs, Seen, server};

/// The server under attack on a socket, and what it notes.
struct Listening {
    running: RunningServer,
    issuer: TestIssuer,
    noted: Noted,
    runs: Runs,
}

impl Listening {
    async fn new(change: impl FnOnce(Server) -> Server) -> Self {
        let (issuer, clock) = (TestIssuer::as_test(), TestClock::at(NOW));
        let (runs, noted) = (Runs::default(), Noted::default());
        let server = server(&issuer, &clock, &runs, &Ended::default()).audit(noted.clone());
        let http = Http::bind("127.0.0.1:0")
            .public_url(AUDIENCE)
            .body_limit(4096);
        let running = change(server).start(http).await.unwrap();
        Self {
            running,
            issuer,
            noted,
            runs,
        }
    }

    fn http(&self) -> testkit::Http {
        testkit::Http::socket(&self.running.address().to_string())
    }

    fn token(&self, scopes: &str) -> String {
        self.issuer.token().scopes(scopes).sign()
    }

    fn modern(&self) -> ModernClient {
        ModernClient::new(self.http(), "/mcp").bearer(&self.token("read"))
    }

    /// The status of the answer and the one record of the refusal.
    async fn refused(&self, row: &str, request: RequestBuilder) -> (u16, Record) {
        self.noted.taken();
        let seen = Seen::of(request.send().await).await;
        (seen.status, self.noted.refusal(row))
    }
}

fn text(text: &Option<countersign::audit::Text>) -> &str {
    text.as_ref().map_or("", |text| text.as_str())
}

fn call(tool: &str) -> Value {
    json!({ "name": tool, "arguments": { "name": "World" } })
}

/// The table of `ARCHITECTURE.md`, "What each refusal looks like from outside".
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
async fn h13_each_refusal_of_the_front_is_one_event_with_a_stable_reason_over_http() {
    let listening = Listening::new(|server| server.sessions(Sessions::Always)).await;
    let modern = listening.modern();
    let good = || modern.mcp("tools/call", call("greet"));
    let owner = {
        let mut client = LegacyClient::new(listening.http(), "/mcp");
        client = client.bearer(&listening.token("read"));
        client.initialize().await;
        client.session().unwrap().to_owned()
    };
    let mallory = listening.issuer.token().sub("mallory").scopes("read");
    let mallory = LegacyClient::new(listening.http(), "/mcp")
        .bearer(&mallory.sign())
        .with_session(Some(&owner));
    let nobody = LegacyClient::new(listening.http(), "/mcp")
        .bearer(&listening.token("read"))
        .with_session(Some("0123456789abcdef"));
    let rows: Vec<(&str, RequestBuilder, u16, &str)> = vec![
        (
            "a host that is none",
            good().without("host"),
            400,
            "malformed_host",
        ),
        (
            "a foreign host",
            good().header("host", "evil.test"),
            403,
            "foreign_host",
        ),
        (
            "a foreign origin",
            good().header("origin", "https://evil.test"),
            403,
            "foreign_origin",
        ),
        (
            "no credential",
            good().without("authorization"),
            401,
            "no_credential",
        ),
        (
            "a malformed one",
            good().header("authorization", "Bearer a b"),
            400,
            "malformed_credential",
        ),
        ("a bad token", good().bearer(CANARY), 401, "token_rejected"),
        (
            "a body that is too long",
            good().body(vec![b' '; 5000]),
            413,
            "body_too_large",
        ),
        (
            "another media type",
            good().header("content-type", "text/plain"),
            415,
            "unsupported_media_type",
        ),
        (
            "no media type that would do",
            good().header("accept", "text/html"),
            406,
            "not_acceptable",
        ),
        ("no JSON", good().body("{"), 400, "malformed_message"),
        (
            "a scope too few",
            modern.mcp("tools/call", call("admin_report")),
            403,
            "insufficient_scope",
        ),
        (
            "a resource too",
            modern.mcp("resources/read", json!({ "uri": "vault://gold" })),
            403,
            "insufficient_scope",
        ),
        (
            "a hidden component",
            modern.mcp("tools/call", call("secret_tool")),
            400,
            "hidden_component",
        ),
        (
            "an unknown component",
            modern.mcp("tools/call", call("nothing")),
            400,
            "unknown_component",
        ),
        (
            "an unknown method",
            modern.mcp("tools/steal", json!({})),
            404,
            "unknown_method",
        ),
        (
            "a mirror that lies",
            good().header("mcp-name", "safe"),
            400,
            "mirror_mismatch",
        ),
        (
            "a version of tomorrow",
            good().header("mcp-protocol-version", "2099-01-01"),
            400,
            "mirror_mismatch",
        ),
        (
            "params that are none",
            modern.mcp("tools/call", json!({})),
            400,
            "invalid_params",
        ),
        (
            "another HTTP method",
            listening
                .http()
                .request(http::Method::PUT, "/mcp")
                .bearer(&listening.token("read")),
            405,
            "method_not_allowed",
        ),
        (
            "a session of somebody else",
            mallory.mcp("tools/call", call("greet")),
            404,
            "foreign_session",
        ),
        (
            "a session that never was",
            nobody.mcp("tools/call", call("greet")),
            404,
            "unknown_session",
        ),
        (
            "a route without a token",
            listening.http().get("/admin"),
            401,
            "no_credential",
        ),
        (
            "a route and a scope too few",
            listening
                .http()
                .get("/admin")
                .bearer(&listening.token("read")),
            403,
            "insufficient_scope",
        ),
        (
            "nothing at all",
            listening.http().get("/wp-login.php"),
            404,
            "not_found",
        ),
    ];
    for (row, request, status, reason) in rows {
        let (answered, record) = listening.refused(row, request).await;
        assert_eq!(answered, status, "{row}: {record:#?}");
        assert_eq!(text(&record.reason), reason, "{row}: {record:#?}");
        assert_eq!(record.status, Some(status), "{row}");
        assert_eq!(record.event.as_str(), "request_refused", "{row}");
        assert!(
            record.request.is_some() && record.address.is_some(),
            "{row}"
        );
    }
    assert_eq!(listening.runs.count(), 0);
}

/// Two keys of one service are told apart by their ids.
#[tokio::test]
async fn h13_a_record_says_which_api_key_was_used_and_nothing_else_of_it() {
    let text_of_key = "a-fixed-key-of-this-test-0123456789";
    let key = Secret::new(text_of_key);
    let read = countersign::oauth::ScopeSet::parse("read").unwrap();
    let keys = ApiKeyAuth::header("X-API-Key").key(key, FixedKey::service("nightly").scopes(read));
    let listening = Listening::new(|server| server.auth(keys)).await;
    let client = ModernClient::new(listening.http(), "/mcp");
    let asked = client.mcp("tools/list", json!({}));
    let answer = asked.header("X-API-Key", text_of_key).send().await;
    assert_eq!(answer.status(), 200);
    let [record]: [Record; 1] = listening.noted.taken().try_into().unwrap();
    assert_eq!(text(&record.subject), "service:nightly");
    assert_eq!(text(&record.source), "api_key");
    assert!(!text(&record.key).is_empty());
    assert!(!format!("{record:?}").contains("0123456789"));
}

/// Whom it is told about is who it was, and what they wanted.
#[tokio::test]
async fn h13_a_record_says_who_wanted_what_from_where() {
    let listening = Listening::new(|server| server).await;
    let forbidden = listening.modern().mcp("tools/call", call("admin_report"));
    let (_, record) = listening.refused("forbidden", forbidden).await;
    assert_eq!(text(&record.subject), "alice");
    assert_eq!(text(&record.issuer), testkit::ISSUER);
    assert_eq!(text(&record.method), "tools/call");
    assert_eq!(text(&record.component_kind), "tool");
    assert_eq!(text(&record.component), "admin_report");
    assert_eq!(text(&record.scopes), "admin");
    assert!(record.address.unwrap().is_loopback());
    assert_eq!(record.at / 1000, NOW.as_secs());

    listening
        .modern()
        .call("greet", json!({ "name": CANARY }))
        .await;
    let [first]: [Record; 1] = listening.noted.taken().try_into().unwrap();
    assert_eq!(first.event.as_str(), "request_allowed");
    assert_eq!(first.outcome, Outcome::Allowed);
    assert_eq!(text(&first.component), "greet");
    // What was said in the call is nobody's business.
    assert!(!format!("{first:?}").contains(CANARY));

    for (method, params) in [
        ("tools/list", json!({})),
        ("server/discover", json!({})),
        ("resources/read", json!({ "uri": "note://7" })),
        (
            "prompts/get",
            json!({ "name": "summary", "arguments": { "text": "x" } }),
        ),
    ] {
        listening.modern().result(method, params).await;
        let [allowed]: [Record; 1] = listening.noted.taken().try_into().unwrap();
        assert_eq!(text(&allowed.method), method);
        assert_eq!(allowed.outcome, Outcome::Allowed);
        assert_ne!(allowed.request, first.request);
    }
}

#[tokio::test]
async fn h13_in_a_session_too_each_decision_is_one_event() {
    let listening = Listening::new(|server| server.sessions(Sessions::Always)).await;
    let mut client = LegacyClient::new(listening.http(), "/mcp").bearer(&listening.token("read"));
    client.initialize().await;
    listening.noted.taken();
    for (method, params, reason) in [
        ("tools/call", call("greet"), ""),
        ("tools/list", json!({}), ""),
        ("tools/call", call("admin_report"), "insufficient_scope"),
        ("tools/call", call("secret_tool"), "hidden_component"),
        ("tools/call", call("nothing"), "unknown_component"),
        (
            "resources/read",
            json!({ "uri": "vault://gold" }),
            "insufficient_scope",
        ),
    ] {
        Seen::of(client.send(method, params).await).await;
        let [record]: [Record; 1] = listening.noted.taken().try_into().unwrap();
        assert_eq!(text(&record.reason), reason, "{method} {record:#?}");
        assert_eq!(text(&record.method), method);
        assert_eq!(record.outcome == Outcome::Allowed, reason.is_empty());
    }
    Seen::of(client.delete().send().await).await;
    let [record]: [Record; 1] = listening.noted.taken().try_into().unwrap();
    assert_eq!(
        (text(&record.method), record.outcome),
        ("DELETE", Outcome::Allowed)
    );
}

#[tokio::test]
async fn e34_a_gateway_that_allows_by_the_header_is_not_believed_and_it_is_noted_once() {
    let listening = Listening::new(|server| server).await;
    let scopes = listening.token("read admin");
    let request = ModernClient::new(listening.http(), "/mcp")
        .bearer(&scopes)
        .mcp("tools/call", call("admin_report"))
        .header("mcp-name", "greet");
    listening.noted.taken();
    let seen = Seen::of(request.send().await).await;
    Expected::Rpc(-32020).check("E34", &seen);
    let record = listening.noted.refusal("E34");
    assert_eq!(text(&record.reason), "mirror_mismatch");
    assert_eq!(text(&record.component), "admin_report");
    assert_eq!(record.severity, Severity::Warning);
    assert_eq!(listening.runs.count(), 0);
}

/// A sink that has no room when it is told so.
#[derive(Clone, Debug, Default)]
struct Tight(Noted, Arc<AtomicBool>);

impl Sink for Tight {
    fn note(&self, record: Record) {
        self.0.note(record);
    }

    fn state(&self) -> Result<(), SinkFull> {
        match self.1.load(Ordering::Relaxed) {
            true => Err(SinkFull::new()),
            false => Ok(()),
        }
    }
}

#[tokio::test]
async fn f20_what_cannot_be_noted_is_not_done() {
    let tight = Tight::default();
    let sink = tight.clone();
    let fixture = Fixture::with(|server| server.audit(sink));
    tight.1.store(true, Ordering::Relaxed);
    let seen = fixture
        .see(fixture.modern().mcp("tools/call", call("greet")))
        .await;
    assert_eq!((seen.status, seen.header("retry-after")), (503, Some("5")));
    assert_eq!(text(&tight.0.refusal("F20").reason), "audit_full");
    assert_eq!(fixture.runs.count(), 0);
    // Whether the process lives is no secret and no deed.
    assert_eq!(
        fixture.see(fixture.http().get("/healthz")).await.status,
        200
    );
    tight.1.store(false, Ordering::Relaxed);
    fixture
        .modern()
        .call("greet", call("greet")["arguments"].clone())
        .await;
    assert_eq!(fixture.runs.count(), 1);
}

#[tokio::test]
async fn the_id_of_a_request_is_that_of_a_trusted_proxy_alone() {
    let fixture = |trusted: bool| {
        let (issuer, clock) = (TestIssuer::as_test(), TestClock::at(NOW));
        let noted = Noted::default();
        let server = server(&issuer, &clock, &Runs::default(), &Ended::default());
        let mut http = crate::fixture::place();
        if trusted {
            http = http.trusted_proxy("10.0.0.7");
        }
        (server.audit(noted.clone()).into_app(&http).unwrap(), noted)
    };
    for (trusted, peer, named, taken) in [
        (true, "10.0.0.7", "abc-1", true),
        (true, "10.0.0.8", "abc-1", false),
        (false, "10.0.0.7", "abc-1", false),
        (true, "10.0.0.7", "a b", false),
    ] {
        let (app, noted) = fixture(trusted);
        let request = http::Request::get("/wp-login.php")
            .header("host", "rs.test")
            .header("x-request-id", named)
            .body(http_body_util::Full::new(bytes::Bytes::new()))
            .unwrap();
        app.respond(request, Some(peer.parse().unwrap())).await;
        let record = noted.refusal(named);
        assert_eq!(text(&record.request) == named, taken, "{record:?}");
    }
}
