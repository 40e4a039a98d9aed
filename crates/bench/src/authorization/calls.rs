//! The calls: what is made ready for them, and what is measured.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_authorization_server::oauth::form::encode;
use countersign_authorization_server::oauth::pkce::CodeVerifier;

use super::{CALLBACK, COMMITS_EACH, INTROSPECTING, SECRET, client_id};
use crate::client::Connection;

/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    /// Commits of the bare database, at this path.
    Commits(&'static str),
    /// A code becomes tokens.
    Exchange,
    /// A refresh token becomes new tokens.
    Refresh,
    /// A resource server asks about an access token of the server at `prefix`.
    Introspect { prefix: &'static str },
}

/// Which clients take part: all are equally likely, and every run chooses the same.
pub(super) struct Choice {
    clients: u64,
    state: u64,
}

impl Choice {
    pub(super) fn new(clients: u64, round: usize, connection: usize) -> Self {
        Self {
            clients,
            state: ((round as u64) << 32) + connection as u64,
        }
    }

    fn next(&mut self) -> String {
        // A linear congruential generator; its upper half is the better one.
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        client_id((self.state >> 33) % self.clients.max(1))
    }
}

/// A request and what its answer must have in it.
struct Prepared {
    request: Vec<u8>,
    answer: &'static [u8],
    /// How many calls that are.
    counts: u32,
}

/// Makes `calls` of `call` ready, and answers how to make them.
pub(super) fn prepare(
    address: SocketAddr,
    call: Call,
    calls: usize,
    mut choice: Choice,
) -> Result<impl FnOnce() -> Result<Vec<Duration>>> {
    let mut browser = Browser(Connection::open(address)?);
    let mut requests = Vec::with_capacity(calls);
    for _ in 0..match call {
        Call::Commits(_) => calls / COMMITS_EACH,
        _ => calls,
    } {
        requests.push(match call {
            Call::Commits(path) => Prepared {
                request: post(path, None, &[]),
                answer: b"",
                counts: u32::try_from(COMMITS_EACH)?,
            },
            Call::Exchange => {
                let client = choice.next();
                let code = browser.code("", &client)?;
                one(exchange("", &client, &code), b"access_token")
            }
            Call::Refresh => {
                let client = choice.next();
                let tokens = browser.tokens("", &client)?;
                let token = text(&tokens, "refresh_token")?;
                let form = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", token),
                    ("client_id", &client),
                ];
                one(post("/token", None, &form), b"refresh_token")
            }
            Call::Introspect { prefix } => {
                let tokens = browser.tokens(prefix, &choice.next())?;
                let form = [("token", text(&tokens, "access_token")?)];
                let credentials = STANDARD.encode(format!("{INTROSPECTING}:{SECRET}"));
                let path = format!("{prefix}/introspect");
                one(post(&path, Some(&credentials), &form), b"\"active\":true")
            }
        });
    }
    Ok(move || {
        let mut latencies = Vec::new();
        for prepared in &requests {
            let began = Instant::now();
            let answer = browser.0.ask(&prepared.request)?;
            let took = began.elapsed();
            if answer.status != 200 || !(prepared.answer.is_empty() || answer.has(prepared.answer))
            {
                bail!("{} {}", answer.status, String::from_utf8_lossy(answer.body));
            }
            latencies.extend((0..prepared.counts).map(|_| took / prepared.counts));
        }
        Ok(latencies)
    })
}

fn one(request: Vec<u8>, answer: &'static [u8]) -> Prepared {
    Prepared {
        request,
        answer,
        counts: 1,
    }
}

/// Logs in and gets tokens.
struct Browser(Connection);

impl Browser {
    /// A code for `client` of the server at `prefix`.
    fn code(&mut self, prefix: &str, client: &str) -> Result<String> {
        let challenge = CodeVerifier::parse(VERIFIER)?.challenge();
        let query = form(&[
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", CALLBACK),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ]);
        let request =
            format!("GET {prefix}/authorize?{query} HTTP/1.1\r\nHost: as.example\r\n\r\n");
        let answer = self.0.ask(request.as_bytes())?;
        let location = answer.header("location").unwrap_or_default();
        let (_, query) = location.split_once('?').unwrap_or_default();
        let code = query.split('&').find_map(|pair| pair.strip_prefix("code="));
        let code = code.with_context(|| format!("no code: {} {location}", answer.status))?;
        Ok(code.to_owned())
    }

    /// Tokens for `client` of the server at `prefix`.
    fn tokens(&mut self, prefix: &str, client: &str) -> Result<serde_json::Value> {
        let code = self.code(prefix, client)?;
        let answer = self.0.ask(&exchange(prefix, client, &code))?;
        serde_json::from_slice(answer.body).context("tokens are not JSON")
    }
}

fn text<'a>(tokens: &'a serde_json::Value, name: &str) -> Result<&'a str> {
    let text = tokens.get(name).and_then(serde_json::Value::as_str);
    text.with_context(|| format!("there is no {name}: {tokens}"))
}

fn exchange(prefix: &str, client: &str, code: &str) -> Vec<u8> {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    post(&format!("{prefix}/token"), None, &form)
}

fn post(path: &str, credentials: Option<&str>, parameters: &[(&str, &str)]) -> Vec<u8> {
    let body = form(parameters);
    let mut request = format!("POST {path} HTTP/1.1\r\nHost: as.example\r\n");
    if let Some(credentials) = credentials {
        // Writing to a string does not fail.
        let _ = write!(request, "Authorization: Basic {credentials}\r\n");
    }
    let length = body.len();
    let _ = write!(
        request,
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    request.into_bytes()
}

fn form(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    pairs.join("&")
}
