//! A server that verifies tokens with the keys an issuer publishes.
//!
//! `cargo run -p countersign --example jwks`, after putting your issuer's names in

use countersign::{AccessToken, Http, JwtVerifier, JwtVerifierBuilder, Server, tool};

/// Greets the caller by name.
#[tool]
async fn greet(name: String, token: AccessToken) -> String {
    format!("Hello, {name}! Your userid is {}.", token.sub())
}

pub(crate) fn server(published_keys: JwtVerifierBuilder) -> Server {
    let verifier = published_keys
        .issuer("https://your-domain.auth0.com/")
        .audience("your-api-identifier");
    Server::new("Secure Server").auth(verifier).tool(greet)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let keys = JwtVerifier::jwks("https://your-domain.auth0.com/.well-known/jwks.json");
    Ok(server(keys).serve(Http::bind("127.0.0.1:8000")).await?)
}
