//! What the connectors of claude.ai were reported to stumble over after a login that
//! seemed to have succeeded (anthropics/claude-ai-mcp). They give no reason and come back
//! without a token, or not at all.
//!
//! | report | what went wrong | test |
//! |---|---|---|
//! | #155 | the token is dropped at a redirect | `no_path_redirects…` |
//! | #364, #680 | the token is judged before it is used | `all_that_claude_compares…` |
//! | #654 | it registers twice for one login | `claude_registers_twice…` |
//! | #376 | metadata is looked for under the path of the resource | `claude.rs` |

use countersign::oauth::jose::decode_unverified;
use serde_json::{Value, json};

use super::player::{Missing, Player};
use super::world::{RESOURCE, Wishes, World};

const CALLBACK: &str = "https://claude.ai/api/mcp/auth_callback";

fn registration() -> Value {
    json!({
        "client_name": "Claude", "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    })
}

async fn discovered(world: &World, resource: &'static str) -> (Player, Value) {
    let mut client = world.client("Claude").at(resource);
    let challenge = client.challenge().await;
    let metadata = challenge.text("resource_metadata");
    assert!(metadata.starts_with("https://"), "{metadata}");
    let server = "https://rs.test/.well-known/oauth-authorization-server";
    let document = client
        .discover(&[metadata], &[server], Missing::GivesUp)
        .await;
    (client, document)
}

#[tokio::test]
async fn no_path_redirects_a_program_so_that_a_token_is_never_dropped_on_the_way() {
    let world = World::new();
    let (mut client, _) = discovered(&world, RESOURCE).await;
    client.register(&registration()).await;
    let tokens = client.log_in(CALLBACK, &[("resource", RESOURCE)]).await;
    let mut paths = vec!["/mcp".to_owned(), "/mcp/".to_owned(), "//mcp".to_owned()];
    for name in ["token_endpoint", "registration_endpoint", "jwks_uri"] {
        let endpoint = client.metadata[name].as_str().unwrap();
        let path = endpoint.strip_prefix("https://rs.test").unwrap();
        paths.extend([path.to_owned(), format!("{path}/")]);
    }
    for document in ["oauth-protected-resource", "oauth-authorization-server"] {
        let path = format!("/.well-known/{document}");
        paths.extend([format!("{path}/mcp"), format!("{path}/"), path]);
    }
    let http = world.http();
    for path in &paths {
        for request in [http.get(path), http.post(path)] {
            let bearer = format!("Bearer {}", tokens.access);
            let answer = request.header("authorization", bearer).send().await;
            assert!(!(300..400).contains(&answer.status()), "{path}: {answer:?}");
            assert_eq!(answer.header("location"), None, "{path}");
        }
    }
    client.hears(&tokens, "whoami", "alice").await;
}

#[tokio::test]
async fn all_that_claude_compares_before_its_first_call_is_the_same_text() {
    for resource in [RESOURCE, "https://rs.test/team/mcp"] {
        let world = World::wishing(Wishes {
            resource,
            ..Wishes::default()
        });
        let (mut client, document) = discovered(&world, resource).await;
        assert_eq!(document["resource"], resource);
        let issuer = client.metadata["issuer"].clone();
        assert_eq!(document["authorization_servers"], json!([issuer]));
        client.register(&registration()).await;
        let code = client.code(CALLBACK, &[("resource", resource)]).await;
        let mut answer = client
            .post_code(&code, CALLBACK, &[("resource", resource)])
            .await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let body = answer.json().await;
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["scope"], "read write");
        assert!(
            body["expires_in"]
                .as_u64()
                .is_some_and(|seconds| seconds > 0)
        );
        assert!(body["refresh_token"].is_string());
        let token = body["access_token"].as_str().unwrap();
        let unverified = decode_unverified(token).unwrap();
        let claims: Value = serde_json::from_slice(unverified.payload()).unwrap();
        assert_eq!(claims["aud"], resource);
        assert_eq!(claims["iss"], issuer);
        assert_eq!(claims["client_id"], client.client_id());
    }
}

#[tokio::test]
async fn claude_registers_twice_for_one_login_and_either_registration_works() {
    let world = World::new();
    let (mut first, _) = discovered(&world, RESOURCE).await;
    first.register(&registration()).await;
    let mut second = first.clone();
    second.register(&registration()).await;
    assert_ne!(first.client_id(), second.client_id());
    for client in [first, second] {
        let tokens = client.log_in(CALLBACK, &[("resource", RESOURCE)]).await;
        client.hears(&tokens, "whoami", "alice").await;
    }
}
