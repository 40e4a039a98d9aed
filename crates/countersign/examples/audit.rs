//! Who called what, and what became of it, in lines that cannot be changed unseen.
//!
//! `cargo run -p countersign --example audit`, after
//! `cargo run -- keygen --out .countersign`; then look with
//! `cargo run -- audit list` and `cargo run -- audit verify`.

use countersign::audit::{JsonLines, OnFull, Sink};
use countersign::{Http, JwtVerifier, Server, tool};

/// Lists the users.
#[tool(read_only)]
async fn list_users() -> &'static str {
    "ada, grace"
}

/// Deletes a user.
#[tool(scopes("users:delete"), destructive)]
async fn delete_user(name: String) -> String {
    format!("{name} is deleted")
}

pub(crate) fn server(public_key: String, log: impl Sink) -> Server {
    let verifier = JwtVerifier::public_key(public_key)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server");
    Server::new("Users")
        .auth(verifier)
        .audit(log)
        .tool(list_users)
        .tool(delete_user)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let public_key = std::fs::read_to_string(".countersign/public.pem")?;
    // Beside the log are its key and what says where it ends. When nothing more can be
    // noted, because the disk is full, requests are answered with 503.
    let log = JsonLines::at("audit.jsonl")
        .on_full(OnFull::Refuse)
        .open()?;
    let server = server(public_key, log);
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
