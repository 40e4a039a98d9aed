//! Perplexity, Codex, OpenCode, the inspector, and what more than one client does.

use countersign::authorization_server::{ClientFacts, ClientSource};
use countersign::oauth::client_metadata::ClientMetadata;
use countersign::oauth::{ClientId, RedirectUri};
use serde_json::{Value, json};

use super::player::{Missing, Player, Tokens};
use super::world::{RESOURCE, Wishes, World};

/// Finds everything as the specification says.
async fn discovered(world: &World, name: &'static str) -> (Player, Value) {
    let mut client = world.client(name);
    let challenge = client.challenge().await;
    let metadata = challenge.text("resource_metadata");
    let servers = [
        "https://rs.test/.well-known/oauth-authorization-server",
        "https://rs.test/.well-known/openid-configuration",
    ];
    let resource = client
        .discover(&[metadata], &servers, Missing::GivesUp)
        .await;
    (client, resource)
}

fn registration(name: &str, redirect_uri: &str, changes: Value) -> Value {
    let mut document = json!({
        "client_name": name, "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    for (member, value) in changes.as_object().unwrap() {
        document[member] = value.clone();
    }
    document
}

#[tokio::test]
async fn the_other_clients_get_from_discovery_to_a_call_and_a_refresh() {
    for (name, redirect_uri, changes) in [
        (
            "Perplexity: wants a secret and does not say how it sends it",
            "https://www.perplexity.ai/rest/connections/oauth_callback",
            json!({ "token_endpoint_auth_method": null }),
        ),
        (
            "Perplexity: wants a secret and says so",
            "https://www.perplexity.ai/rest/connections/oauth_callback",
            json!({ "token_endpoint_auth_method": "client_secret_basic" }),
        ),
        (
            "Codex: an address with an id in its path",
            "http://127.0.0.1:37819/callback/0d9c8b7a",
            json!({ "application_type": "native" }),
        ),
        (
            "OpenCode: loopback without a type",
            "http://127.0.0.1:19876/mcp/oauth/callback",
            json!({}),
        ),
        (
            "Gemini CLI: localhost",
            "http://localhost:45123/oauth/callback",
            json!({ "scope": "read" }),
        ),
        (
            "Inspector: members without a value",
            "http://localhost:6274/oauth/callback",
            json!({ "client_uri": "", "logo_uri": null, "contacts": [], "scope": "" }),
        ),
        (
            "Some: no grant types, no response types",
            "https://client.example/callback",
            json!({ "grant_types": ["authorization_code", "refresh_token"], "response_types": null }),
        ),
    ] {
        let world = World::new();
        let (mut client, _) = discovered(&world, name).await;
        client
            .register(&registration(name, redirect_uri, changes))
            .await;
        let tokens = client.log_in(redirect_uri, &[("resource", RESOURCE)]).await;
        client.hears(&tokens, "whoami", "alice").await;
        let tokens = client.refresh(&tokens, &[("resource", RESOURCE)]).await;
        client.hears(&tokens, "whoami", "alice").await;
    }
}

#[tokio::test]
async fn a_client_that_knows_no_resource_parameter_gets_a_token_for_the_first() {
    let world = World::new();
    let callback = "https://client.example/callback";
    let (mut client, _) = discovered(&world, "without resource").await;
    client
        .register(&registration("Old", callback, json!({})))
        .await;
    let tokens = client.log_in(callback, &[]).await;
    client.hears(&tokens, "whoami", "alice").await;
    let tokens = client.refresh(&tokens, &[]).await;
    client.hears(&tokens, "whoami", "alice").await;
}

#[tokio::test]
async fn a_client_that_asks_every_server_for_offline_access_gets_what_else_it_asks_for() {
    let world = World::new();
    let callback = "https://www.perplexity.ai/rest/connections/oauth_callback";
    let (mut client, _) = discovered(&world, "Perplexity").await;
    let changes = json!({
        "token_endpoint_auth_method": "client_secret_basic", "scope": "offline_access",
    });
    client
        .register(&registration("Perplexity", callback, changes))
        .await;
    for (asked, granted) in [
        ("offline_access read", "read"),
        ("offline_access", "read write"),
    ] {
        let extras = [("scope", asked), ("resource", RESOURCE)];
        let tokens = client.log_in(callback, &extras).await;
        assert_eq!(tokens.scope, granted);
        let tokens = client.refresh(&tokens, &[("scope", asked)]).await;
        assert_eq!(tokens.scope, granted);
        client.hears(&tokens, "whoami", "alice").await;
    }
    let answer = client
        .ask(callback, &[("scope", "offline_access evil")])
        .await;
    let parameters = client.came_back(&answer, callback);
    assert_eq!(parameters["error"], "invalid_scope");
}

#[tokio::test]
async fn another_resource_is_refused_to_the_client_and_not_to_the_person() {
    let world = World::new();
    let callback = "https://client.example/callback";
    let (mut client, _) = discovered(&world, "elsewhere").await;
    client
        .register(&registration("Elsewhere", callback, json!({})))
        .await;
    for resource in [
        "https://rs.test/mcp/",
        "https://rs.test/",
        "https://rs.test/mcp2",
        "https://other.test/mcp",
    ] {
        let answer = client.ask(callback, &[("resource", resource)]).await;
        let parameters = client.came_back(&answer, callback);
        assert_eq!(parameters["error"], "invalid_target", "{resource}");
    }
}

#[tokio::test]
async fn scopes_are_echoed_from_wherever_a_client_has_read_them() {
    let world = World::new();
    let callback = "https://client.example/callback";
    let (mut client, resource) = discovered(&world, "echo").await;
    client
        .register(&registration(
            "Echo",
            callback,
            json!({ "scope": "write read" }),
        ))
        .await;
    let listed = |list: &Value| {
        let names = list.as_array().unwrap().iter();
        let names: Vec<_> = names.map(|name| name.as_str().unwrap()).collect();
        names.join(" ")
    };
    let registered = client.registration["scope"].as_str().unwrap().to_owned();
    for scope in [registered, listed(&resource["scopes_supported"])] {
        let extras = [("scope", scope.as_str()), ("resource", RESOURCE)];
        let tokens = client.log_in(callback, &extras).await;
        let mut granted: Vec<_> = tokens.scope.split(' ').collect();
        let mut asked: Vec<_> = scope.split(' ').collect();
        granted.sort_unstable();
        asked.sort_unstable();
        assert_eq!(granted, asked);
        client.hears(&tokens, "whoami", "alice").await;
        let echoed = [("scope", tokens.scope.as_str())];
        let tokens = client.refresh(&tokens, &echoed).await;
        client.hears(&tokens, "whoami", "alice").await;
    }
}

/// A client that asks for nothing but what the last challenge names.
async fn narrow(world: &World) -> (Player, Tokens) {
    let mut client = world.client("narrow");
    let challenge = client.challenge().await;
    let metadata = challenge.text("resource_metadata");
    let server = "https://rs.test/.well-known/oauth-authorization-server";
    client
        .discover(&[metadata], &[server], Missing::GivesUp)
        .await;
    let callback = "https://client.example/callback";
    client
        .register(&registration("Narrow", callback, json!({})))
        .await;
    let extras = [("scope", challenge.text("scope")), ("resource", RESOURCE)];
    let tokens = client.log_in(callback, &extras).await;
    client.hears(&tokens, "whoami", "alice").await;
    (client, tokens)
}

#[tokio::test]
async fn a_client_that_narrows_its_scopes_to_the_challenge_gets_on_step_by_step() {
    let world = World::new();
    let (client, mut tokens) = narrow(&world).await;
    for (tool, said) in [
        ("save", "kept for alice"),
        ("admin_report", "All is well."),
        ("save", "kept for alice"),
    ] {
        let challenge = client.lacks(&tokens, tool).await;
        let extras = [("scope", challenge.text("scope")), ("resource", RESOURCE)];
        tokens = client
            .log_in("https://client.example/callback", &extras)
            .await;
        client.hears(&tokens, tool, said).await;
        client.hears(&tokens, "whoami", "alice").await;
    }
}

#[tokio::test]
async fn a_client_that_narrows_its_scopes_has_them_all_where_the_first_challenge_names_all() {
    let world = World::wishing(Wishes {
        server: |server| server.challenge_scopes(["write", "admin"]),
        ..Wishes::default()
    });
    let (client, tokens) = narrow(&world).await;
    client.hears(&tokens, "save", "kept for alice").await;
    client.hears(&tokens, "admin_report", "All is well.").await;
}

#[tokio::test]
async fn an_id_from_elsewhere_sees_a_page_until_an_administrator_has_added_it() {
    let world = World::new();
    let callback = "https://client.example/callback";
    let (mut client, _) = discovered(&world, "without registration").await;
    client.registration = json!({ "client_id": "the-id-at-the-upstream" });
    let mut answer = client.ask(callback, &[("resource", RESOURCE)]).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.header("location"), None);
    assert!(answer.text().await.contains("unknown to this server"));

    let id = ClientId::parse("the-id-at-the-upstream").unwrap();
    let metadata = ClientMetadata::public(vec![RedirectUri::parse(callback).unwrap()]);
    let facts = ClientFacts::new(metadata, ClientSource::Administrator);
    let administration = world.administration();
    administration.add_client(&id, &facts).await.unwrap();
    let tokens = client.log_in(callback, &[("resource", RESOURCE)]).await;
    client.hears(&tokens, "whoami", "alice").await;
}
