//! A server with an authorization server of its own, from the first 401 on.

pub(crate) mod client;
mod flow;
mod housekeeping;
mod login;
mod mounting;
mod our_client;
mod settings;
mod start;
mod upstream;

use std::sync::Arc;

use countersign::{AccessToken, App, EmbeddedAuth, Http, Server, tool};
use testkit::TestClock;

use crate::fixture::HandClock;

/// The address of the server in most tests.
pub(crate) const PUBLIC: &str = "http://localhost:8000/mcp";
pub(crate) const ORIGIN: &str = "http://localhost:8000";

/// Says who is calling.
#[tool(scopes("read"))]
async fn whoami(token: AccessToken) -> String {
    token.sub().to_owned()
}

/// Changes something.
#[tool(scopes("write"))]
async fn change() -> &'static str {
    "changed"
}

/// Not even named to those who may not.
#[tool(scopes("secret"), hidden)]
async fn concealed() -> &'static str {
    "hidden"
}

/// A server in memory whose only person is `alice`, who agrees to everything.
pub(crate) fn headless() -> EmbeddedAuth {
    EmbeddedAuth::in_memory().danger_approve_everything("alice")
}

pub(crate) fn server(auth: EmbeddedAuth, clock: &TestClock) -> Server {
    Server::new("embedding")
        .clock(Arc::new(HandClock(clock.clone())))
        .challenge_scopes(["read"])
        .auth(auth)
        .tool(whoami)
        .tool(change)
        .tool(concealed)
}

pub(crate) fn app(auth: EmbeddedAuth) -> App {
    let place = Http::bind("127.0.0.1:8000");
    server(auth, &TestClock::new()).into_app(&place).unwrap()
}
