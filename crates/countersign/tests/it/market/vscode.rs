//! Visual Studio Code.

use serde_json::{Value, json};

use super::player::{Missing, Player};
use super::world::{RESOURCE, Wishes, World};

const DOCUMENT: &str = "https://vscode.dev/oauth/client-metadata.json";
const GRANT_TYPES: [&str; 3] = [
    "authorization_code",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
];

fn document() -> Value {
    json!({
        "client_id": DOCUMENT, "client_name": "Visual Studio Code",
        "client_uri": "https://vscode.dev/product",
        "logo_uri": "https://code.visualstudio.com/assets/branding/code-stable.png",
        "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
        "grant_types": GRANT_TYPES, "response_types": ["code"],
        "token_endpoint_auth_method": "none", "application_type": "native",
    })
}

/// It registers those of its grant types that the server has.
fn registration(metadata: &Value, scope: &str) -> Value {
    let offered = metadata["grant_types_supported"].as_array().unwrap();
    let mut grant_types = GRANT_TYPES.to_vec();
    grant_types.retain(|name| offered.contains(&json!(name)));
    json!({
        "client_name": "Visual Studio Code", "client_uri": "https://code.visualstudio.com",
        "grant_types": grant_types, "response_types": ["code"],
        "redirect_uris": [
            "https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect",
            "http://127.0.0.1/", "http://127.0.0.1:33418/",
        ],
        "scope": scope, "token_endpoint_auth_method": "none", "application_type": "native",
    })
}

/// What the challenge points to, then three places in the order of the specification.
async fn discovered(world: &World) -> (Player, String) {
    let mut client = world.client("VS Code");
    let challenge = client.challenge().await;
    let metadata = challenge.text("resource_metadata");
    let servers = [
        "https://rs.test/.well-known/oauth-authorization-server",
        "https://rs.test/.well-known/openid-configuration",
    ];
    client
        .discover(&[metadata], &servers, Missing::GivesUp)
        .await;
    (client, challenge.text("scope").to_owned())
}

async fn works(client: &Player, redirect_uri: &str, scope: &str) {
    let extras = [("scope", scope), ("resource", RESOURCE)];
    let tokens = client.log_in(redirect_uri, &extras).await;
    assert_eq!(tokens.scope, scope);
    client.hears(&tokens, "whoami", "alice").await;
    let tokens = client.refresh(&tokens, &[("scope", scope)]).await;
    client.hears(&tokens, "whoami", "alice").await;
}

#[tokio::test]
async fn vs_code_is_known_by_its_document_on_whichever_port_is_free() {
    let world = World::new();
    world.published.put(DOCUMENT, &document());
    let (mut client, scope) = discovered(&world).await;
    assert_eq!(
        client.metadata["client_id_metadata_document_supported"],
        true
    );
    client.registration = json!({ "client_id": DOCUMENT });
    for redirect_uri in [
        "http://127.0.0.1:33418/",
        "http://127.0.0.1:59656/",
        "https://vscode.dev/redirect",
    ] {
        works(&client, redirect_uri, &scope).await;
    }
}

#[tokio::test]
async fn vs_code_registers_where_documents_are_not_taken() {
    let world = World::new();
    let (mut client, scope) = discovered(&world).await;
    // The document cannot be fetched: a page says so, and the person registers anew.
    client.registration = json!({ "client_id": DOCUMENT });
    let refused = client.ask("http://127.0.0.1:33418/", &[]).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.header("location"), None);

    let registration = registration(&client.metadata, &scope);
    client.register(&registration).await;
    for redirect_uri in [
        "http://127.0.0.1:33418/",
        "http://127.0.0.1:40000/",
        "http://127.0.0.1/",
        "https://vscode.dev/redirect",
        "https://insiders.vscode.dev/redirect",
    ] {
        works(&client, redirect_uri, &scope).await;
    }
}

#[tokio::test]
async fn vs_code_finds_everything_at_the_root() {
    for (resource, issuer) in [
        (RESOURCE, "https://rs.test"),
        ("https://rs.test/tenant/mcp", "https://rs.test/tenant"),
    ] {
        let world = World::wishing(Wishes {
            resource,
            issuer,
            ..Wishes::default()
        });
        let mut client = world.client("VS Code").at(resource);
        client.challenge().await;
        let metadata = ["https://rs.test/.well-known/oauth-protected-resource"];
        let server = ["https://rs.test/.well-known/oauth-authorization-server"];
        client.discover(&metadata, &server, Missing::GivesUp).await;
        let registration = registration(&client.metadata, "read");
        client.register(&registration).await;
        let extras = [("resource", resource)];
        let tokens = client.log_in("http://127.0.0.1:33418/", &extras).await;
        client.hears(&tokens, "whoami", "alice").await;
    }
}

#[tokio::test]
async fn vs_code_finds_the_endpoints_where_it_guesses_them_without_metadata() {
    let world = World::new();
    let mut client = world.client("VS Code");
    client.challenge().await;
    client.metadata = json!({
        "issuer": "https://rs.test",
        "authorization_endpoint": "https://rs.test/authorize",
        "token_endpoint": "https://rs.test/token",
        "registration_endpoint": "https://rs.test/register",
        "grant_types_supported": GRANT_TYPES,
    });
    // It knows no grant types of the server then and registers all of its own.
    let registration = registration(&client.metadata, "read");
    client.register(&registration).await;
    works(&client, "http://127.0.0.1:33418/", "read").await;
}
