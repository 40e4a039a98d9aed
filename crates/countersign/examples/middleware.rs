//! Code around every call: a quota for each caller, and who called what in the log.
//!
//! `cargo run -p countersign --example middleware`, after
//! `cargo run -- keygen --out .countersign`

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use countersign::middleware::{ErrorMasking, Logging, Middleware, Next, Timing, ToolCall};
use countersign::protocol::CallToolResponse;
use countersign::{AccessToken, Http, JwtVerifier, Server, ToolError, tool};

/// Greets the caller by name.
#[tool]
async fn greet(name: String, token: AccessToken) -> String {
    format!("Hello, {name}! Your userid is {}.", token.sub())
}

/// Lets each caller call this many tools.
struct Quota {
    calls: u32,
    used: Mutex<HashMap<String, u32>>,
}

impl Middleware for Quota {
    async fn on_call_tool(
        &self,
        call: ToolCall,
        next: Next<'_, ToolCall>,
    ) -> Result<CallToolResponse, ToolError> {
        let caller = call.context().access_token();
        let caller = caller.map_or("anonymous", |token| token.sub()).to_owned();
        let within = {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            let used = used.entry(caller).or_default();
            *used += 1;
            *used <= self.calls
        };
        if !within {
            return Err(ToolError::new("You have no calls left"));
        }
        next.run(call).await
    }
}

pub(crate) fn server(public_key: String) -> Server {
    let verifier = JwtVerifier::public_key(public_key)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server");
    Server::new("Metered")
        .auth(verifier)
        .tool(greet)
        // The first is the outermost: what the quota says is logged and not masked.
        .middleware(Logging::new())
        .middleware(Timing::new())
        .middleware(Quota {
            calls: 2,
            used: Mutex::default(),
        })
        .middleware(ErrorMasking::new())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let public_key = std::fs::read_to_string(".countersign/public.pem")?;
    let http = Http::bind("127.0.0.1:8000");
    Ok(server(public_key).serve(http).await?)
}
