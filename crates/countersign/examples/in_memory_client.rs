//! Tests a server of your own in its own process: the whole way of a request, with its
//! credentials, and no network.
//!
//! `cargo run -p countersign --example in_memory_client`

use anyhow::Result;
use countersign::client::{Client, ClientError};
use countersign::keys::{KeyPair, SystemRandom, TestToken};
use countersign::oauth::jose::Algorithm;
use countersign::{AccessToken, Clock, Http, JwtVerifier, Server, SystemClock, tool};

/// Says who is calling.
#[tool(scopes("read"))]
async fn whoami(token: AccessToken) -> String {
    token.sub().to_owned()
}

/// The server that is tested.
fn server(keys: &KeyPair) -> Server {
    let verifier = JwtVerifier::public_key(keys.public_pem())
        .issuer("https://as.test")
        .audience("my-server");
    Server::new("Mine").auth(verifier).tool(whoami)
}

/// What the server says to ada, and to whoever has no token.
pub(crate) async fn run() -> Result<(String, ClientError)> {
    let keys = KeyPair::generate(Algorithm::ES256)?;
    let app = server(&keys).into_app(&Http::bind("127.0.0.1:8000"))?;
    let token = TestToken::new("ada")
        .issuer("https://as.test")
        .audience("my-server")
        .scopes(["read"])
        .sign(&keys, SystemClock::default().now(), &SystemRandom::new())?;

    let client = Client::in_memory(&app).bearer(token).await?;
    let said = client.call("whoami", ()).await?;
    let Err(nobody) = Client::in_memory(&app).await else {
        anyhow::bail!("somebody without a token is let in")
    };
    Ok((said, nobody))
}

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, reason = "it talks to whoever runs it")
)]
#[tokio::main]
async fn main() -> Result<()> {
    let (said, refused) = run().await?;
    println!("ada: {said}\nnobody: {refused}");
    Ok(())
}
