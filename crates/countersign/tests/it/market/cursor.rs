//! Cursor.

use countersign::authorization_server::settings::InvalidGrantStatus;
use serde_json::{Value, json};

use super::player::{Missing, Player};
use super::world::{RESOURCE, Wishes, World};

const ADDRESSES: [&str; 3] = [
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "http://localhost:8787/callback",
];

fn registration() -> Value {
    json!({
        "client_name": "Cursor", "redirect_uris": ADDRESSES,
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    })
}

async fn registered(world: &World) -> Player {
    let mut client = world.client("Cursor");
    client.challenge().await;
    let metadata = [
        "https://rs.test/.well-known/oauth-protected-resource/mcp",
        "https://rs.test/.well-known/oauth-protected-resource",
    ];
    let server = ["https://rs.test/.well-known/oauth-authorization-server"];
    client.discover(&metadata, &server, Missing::GoesOn).await;
    client.register(&registration()).await;
    client
}

#[tokio::test]
async fn cursor_is_answered_at_each_of_its_three_addresses() {
    let world = World::new();
    let client = registered(&world).await;
    for address in ADDRESSES {
        let tokens = client.log_in(address, &[("resource", RESOURCE)]).await;
        client.hears(&tokens, "whoami", "alice").await;
        let tokens = client.refresh(&tokens, &[]).await;
        client.hears(&tokens, "whoami", "alice").await;
    }
}

#[tokio::test]
async fn cursor_asks_again_and_again_with_a_dead_refresh_token_and_harms_nothing() {
    let world = World::new();
    let client = registered(&world).await;
    let alive = client.log_in(ADDRESSES[0], &[]).await;
    let dead = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "a-refresh-token-of-another-server"),
    ];
    for _ in 0..50 {
        let mut answer = client.post_token(&dead).await;
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.json().await["error"], "invalid_grant");
    }
    let alive = client.refresh(&alive, &[]).await;
    client.hears(&alive, "whoami", "alice").await;
}

#[tokio::test]
async fn a_status_of_401_lets_cursor_log_in_again_where_that_was_chosen() {
    let world = World::wishing(Wishes {
        authorization_server: |builder| {
            builder.settings(|settings| {
                settings.invalid_grant_status = InvalidGrantStatus::CompatibleUnauthorized;
            })
        },
        ..Wishes::default()
    });
    let client = registered(&world).await;
    let dead = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "a-refresh-token-of-another-server"),
    ];
    let mut answer = client.post_token(&dead).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.json().await["error"], "invalid_grant");
    let tokens = client.log_in(ADDRESSES[2], &[]).await;
    client.hears(&tokens, "whoami", "alice").await;
}

#[tokio::test]
async fn two_windows_of_cursor_that_refresh_at_once_get_the_same_tokens() {
    let world = World::new();
    let client = registered(&world).await;
    let tokens = client.log_in(ADDRESSES[0], &[]).await;
    let (first, second) = (client.refresh(&tokens, &[]), client.refresh(&tokens, &[]));
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.refresh, second.refresh);
    client.hears(&first, "whoami", "alice").await;
    client.hears(&second, "whoami", "alice").await;
}

#[tokio::test]
async fn cursor_registers_anew_in_a_loop_until_it_is_told_to_wait_and_the_first_works_on() {
    let world = World::new();
    let first = registered(&world).await;
    let tokens = first.log_in(ADDRESSES[0], &[]).await;
    let mut told_to_wait = None;
    for _ in 0..30 {
        let http = world.http();
        let answer = http.post("/register").json(&registration()).send().await;
        if answer.status() != 201 {
            told_to_wait = Some(answer);
            break;
        }
    }
    let answer = told_to_wait.expect("a limit");
    assert_eq!(answer.status(), 429, "{answer:?}");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&seconds), "{seconds}");
    let tokens = first.refresh(&tokens, &[]).await;
    first.hears(&tokens, "whoami", "alice").await;
}
