//! How much strangers may try: rows C12, C18, C44, C45, G12, G13 and H12.

use std::net::IpAddr;

use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::grant_type::GrantType;
use countersign_authorization_server::settings::Registration;
use http::{Request, StatusCode};
use http_body_util::Full;

use crate::fixture::*;
use crate::watched_store::{Health, WatchedStore};

const HOME: &str = "192.0.2.1";
const NEIGHBOUR: &str = "192.0.2.2";

/// Posts `parameters` to `path` from `address`; from nowhere if it is empty.
async fn post(
    world: &World,
    address: &str,
    path: &str,
    authorization: Option<&str>,
    parameters: &[(&str, &str)],
) -> Seen {
    let mut request =
        Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    if let Ok(address) = address.parse::<IpAddr>() {
        request = request.extension(address);
    }
    world
        .send(request.body(Full::from(form(parameters))).unwrap())
        .await
}

/// Asks for tokens as `client` with `secret` in the header.
async fn mint(world: &World, address: &str, client: &str, secret: &str) -> Seen {
    let authorization = basic(client, secret);
    let parameters = [("grant_type", "client_credentials")];
    post(world, address, "/token", Some(&authorization), &parameters).await
}

fn assert_throttled(seen: &Seen) {
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS, "{seen:?}");
    assert_eq!(seen.json()["error"], "temporarily_unavailable");
    assert_eq!(seen.header("retry-after"), Some("900"));
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    assert_eq!(seen.header("www-authenticate"), None);
}

#[tokio::test]
async fn c12_g12_after_some_wrong_secrets_the_right_one_is_refused_from_there_alone() {
    let world = world().await;
    for path in ["/token", "/revoke", "/introspect"] {
        for number in 0..20 {
            let authorization = basic("S", &format!("guess {number}"));
            let parameters = [("grant_type", "client_credentials"), ("token", "x")];
            let seen = post(&world, HOME, path, Some(&authorization), &parameters).await;
            seen.assert_tok("invalid_client");
        }
        assert_throttled(&mint(&world, HOME, "S", "guess").await);
        assert_throttled(&mint(&world, HOME, "S", SECRET).await);
        assert!(
            world
                .saw("client_refused client=S reason=rate_limited detail=too many failed attempts")
        );
        // The client itself is somewhere else, and so is not kept out.
        for address in [NEIGHBOUR, "2001:db8::1", ""] {
            let seen = mint(&world, address, "S", SECRET).await;
            assert_eq!(seen.status, StatusCode::OK, "{address}");
        }
        world.clock.advance(Lifetime::from_mins(15));
        let later = mint(&world, HOME, "S", SECRET).await;
        assert_eq!(later.status, StatusCode::OK);
        world.clock.advance(Lifetime::from_mins(15));
    }
}

#[tokio::test]
async fn g13_nobody_can_keep_a_client_out_of_the_address_that_both_share_by_other_failures() {
    let world = world().await;
    for number in 0..200 {
        let name = format!("junk-{number}");
        // None of these is a secret for S: no client, no such client, a bad assertion.
        for parameters in [
            vec![("grant_type", "client_credentials")],
            vec![("grant_type", "client_credentials"), ("client_id", &name)],
            vec![
                ("client_assertion", "a.b.c"),
                ("client_assertion_type", "urn:x"),
            ],
        ] {
            post(&world, HOME, "/token", None, &parameters).await;
        }
    }
    let junk = [("client_id", "nobody")];
    assert_throttled(&post(&world, HOME, "/token", None, &junk).await);
    let seen = mint(&world, HOME, "S", SECRET).await;
    assert_eq!(seen.status, StatusCode::OK);
    let (_, refresh) = world.tokens().await;
    let parameters = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("client_id", "C1"),
    ];
    tokens_of(&post(&world, HOME, "/token", None, &parameters).await);
}

#[tokio::test]
async fn g13_a_public_client_is_not_kept_out_by_secrets_that_it_does_not_have() {
    let world = world().await;
    let (_, refresh) = world.tokens().await;
    for _ in 0..30 {
        let parameters = [("client_id", "C1"), ("client_secret", "guess")];
        post(&world, HOME, "/token", None, &parameters).await;
    }
    let parameters = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("client_id", "C1"),
    ];
    tokens_of(&post(&world, HOME, "/token", None, &parameters).await);
}

#[tokio::test]
async fn g13_without_addresses_or_behind_a_proxy_wrong_secrets_keep_nobody_out() {
    let world = world().await;
    for address in ["", "127.0.0.1", "10.0.0.1", "::1"] {
        for _ in 0..40 {
            mint(&world, address, "S", "guess").await;
        }
        assert_throttled(&mint(&world, address, "S", "guess").await);
        let seen = mint(&world, address, "S", SECRET).await;
        assert_eq!(seen.status, StatusCode::OK, "{address}");
    }
}

#[tokio::test]
async fn c12_guessed_codes_and_tokens_are_throttled_and_real_ones_are_not() {
    let world = world().await;
    let (access, refresh) = world.tokens().await;
    let code = world.code("C1").await;
    for number in 0..50 {
        let guess = format!("guess-{number}");
        let parameters = match number % 3 {
            0 => vec![
                ("grant_type", "authorization_code"),
                ("code", guess.as_str()),
                ("client_id", "C1"),
                ("redirect_uri", CALLBACK),
                ("code_verifier", VERIFIER),
            ],
            1 => vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", guess.as_str()),
                ("client_id", "C1"),
            ],
            _ => vec![("token", guess.as_str()), ("client_id", "C1")],
        };
        let path = if number % 3 == 2 { "/revoke" } else { "/token" };
        let seen = post(&world, HOME, path, None, &parameters).await;
        if path == "/token" {
            seen.assert_tok("invalid_grant");
        } else {
            assert_eq!(seen.status, StatusCode::OK);
        }
    }
    let guess = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "guess"),
        ("client_id", "C1"),
    ];
    assert_throttled(&post(&world, HOME, "/token", None, &guess).await);
    let revoke = [("token", "guess"), ("client_id", "C1")];
    assert_throttled(&post(&world, HOME, "/revoke", None, &revoke).await);
    assert!(
        world
            .saw("revocation_refused client=C1 reason=rate_limited detail=too many unknown tokens")
    );
    // Another client at that address, and the same one elsewhere, are only told no.
    let other = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "guess"),
        ("client_id", "C2"),
    ];
    post(&world, HOME, "/token", None, &other)
        .await
        .assert_tok("invalid_grant");
    post(&world, NEIGHBOUR, "/token", None, &guess)
        .await
        .assert_tok("invalid_grant");
    // And whoever has what was issued is served.
    let real = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("client_id", "C1"),
    ];
    tokens_of(&post(&world, HOME, "/token", None, &real).await);
    let real = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("client_id", "C1"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    tokens_of(&post(&world, HOME, "/token", None, &real).await);
    let real = [("token", access.as_str()), ("client_id", "C1")];
    let seen = post(&world, HOME, "/revoke", None, &real).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(!world.is_active(&access).await);
}

#[tokio::test]
async fn g13_a_resource_server_may_ask_about_whatever_strangers_show_it() {
    let world = world().await;
    let (access, _) = world.tokens().await;
    let authorization = basic("S", SECRET);
    for number in 0..300 {
        let guess = format!("guess-{number}");
        let parameters = [("token", guess.as_str())];
        let seen = post(
            &world,
            HOME,
            "/introspect",
            Some(&authorization),
            &parameters,
        );
        assert_eq!(seen.await.body, r#"{"active":false}"#);
    }
    assert!(world.is_active(&access).await);
}

#[tokio::test]
async fn g7_a_new_client_for_each_guess_leaves_the_address_its_budget() {
    let mut settings = settings();
    settings.budgets.unknown_tokens = 1;
    let world = world_with(settings, |builder| builder).await;
    let redirect = countersign_authorization_server::oauth::RedirectUri::parse(CALLBACK).unwrap();
    for number in 0..400 {
        let metadata = ClientMetadata::public(vec![redirect.clone()]);
        world.add(&format!("N{number}"), facts(metadata)).await;
    }
    let guess = async |address: &str, number: u32| {
        let (client, guess) = (format!("N{number}"), format!("guess-{number}"));
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", guess.as_str()),
            ("client_id", client.as_str()),
        ];
        post(&world, address, "/token", None, &parameters).await
    };
    let mut tried = 0;
    for number in 0..400 {
        let seen = guess(HOME, number).await;
        match seen.status {
            StatusCode::BAD_REQUEST => tried += 1,
            _ => assert_throttled(&seen),
        }
    }
    // Clients are in 64 lots, whatever they are called.
    assert!((32..=64).contains(&tried), "{tried}");
    assert_eq!(guess(NEIGHBOUR, 0).await.status, StatusCode::BAD_REQUEST);
    // Names that nobody registered share the one budget of the address.
    let world = &world;
    let stranger = async |number: u32| {
        let client = format!("https://client-{number}.example/metadata");
        let parameters = [
            ("grant_type", "refresh_token"),
            ("client_id", client.as_str()),
        ];
        post(world, HOME, "/revoke", None, &parameters).await
    };
    let mut tried = 0;
    for number in 0..300 {
        let seen = stranger(number).await;
        match seen.status {
            StatusCode::UNAUTHORIZED => tried += 1,
            _ => assert_throttled(&seen),
        }
    }
    assert_eq!(tried, 100);
}

#[tokio::test]
async fn c12_guessed_initial_access_tokens_are_throttled() {
    let mut settings = settings();
    settings.registration = Registration::InitialAccessToken;
    let world = world_with(settings, |builder| builder).await;
    let guess = |number: u32| {
        Request::post("/register")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer guess-{number}"))
            .extension(HOME.parse::<IpAddr>().unwrap())
            .body(Full::from("{}"))
            .unwrap()
    };
    for number in 0..100 {
        let seen = world.send(guess(number)).await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    }
    assert_throttled(&world.send(guess(100)).await);
    let neighbour = Request::post("/register").body(Full::default()).unwrap();
    let seen = world.send(neighbour).await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn c12_guessed_tokens_are_throttled_where_no_client_is_asked_for() {
    let world = world().await;
    let (access, _) = world.tokens().await;
    let ask = |token: &str| {
        Request::get("/auth/status")
            .header("authorization", format!("Bearer {token}"))
            .extension(HOME.parse::<IpAddr>().unwrap())
            .body(Full::default())
            .unwrap()
    };
    for number in 0..100 {
        let seen = world.send(ask(&format!("guess-{number}"))).await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    }
    assert_throttled(&world.send(ask("guess")).await);
    assert_eq!(world.send(ask(&access)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn c44_every_request_of_a_connection_proves_who_it_is_from() {
    // Whoever keeps the connection open sends several requests to the same service.
    let world = world().await;
    let mut other = ClientMetadata::public(Vec::new());
    other.token_endpoint_auth_method = TokenEndpointAuthMethod::ClientSecretBasic;
    other.grant_types = vec![GrantType::ClientCredentials];
    world.add("T", facts(other)).await;
    let (access, _) = world.tokens().await;
    assert_eq!(mint(&world, HOME, "S", SECRET).await.status, StatusCode::OK);
    let parameters = [("grant_type", "client_credentials")];
    post(&world, HOME, "/token", None, &parameters)
        .await
        .assert_tok("invalid_client");
    mint(&world, HOME, "T", SECRET)
        .await
        .assert_tok("invalid_client");
    let question = [("token", access.as_str())];
    post(&world, HOME, "/introspect", None, &question)
        .await
        .assert_tok("invalid_client");
    // Nor does a name in the body borrow the header of another.
    let parameters = [("grant_type", "client_credentials"), ("client_id", "T")];
    let authorization = basic("S", SECRET);
    post(&world, HOME, "/token", Some(&authorization), &parameters)
        .await
        .assert_tok("invalid_request");
}

#[tokio::test]
async fn c45_a_thousand_refusals_end_in_429_and_write_no_more() {
    let store = WatchedStore::new(Health::Good);
    let world = bare_world(store.clone(), settings(), |builder| builder);
    world.add_clients().await;
    for (number, parameters) in [
        vec![("client_id", "S"), ("client_secret", "guess")],
        vec![("client_id", "nobody")],
        vec![],
        vec![("client_id", "C1"), ("token", "guess")],
    ]
    .into_iter()
    .enumerate()
    {
        let address = format!("198.51.100.{number}");
        let path = if number == 3 { "/revoke" } else { "/token" };
        store.asked();
        let mut throttled = 0;
        for _ in 0..1_000 {
            let seen = post(&world, &address, path, None, &parameters).await;
            assert!(seen.body.len() < 8 * 1024);
            throttled += usize::from(seen.status == StatusCode::TOO_MANY_REQUESTS);
        }
        assert!(throttled >= 900, "{parameters:?}: {throttled}");
        let asked = store.asked();
        let written = asked
            .iter()
            .filter(|verb| !verb.starts_with("get") && *verb != "hits");
        assert!(written.count() <= 100, "{parameters:?}");
    }
}

#[tokio::test]
async fn c12_authorization_requests_that_wait_are_bounded_for_each_network() {
    let mut settings = settings();
    settings.budgets.authorizations = 5;
    let world = world_with(settings, |builder| builder).await;
    world.is_in(Mood::Waits);
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let target = format!(
        "/authorize?{}",
        form(&[
            ("response_type", "code"),
            ("client_id", "C1"),
            ("redirect_uri", CALLBACK),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ])
    );
    let ask = |address: &str| {
        Request::get(target.as_str())
            .extension(address.parse::<IpAddr>().unwrap())
            .body(Full::default())
            .unwrap()
    };
    for _ in 0..5 {
        assert_eq!(world.send(ask(HOME)).await.status, StatusCode::OK);
    }
    for _ in 0..20 {
        let seen = world.send(ask(NEIGHBOUR)).await;
        assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(seen.header("retry-after"), Some("900"));
        assert_eq!(seen.header("location"), None);
    }
    let waiting = countersign_authorization_server::store::Kind::PendingAuthorization;
    assert_eq!(world.count(waiting).await, 5);
    let elsewhere = world.send(ask("203.0.113.1")).await;
    assert_eq!(elsewhere.status, StatusCode::OK);
    // Many networks of one provider have not many times as much.
    let mut waiting = 0;
    for network in 0..30 {
        for _ in 0..5 {
            let seen = world.send(ask(&format!("2001:db8:7:{network:x}::1"))).await;
            waiting += usize::from(seen.status == StatusCode::OK);
        }
    }
    assert_eq!(waiting, 50);
    assert_eq!(
        world.send(ask("2001:db8:8::1")).await.status,
        StatusCode::OK
    );
    // Behind a proxy one visitor would use up what is there for all.
    for _ in 0..20 {
        assert_eq!(world.send(ask("127.0.0.1")).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn h11_h12_c18_an_unknown_client_and_a_wrong_secret_are_the_same_work() {
    let store = WatchedStore::new(Health::Good);
    let world = bare_world(store.clone(), settings(), |builder| builder);
    world.add_clients().await;
    let parameters = [("grant_type", "client_credentials"), ("token", "x")];
    for path in ["/token", "/revoke", "/introspect"] {
        let mut first = None;
        // Unknown, known with that method, known with another, and public.
        for client in ["nobody", "S", "C3", "C1"] {
            store.asked();
            let authorization = basic(client, "guess");
            let seen = post(&world, HOME, path, Some(&authorization), &parameters).await;
            seen.assert_tok("invalid_client");
            let mut headers: Vec<_> = seen
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.clone()))
                .collect();
            headers.sort_by(|one, other| one.0.cmp(&other.0));
            let outside = (headers, seen.body, store.asked());
            let first = first.get_or_insert_with(|| outside.clone());
            assert_eq!(*first, outside, "{client} at {path}");
        }
    }
}

#[tokio::test]
async fn g16_what_cannot_be_counted_is_not_tried() {
    let store = WatchedStore::new(Health::Good);
    let world = bare_world(store.clone(), settings(), |builder| builder);
    world.add_clients().await;
    store.is(Health::FailsTo("hits"));
    for secret in ["guess", SECRET] {
        let seen = mint(&world, HOME, "S", secret).await;
        assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    // A counter that cannot be written keeps out nobody who is who they say.
    store.is(Health::FailsTo("hit"));
    let guessed = mint(&world, HOME, "S", "guess").await;
    assert_eq!(guessed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(mint(&world, HOME, "S", SECRET).await.status, StatusCode::OK);
}

#[tokio::test]
async fn g15_wrong_secrets_that_come_at_once_are_counted_all_the_same() {
    let world = world().await;
    let all = (0..200).map(|number| {
        let secret = format!("guess-{number}");
        let world = &world;
        async move { mint(world, HOME, "S", &secret).await }
    });
    for seen in crate::codes::join_all(all).await {
        assert_ne!(seen.status, StatusCode::OK);
    }
    assert_throttled(&mint(&world, HOME, "S", SECRET).await);
}
