//! Each user may do so much, whichever client they use, however they log in.
//!
//! `cargo run -p countersign --example per_user_rate_limiting`, after
//! `cargo run -- keygen --out .countersign`
//!
//! A user who has made 100 calls at once may make one more each 0.6 seconds. What is above
//! that is answered 429, with `Retry-After` and `Rate limit exceeded for user ada. Max 100
//! requests per minute.`

use countersign::{Http, JwtVerifier, Limits, Quota, Server, tool};

/// An operation with rate limiting. It does nothing for that: whoever is over the limit
/// does not get here.
#[tool]
async fn rate_limited_operation(param: String) -> String {
    format!("Operation completed: {param}")
}

/// Counts as ten operations, and runs twice at the same time at most.
#[tool]
async fn expensive_report() -> &'static str {
    "Report completed"
}

pub(crate) fn server(public_key: String) -> Server {
    let verifier = JwtVerifier::public_key(public_key)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server");
    let limits = Limits::new()
        .per_user(Quota::per_minute(100))
        .per_address(Quota::per_minute(1_000))
        .cost("expensive_report", 10)
        .concurrent("expensive_report", 2);
    Server::new("Rate Limited Server")
        .auth(verifier)
        .limits(limits)
        .tool(rate_limited_operation)
        .tool(expensive_report)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let public_key = std::fs::read_to_string(".countersign/public.pem")?;
    let http = Http::bind("127.0.0.1:8000");
    Ok(server(public_key).serve(http).await?)
}
