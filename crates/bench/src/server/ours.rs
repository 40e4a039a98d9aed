//! countersign, with the two tools that are called.

use std::sync::Arc;

use anyhow::Result;
use countersign::audit::JsonLines;
use countersign::component::{Arguments, Running, ToolDefinition, ToolHandler};
use countersign::protocol::{CallToolResult, ContentBlock, JsonObject};
use countersign::{Context, Http, Server, Sessions, ToolError};
use serde::Deserialize;

use super::{Kind, Settings};
use crate::access::{self, Audit, InMemory};

#[derive(Deserialize)]
struct Greeting {
    name: String,
}

/// The schema of the arguments of both tools.
pub(super) fn schema() -> Result<Arc<JsonObject>> {
    let text = r#"{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}"#;
    Ok(Arc::new(serde_json::from_str(text)?))
}

fn said(text: String) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// Answers at once.
struct Greet(Arc<JsonObject>);

impl ToolHandler for Greet {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new("greet", "Greets the caller by name.", self.0.clone())
    }

    fn call(
        &self,
        context: Context,
        arguments: Arguments<'_>,
    ) -> Result<Running<CallToolResult>, ToolError> {
        let Greeting { name } = arguments.parse()?;
        Ok(Box::pin(async move {
            let user = context.access_token().map_or("nobody", |token| token.sub());
            Ok(said(format!("Hello, {name}! Your userid is {user}.")))
        }))
    }
}

/// Reports its progress first.
struct Count(Arc<JsonObject>);

impl ToolHandler for Count {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new("count", "Counts to one.", self.0.clone())
    }

    fn call(
        &self,
        context: Context,
        arguments: Arguments<'_>,
    ) -> Result<Running<CallToolResult>, ToolError> {
        let Greeting { name } = arguments.parse()?;
        Ok(Box::pin(async move {
            context.report_progress(1.0, Some(1.0), None).await;
            Ok(said(format!("{name} counted to 1")))
        }))
    }
}

/// Serves.
pub(super) async fn serve(settings: &Settings) -> Result<()> {
    let schema = schema()?;
    let mut server = Server::new("bench")
        .tool(Greet(schema.clone()))
        .tool(Count(schema))
        .sessions(match settings.kind {
            Kind::CountersignSessions => Sessions::Always,
            _ => Sessions::Never,
        });
    if settings.kind != Kind::CountersignOpen {
        server = server.auth(settings.verifier());
    }
    let folder = settings.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::tempdir_in(folder)?;
    if let Some(limits) = settings.limits.limits("greet") {
        server = server.limits(limits);
    }
    if let Some(rules) = settings.rules {
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, access::rules(rules, "greet", &settings.issuer))?;
        server = server.rules_file(path);
    }
    server = match settings.audit {
        Audit::Nowhere => server,
        Audit::Memory => server.audit(InMemory::default()),
        Audit::Files => server.audit(JsonLines::at(folder.path().join("audit.jsonl")).open()?),
    };
    let running = server.start(Http::bind("127.0.0.1:0")).await?;
    super::announce(running.address())?;
    std::future::pending::<()>().await;
    running.stop().await;
    Ok(())
}
