//! A server that verifies tokens with a public key. Its code is also in the README.
//!
//! `cargo run -p countersign --example pem`, after `cargo run -- keygen --out .countersign`

use countersign::{AccessToken, Http, JwtVerifier, Server, tool};

/// Greets the caller by name.
#[tool]
async fn greet(name: String, token: AccessToken) -> String {
    format!("Hello, {name}! Your userid is {}.", token.sub())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let verifier = JwtVerifier::public_key(std::fs::read(".countersign/public.pem")?)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server");
    let server = Server::new("Greeter").auth(verifier).tool(greet);
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
