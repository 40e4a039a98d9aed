//! Identity assertions (ID-JAGs) of the identity provider of a company: rows EM-02 to
//! EM-05, EM-08, C42 and A46.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_authorization_server::TrustedIdentityProvider;
use countersign_authorization_server::accounts::AccountName;
use countersign_authorization_server::oauth::jose::{Algorithm, SigningKey, sign_compact};
use countersign_authorization_server::oauth::{ClientId, Secret};
use countersign_authorization_server::store::Kind;
use countersign_resource_server::Keys;
use countersign_resource_server::ReplaceableKeys;
use serde_json::{Value, json};

use super::*;

const TYP: &str = "oauth-id-jag+jwt";

fn provider(issuer: &Issuer) -> TrustedIdentityProvider {
    TrustedIdentityProvider::new("acme", IDP).keys(issuer.keys())
}

/// A server that believes `issuer`.
async fn believing(issuer: &Issuer) -> World {
    machines(|builder| builder.identity_assertions(provider(issuer))).await
}

/// Claims of a good assertion for E, with `changes`; null removes.
fn claims(world: &World, changes: &Value) -> Value {
    let now = world.clock.now().as_secs();
    changed(
        json!({
            "iss": IDP, "sub": "U1", "aud": ISSUER, "client_id": "E", "resource": RESOURCE,
            "iat": now, "exp": now + 300, "jti": "one", "scope": "read",
        }),
        changes,
    )
}

fn good(world: &World, issuer: &Issuer, jti: &str) -> String {
    issuer.sign(Some(TYP), &claims(world, &json!({"jti": jti})))
}

#[tokio::test]
async fn em_02_em_03_c42_an_assertion_that_breaks_a_rule_is_refused_and_keeps_its_id() {
    let issuer = Issuer::new();
    let world = believing(&issuer).await;
    let now = world.clock.now().as_secs();
    for changes in [
        json!({"iss": null}),
        json!({"iss": "https://evil.test"}),
        json!({"iss": "https://idp.test/"}),
        json!({"iss": [IDP]}),
        json!({"aud": null}),
        json!({"aud": RESOURCE}),
        json!({"aud": format!("{ISSUER}/")}),
        json!({"aud": format!("{ISSUER}/token")}),
        json!({"aud": [ISSUER, "https://other.test"]}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": 1}),
        json!({"sub": "a\nb"}),
        json!({"sub": "x".repeat(1_025)}),
        json!({"client_id": null}),
        json!({"client_id": "F"}),
        json!({"client_id": ["E"]}),
        json!({"resource": null}),
        json!({"resource": "https://rs.test/other"}),
        json!({"resource": "https://evil.test/mcp"}),
        json!({"resource": [RESOURCE, UPSTREAM]}),
        json!({"resource": 1}),
        json!({"iat": null}),
        json!({"iat": now + 61}),
        json!({"iat": "now"}),
        json!({"nbf": now + 61}),
        json!({"exp": null}),
        json!({"exp": now - 61}),
        json!({"exp": now + 3_601}),
        json!({"exp": "later"}),
        json!({"jti": null}),
        json!({"jti": ""}),
        json!({"jti": 1}),
        json!({"jti": "x".repeat(513)}),
        json!({"scope": ["read"]}),
        json!({"scope": "re\"ad"}),
        json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}),
    ] {
        let assertion = issuer.sign(Some(TYP), &claims(&world, &changes));
        let seen = world.present("E", &assertion, &[]).await;
        seen.assert_tok("invalid_grant");
        assert!(
            world
                .last_refusal()
                .contains("reason=invalid_grant detail=")
        );
    }
    assert_eq!(world.count(Kind::AssertionId).await, 0);
    assert_eq!(world.count(Kind::Grant).await, 0);
    assert_eq!(world.count(Kind::Account).await, 0);
    // None of them used up the id.
    let seen = world.present("E", &good(&world, &issuer, "one"), &[]).await;
    only_access(&seen);
}

#[tokio::test]
async fn a46_em_02_every_other_kind_of_token_is_none() {
    let issuer = Issuer::new();
    let world = believing(&issuer).await;
    let claims = claims(&world, &json!({}));
    for typ in [
        None,
        Some("JWT"),
        Some("refresh+jwt"),
        Some("logout+jwt"),
        Some("dpop+jwt"),
        Some("client-authentication+jwt"),
        Some("application/at+jwt"),
        Some("AT+JWT"),
        Some("oauth-id-jag+jwt2"),
        Some("x/oauth-id-jag+jwt"),
    ] {
        let seen = world.present("E", &issuer.sign(typ, &claims), &[]).await;
        seen.assert_tok("invalid_grant");
    }
    // RFC 7515 §4.1.9: the prefix may be left out, and the case does not count.
    let typ = Some("Application/OAuth-ID-JAG+jwt");
    only_access(&world.present("E", &issuer.sign(typ, &claims), &[]).await);
}

#[tokio::test]
async fn em_02_em_08_only_the_keys_of_the_issuer_and_its_algorithms_count() {
    let issuer = Issuer::new();
    let world = believing(&issuer).await;
    let payload = claims(&world, &json!({})).to_string();
    let stranger = Issuer::new();
    let random = SystemRandom::new();
    let public = serde_json::to_string(&issuer.key.public_jwk().unwrap()).unwrap();
    let hmac = SigningKey::from_hmac_secret(&Secret::new(public), Algorithm::HS256).unwrap();
    let hmac = hmac.with_kid("k").unwrap();
    let pem = SigningKey::generate_pkcs8_pem(Algorithm::EdDSA, &random).unwrap();
    let other = SigningKey::from_pkcs8_pem(&pem).unwrap();
    let other = other.with_kid("k").unwrap();
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let header = json!({"alg": "none", "typ": TYP}).to_string();
    let sign = |key: &SigningKey| sign_compact(Some(TYP), payload.as_bytes(), key, &random);
    let mut cut = sign(&issuer.key).unwrap();
    cut.pop();
    for assertion in [
        format!(
            "{}.{}.",
            encode(header.as_bytes()),
            encode(payload.as_bytes())
        ),
        sign(&hmac).unwrap(),
        sign(&other).unwrap(),
        sign(&stranger.key).unwrap(),
        cut,
        "a.b.c".to_owned(),
        "x".to_owned(),
    ] {
        let seen = world.present("E", &assertion, &[]).await;
        seen.assert_tok("invalid_grant");
    }
    // An algorithm that the operator does not allow.
    let narrow = machines(|builder| {
        builder.identity_assertions(provider(&issuer).algorithms([Algorithm::RS256]))
    })
    .await;
    let seen = narrow.present("E", &good(&narrow, &issuer, "1"), &[]).await;
    seen.assert_tok("invalid_grant");
    // Keys that were replaced are good for nothing any more.
    let jwk = |issuer: &Issuer| {
        let jwk = serde_json::to_string(&issuer.key.public_jwk().unwrap());
        Keys::jwk(jwk.unwrap())
    };
    let keys = ReplaceableKeys::new(&jwk(&issuer)).unwrap();
    let rotating = provider(&issuer).keys(Keys::replaceable(&keys));
    let rotating = machines(|builder| builder.identity_assertions(rotating)).await;
    only_access(
        &rotating
            .present("E", &good(&rotating, &issuer, "1"), &[])
            .await,
    );
    keys.replace(&jwk(&stranger)).unwrap();
    let old = good(&rotating, &issuer, "2");
    let old = rotating.present("E", &old, &[]).await;
    old.assert_tok("invalid_grant");
    only_access(
        &rotating
            .present("E", &good(&rotating, &stranger, "2"), &[])
            .await,
    );
}

#[tokio::test]
async fn c42_em_02_only_the_client_that_it_was_made_for_may_present_it_and_proves_that() {
    let issuer = Issuer::new();
    let world = believing(&issuer).await;
    let assertion = good(&world, &issuer, "one");
    world
        .present("F", &assertion, &[])
        .await
        .assert_tok("invalid_grant");
    // A public client proves nothing.
    let for_public = issuer.sign(Some(TYP), &claims(&world, &json!({"client_id": "W"})));
    world
        .present("W", &for_public, &[])
        .await
        .assert_tok("unauthorized_client");
    // A client that did not register the grant type.
    world
        .present("S", &assertion, &[])
        .await
        .assert_tok("unauthorized_client");
    let parameters = [
        ("grant_type", JWT_BEARER),
        ("assertion", assertion.as_str()),
        ("client_id", "E"),
    ];
    let seen = world.post("/token", &parameters).await;
    seen.assert_tok("invalid_client");
    let none: [(&str, &str); 1] = [("grant_type", JWT_BEARER)];
    let seen = world.post_as("E", &none).await;
    seen.assert_tok("invalid_request");
    only_access(&world.present("E", &assertion, &[]).await);
}

#[tokio::test]
async fn em_03_the_request_cannot_name_another_resource_than_the_assertion() {
    let issuer = Issuer::new();
    let world = believing(&issuer).await;
    let assertion = good(&world, &issuer, "one");
    let more = [("resource", UPSTREAM)];
    let seen = world.present("E", &assertion, &more).await;
    seen.assert_tok("invalid_target");
    let more = [("resource", RESOURCE)];
    let token = only_access(&world.present("E", &assertion, &more).await);
    assert_eq!(world.told_about(&token).await["aud"], RESOURCE);
}

#[tokio::test]
async fn em_05_what_is_issued_is_in_the_assertion_the_request_and_the_rules_of_the_operator() {
    let issuer = Issuer::new();
    let world = believing(&issuer).await;
    let narrow = provider(&issuer).scopes(["read"]);
    let narrow = machines(|builder| builder.identity_assertions(narrow)).await;
    for (server, in_assertion, requested, issued) in [
        (&world, json!("read"), "", Some("read")),
        (&world, json!("read"), "read write", Some("read")),
        (&world, json!("read write"), "write", Some("write")),
        (&world, json!("read admin"), "", Some("read")),
        (&world, json!("read"), "write", None),
        (&world, json!("admin"), "", None),
        (&world, Value::Null, "", Some("read write")),
        (&world, Value::Null, "write", Some("write")),
        (&world, Value::Null, "admin", None),
        (&narrow, json!("read write"), "", Some("read")),
        (&narrow, Value::Null, "write", None),
    ] {
        let jti = format!("{in_assertion} {requested}");
        let changes = json!({"scope": in_assertion, "jti": jti});
        let assertion = issuer.sign(Some(TYP), &claims(server, &changes));
        let seen = server
            .present("E", &assertion, &[("scope", requested)])
            .await;
        let Some(issued) = issued else {
            seen.assert_tok("invalid_scope");
            continue;
        };
        let token = only_access(&seen);
        assert_eq!(seen.json()["scope"], issued, "{jti}");
        assert_eq!(server.told_about(&token).await["scope"], issued);
    }
}

#[tokio::test]
async fn em_02_whoever_an_issuer_names_has_one_account_and_never_that_of_another_issuer() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let beta = TrustedIdentityProvider::new("beta", "https://beta.test").keys(other.keys());
    let world = machines(|builder| {
        let builder = builder.identity_assertions(provider(&issuer));
        builder.identity_assertions(beta)
    })
    .await;
    let subject = async |assertion: &str| {
        let token = only_access(&world.present("E", assertion, &[]).await);
        world.told_about(&token).await["sub"].clone()
    };
    let first = subject(&good(&world, &issuer, "1")).await;
    assert_eq!(subject(&good(&world, &issuer, "2")).await, first);
    assert_ne!(first, "U1");
    let beta = claims(&world, &json!({"iss": "https://beta.test"}));
    assert_ne!(subject(&other.sign(Some(TYP), &beta)).await, first);
    assert_eq!(world.count(Kind::Account).await, 2);
    // The keys of one issuer say nothing about people of another.
    let stolen = claims(&world, &json!({"jti": "3"}));
    let stolen = other.sign(Some(TYP), &stolen);
    let seen = world.present("E", &stolen, &[]).await;
    seen.assert_tok("invalid_grant");
}

#[tokio::test]
async fn em_09_a_disabled_person_gets_no_tokens_and_the_token_of_before_is_dead() {
    let issuer = Issuer::new();
    let world = believing(&issuer).await;
    let token = only_access(&world.present("E", &good(&world, &issuer, "1"), &[]).await);
    assert!(world.is_active(&token).await);
    let accounts = world.server.people().unwrap().accounts();
    let name = &AccountName::parse_any("acme:U1").unwrap();
    accounts.disable(name).await.unwrap();
    assert!(!world.is_active(&token).await);
    let assertion = good(&world, &issuer, "2");
    let refused = world.present("E", &assertion, &[]).await;
    refused.assert_tok("invalid_grant");
    accounts.enable(name).await.unwrap();
    // What was refused is still good.
    let token = only_access(&world.present("E", &assertion, &[]).await);
    // The client can revoke what it got (RFC 7009 §2.1).
    let authorization = basic("E", SECRET);
    let parameters = [("token", token.as_str())];
    let seen = world.post_with("/revoke", Some(&authorization), &parameters);
    assert_eq!(seen.await.status, 200);
    assert!(!world.is_active(&token).await);
}

#[tokio::test]
async fn em_06_no_assertion_is_noted_or_echoed() {
    let issuer = Issuer::new();
    let world = believing(&issuer).await;
    let assertion = issuer.sign(
        Some(TYP),
        &claims(&world, &json!({"sub": "canary-subject"})),
    );
    let seen = world.present("F", &assertion, &[]).await;
    assert!(!seen.body.contains("canary"));
    only_access(&world.present("E", &assertion, &[]).await);
    let events = world.events.0.lock().unwrap().join("\n");
    let signature = assertion.rsplit('.').next().unwrap();
    assert!(events.contains(&format!("grant_type={JWT_BEARER}")));
    assert!(!events.contains("canary") && !events.contains(signature));
    let query = world.get(&format!("/token?assertion={assertion}")).await;
    assert_eq!(query.status, 405);
}

#[tokio::test]
async fn an_assertion_never_brings_a_refresh_token_whatever_the_client_may() {
    let issuer = Issuer::new();
    let world = believing(&issuer).await;
    let id = ClientId::parse("E").unwrap();
    let mut client = world.server.client(&id).await.unwrap().unwrap();
    let grants = &mut client.facts.metadata.grant_types;
    grants.push(GrantType::RefreshToken);
    world.replace("E", client.facts).await;
    let seen = world.present("E", &good(&world, &issuer, "1"), &[]).await;
    only_access(&seen);
    assert_eq!(world.count(Kind::RefreshToken).await, 0);
}

/// Answers every fetch with an error, and counts them.
#[derive(Debug, Default)]
struct Down(std::sync::atomic::AtomicUsize);

impl countersign_resource_server::fetch::Fetch for Down {
    fn fetch(
        &self,
        _request: http::Request<bytes::Bytes>,
    ) -> countersign_resource_server::fetch::Fetching<'_> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Box::pin(async {
            let answer = http::Response::builder().status(500);
            Ok(answer.body(bytes::Bytes::new()).unwrap())
        })
    }
}

#[tokio::test]
async fn em_02_an_identity_provider_that_is_down_is_no_refusal_and_uses_up_nothing() {
    let issuer = Issuer::new();
    let down = Arc::new(Down::default());
    let remote = TrustedIdentityProvider::new("acme", IDP).fetch(down.clone());
    let world = machines(|builder| builder.identity_assertions(remote)).await;
    let assertion = good(&world, &issuer, "1");
    let seen = world.present("E", &assertion, &[]).await;
    assert_eq!(seen.status, 503);
    assert!(seen.header("retry-after").is_some());
    let asked = down.0.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(asked, 1);
    assert_eq!(world.count(Kind::AssertionId).await, 0);
}
