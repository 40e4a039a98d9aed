//! A server under attack that listens on a socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use countersign::{Context, Http, RouteAccess, RunningServer, Server, State, tool};
use countersign_oauth::ScopeSet;
use serde_json::json;
use testkit::frames::{self, Frame, Frames};
use testkit::{AUDIENCE, ModernClient, NOW, TestClock, TestIssuer, raw};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::fixture::{Ended, Runs, server};

/// The longest time after which a client that does nothing useful is gone.
pub(crate) const BOUND: Duration = Duration::from_secs(30);
/// When a test gives up waiting: never, if the server does what it must.
const PATIENCE: Duration = Duration::from_secs(300);

/// Calls of [`holds`], as a test sees and steers them.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    started: Arc<Semaphore>,
    released: Arc<Semaphore>,
    dropped: Arc<Semaphore>,
}

impl Held {
    fn new() -> Self {
        let none = || Arc::new(Semaphore::new(0));
        Self {
            started: none(),
            released: none(),
            dropped: none(),
        }
    }

    /// Waits until a call has started.
    pub(crate) async fn started(&self) {
        within(self.started.acquire()).await.unwrap().forget();
    }

    /// Lets one call end.
    pub(crate) fn release(&self) {
        self.released.add_permits(1);
    }

    /// Waits until a call is gone, by its end or otherwise.
    pub(crate) async fn dropped(&self) {
        within(self.dropped.acquire()).await.unwrap().forget();
    }

    /// How many calls have started, of those that nobody waited for.
    pub(crate) fn running(&self) -> usize {
        let dropped = self.dropped.available_permits();
        self.started.available_permits().saturating_sub(dropped)
    }
}

struct Dropped(Arc<Held>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.dropped.add_permits(1);
    }
}

/// Ends when the test wants it to.
#[tool]
async fn holds(held: State<Held>) -> &'static str {
    let held = held.0;
    let _dropped = Dropped(Arc::clone(&held));
    held.started.add_permits(1);
    held.released.acquire().await.unwrap().forget();
    "held"
}

/// How much was told by [`tells`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<AtomicUsize>);

impl Told {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Tells more than anybody reads.
#[tool]
async fn tells(context: Context, told: State<Told>, held: State<Held>) -> &'static str {
    let _dropped = Dropped(Arc::clone(&held.0));
    held.0.started.add_permits(1);
    let text = "x".repeat(1000);
    for round in 1_u32.. {
        let progress = f64::from(round);
        context.report_progress(progress, None, Some(&text)).await;
        told.0.0.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
    "told"
}

/// A long answer.
#[tool]
async fn long() -> String {
    "x".repeat(700 * 1024)
}

/// The server, and what it was made of.
pub(crate) struct Live {
    pub(crate) running: RunningServer,
    pub(crate) issuer: TestIssuer,
    pub(crate) runs: Runs,
    pub(crate) held: Held,
    pub(crate) told: Told,
}

impl Live {
    pub(crate) async fn new() -> Self {
        Self::with(|http| http).await
    }

    pub(crate) async fn with(change: impl FnOnce(Http) -> Http) -> Self {
        Self::serving(|server| server, change).await
    }

    pub(crate) async fn serving(
        change_server: impl FnOnce(Server) -> Server,
        change: impl FnOnce(Http) -> Http,
    ) -> Self {
        let issuer = TestIssuer::as_test();
        let clock = TestClock::at(NOW);
        let (runs, held, told) = (Runs::default(), Held::new(), Told::default());
        let server = server(&issuer, &clock, &runs, &Ended::default());
        let server = change_server(add_more(server, &held, &told));
        let http = change(Http::bind("127.0.0.1:0").public_url(AUDIENCE));
        Self {
            running: server.start(http).await.unwrap(),
            issuer,
            runs,
            held,
            told,
        }
    }

    /// A good token of alice with the scope `read`.
    pub(crate) fn token(&self) -> String {
        self.issuer.token().scopes("read").sign()
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        raw::connect(self.running.address()).await
    }

    /// HTTP/2 by hand.
    pub(crate) async fn frames(&self, settings: &Frame) -> Frames {
        Frames::connect(self.running.address(), settings).await
    }

    /// A client with a good token, which opens a connection for each request.
    pub(crate) fn client(&self) -> ModernClient {
        let http = testkit::Http::socket(&self.running.address().to_string());
        ModernClient::new(http, "/mcp").bearer(&self.token())
    }

    /// The control request: it must succeed whatever else goes on.
    pub(crate) async fn control(&self, row: &str) {
        let before = self.runs.count();
        let answer = within(self.client().call("greet", json!({ "name": "World" }))).await;
        let text = "Hello, World! Your userid is alice.";
        assert_eq!(answer["content"][0]["text"], text, "{row}");
        assert_eq!(self.runs.count(), before + 1, "{row}");
    }

    /// The head and the body of a good call over HTTP/1, for a token or none.
    pub(crate) fn call(&self, tool: &str, token: Option<&str>) -> (String, String) {
        let body = call_body(tool);
        let mut head = String::from("POST /mcp HTTP/1.1\r\n");
        for (name, value) in call_fields(tool, token) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!(
            "host: localhost\r\ncontent-length: {}\r\n\r\n",
            body.len()
        ));
        (head, body)
    }

    /// A good call over HTTP/2, on this stream.
    pub(crate) fn call_frames(&self, stream: u32, tool: &str, token: Option<&str>) -> Vec<u8> {
        let fields = call_fields(tool, token);
        let mut all = pseudo("POST", "/mcp");
        all.extend(fields.iter().map(|(name, value)| (*name, value.as_str())));
        let mut bytes = Frame::head(stream, 0, &all).encode();
        let data = Frame::new(
            frames::kind::DATA,
            frames::END_STREAM,
            stream,
            call_body(tool),
        );
        bytes.extend(data.encode());
        bytes
    }
}

fn add_more(server: Server, held: &Held, told: &Told) -> Server {
    server
        .state(held.clone())
        .state(told.clone())
        .tool(holds)
        .tool(tells)
        .tool(long)
        .route(
            "/upload",
            axum::routing::post(|body: Bytes| async move { body.len().to_string() }),
            RouteAccess::Requires(ScopeSet::parse("read").unwrap()),
        )
}

/// The pseudo-header fields of a request (RFC 9113 §8.3.1).
pub(crate) fn pseudo<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        (":method", method),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", path),
    ]
}

fn call_body(tool: &str) -> String {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
        "progressToken": 1,
    });
    let arguments = match tool {
        "greet" => json!({ "name": "World" }),
        _ => json!({}),
    };
    let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string()
}

fn call_fields(tool: &str, token: Option<&str>) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("content-type", "application/json".to_owned()),
        ("accept", "application/json, text/event-stream".to_owned()),
        ("mcp-protocol-version", "2026-07-28".to_owned()),
        ("mcp-method", "tools/call".to_owned()),
        ("mcp-name", tool.to_owned()),
    ];
    if let Some(token) = token {
        fields.push(("authorization", format!("Bearer {token}")));
    }
    fields
}

/// What the future gives; it must not take for ever.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("the server does its part")
}

/// Reads until the server closes; returns what it said and how long it took.
pub(crate) async fn until_closed(socket: &mut TcpStream) -> (String, Duration) {
    let before = Instant::now();
    let mut said = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = within(socket.read(&mut buffer)).await {
        said.extend(buffer.iter().take(length));
    }
    (
        String::from_utf8_lossy(&said).into_owned(),
        before.elapsed(),
    )
}

/// Sends bytes and reads until the server closes.
pub(crate) async fn exchange(live: &Live, bytes: &[u8]) -> (String, Duration) {
    let mut socket = live.connect().await;
    // A server that refuses early closes while this is still writing.
    let _ = socket.write_all(bytes).await;
    until_closed(&mut socket).await
}

/// Reads one whole answer: its head, and the body that the head announces.
pub(crate) async fn one_answer(socket: &mut TcpStream) -> String {
    let mut said = Vec::new();
    loop {
        let byte = within(socket.read_u8()).await.expect("the server answers");
        said.push(byte);
        if said.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = String::from_utf8_lossy(&said).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    within(socket.read_exact(&mut body)).await.unwrap();
    said.extend(body);
    String::from_utf8_lossy(&said).into_owned()
}

/// The statuses of all answers in the text of a connection.
pub(crate) fn statuses(said: &str) -> Vec<u16> {
    said.match_indices("HTTP/1.1 ")
        .filter_map(|(at, _)| said.get(at + 9..at + 12)?.parse().ok())
        .collect()
}
