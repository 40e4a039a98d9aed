//! A client of the 2025-11-25 wire: a handshake first, then requests that may
//! belong to a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;
use serde_json::{Value, json};

use super::http::{Answer, Http, RequestBuilder};

/// The protocol version this client speaks.
pub const VERSION: &str = "2025-11-25";

/// A client, before or after its handshake.
#[derive(Clone, Debug)]
pub struct LegacyClient {
    http: Http,
    path: String,
    token: Option<String>,
    headers: Vec<(String, String)>,
    capabilities: Value,
    session: Option<String>,
    initialized: bool,
    next_id: Arc<AtomicU64>,
}

impl LegacyClient {
    /// A client of the endpoint `path`, with empty capabilities and no token.
    pub fn new(http: Http, path: &str) -> Self {
        Self {
            http,
            path: path.to_owned(),
            token: None,
            headers: Vec::new(),
            capabilities: json!({}),
            session: None,
            initialized: false,
            next_id: Arc::new(AtomicU64::new(1)),
        }
    }

    /// Sends the header `name` with every request, such as an API key.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Presents `token` with every request.
    #[must_use]
    pub fn bearer(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Declares capabilities, such as `{"sampling": {}}`.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Value) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Uses `session` as if the handshake had given it, or none.
    #[must_use]
    pub fn with_session(mut self, session: Option<&str>) -> Self {
        self.session = session.map(str::to_owned);
        self.initialized = true;
        self
    }

    /// The session id, if the server gave one.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// `initialize` and `notifications/initialized`; returns the result.
    pub async fn initialize(&mut self) -> Value {
        let params = json!({
            "protocolVersion": VERSION,
            "capabilities": self.capabilities,
            "clientInfo": { "name": "testkit", "version": "0" },
        });
        let mut answer = self.mcp("initialize", params).send().await;
        assert_eq!(answer.status(), 200, "initialize: {answer:?}");
        self.session = answer.header("mcp-session-id").map(str::to_owned);
        self.initialized = true;
        let response = answer.response().await;
        let accepted = self.notify("notifications/initialized", json!({})).await;
        assert_eq!(accepted.status(), 202, "initialized: {accepted:?}");
        response
            .get("result")
            .unwrap_or_else(|| panic!("initialize answered {response}"))
            .clone()
    }

    /// A request, to be changed and sent.
    pub fn mcp(&self, method: &str, params: Value) -> RequestBuilder {
        let id = self.next_id.fetch_add(1, Ordering::SeqCst);
        self.with_body(&json!({
            "jsonrpc": "2.0", "id": id, "method": method, "params": params,
        }))
    }

    /// A POST of any message.
    pub fn with_body(&self, body: &Value) -> RequestBuilder {
        self.bare(Method::POST)
            .header("accept", "application/json, text/event-stream")
            .json(body)
    }

    /// Sends a request and returns status, headers and body.
    pub async fn send(&self, method: &str, params: Value) -> Answer {
        self.mcp(method, params).send().await
    }

    /// Sends a request and returns its `result`; panics on an error.
    pub async fn result(&self, method: &str, params: Value) -> Value {
        let mut answer = self.send(method, params).await;
        let response = answer.response().await;
        response
            .get("result")
            .unwrap_or_else(|| panic!("{method} answered {} {response}", answer.status()))
            .clone()
    }

    /// `tools/call`; `arguments` is an object.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.result(
            "tools/call",
            json!({ "name": tool, "arguments": arguments }),
        )
        .await
    }

    /// Sends a notification.
    pub async fn notify(&self, method: &str, params: Value) -> Answer {
        self.with_body(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
            .send()
            .await
    }

    /// Answers the server's request `id` with `result`.
    pub async fn respond(&self, id: &Value, result: Value) -> Answer {
        self.with_body(&json!({ "jsonrpc": "2.0", "id": id, "result": result }))
            .send()
            .await
    }

    /// The GET stream of the session, to be changed and sent.
    pub fn listen(&self) -> RequestBuilder {
        self.bare(Method::GET).header("accept", "text/event-stream")
    }

    /// The DELETE that ends the session, to be changed and sent.
    pub fn delete(&self) -> RequestBuilder {
        self.bare(Method::DELETE)
    }

    fn bare(&self, method: Method) -> RequestBuilder {
        let mut request = self.http.request(method, &self.path);
        if self.initialized {
            request = request.header("mcp-protocol-version", VERSION);
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match &self.token {
            Some(token) => request.bearer(token),
            None => request,
        }
    }
}
