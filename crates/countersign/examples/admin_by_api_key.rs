//! What administrators look at is read by a program with an API key.
//!
//! `API_KEY=$(openssl rand -hex 32) API_KEY_SCOPES=stats:read \
//!     cargo run -p countersign --example admin_by_api_key`
//!
//! The program sends the key in the header `X-API-Key`. Keys that can be listed, rotated
//! and revoked come from an authorization server: `EmbeddedAuth::api_keys`, and
//! docs/api-keys.md.

use countersign::{
    AccessToken, ApiKeyAuth, FromEnvironment as _, Http, JwtVerifier, Server, resource, tool,
};

/// How the system is. Only API keys open it, whatever scopes the token of a person has.
#[resource("admin://system/stats", auth = "api_key", scopes("stats:read"))]
async fn stats(token: AccessToken) -> String {
    format!("All is well, {}.", token.sub())
}

/// Greets people.
#[tool(auth = "oauth")]
async fn greet(token: AccessToken) -> String {
    format!("Hello, {}!", token.sub())
}

pub(crate) fn server(keys: ApiKeyAuth, public_key: String) -> Server {
    let people = JwtVerifier::public_key(public_key)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server");
    Server::new("Administration")
        .auth(people)
        .auth(keys)
        .resource(stats)
        .tool(greet)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let public_key = std::fs::read_to_string(".countersign/public.pem")?;
    let server = server(ApiKeyAuth::from_env()?, public_key);
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
