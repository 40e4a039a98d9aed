//! Requests from a generator that starts from the same seed in every run, each
//! judged by rules that know nothing of the code: who is let in, under which name,
//! and what an answer looks like.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use testkit::SeededRandom;
use tower_service::Service;

use crate::fixture::Fixture;

const ROUNDS: usize = 6000;

const PATHS: &[&str] = &[
    "/mcp",
    "/mcp/",
    "//mcp",
    "/mcp?x=1",
    "/",
    "/open",
    "/admin",
    "/healthz",
    "*",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "http://evil.example/mcp",
];
const METHODS: &[&str] = &["POST", "GET", "DELETE", "OPTIONS", "HEAD", "PUT", "post"];
/// Names of this server come first, as many as [`GOOD_NAMES`] says.
const HOSTS: &[&str] = &[
    "localhost",
    "127.0.0.1:8000",
    "[::1]:1",
    "rs.test",
    "LOCALHOST",
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "localhost@evil.example",
    "localhost:",
    "localhost:x",
    "rs.test.",
    "",
    "[::1",
    "localhost,evil.example",
    "10.0.0.1",
];
const ORIGINS: &[&str] = &[
    "http://localhost",
    "http://127.0.0.1:9",
    "http://[::1]:3000",
    "https://rs.test",
    "https://localhost:1",
    "null",
    "https://evil.example",
    "http://localhost.evil.example",
    "http://localhost@evil.example",
    "file://localhost",
    "http://rs.test",
    "https://rs.test:444",
    "",
    "localhost",
    "http://localhost/",
    "http:localhost",
    "http://localhost\\.evil.example",
];
const GOOD_NAMES: usize = 5;
const TYPES: &[&str] = &[
    "application/json",
    "application/json; charset=utf-8",
    "text/plain",
    "application/json, text/plain",
    "application/jsonx",
    "",
];
const ACCEPTS: &[&str] = &[
    "application/json, text/event-stream",
    "*/*",
    "application/json",
    "text/html",
    "",
];
const VERSIONS: &[&str] = &["2026-07-28", "2025-11-25", "2025-03-26", "1900-01-01", ""];
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "0",
    "\"id\":2,",
    "\"method\":\"ping\",",
    "\"name\":\"admin_report\",",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    " ",
    "\n",
];

struct Choice(SeededRandom);

impl Choice {
    fn below(&self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap();
        usize::try_from(self.0.next_u64() % bound).unwrap()
    }

    fn one_in(&self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    fn of<'a>(&self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    /// One of `list`, mostly the first.
    fn mostly<'a>(&self, list: &[&'a str]) -> &'a str {
        if self.one_in(6) {
            self.of(list)
        } else {
            list[0]
        }
    }

    /// One of `list`, mostly a good one; whether it is good.
    fn name<'a>(&self, list: &[&'a str]) -> (&'a str, bool) {
        let most = if self.one_in(10) {
            list.len()
        } else {
            GOOD_NAMES
        };
        let at = self.below(most);
        (list[at], at < GOOD_NAMES)
    }

    /// `bytes` with a few changes.
    fn changed(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len() + 1);
            let to = (at + self.below(12)).min(bytes.len());
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 => drop(bytes.drain(at..to)),
                2 => bytes.truncate(at),
                _ => drop(bytes.splice(at..at, self.of(PIECES).bytes())),
            }
        }
        bytes
    }

    fn message(&self) -> Value {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "t", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let (method, params) = match self.below(12) {
            0 => ("tools/list", json!({})),
            1 => ("server/discover", json!({})),
            2 => ("resources/read", json!({ "uri": "note://1" })),
            3 => (
                "prompts/get",
                json!({ "name": "summary", "arguments": { "text": "x" } }),
            ),
            4 => ("initialize", json!({})),
            5 => (
                "tools/call",
                json!({ "name": "admin_report", "arguments": {} }),
            ),
            6 => ("tools/call", json!({ "name": "nobody", "arguments": {} })),
            7 => (
                "tools/call",
                json!({ "name": "greet", "arguments": ["World"] }),
            ),
            _ => (
                "tools/call",
                json!({ "name": "greet", "arguments": { "name": "World" } }),
            ),
        };
        let mut params = params;
        params["_meta"] = meta;
        let id = match self.below(4) {
            0 => json!("abc"),
            1 => json!(u64::MAX),
            _ => json!(1),
        };
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    }
}

/// A request, and what is known of it without looking at the code.
struct Made {
    request: Request<Full<Bytes>>,
    path: &'static str,
    method: &'static str,
    is_named_well: bool,
    is_known: bool,
    says_its_type: bool,
    /// The message in the body, if it was left as it was made.
    message: Option<Value>,
    mirrors: bool,
}

type Field = (&'static str, Vec<u8>);

/// Credentials of any kind, and whether they are exactly the good ones.
fn credentials(choice: &Choice, token: &str) -> (Vec<Field>, bool) {
    let mut fields: Vec<Field> = Vec::new();
    let mut is_known = false;
    let bearer = |token: &[u8]| [b"Bearer ", token].concat();
    match choice.below(8) {
        0 => {}
        1 => fields.push(("authorization", bearer(&choice.changed(token.into())))),
        2 => fields.push(("authorization", choice.changed(bearer(b"x.y.z")))),
        3 => {
            fields.push(("authorization", bearer(token.as_bytes())));
            fields.push(("authorization", bearer(token.as_bytes())));
        }
        _ => {
            is_known = true;
            fields.push(("authorization", bearer(token.as_bytes())));
        }
    }
    // One credential; any number of blanks before and behind it (RFC 9110 §11.4).
    let mut shown = fields
        .iter()
        .filter(|(name, _)| *name == "authorization")
        .map(|(_, value)| value);
    if let (Some(only), None) = (shown.next(), shown.next()) {
        is_known |= only
            .strip_prefix(b"Bearer ")
            .is_some_and(|rest| rest.trim_ascii() == token.as_bytes());
    }
    (fields, is_known)
}

fn make(choice: &Choice, token: &str) -> Made {
    let (path, method) = (choice.mostly(PATHS), choice.mostly(METHODS));
    let (host, good_host) = choice.name(HOSTS);
    let mut is_named_well = good_host && !path.contains("evil");
    let message = choice.message();
    let body = message.to_string().into_bytes();
    let is_changed = choice.one_in(3);
    let body = if is_changed {
        choice.changed(body)
    } else {
        body
    };
    let media_type = choice.mostly(TYPES);
    let version = choice.mostly(VERSIONS);
    let mut fields = vec![
        ("host", host.as_bytes().to_vec()),
        ("content-type", media_type.into()),
        ("accept", choice.mostly(ACCEPTS).into()),
        ("mcp-protocol-version", version.into()),
    ];
    if choice.one_in(3) {
        let (origin, is_good) = choice.name(ORIGINS);
        is_named_well &= is_good;
        fields.push(("origin", origin.into()));
    }
    let params = &message["params"];
    let mut mirrors = true;
    for (field, said) in [
        ("mcp-method", message["method"].as_str()),
        (
            "mcp-name",
            params["name"].as_str().or(params["uri"].as_str()),
        ),
    ] {
        let Some(said) = said else { continue };
        let mut value = said.as_bytes().to_vec();
        if choice.one_in(16) {
            value = choice.changed(value);
        }
        // Blanks around a value are not part of it (RFC 9110 §5.5).
        mirrors &= value.trim_ascii() == said.as_bytes();
        fields.push((field, value));
    }
    let (credentials, mut is_known) = credentials(choice, token);
    fields.extend(credentials);
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    *request.uri_mut() = path.parse().unwrap();
    for (name, value) in fields {
        // What no header can hold never gets here.
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            let name = HeaderName::from_static(name);
            request.headers_mut().append(name, value);
        } else if name == "authorization" {
            is_known = false;
        }
    }
    Made {
        request,
        path,
        method,
        is_named_well,
        is_known,
        says_its_type: media_type.split(';').next() == Some("application/json"),
        message: (!is_changed).then_some(message),
        mirrors,
    }
}

#[tokio::test]
async fn a85_e1_e4_e13_e33_no_generated_request_gets_further_than_it_may() {
    let fixture = Fixture::new();
    let token = fixture.token();
    let choice = Choice(SeededRandom::new(28));
    let (mut good, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        let made = make(&choice, &token);
        let shown = format!("round {round}: {:?}", made.request);
        let before = fixture.runs.count();
        let answer = fixture.app.clone().call(made.request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect(&shown).to_bytes();
        let has_run = fixture.runs.count() > before;
        let status = parts.status.as_u16();
        assert!(status < 500, "{status} {shown}");
        assert!(body.len() < 16 * 1024, "{shown}");
        if made.path == "/healthz" {
            continue;
        }
        let is_endpoint = matches!(made.path, "/mcp" | "/mcp?x=1");
        if !made.is_named_well {
            assert!(matches!(status, 400 | 403), "{status} {shown}");
            assert!(body.is_empty(), "{shown}");
        }
        if status == 401 {
            let challenge = parts.headers["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Bearer "), "{challenge} {shown}");
            assert!(challenge.contains("resource_metadata="), "{challenge}");
        }
        let is_in = parts.status.is_success() && (is_endpoint || made.path == "/admin");
        let may = made.is_named_well && made.is_known && is_endpoint && made.method == "POST";
        assert!(!is_in || may && made.says_its_type, "{status} {shown}");
        assert!(!has_run || is_in, "{shown}");
        if is_in && let Some(message) = &made.message {
            let answer: Value = serde_json::from_slice(&body).expect(&shown);
            assert_eq!(answer["id"], message["id"], "{shown}");
            assert_eq!(answer["jsonrpc"], "2.0", "{shown}");
            let ends = ["result", "error"].map(|member| answer.get(member).is_some());
            assert_ne!(ends[0], ends[1], "{shown}");
            assert!(made.mirrors, "{shown}");
        }
        good += usize::from(has_run);
        refused += usize::from(!parts.status.is_success());
    }
    assert!(good > 50 && refused > 1000, "{good} {refused}");
}
