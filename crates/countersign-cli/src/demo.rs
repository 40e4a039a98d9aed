//! The tools of `countersign serve`.

use countersign::component::Json;
use countersign::{AccessToken, Caller, Server, tool};
use schemars::JsonSchema;
use serde::Serialize;

/// Their names. Who is not authenticated can never have the scope of the last one,
/// so it is left out where nobody is.
pub(crate) const TOOLS: [&str; 3] = ["greet", "whoami", "admin_report"];

/// The demo server, without authentication yet.
pub(crate) fn server() -> Server {
    Server::new("countersign demo")
        .version(env!("CARGO_PKG_VERSION"))
        .tool(greet)
        .tool(whoami)
}

/// Greets the caller by name.
#[tool(read_only)]
async fn greet(
    /// Whom to greet
    name: String,
    token: Option<AccessToken>,
) -> String {
    match token {
        Some(token) => format!("Hello, {name}! Your userid is {}.", token.sub()),
        None => format!("Hello, {name}! I do not know who you are."),
    }
}

/// Who the server thinks the caller is.
#[derive(Serialize, JsonSchema)]
struct WhoAmI {
    /// Whether there was a token.
    authenticated: bool,
    /// The person or machine the token is about (`sub`).
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// Who issued the token (`iss`).
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    /// The client the token was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// What the token allows.
    scopes: Vec<String>,
    /// When the token expires, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

/// Tells who the caller is, as the server sees it.
#[tool(read_only)]
async fn whoami(caller: Caller) -> Json<WhoAmI> {
    let token = caller.access_token();
    let scopes = caller
        .scopes()
        .iter()
        .map(|scope| scope.as_str().to_owned());
    Json(WhoAmI {
        authenticated: token.is_some(),
        subject: token.map(|token| token.sub().to_owned()),
        issuer: token.map(|token| token.iss().to_owned()),
        client_id: caller.client_id().map(str::to_owned),
        scopes: scopes.collect(),
        expires_at: token.and_then(AccessToken::exp).map(|time| time.as_secs()),
    })
}

/// A report that only administrators see.
#[tool(scopes("admin"), read_only)]
pub(crate) async fn admin_report(token: AccessToken) -> String {
    format!("All is well. This report was made for {}.", token.sub())
}
