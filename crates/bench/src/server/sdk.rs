//! The official SDK, written by hand where its macros would build tables on every
//! call: the figures are those of a careful user.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::serve::ListenerExt;
use countersign::verifier::{JwtVerifier, PresentedToken, Verification, Verifier};
use countersign::{Clock, SystemClock};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::Deserialize;

/// Whether legacy clients get sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sessions {
    With,
    Without,
}

#[derive(Clone)]
struct Greeter {
    tool: Arc<Tool>,
}

#[derive(Deserialize)]
struct Greeting {
    name: String,
}

impl ServerHandler for Greeter {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        (name == "greet").then(|| Tool::clone(&self.tool))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![Tool::clone(
            &self.tool,
        )]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let invalid = |text: String| ErrorData::invalid_params(text, None);
        if request.name != "greet" {
            return Err(invalid("unknown tool".to_owned()));
        }
        let arguments = request.arguments.unwrap_or_default().into();
        let Greeting { name } =
            serde_json::from_value(arguments).map_err(|error| invalid(error.to_string()))?;
        let text = format!("Hello, {name}! Your userid is hello@world.com.");
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}

type Service = StreamableHttpService<Greeter, LocalSessionManager>;

/// The SDK, and what is checked before it.
struct Guarded {
    service: Service,
    verifier: Option<JwtVerifier>,
}

async fn answer(State(guarded): State<Arc<Guarded>>, request: Request) -> Response {
    if let Some(verifier) = &guarded.verifier
        && !is_good(verifier, request.headers()).await
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    guarded.service.handle(request).await.map(Body::new)
}

/// The JWT of the request is verified, each time anew.
async fn is_good(verifier: &JwtVerifier, headers: &HeaderMap) -> bool {
    let value = headers.get(AUTHORIZATION);
    let value = value.and_then(|value| value.to_str().ok());
    let Some(token) = value.and_then(|value| value.strip_prefix("Bearer ")) else {
        return false;
    };
    let now = SystemClock::default().now();
    let outcome = verifier.verify(PresentedToken::new(token), now).await;
    matches!(outcome, Ok(Verification::Accepted(_)))
}

/// Serves.
pub(super) async fn serve(verifier: Option<JwtVerifier>, sessions: Sessions) -> Result<()> {
    let schema = super::ours::schema()?;
    let greeter = Greeter {
        tool: Arc::new(Tool::new("greet", "Greets the caller by name.", schema)),
    };
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = sessions == Sessions::With;
    config.json_response = true;
    let service = Service::new(move || Ok(greeter.clone()), Arc::default(), config);
    let guarded = Arc::new(Guarded { service, verifier });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    super::announce(listener.local_addr()?)?;
    let listener = listener.tap_io(|stream| {
        // Left as it is if the option cannot be set: only latency suffers.
        let _ = stream.set_nodelay(true);
    });
    let router = Router::new().route("/mcp", any(answer)).with_state(guarded);
    axum::serve(listener, router).await?;
    Ok(())
}
