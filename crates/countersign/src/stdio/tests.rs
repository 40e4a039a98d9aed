//! What is refused over stdio, and what is noted: rows H13, F20, M-36.

use std::sync::Mutex;

use countersign_resource_server::oauth::{Secret, UnixTime};
use countersign_resource_server::policy::{Action, Denial, Policy};
use countersign_resource_server::{StaticToken, StaticTokens};
use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ContentBlock, CustomRequest, CustomResult, ErrorData,
    ReadResourceRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use tokio::io::DuplexStream;

use super::*;
use crate::audit::{Outcome, Record, Sink, SinkFull, Text};
use crate::component::{Arguments, Running, ToolDefinition, ToolHandler};
use crate::protocol::CallToolResult;
use crate::{Context, ToolError};

#[tokio::test]
async fn rs_36_m_36_stdio_with_authentication_or_scopes_does_not_start() {
    let tokens = StaticTokens::new().token(Secret::new("t"), StaticToken::subject("alice"));
    let servers = [
        Server::new("s").auth(tokens),
        Server::new("s").optional_auth(),
        Server::new("s").required_scopes(["read"]),
    ];
    for server in servers {
        let refused = server.serve_stdio().await.unwrap_err();
        assert!(matches!(refused, ServeError::Configuration(_)), "{refused}");
        assert!(refused.to_string().contains("stdio"), "{refused}");
    }
}

/// Says who calls.
#[derive(Clone)]
struct Theirs;

impl ServerHandler for Theirs {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        _request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call = crate::current_context().unwrap();
        let text = format!("{:?} {}", call.caller().principal(), call.method());
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Ok(CustomResult::new(
            serde_json::json!({ "custom": request.method }),
        ))
    }
}

/// Refuses one tool.
#[derive(Debug)]
struct NoSecrets;

impl Policy for NoSecrets {
    fn check(&self, _: &Caller, action: &Action<'_>, _: UnixTime) -> Result<(), Denial> {
        match action.component {
            Some(component) if component.name == "secret" => Err(Denial::Forbidden),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_handler_of_the_sdk_is_served_anonymously_and_by_the_policies() {
    let (serving, ours) = served(Server::from_rmcp(Theirs).policy(NoSecrets));
    let serving = tokio::spawn(serving);
    let client = rmcp::serve_client((), ours).await.unwrap();
    let call = |name: &'static str| client.call_tool(CallToolRequestParams::new(name));
    let refused = call("secret").await.unwrap_err();
    assert!(refused.to_string().contains("Forbidden"), "{refused}");
    let answer = call("whoami").await.unwrap();
    let said = serde_json::to_value(&answer.content).unwrap();
    assert_eq!(said[0]["text"], "None tools/call");
    client.cancel().await.unwrap();
    serving.await.unwrap().unwrap();
}

/// What is noted.
#[derive(Clone, Debug, Default)]
struct Noted(Arc<Mutex<Vec<Record>>>);

impl Sink for Noted {
    fn note(&self, record: Record) {
        self.0.lock().unwrap().push(record);
    }
}

impl Noted {
    /// The method, component and reason of the one record since the last call.
    fn one(&self) -> (String, String, String) {
        let records = std::mem::take(&mut *self.0.lock().unwrap());
        let [record]: [Record; 1] = records.try_into().unwrap();
        let text = |text: &Option<Text>| text.as_ref().map_or("", Text::as_str).to_owned();
        let reason = text(&record.reason);
        assert_eq!(record.outcome == Outcome::Allowed, reason.is_empty());
        (text(&record.method), text(&record.component), reason)
    }
}

/// `server` served like over stdio, and the end of a client.
fn served(mut server: Server) -> (Serving, DuplexStream) {
    server.check_stdio().unwrap();
    let foreign = server.foreign.as_mut().and_then(Foreign::take);
    let clock = Arc::clone(&server.clock);
    let core = Arc::new(server.into_core().unwrap());
    let (theirs, ours) = tokio::io::duplex(64 * 1024);
    let lines = Lines::new(theirs, 64 * 1024);
    let serving = match foreign {
        Some(handler) => handler.over(core, clock, lines),
        None => serve_over(
            RegistryHandler::new(core, clock, Caller::anonymous()),
            lines,
        ),
    };
    (serving, ours)
}

/// Says something.
struct Says(&'static str);

impl ToolHandler for Says {
    fn definition(&self) -> ToolDefinition {
        let schema = serde_json::json!({ "type": "object" });
        ToolDefinition::new(self.0, "", Arc::new(schema.as_object().cloned().unwrap()))
    }

    fn call(
        &self,
        _context: Context,
        _arguments: Arguments<'_>,
    ) -> Result<Running<CallToolResult>, ToolError> {
        let said = CallToolResult::success(vec![ContentBlock::text("said")]);
        Ok(Box::pin(async { Ok(said) }))
    }
}

fn registry() -> Server {
    Server::new("s").tool(Says("whoami")).tool(Says("secret"))
}

#[tokio::test]
async fn h13_over_stdio_each_decision_is_one_record() {
    for foreign in [false, true] {
        let noted = Noted::default();
        let server = match foreign {
            true => Server::from_rmcp(Theirs),
            false => registry(),
        };
        let limits = crate::Limits::none().per_user(crate::Quota::per_day(6));
        let server = server.policy(NoSecrets).audit(noted.clone()).limits(limits);
        let (serving, ours) = served(server);
        let serving = tokio::spawn(serving);
        let client = rmcp::serve_client((), ours).await.unwrap();
        assert_eq!(noted.one().0, "initialize", "{foreign}");
        let call = |name: &'static str| client.call_tool(CallToolRequestParams::new(name));
        call("whoami").await.unwrap();
        let of = |name: &str, reason: &str| {
            ("tools/call".to_owned(), name.to_owned(), reason.to_owned())
        };
        assert_eq!(noted.one(), of("whoami", ""));
        call("secret").await.unwrap_err();
        assert_eq!(noted.one(), of("secret", "forbidden"));
        if !foreign {
            call("never_was").await.unwrap_err();
            assert_eq!(noted.one(), of("never_was", "unknown_component"));
            let read = ReadResourceRequestParams::new("note://2");
            client.read_resource(read).await.unwrap_err();
            let (method, component, reason) = noted.one();
            assert_eq!((&*method, &*component), ("resources/read", "note://2"));
            assert_eq!(reason, "unknown_component");
        }
        let custom = CustomRequest::new("never/was", None);
        let custom = client.send_request(custom.into()).await;
        let (method, _, reason) = noted.one();
        assert_eq!(method, "never/was");
        let expected = if foreign { "" } else { "unknown_method" };
        assert_eq!(reason, expected, "{custom:?}");
        let mut last = String::new();
        for _ in 0..6 {
            let _ = call("whoami").await;
            last = noted.one().2;
        }
        assert_eq!(last, "rate_limited", "{foreign}");
        client.cancel().await.unwrap();
        serving.await.unwrap().unwrap();
        assert!(noted.0.lock().unwrap().is_empty(), "{foreign}");
    }
}

/// Has no room for anything.
#[derive(Debug)]
struct Full;

impl Sink for Full {
    fn note(&self, _record: Record) {}

    fn state(&self) -> Result<(), SinkFull> {
        Err(SinkFull::new())
    }
}

#[tokio::test]
async fn f20_over_stdio_too_what_cannot_be_noted_is_not_done() {
    for server in [Server::from_rmcp(Theirs), registry()] {
        let (serving, ours) = served(server.audit(Full));
        let serving = tokio::spawn(serving);
        let refused = rmcp::serve_client((), ours).await.unwrap_err();
        assert!(refused.to_string().contains("Unavailable"), "{refused}");
        let _ = serving.await;
    }
}
