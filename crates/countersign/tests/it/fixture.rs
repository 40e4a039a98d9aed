//! A server under attack, and the checks that stand after every row.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign::audit::{Outcome, Record, Sink};
use countersign::verifier::JwtVerifier;
use countersign::{
    AccessToken, App, Clock, Context, Http, RouteAccess, Server, State, ToolError, prompt,
    resource, tool,
};
use countersign_oauth::{ScopeSet, UnixTime};
use serde_json::{Value, json};
use testkit::client::http::RequestBuilder;
use testkit::{AUDIENCE, CaptureLog, ISSUER, ModernClient, NOW, TestClock, TestIssuer};

/// Text that must never leave the server.
pub(crate) const CANARY: &str = "canary-7d0e1c";

/// How often a handler has run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs(Arc<AtomicUsize>);

impl Runs {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// What was noted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noted(Arc<Mutex<Vec<Record>>>);

impl Sink for Noted {
    fn note(&self, record: Record) {
        self.0.lock().unwrap().push(record);
    }
}

impl Noted {
    /// What was noted since the last call.
    pub(crate) fn taken(&self) -> Vec<Record> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// Whether one thing was noted, and it was allowed.
    fn is_one_permission(&self) -> bool {
        let records = self.0.lock().unwrap();
        let [record] = &records[..] else {
            return false;
        };
        record.outcome == Outcome::Allowed
    }

    /// The one record of a request that was refused.
    pub(crate) fn refusal(&self, row: &str) -> Record {
        let mut records = self.taken();
        assert_eq!(records.len(), 1, "{row}: {records:#?}");
        let record = records.remove(0);
        assert!(
            matches!(record.outcome, Outcome::Refused | Outcome::Failed),
            "{row}: {record:#?}"
        );
        let reason = record.reason.as_ref().map_or("", |reason| reason.as_str());
        let is_word = |sign: u8| sign.is_ascii_lowercase() || sign == b'_';
        assert!(
            !reason.is_empty() && reason.bytes().all(is_word),
            "{row}: {record:#?}"
        );
        assert!(
            !format!("{record:?}").contains(CANARY),
            "{row}: {record:#?}"
        );
        record
    }
}

#[derive(Debug)]
pub(crate) struct HandClock(pub(crate) TestClock);

impl Clock for HandClock {
    fn now(&self) -> UnixTime {
        self.0.now()
    }
}

/// Greets.
#[tool]
async fn greet(name: String, token: AccessToken, runs: State<Runs>) -> String {
    runs.0.add();
    format!("Hello, {name}! Your userid is {}.", token.sub())
}

/// For administrators.
#[tool(scopes("admin"))]
async fn admin_report(runs: State<Runs>) -> &'static str {
    runs.0.add();
    "All is well."
}

/// Not even named to those who may not.
#[tool(scopes("secret"), hidden)]
async fn secret_tool(runs: State<Runs>) -> &'static str {
    runs.0.add();
    "hidden"
}

/// Fails in the worst way.
#[tool]
async fn panics() -> String {
    panic!("panic text with {CANARY}")
}

/// Fails with somebody else's error.
#[tool]
async fn fails() -> Result<String, ToolError> {
    Err(std::io::Error::other(format!("/etc/{CANARY}")))?
}

/// Tells something first.
#[tool]
async fn chatty(context: Context) -> &'static str {
    context.report_progress(1.0, Some(2.0), None).await;
    "done"
}

/// Never ends.
#[tool]
async fn endless(context: Context, ended: State<Ended>) -> &'static str {
    let watched = context.cancellation().clone();
    let ended = Arc::clone(&ended.0.0);
    tokio::spawn(async move {
        watched.cancelled().await;
        ended.fetch_add(1, Ordering::SeqCst);
    });
    std::future::pending::<()>().await;
    "never"
}

/// How many endless calls were told to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ended(pub(crate) Arc<AtomicUsize>);

/// A note.
#[resource("note://{id}")]
async fn note(id: String) -> String {
    format!("note {id}")
}

/// A guarded record.
#[resource("vault://gold", scopes("vault"))]
async fn gold() -> &'static str {
    "gold"
}

/// Asks for a summary.
#[prompt]
async fn summary(text: String) -> String {
    format!("Summarise: {text}")
}

/// A server with authentication, as a service.
pub(crate) struct Fixture {
    pub(crate) app: App,
    pub(crate) issuer: TestIssuer,
    pub(crate) clock: TestClock,
    pub(crate) runs: Runs,
    pub(crate) ended: Ended,
    pub(crate) log: CaptureLog,
    pub(crate) noted: Noted,
    _guard: tracing::subscriber::DefaultGuard,
}

/// The builder before it is built.
pub(crate) fn server(issuer: &TestIssuer, clock: &TestClock, runs: &Runs, ended: &Ended) -> Server {
    Server::new("under attack")
        .auth(
            JwtVerifier::key_set(issuer.jwks())
                .issuer(ISSUER)
                .audience(AUDIENCE),
        )
        .clock(Arc::new(HandClock(clock.clone())))
        .required_scopes(["read"])
        .state(runs.clone())
        .state(ended.clone())
        .tool(greet)
        .tool(admin_report)
        .tool(secret_tool)
        .tool(panics)
        .tool(fails)
        .tool(chatty)
        .tool(endless)
        .resource(note)
        .resource(gold)
        .prompt(summary)
        .route(
            "/open",
            axum::routing::get(|| async { "open" }),
            RouteAccess::Open,
        )
        .route(
            "/admin",
            axum::routing::get(|| async { "admin" }),
            RouteAccess::Requires(ScopeSet::parse("admin").unwrap()),
        )
}

pub(crate) fn place() -> Http {
    Http::bind("127.0.0.1:8000").public_url(AUDIENCE)
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(|server| server)
    }

    pub(crate) fn with(change: impl FnOnce(Server) -> Server) -> Self {
        let (log, guard) = CaptureLog::start();
        let issuer = TestIssuer::as_test();
        let clock = TestClock::at(NOW);
        let (runs, ended) = (Runs::default(), Ended::default());
        let noted = Noted::default();
        let app = change(server(&issuer, &clock, &runs, &ended).audit(noted.clone()))
            .into_app(&place())
            .unwrap();
        Self {
            app,
            issuer,
            clock,
            runs,
            ended,
            log,
            noted,
            _guard: guard,
        }
    }

    pub(crate) fn http(&self) -> testkit::Http {
        testkit::Http::service(self.app.clone())
    }

    /// A good token of alice with the scope `read`.
    pub(crate) fn token(&self) -> String {
        self.issuer.token().scopes("read").sign()
    }

    pub(crate) fn modern(&self) -> ModernClient {
        ModernClient::new(self.http(), "/mcp").bearer(&self.token())
    }

    /// A good call without a token, to be changed.
    pub(crate) fn call(&self) -> RequestBuilder {
        let params = json!({ "name": "greet", "arguments": { "name": "World" } });
        ModernClient::new(self.http(), "/mcp").mcp("tools/call", params)
    }

    /// A good call with these bytes as `Authorization`.
    pub(crate) fn call_with(&self, authorization: impl AsRef<[u8]>) -> RequestBuilder {
        self.call().header("authorization", authorization)
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn see(&self, request: RequestBuilder) -> Seen {
        Seen::of(request.send().await).await
    }

    /// Sends an attack and judges the answer; then the standing checks.
    pub(crate) async fn attack(
        &self,
        row: &str,
        request: RequestBuilder,
        expected: Expected,
    ) -> Seen {
        let before = self.runs.count();
        self.noted.taken();
        let answer = self.see(request).await;
        expected.check(row, &answer);
        // Arguments that a tool cannot read are found by the tool, after the decision.
        let is_of_the_tool = answer.json()["error"]["code"] == json!(-32602);
        if answer.status >= 400 && !(is_of_the_tool && self.noted.is_one_permission()) {
            self.noted.refusal(row);
        }
        assert_eq!(self.runs.count(), before, "{row}: a handler has run");
        self.standing_checks(row, &answer).await;
        answer
    }

    /// S2, S5, S6: a good request still succeeds, nothing secret was said.
    pub(crate) async fn standing_checks(&self, row: &str, answer: &Seen) {
        assert!(answer.body.len() < 8192, "{row}: the answer is too long");
        assert!(
            !answer.text().contains(CANARY),
            "{row}: the answer holds a secret"
        );
        self.log.assert_absent(CANARY);
        let control = self
            .modern()
            .call("greet", json!({ "name": "World" }))
            .await;
        let text = "Hello, World! Your userid is alice.";
        assert_eq!(
            control["content"][0]["text"], text,
            "{row}: the control request fails"
        );
    }
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) async fn of(mut answer: testkit::Answer) -> Self {
        let body = answer.bytes().await;
        Self {
            status: answer.status(),
            headers: answer.headers().clone(),
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// The outcome codes of the attack corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// 401 with a challenge and no error.
    NoToken,
    /// 401 `invalid_token`.
    BadToken,
    /// 400 `invalid_request`.
    BadRequest,
    /// 403 `insufficient_scope` with these scopes.
    Scope(&'static str),
    /// A status.
    Status(u16),
    /// A JSON-RPC error with this code and 400 (404 for an unknown method).
    Rpc(i64),
}

const METADATA: &str =
    "resource_metadata=\"https://rs.test/.well-known/oauth-protected-resource/mcp\"";

impl Expected {
    pub(crate) fn check(self, row: &str, answer: &Seen) {
        let challenge = answer
            .header("www-authenticate")
            .unwrap_or_default()
            .to_owned();
        let status = answer.status;
        let challenged = |error: Option<&str>| {
            assert!(challenge.starts_with("Bearer "), "{row}: {challenge}");
            assert!(challenge.contains(METADATA), "{row}: {challenge}");
            match error {
                None => assert!(!challenge.contains("error"), "{row}: {challenge}"),
                Some(error) => {
                    let attribute = format!("error=\"{error}\"");
                    assert!(challenge.contains(&attribute), "{row}: {challenge}");
                }
            }
        };
        match self {
            Self::NoToken => {
                assert_eq!(status, 401, "{row}");
                challenged(None);
                assert!(challenge.contains("scope=\"read\""), "{row}: {challenge}");
            }
            Self::BadToken => {
                assert_eq!(status, 401, "{row}");
                challenged(Some("invalid_token"));
            }
            Self::BadRequest => {
                assert_eq!(status, 400, "{row}");
                challenged(Some("invalid_request"));
            }
            Self::Scope(scopes) => {
                assert_eq!(status, 403, "{row}");
                challenged(Some("insufficient_scope"));
                assert!(
                    challenge.contains(&format!("scope=\"{scopes}\"")),
                    "{row}: {challenge}"
                );
            }
            Self::Status(expected) => assert_eq!(status, expected, "{row}"),
            Self::Rpc(code) => {
                let expected = if code == -32601 { 404 } else { 400 };
                assert_eq!(status, expected, "{row}: {}", answer.text());
                assert_eq!(answer.json()["error"]["code"], json!(code), "{row}");
            }
        }
    }
}
