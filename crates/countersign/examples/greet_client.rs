//! Mints a token and calls `greet_server` with it.
//!
//! `cargo run -p countersign --example greet_client`

use std::path::Path;

use anyhow::{Context, Result};
use countersign::client::Client;
use countersign::keys::{KeyFiles, KeyPair, SystemRandom, TestToken};
use countersign::{Clock, SystemClock};
use serde_json::json;

/// Calls `greet` at `url` with a token signed by the private key in `folder`.
pub(crate) async fn run(folder: &Path, url: &str, print: impl Fn(String)) -> Result<()> {
    let keys = KeyPair::load(&KeyFiles::of(folder).private)
        .context("no private key; make a key pair with: cargo run -- keygen --out .countersign")?;
    let token = TestToken::new("hello@world.com")
        .issuer("http://localhost:8000")
        .audience("my-mcp-server")
        .sign(&keys, SystemClock::default().now(), &SystemRandom::new())?;
    let start: String = token.reveal().chars().take(20).collect();
    print(format!("Token: {start}…"));

    let client = Client::connect(url).bearer(token).await?;
    let greeting: String = client.call("greet", json!({"name": "World"})).await?;
    print(greeting);
    client.close().await;
    Ok(())
}

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, reason = "it talks to whoever runs it")
)]
#[tokio::main]
async fn main() -> Result<()> {
    let url = "http://localhost:8000/mcp";
    run(Path::new(".countersign"), url, |line| println!("{line}")).await
}
