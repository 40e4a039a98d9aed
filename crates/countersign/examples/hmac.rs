//! A server that verifies tokens with a secret it shares with their issuer.
//!
//! `cargo run -p countersign --example hmac`, after `openssl rand -hex 32 > secret.txt`

use countersign::oauth::Secret;
use countersign::oauth::jose::Algorithm;
use countersign::{AccessToken, Http, JwtVerifier, Server, tool};

/// Greets the caller by name.
#[tool]
async fn greet(name: String, token: AccessToken) -> String {
    format!("Hello, {name}! Your userid is {}.", token.sub())
}

pub(crate) fn server(secret: Secret) -> Server {
    let verifier = JwtVerifier::hmac(secret, Algorithm::HS256)
        .issuer("internal-auth-service")
        .audience("mcp-internal-api");
    Server::new("Internal Server").auth(verifier).tool(greet)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let secret = std::fs::read_to_string("secret.txt")?;
    let server = server(Secret::new(secret.trim_end()));
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
