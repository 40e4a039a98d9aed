//! Tokens that are bound to a key of the client: DP-01, DP-04, DP-05, RFC 9449 §5, §8 and §10.

use std::cell::Cell;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::dpop::{ProofClaims, Thumbprint, make};
use countersign_authorization_server::oauth::jose::{Algorithm, SigningKey, decode_unverified};
use countersign_authorization_server::oauth::{Lifetime, RedirectUri, ResourceUri};
use countersign_authorization_server::settings::AccessTokenFormat;
use countersign_authorization_server::store::sqlite::SqliteStore;
use countersign_authorization_server::store::{Kind, Store};
use countersign_resource_server::{Dpop, PresentedToken, Verification, Verifier as _};
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use url::Url;

use crate::fixture::*;

const TOKEN_ENDPOINT: &str = "https://as.test/token";

/// A client that proves its key.
pub(crate) struct Prover {
    key: SigningKey,
    nonce: Option<String>,
    made: Cell<u32>,
}

impl Prover {
    pub(crate) fn new() -> Self {
        let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &SystemRandom::new()).unwrap();
        Self {
            key: SigningKey::from_pkcs8_pem(&pem).unwrap(),
            nonce: None,
            made: Cell::new(0),
        }
    }

    pub(crate) fn jkt(&self) -> Thumbprint {
        Thumbprint::parse(self.key.verifying_key().thumbprint().unwrap()).unwrap()
    }

    pub(crate) fn proof(&self, world: &World) -> String {
        self.proof_for(world, "POST", TOKEN_ENDPOINT)
    }

    fn proof_for(&self, world: &World, method: &str, address: &str) -> String {
        self.made.set(self.made.get() + 1);
        let (jti, url) = (
            format!("p{}", self.made.get()),
            Url::parse(address).unwrap(),
        );
        let claims = ProofClaims::new(&jti, method, &url, world.clock.now());
        let claims = claims.nonce(self.nonce.as_deref());
        make(&claims, &self.key, &SystemRandom::new()).unwrap()
    }
}

pub(crate) fn without_nonces() -> Dpop {
    Dpop::accepted().danger_without_nonces()
}

pub(crate) async fn world_of(dpop: Dpop) -> World {
    world_with(settings(), |builder| builder.dpop(dpop)).await
}

pub(crate) async fn post(world: &World, proofs: &[&str], parameters: &[(&str, &str)]) -> Seen {
    let mut request =
        Request::post("/token").header("content-type", "application/x-www-form-urlencoded");
    for proof in proofs {
        request = request.header("DPoP", *proof);
    }
    let body = Full::from(form(parameters));
    world.send(request.body(body).unwrap()).await
}

pub(crate) fn redemption(code: &str) -> Vec<(&str, &str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", "C1"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

pub(crate) fn refreshing(token: &str) -> Vec<(&str, &str)> {
    vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", "C1"),
    ]
}

/// The claims of a signed token.
fn claims(token: &str) -> Value {
    serde_json::from_slice(decode_unverified(token).unwrap().payload()).unwrap()
}

async fn introspected(world: &World, token: &str) -> Value {
    let authorization = basic("S", SECRET);
    let asked = [("token", token)];
    world
        .post_with("/introspect", Some(&authorization), &asked)
        .await
        .json()
}

#[tokio::test]
async fn dp_04_a_proof_that_is_refused_costs_nothing() {
    let world = world_of(without_nonces()).await;
    let prover = Prover::new();
    let code = world.code("C1").await;
    let good = prover.proof(&world);
    let (input, _) = good.rsplit_once('.').unwrap();
    let old = {
        let proof = prover.proof(&world);
        world.clock.advance(Lifetime::from_secs(30));
        proof
    };
    let (access, _) = tokens_of(&world.redeem(&world.code("C1").await, &[]).await);
    for (proofs, what) in [
        (vec![good.clone(), prover.proof(&world)], "two"),
        (vec![format!("{input}.AAAA")], "a wrong signature"),
        (
            vec![prover.proof_for(&world, "GET", TOKEN_ENDPOINT)],
            "another method",
        ),
        (
            vec![prover.proof_for(&world, "POST", RESOURCE)],
            "another address",
        ),
        (vec![access], "an access token"),
        (vec![String::new()], "nothing"),
    ] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let seen = post(&world, &proofs, &redemption(&code)).await;
        seen.assert_tok("invalid_dpop_proof");
        assert!(seen.header("dpop-nonce").is_none(), "{what}");
    }
    assert!(world.saw("token_request_refused"));
    // Neither the code nor the proofs are used up, however often it failed.
    let seen = post(&world, &[&old], &redemption(&code)).await;
    assert_eq!(seen.json()["token_type"], "DPoP", "{seen:?}");
    // The time of a proof ends.
    let late = prover.proof(&world);
    world.clock.advance(Lifetime::from_secs(301));
    let code = world.code("C1").await;
    let seen = post(&world, &[&late], &redemption(&code)).await;
    seen.assert_tok("invalid_dpop_proof");
}

#[tokio::test]
async fn dp_04_tokens_of_every_grant_are_bound_to_the_key_that_was_proven() {
    for format in [AccessTokenFormat::Jwt, AccessTokenFormat::Opaque] {
        let mut settings = settings();
        settings.access_token_format = format;
        let world = world_with(settings, |builder| builder.dpop(without_nonces())).await;
        let prover = Prover::new();
        let code = world.code("C1").await;
        let first = post(&world, &[&prover.proof(&world)], &redemption(&code)).await;
        let (_, refresh) = tokens_of(&first);
        let second = post(&world, &[&prover.proof(&world)], &refreshing(&refresh)).await;
        let own = [("grant_type", "client_credentials")];
        let request = Request::post("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", basic("S", SECRET))
            .header("dpop", prover.proof(&world));
        let third = world
            .send(request.body(Full::from(form(&own))).unwrap())
            .await;
        for seen in [first, second, third] {
            let answer = seen.json();
            assert_eq!(answer["token_type"], "DPoP", "{seen:?}");
            let access = answer["access_token"].as_str().unwrap();
            let cnf = json!({"jkt": prover.jkt().as_str()});
            if format == AccessTokenFormat::Jwt {
                assert_eq!(claims(access)["cnf"], cnf);
            }
            let known = introspected(&world, access).await;
            assert_eq!(
                (&known["cnf"], &known["token_type"]),
                (&cnf, &json!("DPoP"))
            );
            let resource = ResourceUri::parse(RESOURCE).unwrap();
            let verifier = world.server.own_tokens(resource).unwrap();
            let (own, other) = (prover.jkt(), Prover::new().jkt());
            for (presented, is_good) in [
                (PresentedToken::new(access), false),
                (PresentedToken::with_proof_of(access, &other), false),
                (PresentedToken::with_proof_of(access, &own), true),
            ] {
                let judged = verifier.verify(presented, world.clock.now()).await.unwrap();
                match judged {
                    Verification::Accepted(token) => {
                        assert!(is_good);
                        assert_eq!(token.jkt(), Some(&own));
                    }
                    other => assert!(!is_good, "{other:?}"),
                }
            }
        }
        // Without a proof they are bearer tokens, which no proof makes better.
        let (access, _) = world.tokens().await;
        let resource = ResourceUri::parse(RESOURCE).unwrap();
        let verifier = world.server.own_tokens(resource).unwrap();
        let key = prover.jkt();
        let with_proof = PresentedToken::with_proof_of(&access, &key);
        let judged = verifier
            .verify(with_proof, world.clock.now())
            .await
            .unwrap();
        assert!(matches!(judged, Verification::Rejected(_)), "{judged:?}");
        assert!(introspected(&world, &access).await.get("cnf").is_none());
    }
}

#[tokio::test]
async fn dp_05_a_proof_counts_once_in_every_process_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/as.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.unwrap());
    let open = |store: Arc<dyn Store>| {
        bare_world(store, settings(), |builder| builder.dpop(without_nonces()))
    };
    let world = open(store);
    world.add_clients().await;
    world.clock.advance(Lifetime::from_secs(5));
    let prover = Prover::new();
    let proof = prover.proof(&world);
    let (code, other) = (world.code("C1").await, world.code("C1").await);
    let (_, refresh) = tokens_of(&post(&world, &[&proof], &redemption(&code)).await);
    let again = post(&world, &[&proof], &redemption(&other)).await;
    again.assert_tok("invalid_dpop_proof");
    let again = post(&world, &[&proof], &refreshing(&refresh)).await;
    again.assert_tok("invalid_dpop_proof");
    let service = [("grant_type", "client_credentials"), ("client_id", "C3")];
    let own = Request::post("/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", basic("S", SECRET))
        .header("dpop", &proof);
    let again = world
        .send(own.body(Full::from(form(&service[..1]))).unwrap())
        .await;
    again.assert_tok("invalid_dpop_proof");
    // Another process over the same file, whose clock is that of the proof.
    let restarted = open(Arc::new(SqliteStore::open(&path).await.unwrap()));
    restarted.clock.advance(Lifetime::from_secs(5));
    let again = post(&restarted, &[&proof], &redemption(&other)).await;
    again.assert_tok("invalid_dpop_proof");
    // What was refused is still good with a proof of its own.
    tokens_of(&post(&world, &[&prover.proof(&world)], &redemption(&other)).await);
    tokens_of(&post(&world, &[&prover.proof(&world)], &refreshing(&refresh)).await);
}

#[tokio::test]
async fn dp_05_a_whole_request_that_is_sent_again_revokes_nothing_of_its_owner() {
    let world = world_of(without_nonces()).await;
    let prover = Prover::new();
    let code = world.code("C1").await;
    let proof = prover.proof(&world);
    let (access, refresh) = tokens_of(&post(&world, &[&proof], &redemption(&code)).await);
    let again = post(&world, &[&proof], &redemption(&code)).await;
    again.assert_tok("invalid_dpop_proof");
    assert!(world.is_active(&access).await);
    let proof = prover.proof(&world);
    let (_, newer) = tokens_of(&post(&world, &[&proof], &refreshing(&refresh)).await);
    let next = post(&world, &[&prover.proof(&world)], &refreshing(&newer)).await;
    let (access, _) = tokens_of(&next);
    // After the grace, and with its successor in use, when a refresh token that is used
    // again is a stolen one.
    world.clock.advance(Lifetime::from_secs(60));
    let again = post(&world, &[&proof], &refreshing(&refresh)).await;
    again.assert_tok("invalid_dpop_proof");
    assert!(world.is_active(&access).await);
    // Whoever has the key as well is another matter.
    let stolen = post(&world, &[&prover.proof(&world)], &refreshing(&refresh)).await;
    stolen.assert_tok("invalid_grant");
    assert!(!world.is_active(&access).await);
}

#[tokio::test]
async fn dp_04_a_refresh_token_of_a_public_client_is_bound_to_its_key() {
    let world = world_of(without_nonces()).await;
    let (owner, thief) = (Prover::new(), Prover::new());
    let code = world.code("C1").await;
    let first = post(&world, &[&owner.proof(&world)], &redemption(&code)).await;
    let (_, refresh) = tokens_of(&first);
    for proofs in [vec![], vec![thief.proof(&world)]] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let seen = post(&world, &proofs, &refreshing(&refresh)).await;
        seen.assert_tok("invalid_grant");
    }
    let second = post(&world, &[&owner.proof(&world)], &refreshing(&refresh)).await;
    let (_, newer) = tokens_of(&second);
    // The answer is told again within the grace, to the owner, for a proof of its own.
    let stolen = post(&world, &[&thief.proof(&world)], &refreshing(&refresh)).await;
    stolen.assert_tok("invalid_grant");
    let proof = owner.proof(&world);
    let again = post(&world, &[&proof], &refreshing(&refresh)).await;
    assert_eq!(tokens_of(&again).1, newer);
    let replayed = post(&world, &[&proof], &refreshing(&refresh)).await;
    replayed.assert_tok("invalid_dpop_proof");
    tokens_of(&post(&world, &[&owner.proof(&world)], &refreshing(&newer)).await);
}

#[tokio::test]
async fn dp_04_a_confidential_client_may_refresh_with_another_key() {
    let world = world_of(without_nonces()).await;
    let (before, after) = (Prover::new(), Prover::new());
    let code = world.code("C3").await;
    let mut request = redemption(&code);
    request.retain(|(name, _)| *name != "client_id");
    request.extend([("client_id", "C3"), ("client_secret", SECRET)]);
    let first = post(&world, &[&before.proof(&world)], &request).await;
    let (_, refresh) = tokens_of(&first);
    let mut request = refreshing(&refresh);
    request.retain(|(name, _)| *name != "client_id");
    request.extend([("client_id", "C3"), ("client_secret", SECRET)]);
    let second = post(&world, &[&after.proof(&world)], &request).await;
    let access = tokens_of(&second).0;
    assert_eq!(claims(&access)["cnf"]["jkt"], after.jkt().as_str());
}

/// `request`, of the confidential client `C3`.
fn confidential<'a>(mut request: Vec<(&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
    request.retain(|(name, _)| *name != "client_id");
    request.extend([("client_id", "C3"), ("client_secret", SECRET)]);
    request
}

#[tokio::test]
async fn dp_04_an_answer_that_is_told_again_is_bound_to_the_key_of_whoever_asks_again() {
    let world = world_of(without_nonces()).await;
    let (before, after) = (Prover::new(), Prover::new());
    let code = world.code("C3").await;
    let request = confidential(redemption(&code));
    let first = post(&world, &[&before.proof(&world)], &request).await;
    let (_, refresh) = tokens_of(&first);
    let request = confidential(refreshing(&refresh));
    let told = post(&world, &[&before.proof(&world)], &request).await;
    let (lost, newer) = tokens_of(&told);
    // The client began anew with another key before it had the answer.
    let proof = after.proof(&world);
    let again = post(&world, &[&proof], &request).await;
    let (access, same) = tokens_of(&again);
    assert_eq!(claims(&access)["cnf"]["jkt"], after.jkt().as_str());
    assert_eq!(again.json()["token_type"], "DPoP");
    assert_eq!(same, newer, "one successor, however often it is told");
    let replayed = post(&world, &[&proof], &request).await;
    replayed.assert_tok("invalid_dpop_proof");
    // Nobody is shown as bearer what was issued for a key, nor for a key what was not.
    let unbound = post(&world, &[], &request).await;
    assert_eq!(unbound.json()["token_type"], "Bearer");
    let bearer = tokens_of(&unbound).0;
    assert!(claims(&bearer).get("cnf").is_none());
    // Whoever has the key of the answer gets it as it was.
    let owner = post(&world, &[&before.proof(&world)], &request).await;
    assert_eq!(tokens_of(&owner), (lost.clone(), newer.clone()));
    // All of them end with the grant, when the old token comes after its successor.
    let successor = confidential(refreshing(&newer));
    tokens_of(&post(&world, &[&after.proof(&world)], &successor).await);
    world.clock.advance(Lifetime::from_secs(60));
    let stolen = post(&world, &[&after.proof(&world)], &request).await;
    stolen.assert_tok("invalid_grant");
    for token in [&lost, &access, &bearer] {
        assert!(!world.is_active(token).await);
    }
}

#[tokio::test]
async fn dp_04_an_answer_that_a_public_client_bound_is_told_to_no_other_key() {
    let world = world_of(without_nonces()).await;
    let (owner, thief) = (Prover::new(), Prover::new());
    let (_, refresh) = tokens_of(&world.redeem(&world.code("C1").await, &[]).await);
    let first = post(&world, &[&owner.proof(&world)], &refreshing(&refresh)).await;
    let told = tokens_of(&first);
    for proofs in [vec![], vec![thief.proof(&world)]] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let seen = post(&world, &proofs, &refreshing(&refresh)).await;
        seen.assert_tok("invalid_grant");
    }
    let again = post(&world, &[&owner.proof(&world)], &refreshing(&refresh)).await;
    assert_eq!(tokens_of(&again), told);
}

#[tokio::test]
async fn dp_04_a_code_that_was_asked_for_a_key_is_redeemed_with_that_key_alone() {
    let world = world_of(without_nonces()).await;
    let (owner, thief) = (Prover::new(), Prover::new());
    let jkt = owner.jkt();
    for bad in ["short", &format!("{jkt}="), &jkt.as_str()[1..]] {
        let seen = world.authorize(&[("dpop_jkt", bad)]).await;
        assert_eq!(seen.redirect()["error"], "invalid_request", "{bad}");
    }
    let twice = world
        .authorize(&[("dpop_jkt", jkt.as_str()), ("dpop_jkt", jkt.as_str())])
        .await;
    assert_eq!(twice.redirect()["error"], "invalid_request");
    let code = world
        .authorize(&[("dpop_jkt", jkt.as_str())])
        .await
        .redirect()["code"]
        .clone();
    post(&world, &[], &redemption(&code))
        .await
        .assert_tok("invalid_grant");
    let stolen = post(&world, &[&thief.proof(&world)], &redemption(&code)).await;
    stolen.assert_tok("invalid_grant");
    let seen = post(&world, &[&owner.proof(&world)], &redemption(&code)).await;
    let access = tokens_of(&seen).0;
    // A code that was redeemed and is tried by somebody without the key revokes nothing.
    let stolen = post(&world, &[&thief.proof(&world)], &redemption(&code)).await;
    stolen.assert_tok("invalid_grant");
    assert!(world.is_active(&access).await);
}

#[tokio::test]
async fn dp_04_who_always_binds_its_tokens_gets_no_others() {
    let world = world_of(without_nonces()).await;
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    metadata.dpop_bound_access_tokens = true;
    world.replace("C1", facts(metadata)).await;
    let code = world.code("C1").await;
    post(&world, &[], &redemption(&code))
        .await
        .assert_tok("invalid_dpop_proof");
    let prover = Prover::new();
    let seen = post(&world, &[&prover.proof(&world)], &redemption(&code)).await;
    let (_, refresh) = tokens_of(&seen);
    post(&world, &[], &refreshing(&refresh))
        .await
        .assert_tok("invalid_dpop_proof");
    // Registered by itself, and read back.
    let body = json!({"redirect_uris": [CALLBACK], "dpop_bound_access_tokens": true});
    let register = |body: Value| {
        let request = Request::post("/register").header("content-type", "application/json");
        request.body(Full::from(body.to_string())).unwrap()
    };
    let seen = world.send(register(body)).await;
    assert_eq!(seen.json()["dpop_bound_access_tokens"], true, "{seen:?}");
    let body = json!({"redirect_uris": [CALLBACK], "dpop_bound_access_tokens": "yes"});
    let seen = world.send(register(body)).await;
    assert_eq!(seen.json()["error"], "invalid_client_metadata", "{seen:?}");
    // A server that demands it of everybody.
    let world = world_of(Dpop::required().danger_without_nonces()).await;
    let code = world.code("C1").await;
    post(&world, &[], &redemption(&code))
        .await
        .assert_tok("invalid_dpop_proof");
    tokens_of(&post(&world, &[&prover.proof(&world)], &redemption(&code)).await);
}

#[tokio::test]
async fn dp_05_a_nonce_is_demanded_and_comes_with_the_refusal() {
    let world = world_of(Dpop::accepted().nonce_lifetime(Lifetime::from_secs(60))).await;
    let mut prover = Prover::new();
    let code = world.code("C1").await;
    for nonce in [None, Some("of-another-server".to_owned())] {
        prover.nonce = nonce;
        let seen = post(&world, &[&prover.proof(&world)], &redemption(&code)).await;
        seen.assert_tok("use_dpop_nonce");
        assert_eq!(seen.header("access-control-allow-origin"), Some("*"));
        let exposed = seen.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("dpop-nonce"));
        prover.nonce = Some(seen.header("dpop-nonce").unwrap().to_owned());
    }
    let seen = post(&world, &[&prover.proof(&world)], &redemption(&code)).await;
    let (_, refresh) = tokens_of(&seen);
    assert!(seen.header("dpop-nonce").is_none());
    world.clock.advance(Lifetime::from_secs(40));
    let seen = post(&world, &[&prover.proof(&world)], &refreshing(&refresh)).await;
    tokens_of(&seen);
    assert_ne!(seen.header("dpop-nonce"), prover.nonce.as_deref());
    assert!(seen.header("dpop-nonce").is_some(), "before it ends");
    // A preflight of a page may send a proof.
    let preflight = Request::options("/token").body(Full::default()).unwrap();
    let seen = world.send(preflight).await;
    assert!(
        seen.header("access-control-allow-headers")
            .unwrap()
            .contains("dpop")
    );
}

#[tokio::test]
async fn as_44_dp_04_the_metadata_says_what_proofs_may_be_signed_with() {
    let world = world_of(Dpop::accepted().algorithms([Algorithm::ES256])).await;
    let document = world
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    assert_eq!(
        document["dpop_signing_alg_values_supported"],
        json!(["ES256"])
    );
    let world = crate::fixture::world().await;
    let document = world
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    assert!(document.get("dpop_signing_alg_values_supported").is_none());
    // Without it a proof means nothing, and the client is told so by the type of its token.
    let prover = Prover::new();
    let code = world.code("C1").await;
    let seen = post(&world, &[&prover.proof(&world)], &redemption(&code)).await;
    assert_eq!(seen.json()["token_type"], "Bearer");
    assert_eq!(world.count(Kind::AssertionId).await, 0);
}

#[tokio::test]
async fn a46_c23_a_client_assertion_is_no_proof_and_a_proof_is_no_client_assertion() {
    let world = world_of(without_nonces()).await;
    let prover = Prover::new();
    let claims = json!({
        "iss": "C1", "sub": "C1", "aud": ISSUER, "jti": "a1", "htm": "POST",
        "htu": TOKEN_ENDPOINT, "iat": world.clock.now().as_secs(),
        "exp": world.clock.now().as_secs() + 60,
    });
    let typ = Some("client-authentication+jwt");
    let assertion = countersign_authorization_server::oauth::jose::sign_compact(
        typ,
        claims.to_string().as_bytes(),
        &prover.key,
        &SystemRandom::new(),
    );
    let assertion = assertion.unwrap();
    let code = world.code("C1").await;
    let seen = post(&world, &[&assertion], &redemption(&code)).await;
    seen.assert_tok("invalid_dpop_proof");
    let proof = prover.proof(&world);
    let mut request = redemption(&code);
    request.extend([
        ("client_assertion", proof.as_str()),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
    ]);
    post(&world, &[], &request)
        .await
        .assert_tok("invalid_client");
}
