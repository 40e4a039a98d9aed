//! A loopback HTTP server whose answers a test scripts: JWKS documents,
//! introspection, and everything that can go wrong with them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Holds answers back until it is opened.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed gate.
    pub fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everything through from now on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn wait(&self) {
        let mut opened = self.0.subscribe();
        // The sender is alive: `self` owns it.
        let _ = opened.wait_for(|open| *open).await;
    }
}

/// What the server answers on one path.
#[derive(Clone, Debug)]
#[must_use]
pub struct ScriptedAnswer {
    status: u16,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: ScriptedBody,
    gate: Option<Gate>,
}

#[derive(Clone, Debug)]
enum ScriptedBody {
    Whole(Bytes),
    Endless(Bytes),
    Stalled(Bytes),
    Broken(Bytes),
}

impl ScriptedAnswer {
    /// 200 with `body` as `application/json`.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::of(200, ScriptedBody::Whole(body.into())).header("content-type", "application/json")
    }

    /// Any status with an empty body.
    pub fn status(status: u16) -> Self {
        Self::of(status, ScriptedBody::Whole(Bytes::new()))
    }

    /// A redirect: `status` 301, 302, 303, 307 or 308 to `location`.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).header("location", location)
    }

    /// 200 with `chunk` again and again, without end.
    pub fn endless(chunk: impl Into<Bytes>) -> Self {
        Self::of(200, ScriptedBody::Endless(chunk.into()))
    }

    /// 200 with `start`, then silence; the connection stays open.
    pub fn stalled(start: impl Into<Bytes>) -> Self {
        Self::of(200, ScriptedBody::Stalled(start.into()))
    }

    /// 200 with `start`, then the connection is cut.
    pub fn broken(start: impl Into<Bytes>) -> Self {
        Self::of(200, ScriptedBody::Broken(start.into()))
    }

    fn of(status: u16, body: ScriptedBody) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
            gate: None,
        }
    }

    /// Adds a header line.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((
            HeaderName::from_bytes(name.as_bytes()).expect("a header name"),
            HeaderValue::from_str(value).expect("a header value"),
        ));
        self
    }

    /// Sets the body, keeping status and headers.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = ScriptedBody::Whole(body.into());
        self
    }

    /// Sets the status, keeping headers and body.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Waits for `gate` before anything is answered.
    pub fn behind(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }
}

/// A request the server has received.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "tests take it apart")]
pub struct ReceivedRequest {
    /// The method, such as `GET`.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query without the question mark.
    pub query: Option<String>,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

type Script = Arc<dyn Fn(&ReceivedRequest) -> ScriptedAnswer + Send + Sync>;

#[derive(Default)]
struct Shared {
    scripts: Mutex<HashMap<String, Script>>,
    otherwise: Mutex<Option<Script>>,
    received: Mutex<Vec<ReceivedRequest>>,
    arrivals: watch::Sender<usize>,
}

/// The server; it stops when it is dropped.
pub struct FakeIssuerServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl FakeIssuerServer {
    /// Listens on a free port of 127.0.0.1; every path answers 404 until scripted.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of `path`, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers every request to `path` with `answer`, from now on.
    pub fn answer(&self, path: &str, answer: ScriptedAnswer) {
        self.answer_with(path, move |_| answer.clone());
    }

    /// Answers every request to `path` with what `script` makes of it.
    pub fn answer_with(
        &self,
        path: &str,
        script: impl Fn(&ReceivedRequest) -> ScriptedAnswer + Send + Sync + 'static,
    ) {
        lock(&self.shared.scripts).insert(path.to_owned(), Arc::new(script));
    }

    /// Answers every request to a path without a script of its own with what
    /// `script` makes of it.
    pub fn answer_otherwise(
        &self,
        script: impl Fn(&ReceivedRequest) -> ScriptedAnswer + Send + Sync + 'static,
    ) {
        *lock(&self.shared.otherwise) = Some(Arc::new(script));
    }

    /// All requests so far, in the order they arrived.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        lock(&self.shared.received).clone()
    }

    /// How many requests to `path` arrived so far.
    pub fn count(&self, path: &str) -> usize {
        lock(&self.shared.received)
            .iter()
            .filter(|request| request.path == path)
            .count()
    }

    /// Waits until `number` requests have arrived, whatever their path.
    pub async fn received(&self, number: usize) {
        let mut arrivals = self.shared.arrivals.subscribe();
        // The sender is alive: `self` owns it.
        let _ = arrivals.wait_for(|arrived| *arrived >= number).await;
    }

    /// Stops listening: later connections are refused, running ones are cut.
    pub async fn stop(&mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for FakeIssuerServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for FakeIssuerServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FakeIssuerServer({})", self.address)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped together with this task, and the connections with it.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
            // A client that goes away is none of the server's business.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}

type Chunks = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Cut>> + Send>>;

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<StreamBody<Chunks>>, Infallible> {
    let (parts, body) = request.into_parts();
    let received = ReceivedRequest {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers,
        body: match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => Bytes::new(),
        },
    };
    let script = lock(&shared.scripts).get(&received.path).cloned();
    let script = script.or_else(|| lock(&shared.otherwise).clone());
    let scripted = script.map_or_else(|| ScriptedAnswer::status(404), |script| script(&received));
    lock(&shared.received).push(received);
    shared.arrivals.send_modify(|arrived| *arrived += 1);
    if let Some(gate) = &scripted.gate {
        gate.wait().await;
    }
    let mut answer = Response::new(StreamBody::new(chunks(scripted.body)));
    *answer.status_mut() = StatusCode::from_u16(scripted.status).expect("a status");
    answer.headers_mut().extend(scripted.headers);
    Ok(answer)
}

fn chunks(body: ScriptedBody) -> Chunks {
    let data = |bytes: Bytes| Ok(Frame::data(bytes));
    match body {
        ScriptedBody::Whole(bytes) => stream::iter([data(bytes)]).boxed(),
        ScriptedBody::Endless(chunk) => stream::repeat_with(move || data(chunk.clone())).boxed(),
        ScriptedBody::Stalled(start) => {
            stream::iter([data(start)]).chain(stream::pending()).boxed()
        }
        // The pause lets hyper flush the start before it learns of the cut.
        ScriptedBody::Broken(start) => stream::iter([data(start)])
            .chain(stream::once(async {
                tokio::task::yield_now().await;
                Err(Cut)
            }))
            .boxed(),
    }
}

/// Ends a body in the middle.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the script cuts the connection here")
    }
}

impl std::error::Error for Cut {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
