//! What must not exist: rows C9, D14, H16 and H17, and what is not ours any more.

use std::collections::HashSet;
use std::sync::Mutex;

use aws_lc_rs::rand::SystemRandom;
use countersign_authorization_server::oauth::jose::{Algorithm, SigningKey};
use countersign_authorization_server::oauth::{Lifetime, ResourceUri, ScopeSet, Secret};
use countersign_authorization_server::random::{Random, SystemGenerator};
use countersign_authorization_server::store::{
    GrantId, GrantState, Key, Record, SecretHash, Write,
};
use countersign_authorization_server::{Settings, Unavailable};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::json;

use crate::fixture::*;

#[tokio::test]
async fn c9_no_code_is_without_a_challenge_and_one_that_were_opens_nothing() {
    let world = world().await;
    for changes in [
        vec![("code_challenge", ""), ("code_challenge_method", "")],
        vec![("code_challenge", "")],
    ] {
        let seen = world.authorize(&changes).await.redirect();
        assert_eq!(seen["error"], "invalid_request");
        assert_eq!(seen.get("code"), None);
    }
    // As if a damaged server had stored one.
    let now = world.clock.now();
    let end = now.saturating_add(Lifetime::from_secs(60));
    for (number, challenge) in [json!(null), json!(""), json!({})].into_iter().enumerate() {
        let grant = GrantId::new(format!("g{number}"));
        let code = Secret::new(format!("code-without-challenge-{number}"));
        let mut body = json!({
            "client": "C1", "subject": "alice", "resource": RESOURCE, "scope": "read",
            "expires_at": end.as_secs(), "redirect_uri": CALLBACK, "redirect_uri_was_sent": true,
        });
        if !challenge.is_null() {
            body["code_challenge"] = challenge;
        }
        let granted = Record::new(Key::grant(&grant), now)
            .in_state(GrantState::CodeIssued)
            .expiring(end)
            .with_body(&body)
            .unwrap();
        let record = Record::new(Key::authorization_code(SecretHash::of(&code)), now)
            .in_grant(grant)
            .expiring(end)
            .with_body(&body)
            .unwrap();
        let writes = vec![Write::Insert(granted), Write::Insert(record)];
        world.store.write(writes, now).await.unwrap();
        for verifier in [VERIFIER, "", &"a".repeat(43)] {
            let changes = [("code_verifier", verifier)];
            let seen = world.redeem(code.reveal(), &changes).await;
            assert!(!seen.body.contains("access_token"), "{seen:?}");
            assert_ne!(seen.status, StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn d14_registered_clients_cannot_be_read_changed_or_deleted_over_http() {
    let world = world().await;
    let body = format!("{{\"redirect_uris\":[\"{CALLBACK}\"]}}");
    let request = Request::post("/register").header("content-type", "application/json");
    let seen = world.send(request.body(Full::from(body)).unwrap()).await;
    assert_eq!(seen.status, StatusCode::CREATED);
    let registered = seen.json();
    for member in ["registration_client_uri", "registration_access_token"] {
        assert_eq!(registered.get(member), None, "{member}");
    }
    let id = registered["client_id"].as_str().unwrap();
    let before = world
        .store
        .get(&client_key(id), world.clock.now())
        .await
        .unwrap();
    for method in [
        Method::GET,
        Method::PUT,
        Method::DELETE,
        Method::POST,
        Method::PATCH,
    ] {
        for target in [
            format!("/register/{id}"),
            format!("/register?client_id={id}"),
            format!("/clients/{id}"),
            "/register/C1".to_owned(),
        ] {
            for token in [None, Some("guess"), Some(SECRET)] {
                let mut request = Request::builder().method(&method).uri(&target);
                if let Some(token) = token {
                    request = request.header("authorization", format!("Bearer {token}"));
                }
                let seen = world.send(request.body(Full::from("{}")).unwrap()).await;
                assert!(
                    matches!(seen.status.as_u16(), 400 | 404 | 405),
                    "{method} {target}: {seen:?}"
                );
                assert!(!seen.body.contains(CALLBACK));
            }
        }
    }
    let after = world
        .store
        .get(&client_key(id), world.clock.now())
        .await
        .unwrap();
    assert_eq!(before, after);
}

fn client_key(id: &str) -> Key {
    Key::client(&countersign_authorization_server::store::ClientId::new(id))
}

#[tokio::test]
async fn h16_only_public_members_are_published_for_every_algorithm() {
    for algorithm in [
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::ES512,
        Algorithm::EdDSA,
        Algorithm::RS256,
        Algorithm::PS256,
    ] {
        let mut settings = settings();
        settings.signing_algorithm = algorithm;
        let world = world_with(settings, |builder| builder).await;
        world.get("/jwks").await;
        world.server.rotate_keys().await.unwrap();
        let seen = world.get("/jwks").await.json();
        let keys = seen["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 2, "{algorithm:?}");
        for key in keys {
            let key = key.as_object().unwrap();
            for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
                assert_eq!(key.get(private), None, "{algorithm:?}");
            }
            let public = [
                "kty", "crv", "x", "y", "n", "e", "kid", "alg", "use", "key_ops",
            ];
            for member in key.keys() {
                assert!(public.contains(&member.as_str()), "{algorithm:?}: {member}");
            }
        }
        let whole = seen.as_object().unwrap();
        assert_eq!(whole.len(), 1);
    }
    // The members that are looked for are those that a private key has.
    let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &SystemRandom::new()).unwrap();
    let public = SigningKey::from_pkcs8_pem(&pem)
        .unwrap()
        .public_jwk()
        .unwrap();
    assert!(public.contains_key("x") && !public.contains_key("d"));
}

/// Counts what is drawn, and repeats one byte.
#[derive(Debug, Default)]
struct Counting(Mutex<Vec<usize>>);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Unavailable> {
        let mut drawn = self.0.lock().unwrap();
        drawn.push(bytes.len());
        let number = u8::try_from(drawn.len() % 251).unwrap();
        bytes.fill(number);
        Ok(())
    }
}

#[tokio::test]
async fn h17_codes_and_tokens_are_256_bits_of_the_generator_and_ids_128() {
    let random = std::sync::Arc::new(Counting::default());
    let mut settings = settings();
    settings.access_token_format =
        countersign_authorization_server::settings::AccessTokenFormat::Opaque;
    let world = world_with(settings, |builder| builder.random(random.clone())).await;
    random.0.lock().unwrap().clear();
    let code = world.code("C1").await;
    // The number of the request, the transaction, the grant, the code, and the nonce
    // under which the answer is sealed.
    assert_eq!(*random.0.lock().unwrap(), [16, 32, 16, 32, 12]);
    // Every bit of what is drawn is in what is issued: nothing is reduced.
    assert_eq!(code, "BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ");
    random.0.lock().unwrap().clear();
    let (access, refresh) = tokens_of(&world.redeem(&code, &[]).await);
    assert_eq!(*random.0.lock().unwrap(), [16, 32, 32]);
    assert_eq!((access.len(), refresh.len()), (43, 43));
}

#[test]
fn h17_what_the_generator_draws_is_distinct_and_has_no_bias() {
    let random = SystemGenerator::default();
    let rounds = 200_000;
    let mut seen = HashSet::with_capacity(rounds);
    let mut ones = [0_usize; 128];
    for _ in 0..rounds {
        let mut bytes = [0; 16];
        random.fill(&mut bytes).unwrap();
        let number = u128::from_be_bytes(bytes);
        assert!(seen.insert(number));
        for (bit, ones) in ones.iter_mut().enumerate() {
            *ones += usize::from(number >> bit & 1 == 1);
        }
    }
    // Eight standard deviations: chance does not do this in the life of the project.
    let allowed = 8.0 * (rounds as f64 / 4.0).sqrt();
    for ones in ones {
        assert!(
            (ones as f64 - rounds as f64 / 2.0).abs() < allowed,
            "{ones}"
        );
    }
}

/// Ten million numbers of 128 bits are more than a set of them is quick for: those whose
/// first bits no other one shares are passed over.
#[test]
fn h17_ten_million_ids_are_distinct() {
    let random = SystemGenerator::default();
    let mut seen = vec![0_u64; 1 << 24];
    let (mut drawn, mut shared) = (Vec::with_capacity(10_000_000), HashSet::new());
    let first_bits = |number: u128| (number >> 98) as usize;
    for _ in 0..10_000_000 {
        let mut bytes = [0; 16];
        random.fill(&mut bytes).unwrap();
        let number = u128::from_be_bytes(bytes);
        let (word, bit) = (first_bits(number) / 64, first_bits(number) % 64);
        if seen[word] >> bit & 1 == 1 {
            shared.insert(first_bits(number));
        }
        seen[word] |= 1 << bit;
        drawn.push(number);
    }
    // Chance alone makes some 46,000 of them share their first 30 bits with another.
    assert!(shared.len() > 40_000, "{}", shared.len());
    drawn.retain(|number| shared.contains(&first_bits(*number)));
    let numbers = drawn.len();
    assert_eq!(HashSet::<u128>::from_iter(drawn).len(), numbers);
}

/// The world of `before`, as it is after a restart with `settings`.
fn restarted(before: &World, settings: Settings) -> World {
    let mut after = bare_world(before.store.clone(), settings, |builder| {
        builder.clock(std::sync::Arc::new(before.clock.clone()))
    });
    after.clock = before.clock.clone();
    after
}

#[tokio::test]
async fn c32_what_the_server_does_not_serve_any_more_is_not_issued_any_more() {
    let before = world().await;
    let (_, refresh) = before.tokens().await;
    let code = before.code("C1").await;

    let mut elsewhere = settings();
    elsewhere.resources = vec![ResourceUri::parse("https://other.test/mcp").unwrap()];
    let after = restarted(&before, elsewhere);
    after
        .refresh(&refresh, &[])
        .await
        .assert_tok("invalid_target");
    after.redeem(&code, &[]).await.assert_tok("invalid_target");

    let mut fewer = settings();
    fewer.scopes = ScopeSet::parse("read").unwrap();
    fewer.default_scopes = fewer.scopes.clone();
    let after = restarted(&before, fewer);
    for seen in [
        after.refresh(&refresh, &[]).await,
        after.redeem(&code, &[]).await,
    ] {
        assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
        assert_eq!(seen.json()["scope"], "read");
    }

    let mut none = settings();
    none.scopes = ScopeSet::parse("admin").unwrap();
    none.default_scopes = none.scopes.clone();
    let (_, refresh) = before.tokens().await;
    let after = restarted(&before, none);
    after
        .refresh(&refresh, &[])
        .await
        .assert_tok("invalid_scope");
    // A mistake of the operator has cost nobody anything.
    tokens_of(&before.refresh(&refresh, &[]).await);
}
