//! Scopes for what deletes and for what is sensitive, said on the tool or found out in the
//! middle of a call.
//!
//! `cargo run -p countersign --example scope_based_deletion`, after
//! `cargo run -- keygen --out .countersign`

use countersign::component::Json;
use countersign::{Context, Http, JwtVerifier, Server, ToolError, tool};
use schemars::JsonSchema;
use serde::Serialize;

/// What became of a user.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Deleted {
    status: &'static str,
    deleted: String,
    reason: String,
}

/// Deletes a user (needs the scope admin:write). Without it the answer is a 403 whose
/// challenge names the scope, so that the client can ask for it, and the tool is not listed.
#[tool(scopes("admin:write"), destructive)]
async fn delete_user(user_id: String, reason: String) -> Json<Deleted> {
    Json(Deleted {
        status: "success",
        deleted: user_id,
        reason,
    })
}

/// Deletes what is old. Only a real deletion needs the scope admin:write, which shows when
/// the arguments are known: "Insufficient permissions. Required scope: admin:write".
#[tool(destructive)]
async fn clean_up(days: u32, dry_run: bool, context: Context) -> Result<String, ToolError> {
    if dry_run {
        return Ok(format!("12 things are older than {days} days"));
    }
    context.require_scopes(["admin:write"])?;
    Ok("12 things are deleted".to_owned())
}

/// Reads sensitive data (needs the scope data:read).
#[tool(scopes("data:read"), read_only)]
async fn read_sensitive_data(data_id: String) -> String {
    format!("{data_id}: 42")
}

pub(crate) fn server(public_key: String) -> Server {
    let verifier = JwtVerifier::public_key(public_key)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server");
    Server::new("Users")
        .auth(verifier)
        // Whoever may write may read.
        .scope_implies("admin:write", ["data:read"])
        .tool(delete_user)
        .tool(clean_up)
        .tool(read_sensitive_data)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let public_key = std::fs::read_to_string(".countersign/public.pem")?;
    let http = Http::bind("127.0.0.1:8000");
    Ok(server(public_key).serve(http).await?)
}
