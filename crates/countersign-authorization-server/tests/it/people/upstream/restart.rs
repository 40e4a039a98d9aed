//! A server over a file that is restarted while somebody is at the provider.

use std::path::Path;

use countersign_authorization_server::store::Kind;
use http::{Request, StatusCode};
use http_body_util::Full;
use testkit::TestClock;

use super::super::browser::{find_hidden, hidden};
use super::fixture::*;
use crate::fixture::{CALLBACK, ISSUER, Seen, VERIFIER, World, form, tokens_of};

/// Sends a form, or opens an address without one, with `cookies`, and keeps those of the
/// answer.
async fn send(
    world: &World,
    cookies: &mut Vec<String>,
    target: &str,
    fields: Option<String>,
) -> Seen {
    let request = match &fields {
        Some(_) => Request::post(target)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", ISSUER),
        None => Request::get(target),
    };
    let request = request.header("cookie", cookies.join("; "));
    let body = Full::from(fields.unwrap_or_default());
    let seen = world.send(request.body(body).unwrap()).await;
    for line in seen.headers.get_all("set-cookie") {
        let pair = line.to_str().unwrap().split(';').next().unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        cookies.retain(|known| !known.starts_with(&format!("{name}=")));
        if !value.is_empty() {
            cookies.push(pair.to_owned());
        }
    }
    seen
}

async fn consent(world: &World, cookies: &mut Vec<String>) -> String {
    let challenge = countersign_authorization_server::oauth::pkce::CodeVerifier::parse(VERIFIER)
        .unwrap()
        .challenge();
    let query = form(&[
        ("response_type", "code"),
        ("client_id", "C1"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ]);
    let page = send(world, cookies, &format!("/authorize?{query}"), None).await;
    let fields = form(&[
        ("forgery_token", &hidden(&page, "forgery_token")),
        ("transaction", &hidden(&page, "transaction")),
        ("provider", &find_hidden(&page, "provider").unwrap()),
        ("decision", "allow"),
    ]);
    location_of(&send(world, cookies, "/consent", Some(fields)).await)
}

async fn open(path: &Path, clock: &TestClock, github: &testkit::FakeProvider) -> World {
    on_file(path, clock, github, 7).await
}

#[tokio::test]
async fn x14_a_login_is_over_when_the_sealing_keys_are_others_or_the_host_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/as.db");
    let clock = TestClock::new();
    let (github, _) = providers(ISSUER, &clock).await;
    let mut cookies = Vec::new();
    let before = open(&path, &clock, &github).await;
    before.add_clients().await;
    let location = consent(&before, &mut cookies).await;
    let callback = github.approve(&location, "alice").await;
    drop(before);
    let other = folder.path().join("other/as.db");
    for (path, seed) in [(&path, 8), (&other, 7)] {
        let world = on_file(path, &clock, &github, seed).await;
        let seen = send(&world, &mut cookies.clone(), &callback, None).await;
        assert_refused(&seen, StatusCode::BAD_REQUEST);
        assert_eq!(world.count(Kind::Grant).await, 0);
    }
    let world = open(&path, &clock, &github).await;
    let seen = send(&world, &mut cookies, &callback, None).await;
    assert!(seen.redirect().contains_key("code"));
}

#[tokio::test]
async fn f1_a_restart_while_somebody_is_at_the_provider_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/as.db");
    let clock = TestClock::new();
    let (github, _) = providers(ISSUER, &clock).await;
    let mut cookies = Vec::new();
    let before = open(&path, &clock, &github).await;
    before.add_clients().await;
    let location = consent(&before, &mut cookies).await;
    let callback = github.approve(&location, "alice").await;
    drop(before);

    let after = open(&path, &clock, &github).await;
    let stranger = send(&after, &mut Vec::new(), &callback, None).await;
    assert_eq!(stranger.status, StatusCode::FORBIDDEN, "{stranger:?}");
    let seen = send(&after, &mut cookies, &callback, None).await;
    let code = seen.redirect()["code"].clone();
    tokens_of(&after.redeem(&code, &[]).await);
    for kind in [Kind::Account, Kind::UpstreamIdentity, Kind::UpstreamTokens] {
        assert_eq!(after.count(kind).await, 1, "{kind}");
    }
    // Neither what binds the browser nor what the provider issued is in the file.
    let mut secrets = github.access_tokens();
    secrets.extend(github.refresh_tokens());
    secrets.extend(["state", "code"].map(|name| parameter(&callback, name).unwrap()));
    secrets.extend(
        cookies
            .iter()
            .map(|pair| pair.split_once('=').unwrap().1.to_owned()),
    );
    secrets.push(code);
    drop(after);
    for entry in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in &secrets {
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "a secret is in the file");
        }
    }

    // The same person, and the session of the browser, after one more restart.
    let later = open(&path, &clock, &github).await;
    let page = send(&later, &mut cookies, "/account", None).await;
    assert!(page.body.contains("through <bdi>GitHub</bdi>"), "{page:?}");
    let location = consent(&later, &mut cookies).await;
    let callback = github.approve(&location, "alice").await;
    send(&later, &mut cookies, &callback, None).await.redirect();
    assert_eq!(later.count(Kind::Account).await, 1);
    assert_eq!(later.count(Kind::Grant).await, 2);
}
