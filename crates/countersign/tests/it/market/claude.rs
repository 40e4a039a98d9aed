//! Claude on the web and on the desktop, and Claude Code.

use http::HeaderValue;
use serde_json::{Value, json};

use super::player::{Missing, Player, Tokens};
use super::world::{RESOURCE, Wishes, World};

const WEB_CALLBACK: &str = "https://claude.ai/api/mcp/auth_callback";
const CODE_DOCUMENT: &str = "https://claude.ai/oauth/claude-code-client-metadata";

fn web() -> Value {
    json!({
        "client_name": "Claude", "redirect_uris": [WEB_CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_post",
    })
}

fn code(redirect_uri: &str) -> Value {
    json!({
        "client_name": "Claude Code", "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    })
}

/// The document that Claude Code publishes: addresses without a port.
fn code_document() -> Value {
    json!({
        "client_id": CODE_DOCUMENT, "client_name": "Claude Code",
        "client_uri": "https://claude.ai",
        "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    })
}

async fn claude_code(world: &World) -> (Player, String) {
    let mut client = world.client("Claude Code");
    let challenge = client.challenge().await;
    let metadata = challenge.text("resource_metadata");
    let server = "https://rs.test/.well-known/oauth-authorization-server";
    client
        .discover(&[metadata], &[server], Missing::GivesUp)
        .await;
    (client, challenge.text("scope").to_owned())
}

#[tokio::test]
async fn claude_asks_for_openid_metadata_alone_and_gives_up_where_it_is_not() {
    for (resource, issuer) in [
        (RESOURCE, "https://rs.test"),
        ("https://rs.test/myserver/mcp", "https://rs.test/myserver"),
    ] {
        let world = World::wishing(Wishes {
            resource,
            issuer,
            ..Wishes::default()
        });
        let inserted = issuer.replace("rs.test", "rs.test/.well-known/openid-configuration");
        for probe in [
            format!("{issuer}/.well-known/openid-configuration"),
            inserted.clone(),
            "https://rs.test/.well-known/openid-configuration".to_owned(),
            inserted.replace("openid-configuration", "oauth-authorization-server"),
            "https://rs.test/.well-known/oauth-authorization-server".to_owned(),
        ] {
            let mut client = world.client("Claude").at(resource);
            let challenge = client.challenge().await;
            let metadata = challenge.text("resource_metadata");
            client
                .discover(&[metadata], &[&probe], Missing::GivesUp)
                .await;
            client.register(&web()).await;
            let extras = [("scope", "read write"), ("resource", resource)];
            let tokens = client.log_in(WEB_CALLBACK, &extras).await;
            client.hears(&tokens, "save", "kept for alice").await;
            let tokens = client.refresh(&tokens, &[("resource", resource)]).await;
            client.hears(&tokens, "whoami", "alice").await;
        }
    }
}

#[tokio::test]
async fn claude_probes_the_path_of_the_resource_before_the_root() {
    let world = World::new();
    let mut client = world.client("Claude");
    client.challenge().await;
    let metadata = [
        "https://rs.test/.well-known/oauth-protected-resource/mcp",
        "https://rs.test/.well-known/oauth-protected-resource",
    ];
    let servers = [
        "https://rs.test/.well-known/oauth-authorization-server/mcp",
        "https://rs.test/.well-known/openid-configuration/mcp",
        "https://rs.test/mcp/.well-known/openid-configuration",
        "https://rs.test/.well-known/oauth-authorization-server",
    ];
    client.discover(&metadata, &servers, Missing::GoesOn).await;
    client.register(&web()).await;
    let tokens = client.log_in(WEB_CALLBACK, &[("resource", RESOURCE)]).await;
    client.hears(&tokens, "whoami", "alice").await;
}

#[tokio::test]
async fn claude_sends_its_first_request_several_times_and_is_told_the_same() {
    let world = World::new();
    let client = world.client("Claude");
    let first = format!("{:?}", client.challenge().await);
    for _ in 0..3 {
        assert_eq!(format!("{:?}", client.challenge().await), first);
    }
}

#[tokio::test]
async fn claude_code_comes_back_on_another_port_at_each_login() {
    let world = World::new();
    world.published.put(CODE_DOCUMENT, &code_document());
    for registered in [
        Some("http://localhost:3118/callback"),
        Some("http://127.0.0.1:3118/callback"),
        None,
    ] {
        let (mut client, scope) = claude_code(&world).await;
        let host = match registered {
            Some(address) => {
                client.register(&code(address)).await;
                address.replace(":3118/callback", "")
            }
            None => {
                client.registration = json!({ "client_id": CODE_DOCUMENT });
                "http://localhost".to_owned()
            }
        };
        for port in [3118, 51_353, 58_135] {
            let redirect_uri = format!("{host}:{port}/callback");
            let extras = [("scope", scope.as_str()), ("resource", RESOURCE)];
            let tokens = client.log_in(&redirect_uri, &extras).await;
            client.hears(&tokens, "whoami", "alice").await;
            let tokens = client.refresh(&tokens, &[]).await;
            client.hears(&tokens, "whoami", "alice").await;
        }
    }
}

#[tokio::test]
async fn no_other_host_and_no_other_path_follows_from_a_registered_loopback_address() {
    let world = World::new();
    let (mut client, _) = claude_code(&world).await;
    client
        .register(&code("http://localhost:3118/callback"))
        .await;
    for elsewhere in [
        "http://127.0.0.1:3118/callback",
        "http://localhost:3118/callback/",
        "https://localhost:3118/callback",
        "http://localhost.evil.example:3118/callback",
    ] {
        let answer = client.ask(elsewhere, &[]).await;
        assert_eq!(answer.status(), 400, "{elsewhere}");
        assert_eq!(answer.header("location"), None, "{elsewhere}");
    }
}

/// Logs in with what the first challenge names, as Claude Code does.
async fn first_login(world: &World) -> (Player, Tokens) {
    let (mut client, scope) = claude_code(world).await;
    client
        .register(&code("http://localhost:3118/callback"))
        .await;
    let extras = [("scope", scope.as_str()), ("resource", RESOURCE)];
    let tokens = client
        .log_in("http://localhost:3118/callback", &extras)
        .await;
    (client, tokens)
}

#[tokio::test]
async fn claude_code_does_not_step_up_and_needs_all_scopes_in_the_first_challenge() {
    let (client, tokens) = first_login(&World::new()).await;
    assert_eq!(tokens.scope, "read");
    client.lacks(&tokens, "admin_report").await;
    // A refresh is all that it tries, and no refresh gives more.
    let tokens = client.refresh(&tokens, &[]).await;
    client.lacks(&tokens, "admin_report").await;

    let world = World::wishing(Wishes {
        server: |server| server.challenge_scopes(["write", "admin"]),
        ..Wishes::default()
    });
    let (client, tokens) = first_login(&world).await;
    client.hears(&tokens, "admin_report", "All is well.").await;
    client.hears(&tokens, "save", "kept for alice").await;
}

#[tokio::test]
async fn a_layer_of_yours_takes_the_key_that_claude_desktop_sends_in_a_header_of_its_own() {
    let world = World::new();
    let (_, tokens) = first_login(&world).await;
    let call = |http: &testkit::Http, key: &str| {
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "whoami", "arguments": {} },
        });
        let request = http.post("/mcp").header("x-api-key", key).json(&body);
        request.header("accept", "application/json, text/event-stream")
    };
    // The server itself knows one place for tokens.
    let refused = call(&world.http(), &tokens.access).send().await;
    assert_eq!(refused.status(), 401);

    let inner = world.service();
    let promoting = testkit::Http::function(move |mut request| {
        let headers = request.headers_mut();
        if let Some(key) = headers.remove("x-api-key")
            && !headers.contains_key("authorization")
        {
            let bearer = [b"Bearer ", key.as_bytes()].concat();
            headers.insert("authorization", HeaderValue::from_bytes(&bearer).unwrap());
        }
        inner(request)
    });
    let mut answer = call(&promoting, &tokens.access).send().await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let response = answer.response().await;
    assert_eq!(response["result"]["content"][0]["text"], "alice");
    let refused = call(&promoting, "another-key").send().await;
    assert_eq!(refused.status(), 401);
}
