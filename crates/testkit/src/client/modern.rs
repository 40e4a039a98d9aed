//! A client of the 2026-07-28 wire: every request stands alone and says in its
//! headers and in `_meta` what it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::http::{Answer, Http, RequestBuilder};

/// The protocol version this client speaks.
pub const VERSION: &str = "2026-07-28";

/// The `_meta` key of the protocol version.
pub const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// The `_meta` key of the client's capabilities.
pub const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// The `_meta` key of the client's name and version.
pub const META_CLIENT: &str = "io.modelcontextprotocol/clientInfo";

/// A client without any state but a counter of request ids.
#[derive(Clone, Debug)]
pub struct ModernClient {
    http: Http,
    path: String,
    token: Option<String>,
    headers: Vec<(String, String)>,
    meta: Map<String, Value>,
    next_id: Arc<AtomicU64>,
}

impl ModernClient {
    /// A client of the endpoint `path`, with empty capabilities and no token.
    pub fn new(http: Http, path: &str) -> Self {
        let meta = [
            (META_VERSION.to_owned(), json!(VERSION)),
            (META_CAPABILITIES.to_owned(), json!({})),
            (
                META_CLIENT.to_owned(),
                json!({ "name": "testkit", "version": "0" }),
            ),
        ];
        Self {
            http,
            path: path.to_owned(),
            token: None,
            headers: Vec::new(),
            meta: meta.into_iter().collect(),
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

    /// Declares capabilities, such as `{"elicitation": {}}`.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Value) -> Self {
        self.meta.insert(META_CAPABILITIES.to_owned(), capabilities);
        self
    }

    /// The body of a request: `params` with `_meta` added where it is missing.
    pub fn body(&self, method: &str, mut params: Value) -> Value {
        let members = params.as_object_mut().expect("params are an object");
        let meta = members.entry("_meta").or_insert_with(|| json!({}));
        let meta = meta.as_object_mut().expect("_meta is an object");
        for (key, value) in &self.meta {
            meta.entry(key.clone()).or_insert_with(|| value.clone());
        }
        let id = self.next_id.fetch_add(1, Ordering::SeqCst);
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    }

    /// A complete request with its mirrored headers, to be changed and sent.
    pub fn mcp(&self, method: &str, params: Value) -> RequestBuilder {
        let body = self.body(method, params);
        self.with_body(&body)
    }

    /// A request for any `body`, with the headers that mirror it.
    pub fn with_body(&self, body: &Value) -> RequestBuilder {
        let method = body.get("method").and_then(Value::as_str).unwrap_or("");
        let mut request = self
            .http
            .post(&self.path)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .header("mcp-method", method)
            .json(body);
        if let Some(name) = mirrored_name(method, body.get("params")) {
            request = request.header("mcp-name", header_value(name));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match &self.token {
            Some(token) => request.bearer(token),
            None => request,
        }
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
}

/// What `Mcp-Name` mirrors for `method`, if it mirrors anything.
pub fn mirrored_name<'a>(method: &str, params: Option<&'a Value>) -> Option<&'a str> {
    let member = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return None,
    };
    params?.get(member)?.as_str()
}

/// `value` as it may travel in a mirrored header: bare where every byte is
/// visible ASCII or an inner blank, else behind the base64 sentinel.
pub fn header_value(value: &str) -> String {
    let bare = value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && value.trim_matches(' ') == value
        && !value.starts_with("=?base64?");
    if bare {
        value.to_owned()
    } else {
        format!("=?base64?{}?=", STANDARD.encode(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_mirrors_its_body_in_the_headers() {
        let client = ModernClient::new(Http::socket("127.0.0.1:1"), "/mcp").bearer("t");
        let request = client.mcp("tools/call", json!({ "name": "grüße" })).build();
        assert_eq!(request.headers()["mcp-method"], "tools/call");
        assert_eq!(request.headers()["mcp-name"], "=?base64?Z3LDvMOfZQ==?=");
        assert_eq!(request.headers()["authorization"], "Bearer t");
        assert_eq!(header_value("a b"), "a b");
        assert_eq!(header_value(" a"), "=?base64?IGE=?=");
    }
}
