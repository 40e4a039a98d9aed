//! The lane, driven like a service. A stand-in for the front turns a bearer
//! token `issuer/subject/client/scopes/expiry` into a verified caller.

mod calls;
mod differential;
mod ends;
mod limits;
mod ownership;
mod streams;
mod subscriptions;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_resource_server::oauth::{ScopeSet, UnixTime};
use countersign_resource_server::{AccessToken, Assertion, Caller};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http_body_util::BodyExt;
use serde_json::json;
use testkit::{Http, LegacyClient, TestClock};
use tokio::sync::Notify;

use super::{RegistryHandler, SessionLane, SessionLimits, SessionMode};
use crate::component::{Access, Arguments, Running, ToolDefinition, ToolHandler};
use crate::dispatch::Core;
use crate::protocol::{CallToolResult, ContentBlock};
use crate::{Context, Notifier, Server, ToolError};

const ALICE: &str = "https:as/alice/app/read/";

fn caller(headers: &HeaderMap) -> Caller {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Caller::anonymous();
    };
    let token = value.to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let parts: Vec<&str> = token.split('/').collect();
    let mut assertion = Assertion::new(parts[0], parts[1])
        .client_id(parts[2])
        .scopes(ScopeSet::from_names(parts[3].split('+').filter(|name| !name.is_empty())).unwrap());
    if let Ok(expiry) = parts[4].parse() {
        assertion = assertion.expires_at(UnixTime::from_secs(expiry));
    }
    Caller::authenticated(AccessToken::assertion(assertion))
}

type Body = dyn Fn(Context) -> Running<CallToolResult> + Send + Sync;

struct Scripted {
    definition: ToolDefinition,
    body: Box<Body>,
}

impl ToolHandler for Scripted {
    fn definition(&self) -> ToolDefinition {
        self.definition.clone()
    }

    fn call(
        &self,
        context: Context,
        _arguments: Arguments<'_>,
    ) -> Result<Running<CallToolResult>, ToolError> {
        Ok((self.body)(context))
    }
}

fn tool<F, Fut>(name: &'static str, access: Access, body: F) -> Scripted
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = String> + Send + 'static,
{
    let schema = json!({ "type": "object" }).as_object().cloned().unwrap();
    Scripted {
        definition: ToolDefinition::new(name, "", Arc::new(schema)).access(access),
        body: Box::new(move |context| {
            let running = body(context);
            Box::pin(async move {
                Ok(CallToolResult::success(vec![ContentBlock::text(
                    running.await,
                )]))
            })
        }),
    }
}

/// A lane, and the strings that its tools hang on.
struct Fixture {
    lane: Arc<SessionLane>,
    /// Lets the tool `wait` go on.
    go: Arc<Notify>,
    /// Is notified when a call of `wait` begins, and when one is dropped.
    began: Arc<Notify>,
    dropped: Arc<Notify>,
    notifier: Notifier,
}

struct TellDropped(Arc<Notify>);

impl Drop for TellDropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn core(fixture: &(Arc<Notify>, Arc<Notify>, Arc<Notify>), notifier: &Notifier) -> Core {
    let (go, began, dropped) = fixture.clone();
    let admin = Access::scopes(ScopeSet::from_names(["admin"]).unwrap());
    Server::new("lane")
        .notifier(notifier)
        .tool(tool("whoami", Access::open(), |context| async move {
            let token = crate::get_access_token();
            assert_eq!(
                token.as_ref().map(AccessToken::sub),
                context.access_token().map(AccessToken::sub)
            );
            let scopes = context.scopes().to_string();
            token.map_or("nobody".to_owned(), |token| {
                format!("{} {scopes}", token.sub())
            })
        }))
        .tool(tool("admin", admin.clone(), |_| async {
            "done".to_owned()
        }))
        .tool(tool("secret", admin.hidden(), |_| async {
            "done".to_owned()
        }))
        .tool(tool("talk", Access::open(), |context| async move {
            context.info("working").await;
            "talked".to_owned()
        }))
        .tool(tool("wait", Access::open(), move |context| {
            let (go, began) = (Arc::clone(&go), Arc::clone(&began));
            let dropped = TellDropped(Arc::clone(&dropped));
            async move {
                let _dropped = dropped;
                began.notify_one();
                go.notified().await;
                context.info("going").await;
                "waited".to_owned()
            }
        }))
        .into_core()
        .unwrap()
}

impl Fixture {
    fn new() -> Self {
        Self::with(SessionLimits::default(), SessionMode::Offered)
    }

    fn with(limits: SessionLimits, mode: SessionMode) -> Self {
        let clock = TestClock::at(UnixTime::from_secs(1_000_000));
        let notes = (Arc::default(), Arc::default(), Arc::default());
        let notifier = Notifier::new();
        let core = Arc::new(core(&notes, &notifier));
        let (go, began, dropped) = notes;
        let make_clock = Arc::new(clock.clone());
        let make = move |caller| {
            RegistryHandler::new(Arc::clone(&core), Arc::clone(&make_clock) as _, caller)
        };
        Self {
            lane: Arc::new(SessionLane::new(make, mode, limits, Arc::new(clock))),
            go,
            began,
            dropped,
            notifier,
        }
    }

    fn http(&self) -> Http {
        let lane = Arc::clone(&self.lane);
        Http::function(move |request| {
            let lane = Arc::clone(&lane);
            async move {
                let (parts, body) = request.into_parts();
                let body: Bytes = body.collect().await.unwrap().to_bytes();
                let caller = caller(&parts.headers);
                lane.handle(&caller, parts, body).await
            }
        })
    }

    /// A client with `token` that did not say anything yet.
    fn client(&self, token: &str) -> LegacyClient {
        LegacyClient::new(self.http(), "/mcp").bearer(token)
    }

    /// A client with `token` and an open session.
    async fn session(&self, token: &str) -> LegacyClient {
        let mut client = self.client(token);
        client.initialize().await;
        client
    }
}

/// The text of a tool's result.
fn text(result: &serde_json::Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

/// Lets everything run that can run without time passing.
async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

const MINUTE: Duration = Duration::from_secs(60);
