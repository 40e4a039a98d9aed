//! Each tool needs its own scopes, decided before the tool runs.
//!
//! `cargo run -p countersign --example tool_scopes`, after
//! `cargo run -- keygen --out .countersign`

use countersign::{Http, JwtVerifier, Server, tool};

/// Reads a note. Every caller has the scope `notes`, or is not let in.
#[tool(read_only)]
async fn read_note(id: u32) -> String {
    format!("This is note {id}")
}

/// Deletes a note. Without the scope it is not listed, and calling it is a 403 that
/// names what to ask for.
#[tool(scopes("notes:delete"), destructive)]
async fn delete_note(id: u32) -> String {
    format!("Note {id} is deleted")
}

/// Deletes everything. Without the scope there is no such tool.
#[tool(scopes("admin"), hidden, destructive)]
async fn delete_everything() -> &'static str {
    "Everything is deleted"
}

pub(crate) fn server(public_key: String) -> Server {
    let verifier = JwtVerifier::public_key(public_key)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server");
    Server::new("Notes")
        .auth(verifier)
        .required_scopes(["notes"])
        .tool(read_note)
        .tool(delete_note)
        .tool(delete_everything)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let public_key = std::fs::read_to_string(".countersign/public.pem")?;
    let http = Http::bind("127.0.0.1:8000");
    Ok(server(public_key).serve(http).await?)
}
