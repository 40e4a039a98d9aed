//! Programs: rows CC-01, CC-03, DP-01, EM-01, EM-06, WI-01 and I2 to I4 for them.

mod exchanging;
mod others;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use countersign_oauth_client::machine::{
    ClientCredentials, FromEnvironment, FromFile, IdentityAssertion, Machine, PrivateKeyJwt,
    Subject, TokenExchange, TokenSource, Workload, from_fn,
};
use countersign_oauth_client::oauth::jose::{Algorithm, SigningKey, decode_unverified};
use countersign_oauth_client::oauth::{Lifetime, ScopeSet, Secret};
use countersign_oauth_client::{
    Authorizer as _, AuthorizerError, Next, OAuthError, Outgoing, Refused,
};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::world::*;

const IDP: &str = "https://idp.test";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const CHALLENGE: &str = "Bearer scope=\"read\"";

/// A world whose authorization server takes secrets and keys, and issues tokens that last
/// an hour.
fn scene() -> Scene {
    let scene = Scene::new();
    offers(
        &scene,
        &json!(["client_secret_basic", "private_key_jwt", "none"]),
    );
    scene
}

fn offers(scene: &Scene, methods: &Value) {
    scene.world.amend(
        SERVER_METADATA,
        &json!({ "token_endpoint_auth_methods_supported": methods }),
    );
}

fn credentials(scene: &Scene) -> ClientCredentials {
    ClientCredentials::new(SERVER, "client one", Secret::new("the:secret"))
        .issuer(ISSUER)
        .fetch(Arc::new(scene.world.clone()))
        .clock(Arc::new(scene.clock.clone()))
}

pub(crate) fn key() -> Arc<SigningKey> {
    let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &SystemRandom::new()).unwrap();
    Arc::new(SigningKey::from_pkcs8_pem(&pem).unwrap())
}

fn workload(scene: &Scene, source: impl TokenSource) -> Machine {
    Workload::new(SERVER, "w", source)
        .issuer(ISSUER)
        .fetch(Arc::new(scene.world.clone()))
        .clock(Arc::new(scene.clock.clone()))
        .build()
        .unwrap()
}

async fn header(machine: &Machine) -> Result<HeaderMap, AuthorizerError> {
    let url = Url::parse(SERVER).unwrap();
    machine.authorize(Outgoing::new(&Method::POST, &url)).await
}

async fn shows(machine: &Machine) -> Option<String> {
    let headers = header(machine).await.unwrap();
    let value = headers.get("authorization")?;
    assert!(value.is_sensitive());
    Some(value.to_str().unwrap().to_owned())
}

/// Tells `machine` that a request with what it shows now was refused.
async fn refuse(
    machine: &Machine,
    status: u16,
    challenge: &str,
    attempt: u32,
) -> Result<Next, AuthorizerError> {
    let url = Url::parse(SERVER).unwrap();
    let request = Outgoing::new(&Method::POST, &url);
    let shown = header(machine).await?;
    let mut headers = HeaderMap::new();
    headers.insert("www-authenticate", challenge.parse().unwrap());
    let status = StatusCode::from_u16(status).unwrap();
    let refused = Refused::new(request, "tools/call x", &shown, status, &headers, attempt);
    machine.refused(refused).await
}

/// A company whose identity provider issues the assertion `the-assertion`.
fn company(scene: &Scene) -> IdentityAssertion {
    let metadata = format!("{IDP}/.well-known/openid-configuration");
    let mut published = server_metadata(IDP);
    published["token_endpoint_auth_methods_supported"] = json!(["client_secret_basic"]);
    scene.world.json(&metadata, &published);
    let exchanged = json!({
        "access_token": "the-assertion", "token_type": "N_A", "expires_in": 300,
        "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
    });
    let token = format!("{IDP}/token");
    scene.world.json(&token, &exchanged);
    let subject = Subject::id_token(from_fn(|_| async { Ok(Secret::new("the-id-token")) }));
    IdentityAssertion::new(SERVER, "mcp-client", Secret::new("mcp-secret"), subject)
        .issuer(ISSUER)
        .identity_provider(IDP, "idp-client")
        .identity_provider_secret(Secret::new("idp-secret"))
        .fetch(Arc::new(scene.world.clone()))
        .clock(Arc::new(scene.clock.clone()))
}

#[tokio::test]
async fn cc_01_cc_03_a_client_with_a_secret_asks_once_with_the_resource_and_registers_nowhere() {
    let scene = scene();
    let machine = credentials(&scene).scopes(["more"]).build().unwrap();
    assert_eq!(shows(&machine).await, None);
    assert!(scene.world.addresses().is_empty());
    let next = refuse(&machine, 401, CHALLENGE, 0).await.unwrap();
    assert_eq!(next, Next::Again);
    assert_eq!(shows(&machine).await.unwrap(), "Bearer access-1");
    let asked = scene.world.one(TOKEN);
    assert_eq!(asked.method, Method::POST);
    assert_eq!(asked.field("grant_type").unwrap(), "client_credentials");
    assert_eq!(asked.field("resource").unwrap(), SERVER);
    assert_eq!(asked.field("scope").unwrap(), "more read");
    // RFC 6749 §2.3.1: each part is form-encoded; nothing of it is in the body.
    let basic = "Basic Y2xpZW50JTIwb25lOnRoZSUzQXNlY3JldA==";
    assert_eq!(asked.authorization(), Some(basic));
    assert_eq!(asked.field("client_secret"), None);
    assert_eq!(asked.field("client_id"), None);
    assert!(scene.world.asked(REGISTER).is_empty());
    // A refresh token is not used: whoever can ask again needs none.
    scene.clock.advance(Lifetime::from_secs(3_600));
    assert_eq!(shows(&machine).await.unwrap(), "Bearer access-2");
    let again = &scene.world.asked(TOKEN)[1];
    assert_eq!(again.field("grant_type").unwrap(), "client_credentials");
}

#[tokio::test]
async fn cc_01_the_method_is_one_that_the_server_offers() {
    for (methods, is_in_body) in [
        (json!(["client_secret_post"]), true),
        (json!(["client_secret_post", "client_secret_basic"]), false),
    ] {
        let scene = scene();
        offers(&scene, &methods);
        let machine = credentials(&scene).build().unwrap();
        refuse(&machine, 401, CHALLENGE, 0).await.unwrap();
        let asked = scene.world.one(TOKEN);
        assert_eq!(asked.field("client_secret").is_some(), is_in_body);
        assert_eq!(asked.authorization().is_none(), is_in_body);
    }
    // What is not offered is not tried.
    let scene = scene();
    offers(&scene, &json!(["none"]));
    let with_key = PrivateKeyJwt::new(SERVER, "k", key()).fetch(Arc::new(scene.world.clone()));
    for machine in [
        credentials(&scene).build().unwrap(),
        with_key.build().unwrap(),
    ] {
        refuse(&machine, 401, CHALLENGE, 0).await.unwrap_err();
    }
    assert!(scene.world.asked(TOKEN).is_empty());
}

#[tokio::test]
async fn cc_01_q4_an_assertion_of_a_client_is_for_the_issuer_alone_and_new_each_time() {
    let scene = scene();
    let machine = PrivateKeyJwt::new(SERVER, "k", key())
        .fetch(Arc::new(scene.world.clone()))
        .clock(Arc::new(scene.clock.clone()))
        .build()
        .unwrap();
    refuse(&machine, 401, CHALLENGE, 0).await.unwrap();
    scene.clock.advance(Lifetime::from_secs(3_600));
    shows(&machine).await.unwrap();
    let mut ids = Vec::new();
    for asked in scene.world.asked(TOKEN) {
        assert_eq!(asked.authorization(), None);
        let assertion = asked.field("client_assertion").unwrap();
        let unverified = decode_unverified(&assertion).unwrap();
        let claims: Value = serde_json::from_slice(unverified.payload()).unwrap();
        assert_eq!(claims["aud"], ISSUER);
        assert_eq!(claims["iss"], "k");
        assert_eq!(claims["sub"], "k");
        ids.push(claims["jti"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn i2_credentials_are_sent_to_the_issuer_that_they_are_for_and_to_nobody_else() {
    let scene = scene();
    scene.world.amend(
        RESOURCE_METADATA,
        &json!({ "authorization_servers": ["https://evil.test"] }),
    );
    scene.world.authorization_server("https://evil.test");
    let machine = credentials(&scene).build().unwrap();
    let workload = workload(
        &scene,
        from_fn(|_| async { Ok(Secret::new("platform-token")) }),
    );
    for machine in [machine, workload] {
        let error = refuse(&machine, 401, CHALLENGE, 0).await.unwrap_err();
        assert!(error.to_string().contains("https://evil.test"), "{error}");
        assert!(scene.world.asked("https://evil.test/token").is_empty());
    }
    assert!(!scene.world.said().contains("platform-token"));
    // Whoever says that anybody may have them gives them to the first.
    let scene = self::scene();
    let anybody = ClientCredentials::new(SERVER, "c", Secret::new("s"))
        .danger_any_issuer()
        .fetch(Arc::new(scene.world.clone()))
        .build()
        .unwrap();
    refuse(&anybody, 401, CHALLENGE, 0).await.unwrap();
    scene.world.amend(
        RESOURCE_METADATA,
        &json!({ "authorization_servers": ["https://evil.test"] }),
    );
    scene.world.authorization_server("https://evil.test");
    refuse(&anybody, 401, CHALLENGE, 0).await.unwrap_err();
    assert!(scene.world.asked("https://evil.test/token").is_empty());
}

#[tokio::test]
async fn i20_cl_31_a_program_that_was_given_to_another_server_shows_it_nothing() {
    let scene = Scene::new();
    offers(&scene, &json!(["client_secret_basic"]));
    let machine = credentials(&scene).build().unwrap();
    assert_eq!(shows(&machine).await, None);
    refuse(&machine, 401, "Bearer", 0).await.unwrap();
    assert!(shows(&machine).await.is_some());
    scene.world.forget_requests();
    let url = Url::parse("https://two.test/mcp").unwrap();
    let request = Outgoing::new(&Method::POST, &url);
    assert!(machine.authorize(request).await.is_err());
    let (shown, headers) = (HeaderMap::new(), HeaderMap::new());
    let status = StatusCode::UNAUTHORIZED;
    let refused = Refused::new(request, "tools/call x", &shown, status, &headers, 0);
    assert!(machine.refused(refused).await.is_err());
    assert_eq!(scene.world.addresses(), [""; 0]);
}

#[tokio::test]
async fn settings_that_cannot_be_meant_are_refused_with_what_to_set() {
    let hmac = SigningKey::from_hmac_secret(&Secret::new("x".repeat(32)), Algorithm::HS256);
    let source = || from_fn(|_| async { Ok(Secret::new("t")) });
    let subject = || Subject::id_token(source());
    let company =
        || IdentityAssertion::new(SERVER, "c", Secret::new("s"), subject()).issuer(ISSUER);
    for (built, sentence) in [
        (
            ClientCredentials::new(SERVER, "c", Secret::new("s")).build(),
            "issuer(…)",
        ),
        (
            ClientCredentials::new(SERVER, "c", Secret::new("s"))
                .issuer(ISSUER)
                .danger_any_issuer()
                .build(),
            "leave one out",
        ),
        (
            ClientCredentials::new(SERVER, "c", Secret::new(""))
                .issuer(ISSUER)
                .build(),
            "empty",
        ),
        (
            ClientCredentials::new("nowhere", "c", Secret::new("s"))
                .issuer(ISSUER)
                .build(),
            "nowhere",
        ),
        (
            ClientCredentials::new(SERVER, "c", Secret::new("s"))
                .issuer("x")
                .build(),
            "issuer(…)",
        ),
        (
            ClientCredentials::new(SERVER, "c", Secret::new("s"))
                .issuer(ISSUER)
                .scopes(["a b"])
                .build(),
            "scopes(…)",
        ),
        (
            PrivateKeyJwt::new(SERVER, "c", Arc::new(hmac.unwrap())).build(),
            "shared secret",
        ),
        (Workload::new(SERVER, "c", source()).build(), "issuer(…)"),
        (company().build(), "identity_provider(…)"),
        (
            company().identity_provider("http://idp.test", "c").build(),
            "identity provider",
        ),
        (
            company()
                .identity_provider(IDP, "c")
                .identity_provider_token_endpoint("http://10.0.0.1/token")
                .build(),
            "identity provider",
        ),
    ] {
        let error = built.unwrap_err();
        assert!(matches!(
            error,
            OAuthError::Configuration(_) | OAuthError::NotPermitted(_)
        ));
        assert!(error.to_string().contains(sentence), "{error}");
    }
}

#[tokio::test]
async fn a_grant_type_that_is_not_offered_is_not_tried() {
    let scene = scene();
    scene.world.amend(
        SERVER_METADATA,
        &json!({ "grant_types_supported": ["authorization_code", "refresh_token"] }),
    );
    let workload = workload(&scene, from_fn(|_| async { Ok(Secret::new("t")) }));
    let company = company(&scene).build().unwrap();
    for machine in [credentials(&scene).build().unwrap(), workload, company] {
        let error = refuse(&machine, 401, CHALLENGE, 0).await.unwrap_err();
        assert!(error.to_string().contains("does not offer"), "{error}");
    }
    assert!(scene.world.asked(TOKEN).is_empty());
    assert!(scene.world.asked(&format!("{IDP}/token")).is_empty());
}

#[tokio::test]
async fn many_requests_at_once_cause_one_request_for_a_token_before_it_ends_too() {
    let scene = scene();
    let machine = credentials(&scene).build().unwrap();
    let all = (0..50).map(|_| refuse(&machine, 401, CHALLENGE, 0));
    for next in futures_util::future::join_all(all).await {
        assert_eq!(next.unwrap(), Next::Again);
    }
    assert_eq!(scene.world.asked(TOKEN).len(), 1);
    // A minute before its end.
    scene.clock.advance(Lifetime::from_secs(3_600 - 61));
    assert_eq!(shows(&machine).await.unwrap(), "Bearer access-1");
    scene.clock.advance(Lifetime::from_secs(2));
    let all = (0..50).map(|_| shows(&machine));
    for shown in futures_util::future::join_all(all).await {
        assert_eq!(shown.unwrap(), "Bearer access-2");
    }
    assert_eq!(scene.world.asked(TOKEN).len(), 2);
    // An outage takes nothing away that is still good.
    scene.clock.advance(Lifetime::from_secs(3_600 - 30));
    scene.world.always(TOKEN, Reply::of(503, ""));
    assert_eq!(shows(&machine).await.unwrap(), "Bearer access-2");
    scene.clock.advance(Lifetime::from_secs(30));
    let error = header(&machine).await.unwrap_err();
    assert!(error.to_string().contains("try again later"), "{error}");
}

#[tokio::test]
async fn i11_a_scope_that_is_missing_is_asked_for_besides_the_others_three_times_at_most() {
    let scene = scene();
    let machine = credentials(&scene).build().unwrap();
    refuse(&machine, 401, CHALLENGE, 0).await.unwrap();
    let missing = |scope: &str| format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
    assert_eq!(
        refuse(&machine, 403, &missing("write"), 0).await.unwrap(),
        Next::Again
    );
    let asked = scene.world.asked(TOKEN);
    assert_eq!(asked[1].field("scope").unwrap(), "read write");
    assert_eq!(shows(&machine).await.unwrap(), "Bearer access-2");
    // The same once more changes nothing.
    let next = refuse(&machine, 403, &missing("write"), 1).await.unwrap();
    assert_eq!(next, Next::GiveUp);
    for (scope, expected) in [("a", Next::Again), ("b", Next::Again), ("c", Next::GiveUp)] {
        let next = refuse(&machine, 403, &missing(scope), 1).await.unwrap();
        assert_eq!(next, expected, "{scope}");
    }
    assert_eq!(scene.world.asked(TOKEN).len(), 4);
    // A refusal leaves what there was.
    let scene = self::scene();
    let machine = credentials(&scene).build().unwrap();
    refuse(&machine, 401, CHALLENGE, 0).await.unwrap();
    scene.world.always(TOKEN, Reply::error("invalid_scope"));
    assert!(refuse(&machine, 403, &missing("admin"), 0).await.is_err());
    assert_eq!(shows(&machine).await.unwrap(), "Bearer access-1");
    // A new token that is refused as well stays refused.
    let next = refuse(&machine, 401, CHALLENGE, 1).await.unwrap();
    assert_eq!(next, Next::GiveUp);
}

#[tokio::test]
async fn dp_01_a_program_binds_its_tokens_and_proves_each_request() {
    let bearer = scene();
    offers_bound(&bearer);
    let machine = credentials(&bearer).dpop().build().unwrap();
    let error = refuse(&machine, 401, CHALLENGE, 0).await.unwrap_err();
    assert!(error.to_string().contains("not bound"), "{error}");
    assert_eq!(bearer.world.asked(TOKEN).len(), 1);
    let unable = scene();
    let machine = credentials(&unable).dpop().build().unwrap();
    assert!(refuse(&machine, 401, CHALLENGE, 0).await.is_err());
    assert!(unable.world.asked(TOKEN).is_empty());

    let scene = scene();
    offers_bound(&scene);
    // The authorization server wants a nonce first (RFC 9449 §8).
    scene.world.play(TOKEN, |asked| {
        let proof = asked.headers.get("dpop").unwrap().to_str().unwrap();
        let proof = decode_unverified(proof).unwrap();
        let claims: Value = serde_json::from_slice(proof.payload()).unwrap();
        if claims["nonce"] != "n1" {
            return Reply::error("use_dpop_nonce").header("dpop-nonce", "n1");
        }
        Reply::json(&json!({"access_token": "bound", "token_type": "DPoP", "expires_in": 600}))
    });
    let machine = credentials(&scene).dpop().build().unwrap();
    refuse(&machine, 401, CHALLENGE, 0).await.unwrap();
    let mut proofs = Vec::new();
    for _ in 0..2 {
        let headers = header(&machine).await.unwrap();
        assert_eq!(headers["authorization"], "DPoP bound");
        proofs.push(headers["dpop"].clone());
    }
    assert_ne!(proofs[0], proofs[1]);
    // The resource wants a nonce of its own, and gets it without another token.
    let url = Url::parse(SERVER).unwrap();
    let request = Outgoing::new(&Method::POST, &url);
    let shown = header(&machine).await.unwrap();
    let mut headers = HeaderMap::new();
    let challenge = r#"DPoP error="use_dpop_nonce""#;
    headers.insert("www-authenticate", challenge.parse().unwrap());
    headers.insert("dpop-nonce", "n2".parse().unwrap());
    let refused = Refused::new(request, "x", &shown, StatusCode::UNAUTHORIZED, &headers, 1);
    assert_eq!(machine.refused(refused).await.unwrap(), Next::Again);
    let again = header(&machine).await.unwrap();
    let proof = decode_unverified(again["dpop"].to_str().unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(proof.payload()).unwrap();
    assert_eq!(claims["nonce"], "n2");
    assert!(claims["ath"].is_string());
    assert_eq!(scene.world.asked(TOKEN).len(), 2);
}

fn offers_bound(scene: &Scene) {
    scene.world.amend(
        SERVER_METADATA,
        &json!({
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "dpop_signing_alg_values_supported": ["ES256"],
        }),
    );
}
