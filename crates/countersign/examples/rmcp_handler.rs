//! A handler that was written for the official SDK (`rmcp`), unchanged, behind
//! authentication: which scopes a tool needs is said by its name.
//!
//! `cargo run -p countersign --example rmcp_handler`, after
//! `cargo run -- keygen --out .countersign`

use std::sync::Arc;

use countersign::{Http, JwtVerifier, Server, get_access_token};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, JsonObject,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};

/// A server of the SDK that never heard of OAuth.
struct Counter;

impl ServerHandler for Counter {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = Arc::new(JsonObject::from_iter([(
            "type".to_owned(),
            "object".into(),
        )]));
        Ok(ListToolsResult::with_all_items(vec![
            Tool::new("count", "Counts", Arc::clone(&schema)),
            Tool::new("reset", "Starts again", schema),
        ]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        // The one line that was added: who calls.
        let caller = get_access_token().map_or_else(String::new, |token| token.sub().to_owned());
        let text = match &*request.name {
            "count" => format!("One, {caller}."),
            "reset" => format!("Zero, {caller}."),
            _ => return Err(ErrorData::invalid_params("tool not found", None)),
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}

pub(crate) fn server(public_key: String) -> Server {
    let verifier = JwtVerifier::public_key(public_key)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server");
    Server::from_rmcp(Counter)
        .auth(verifier)
        .tool_scopes("reset", ["counter:reset"])
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let public_key = std::fs::read_to_string(".countersign/public.pem")?;
    let http = Http::bind("127.0.0.1:8000");
    Ok(server(public_key).serve(http).await?)
}
