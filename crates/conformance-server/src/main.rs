//! The server that the MCP conformance suite probes: its tools, resources and
//! prompts have the names and the behaviour that the scenarios prescribe.
//!
//! It listens on 127.0.0.1, on the port in the environment variable `PORT`, at
//! `/mcp`. With `--require-token` it makes a key, prints `token: <jwt>` and lets
//! in only who presents that token. With `--issue-tokens` it is its own authorization
//! server, at the root of the same port, where a person who is always there agrees to
//! everything.

mod calls;
mod content;
mod prompts;
mod resources;
mod rounds;
mod schemas;

use std::io::Write;

use anyhow::{Context as _, Result, bail};
use countersign::component::CompletionRequest;
use countersign::keys::{KeyPair, SystemRandom, TestToken};
use countersign::oauth::jose::Algorithm;
use countersign::verifier::JwtVerifier;
use countersign::{Clock, Context, EmbeddedAuth, Http, Notifier, Server, SystemClock, ToolError};

/// Who issues the token of `--require-token`.
const ISSUER: &str = "https://issuer.conformance.example";

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    #[expect(
        clippy::disallowed_methods,
        reason = "the suite's harness chooses the port"
    )]
    let port = std::env::var("PORT").context("PORT is not set")?;
    let resource = format!("http://127.0.0.1:{port}/mcp");
    let http = Http::bind(format!("127.0.0.1:{port}")).public_url(&resource);
    let mut server = server();
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("--require-token") => server = guarded(server, &resource)?,
        Some("--issue-tokens") => {
            let person = EmbeddedAuth::in_memory().danger_approve_everything("conformance");
            server = server.auth(person.scope("read", "Read"));
        }
        Some(other) => {
            bail!("unknown argument {other}: --require-token and --issue-tokens are known")
        }
    }
    Ok(server.serve(http).await?)
}

/// Everything that a scenario asks for.
fn server() -> Server {
    let notifier = Notifier::new();
    let server = Server::new("conformance-server")
        .version(env!("CARGO_PKG_VERSION"))
        .instructions("The fixtures of the MCP conformance suite.")
        .notifier(&notifier)
        .state(notifier)
        .completion(complete);
    let server = content::add(server);
    let server = calls::add(server);
    let server = rounds::add(server);
    let server = schemas::add(server);
    let server = resources::add(server);
    prompts::add(server)
}

/// A server that asks for a token, which is printed.
fn guarded(server: Server, resource: &str) -> Result<Server> {
    let keys = KeyPair::generate(Algorithm::ES256)?;
    let token = TestToken::new("conformance")
        .issuer(ISSUER)
        .audience(resource)
        .sign(&keys, SystemClock::default().now(), &SystemRandom::new())?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "token: {}", token.reveal())?;
    stdout.flush()?;
    let verifier = JwtVerifier::key_set(keys.public_jwk_set())
        .issuer(ISSUER)
        .audience(resource);
    Ok(server.auth(verifier))
}

/// Suggests cities that begin with what was typed.
async fn complete(_context: Context, request: CompletionRequest) -> Result<Vec<String>, ToolError> {
    let cities = ["paris", "park", "party", "test-a", "test-b"];
    Ok(cities
        .into_iter()
        .filter(|city| city.starts_with(request.value()))
        .map(str::to_owned)
        .collect())
}
