//! Callers without a token see less, instead of nothing.
//!
//! `cargo run -p countersign --example anonymous_degradation`, after
//! `cargo run -- keygen --out .countersign`

use countersign::{AccessToken, Http, JwtVerifier, Server, tool};

/// Searches the documents.
#[tool]
async fn search(query: String, token: Option<AccessToken>) -> String {
    match token {
        Some(token) => format!("Everything about {query} that {} may read", token.sub()),
        None => format!("What is public about {query}"),
    }
}

/// Saves a search. Anonymous callers do not see this tool.
#[tool(scopes("write"))]
async fn save(query: String, token: AccessToken) -> String {
    format!("{query} is saved for {}", token.sub())
}

pub(crate) fn server(public_key: String) -> Server {
    let verifier = JwtVerifier::public_key(public_key)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server");
    Server::new("Library")
        .auth(verifier)
        .optional_auth()
        .tool(search)
        .tool(save)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let public_key = std::fs::read_to_string(".countersign/public.pem")?;
    let http = Http::bind("127.0.0.1:8000");
    Ok(server(public_key).serve(http).await?)
}
