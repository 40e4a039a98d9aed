//! Every example, over loopback. `main` of an example only adds its fixed address.

use std::sync::{Arc, Mutex};

use countersign::client::{Client, ClientError};
use countersign::keys::{KeyPair, SystemRandom, TestToken};
use countersign::oauth::jose::Algorithm;
use countersign::oauth::{Secret, UnixTime};
use countersign::protocol::CallToolResult;
use countersign::{Clock, Http, RunningServer, Server, SystemClock};
use serde_json::Value;
use tokio::sync::Notify;

mod allowing;
mod greeting;
mod operating;
mod verifying;

example!(admin_by_api_key, "../../../examples/admin_by_api_key.rs");
example!(
    anonymous_degradation,
    "../../../examples/anonymous_degradation.rs"
);
example!(audit, "../../../examples/audit.rs");
example!(axum_layer, "../../../examples/axum_layer.rs");
example!(
    credential_manager,
    "../../../examples/credential_manager.rs"
);
example!(custom_verifier, "../../../examples/custom_verifier.rs");
example!(greet_client, "../../../examples/greet_client.rs");
example!(greet_server, "../../../examples/greet_server.rs");
example!(hmac, "../../../examples/hmac.rs");
example!(jwks, "../../../examples/jwks.rs");
example!(middleware, "../../../examples/middleware.rs");
example!(
    per_user_rate_limiting,
    "../../../examples/per_user_rate_limiting.rs"
);
example!(rbac, "../../../examples/rbac.rs");
example!(rmcp_handler, "../../../examples/rmcp_handler.rs");
example!(
    scope_based_deletion,
    "../../../examples/scope_based_deletion.rs"
);
example!(tool_scopes, "../../../examples/tool_scopes.rs");

const PEM: &str = include_str!("../../../examples/pem.rs");
const README: &str = include_str!("../../../../../README.md");

fn keys() -> KeyPair {
    KeyPair::generate(Algorithm::ES256).unwrap()
}

/// The servers judge by the clock of the system.
fn now() -> UnixTime {
    SystemClock::default().now()
}

fn token(keys: &KeyPair, subject: &str, scopes: &[&str]) -> Secret {
    TestToken::new(subject)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server")
        .scopes(scopes.iter().copied())
        .sign(keys, now(), &SystemRandom::new())
        .unwrap()
}

async fn start(server: Server) -> RunningServer {
    server.start(Http::bind("127.0.0.1:0")).await.unwrap()
}

async fn connect(server: &RunningServer, token: Option<Secret>) -> Result<Client, ClientError> {
    match token {
        Some(token) => Client::connect(server.url()).bearer(token).await,
        None => Client::connect(server.url()).await,
    }
}

fn text(result: &CallToolResult) -> &str {
    &result.content[0].as_text().unwrap().text
}

async fn call(client: &Client, tool: &str, arguments: Value) -> Result<String, ClientError> {
    let arguments = arguments.as_object().unwrap().clone();
    let result = client.call_tool(tool, arguments).await?;
    Ok(text(&result).to_owned())
}

async fn tools(client: &Client) -> Vec<String> {
    let tools = client.tools().await.unwrap();
    tools.iter().map(|tool| tool.name.to_string()).collect()
}

/// Lines that an example printed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<String>>>, Arc<Notify>);

impl Printed {
    fn print(&self) -> impl Fn(String) + Send + Sync + 'static {
        let printed = self.clone();
        move |line| {
            printed.0.lock().unwrap().push(line);
            printed.1.notify_one();
        }
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    async fn wait_for(&self, number: usize) -> Vec<String> {
        while self.lines().len() < number {
            self.1.notified().await;
        }
        self.lines()
    }
}
