//! Rules that nobody could meet stop the start, and say what to set.

use countersign::oauth::ScopeSet;
use countersign::{Http, InHeader, RouteAccess, Server, SourceRule, tool};
use serde_json::json;

use super::{machines, people};
use crate::fixture::place;
use crate::foreign::Theirs;
use crate::visitor::cheap_accounts;

/// For machines.
#[tool(auth = "api_key")]
async fn machine() -> &'static str {
    "done"
}

/// For everybody, with a name if they have one.
#[tool(auth = optional("oauth"))]
async fn public() -> &'static str {
    "done"
}

fn refused(server: Server) -> String {
    server.into_app(&place()).unwrap_err().to_string()
}

#[tokio::test]
async fn a_source_that_nobody_can_be_of_stops_the_start() {
    assert_eq!(
        refused(Server::new("s").auth(people()).tool(machine)),
        "the tool `machine` accepts callers of the source `api_key`, which the server does not \
         have: add it with .source(\"api_key\", …), or name one of: oauth"
    );
    let unknown = Server::new("s")
        .danger_without_authentication()
        .tool(machine);
    assert_eq!(
        refused(unknown),
        "the tool `machine` accepts callers of the source `api_key`, and nobody can be one: add a \
         verifier with .auth(…), or with .source(\"api_key\", …)"
    );
    let route = axum::routing::get(|| async { "ok" });
    let rule = |name: &str| RouteAccess::From(SourceRule::of(name), ScopeSet::new());
    let told = refused(
        Server::new("s")
            .auth(people())
            .route("/stats", route, rule("api-key")),
    );
    assert!(told.starts_with("the route `/stats` accepts callers of the source `api-key`"));
    let foreign = || Server::from_rmcp(Theirs::default()).auth(people());
    let told = refused(foreign().tool_auth("delete_all", SourceRule::of("a\nb")));
    assert!(told.starts_with("the tool `delete_all` accepts callers of the source `a\\nb`"));
    let told = refused(foreign().prompt_auth("plan", SourceRule::all::<[&str; 0]>([])));
    assert!(told.contains("accepts no source at all"), "{told}");
    let told = refused(foreign().resource_auth("a://b", SourceRule::any::<[&str; 0]>([])));
    assert!(told.contains("accepts no source at all"), "{told}");
}

#[tokio::test]
async fn nobody_may_use_a_component_where_nobody_is_let_in_stops_the_start() {
    assert_eq!(
        refused(Server::new("s").auth(people()).tool(public)),
        "the tool `public` may be used without a credential, and the server lets nobody in \
         without one: add .optional_auth(), or leave `optional` out"
    );
    let open = Server::new("s").auth(people()).optional_auth().tool(public);
    assert!(open.into_app(&place()).is_ok());
}

#[tokio::test]
async fn names_and_headers_that_are_none_stop_the_start() {
    for name in ["", "API Key", "Oauth", "a\"b"] {
        let told = refused(Server::new("s").source(name, people()));
        assert!(
            told.contains("is not the name of a source"),
            "{name}: {told}"
        );
    }
    for header in ["Authorization", "Cookie", "Mcp-Session-Id", "a b"] {
        let told = refused(Server::new("s").auth(InHeader::new(header, people())));
        assert!(
            told.contains("choose") || told.contains("such as"),
            "{header}: {told}"
        );
    }
}

#[tokio::test]
async fn a_tool_for_a_source_cannot_be_served_over_stdio() {
    let served = Server::new("s").tool(machine).serve_stdio().await;
    let told = served.unwrap_err().to_string();
    assert!(told.contains("nobody can be one"), "{told}");
}

#[tokio::test]
async fn in_memory_too_a_source_has_to_be_there() {
    let missing = Server::new("s").auth(people()).tool(machine).test_client();
    assert!(missing.unwrap_err().to_string().contains("does not have"));
    let there = Server::new("s").source("api_key", machines()).tool(machine);
    assert!(there.test_client().is_ok());
}

/// With a scope that keys have.
#[tool(auth = "api_key", scopes("stats:read"))]
async fn counted() -> &'static str {
    "7"
}

/// With a scope that tokens have.
#[tool(auth = "oauth", scopes("notes:read"))]
async fn noted() -> &'static str {
    "ice"
}

#[tokio::test]
async fn scopes_that_only_keys_can_have_are_not_offered_to_people() {
    let server = Server::new("s")
        .auth(cheap_accounts())
        .source("api_key", machines())
        .tool(counted)
        .tool(noted);
    let app = server.into_app(&Http::bind("127.0.0.1:8000")).unwrap();
    let http = testkit::Http::service(app);
    let metadata = http.get("/.well-known/oauth-authorization-server");
    let metadata = metadata.send().await.json().await;
    assert_eq!(metadata["scopes_supported"], json!(["notes:read"]));
}
