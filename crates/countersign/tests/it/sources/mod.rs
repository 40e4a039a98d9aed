//! Several sources at one server: who is let in where, in every lane. M-18, M-20.
//!
//! The same subject of the same issuer has a credential of each source, so that whatever
//! looks at less than all of it mixes them up.

mod kept_apart;
mod lanes;
mod starts;
mod ways_around;

use countersign::oauth::{ScopeSet, Secret};
use countersign::verifier::{StaticToken, StaticTokens};
use countersign::{
    App, Context, InHeader, RouteAccess, Server, SourceRule, prompt, resource, tool,
};
use testkit::{LegacyClient, ModernClient};

use crate::fixture::place;

pub(crate) const TOKEN: &str = "token-of-alice";
pub(crate) const KEY: &str = "key-of-alice";
pub(crate) const METADATA: &str =
    "resource_metadata=\"https://rs.test/.well-known/oauth-protected-resource/mcp\"";
pub(crate) const ASKS_FOR_KEY: &str = "ApiKey realm=\"Notes\", header=\"X-API-Key\"";

/// Who acts: source, subject, scopes.
fn acts(context: &Context) -> String {
    let source = context.source().map_or("nobody", |name| name.as_str());
    let subject = context.access_token().map_or("-", |token| token.sub());
    format!("{source} {subject} {}", context.scopes())
}

/// For anybody.
#[tool]
async fn whoami(context: Context) -> String {
    acts(&context)
}

/// For people.
#[tool(auth = "oauth", scopes("admin:write"))]
async fn delete_user(context: Context) -> String {
    acts(&context)
}

/// For machines.
#[tool(auth = "api_key")]
async fn create_admin_user(context: Context) -> String {
    acts(&context)
}

/// For either, machines preferred.
#[tool(auth = any("api_key", "oauth"))]
async fn either(context: Context) -> String {
    acts(&context)
}

/// For people at machines.
#[tool(auth = all("oauth", "api_key"))]
async fn both(context: Context) -> String {
    acts(&context)
}

/// For people and for nobody.
#[tool(auth = optional("oauth"))]
async fn public(context: Context) -> String {
    acts(&context)
}

/// Machines alone know of it.
#[tool(auth = "api_key", hidden)]
async fn maintenance() -> &'static str {
    "maintained"
}

/// What only a person may read.
#[resource("user://{user_id}/private", auth = "oauth")]
async fn private(user_id: String) -> String {
    format!("private notes of {user_id}")
}

/// What only a machine may read.
#[resource("admin://system/stats", auth = "api_key")]
async fn stats() -> &'static str {
    "fine"
}

/// What only a machine may ask.
#[prompt(auth = "api_key")]
async fn report(topic: String) -> String {
    topic
}

pub(crate) fn people() -> StaticTokens {
    let scopes = ScopeSet::parse("admin:write").unwrap();
    let alice = StaticToken::subject("alice").scopes(scopes);
    StaticTokens::new()
        .token(Secret::new(TOKEN), alice)
        .token(Secret::new("token-of-bob"), StaticToken::subject("bob"))
}

pub(crate) fn machines() -> InHeader<StaticTokens> {
    let scopes = ScopeSet::parse("stats").unwrap();
    let alice = StaticToken::subject("alice").scopes(scopes);
    let keys = StaticTokens::new().token(Secret::new(KEY), alice);
    InHeader::new("X-API-Key", keys)
}

pub(crate) fn server() -> Server {
    Server::new("Notes")
        .auth(people())
        .source("api_key", machines())
        .optional_auth()
        .tool(whoami)
        .tool(delete_user)
        .tool(create_admin_user)
        .tool(either)
        .tool(both)
        .tool(public)
        .tool(maintenance)
        .resource(private)
        .resource(stats)
        .prompt(report)
        .route(
            "/stats",
            axum::routing::get(stats_page),
            RouteAccess::From(SourceRule::of("api_key"), ScopeSet::new()),
        )
}

/// Who acts at a route, and whether a credential came along.
async fn stats_page(
    caller: axum::Extension<countersign::Caller>,
    headers: http::HeaderMap,
) -> String {
    let leaked = headers.contains_key("x-api-key") || headers.contains_key("authorization");
    let source = caller.0.source().map_or("nobody", |name| name.as_str());
    format!("{source} {leaked}")
}

pub(crate) fn app() -> App {
    server().into_app(&place()).unwrap()
}

/// Which credentials a client presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Nothing,
    Token,
    Key,
    Both,
}

impl Holds {
    fn token(self) -> bool {
        matches!(self, Self::Token | Self::Both)
    }

    fn key(self) -> bool {
        matches!(self, Self::Key | Self::Both)
    }
}

pub(crate) fn modern(app: &App, holds: Holds) -> ModernClient {
    let http = testkit::Http::service(app.clone());
    let mut client = ModernClient::new(http, "/mcp");
    if holds.token() {
        client = client.bearer(TOKEN);
    }
    if holds.key() {
        client = client.header("x-api-key", KEY);
    }
    client
}

pub(crate) fn legacy(app: &App, holds: Holds) -> LegacyClient {
    let http = testkit::Http::service(app.clone());
    let mut client = LegacyClient::new(http, "/mcp");
    if holds.token() {
        client = client.bearer(TOKEN);
    }
    if holds.key() {
        client = client.header("x-api-key", KEY);
    }
    client
}
