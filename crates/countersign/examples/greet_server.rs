//! A server that greets its callers by name, and says so; `greet_client` calls it.
//!
//! `cargo run -p countersign --example greet_server`

use std::path::Path;

use anyhow::{Result, anyhow};
use countersign::keys::KeyFiles;
use countersign::{AccessToken, Http, JwtVerifier, Server, tool};

/// Greets the caller by name.
#[tool]
async fn greet(name: String, token: AccessToken) -> String {
    format!("Hello, {name}! Your userid is {}.", token.sub())
}

/// Serves until it is told to stop. The public key is in `folder`.
pub(crate) async fn run(folder: &Path, http: Http, print: impl Fn(String)) -> Result<()> {
    let verifier = JwtVerifier::public_key(public_key(folder)?)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server");
    let server = Server::new("Secure Server").auth(verifier).tool(greet);
    let running = server.start(http).await?;
    print(format!("Serving at {}", running.url()));
    print("Available tools: greet".into());
    running.serve_until_stopped().await;
    Ok(())
}

fn public_key(folder: &Path) -> Result<String> {
    let KeyFiles {
        private, public, ..
    } = KeyFiles::of(folder);
    std::fs::read_to_string(&public).map_err(|_| {
        let (private, public) = (private.display(), public.display());
        let folder = folder.display();
        anyhow!(
            "{private} and {public} files not found. Make them with:\n  \
             mkdir -p {folder} && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {private}\n  \
             openssl pkey -in {private} -pubout -out {public}\n\
             or both with: cargo run -- keygen --out {folder}"
        )
    })
}

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, reason = "it talks to whoever runs it")
)]
#[tokio::main]
async fn main() -> Result<()> {
    let http = Http::bind("127.0.0.1:8000");
    run(Path::new(".countersign"), http, |line| println!("{line}")).await
}
