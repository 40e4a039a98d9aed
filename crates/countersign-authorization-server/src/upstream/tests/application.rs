//! How our application authenticates at the provider.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_oauth::client_authentication::assertion::AssertionRules;
use countersign_oauth::jose::{Algorithm, JwkSet, KeyOrigin, SigningKey};
use countersign_oauth::{ClientId, Issuer, Lifetime};
use testkit::TestKey;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::upstream::AssertionAudience;

fn opaque() -> String {
    plain_with("nonce = true", "nonce = false")
        .replace("source = \"id_token\"", "source = \"userinfo\"")
}

fn script() -> Script {
    let script = script_with("");
    script.json("/userinfo", &json!({"sub": "alice"}));
    script
}

#[tokio::test]
async fn client_secret_basic_encodes_both_before_they_are_joined() {
    let script = script();
    let id = "app:1 é";
    let text = opaque();
    // An id that RFC 6749 appendix A.1 does not know.
    let refused = Upstream::builder(unfilled(&text), id).secret(Secret::new("x"));
    assert!(refused.build().is_err());
    let upstream = Upstream::builder(unfilled(&text), "app:1 %")
        .secret(Secret::new("s:+ &=\u{fc}%"))
        .fetcher(script.clone())
        .build()
        .unwrap();
    redeem(&upstream, &attempt()).await.unwrap();
    let asked = script.one("/token");
    let header = asked.header("authorization").unwrap();
    let encoded = header.strip_prefix("Basic ").unwrap();
    let pair = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
    assert_eq!(pair, "app%3A1%20%25:s%3A%2B%20%26%3D%C3%BC%25");
    assert!(asked.headers["authorization"].is_sensitive());
    assert_eq!(asked.field("client_secret"), None);
    assert_eq!(asked.field("client_id"), None);
}

/// As [`provider`], for any client id.
fn unfilled(text: &str) -> Provider {
    Preset::parse(text).unwrap().fill(&BTreeMap::new()).unwrap()
}

#[tokio::test]
async fn client_secret_post_sends_both_in_the_body() {
    let script = script();
    let upstream = builder(&opaque(), &script)
        .authentication(TokenEndpointAuthMethod::ClientSecretPost)
        .build()
        .unwrap();
    redeem(&upstream, &attempt()).await.unwrap();
    let asked = script.one("/token");
    assert_eq!(asked.field("client_id").as_deref(), Some(CLIENT));
    assert_eq!(asked.field("client_secret").as_deref(), Some(SECRET));
    assert_eq!(asked.header("authorization"), None);
}

#[tokio::test]
async fn a_public_application_sends_its_id_and_its_proof() {
    let script = script();
    let upstream = Upstream::builder(provider(&opaque()), CLIENT)
        .public()
        .fetcher(script.clone())
        .build()
        .unwrap();
    redeem(&upstream, &attempt()).await.unwrap();
    let asked = script.one("/token");
    assert_eq!(asked.field("client_id").as_deref(), Some(CLIENT));
    assert_eq!(asked.field("client_secret"), None);
    assert_eq!(asked.header("authorization"), None);
    assert!(asked.field("code_verifier").is_some());
}

fn signing_key() -> SigningKey {
    let pem = Secret::new(TestKey::e1().private_pem());
    SigningKey::from_pkcs8_pem(&pem)
        .unwrap()
        .with_kid("k-1")
        .unwrap()
}

#[tokio::test]
async fn private_key_jwt_is_for_the_issuer_alone_and_fresh_each_time() {
    let script = script();
    let upstream = Upstream::builder(provider(&opaque()), CLIENT)
        .private_key(signing_key())
        .fetcher(script.clone())
        .build()
        .unwrap();
    redeem(&upstream, &attempt()).await.unwrap();
    redeem(&upstream, &attempt()).await.unwrap();
    let key = TestKey::e1().with_kid("k-1").jwk();
    let set = json!({"keys": [key]}).to_string();
    let keys = JwkSet::parse(set.as_bytes(), KeyOrigin::Local).unwrap().set;
    let client = ClientId::parse(CLIENT).unwrap();
    let rules = AssertionRules::new(Issuer::parse(OP).unwrap(), Lifetime::ZERO);
    let mut ids = Vec::new();
    for asked in script.asked("/token") {
        assert_eq!(asked.field("client_id").as_deref(), Some(CLIENT));
        assert_eq!(
            asked.field("client_assertion_type").as_deref(),
            Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        );
        let assertion = Secret::new(asked.field("client_assertion").unwrap());
        let verified = rules.verify(&assertion, &client, &keys, &[Algorithm::ES256], NOW);
        ids.push(verified.unwrap().jti);
        let expired = rules.verify(&assertion, &client, &keys, &[Algorithm::ES256], later(60));
        assert!(expired.is_err());
    }
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn an_assertion_names_the_certificate_of_its_key() {
    let script = script();
    let build = |certificate: &str, key: Option<SigningKey>| {
        let mut builder = Upstream::builder(provider(&opaque()), CLIENT)
            .certificate(certificate)
            .fetcher(script.clone());
        if let Some(key) = key {
            builder = builder.private_key(key);
        }
        builder.build()
    };
    let own = TestKey::e1().certificate_pem();
    for (certificate, key, told) in [
        (own, None, "no private key"),
        ("soon", Some(signing_key()), "CERTIFICATE"),
        (
            TestKey::r1().certificate_pem(),
            Some(signing_key()),
            "not of this private key",
        ),
    ] {
        let error = build(certificate, key).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
    redeem(&build(own, Some(signing_key())).unwrap(), &attempt())
        .await
        .unwrap();
    let assertion = script.one("/token").field("client_assertion").unwrap();
    let header = assertion.split('.').next().unwrap();
    let header = base64::Engine::decode(&URL_SAFE_NO_PAD, header).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header["x5t#S256"].as_str().unwrap().len(), 43);
    assert_eq!(header["kid"], "k-1");
}

#[tokio::test]
async fn an_assertion_can_be_for_the_token_endpoint() {
    let script = script();
    let upstream = Upstream::builder(provider(&opaque()), CLIENT)
        .private_key(signing_key())
        .assertion_audience(AssertionAudience::TokenEndpoint)
        .fetcher(script.clone())
        .build()
        .unwrap();
    redeem(&upstream, &attempt()).await.unwrap();
    let assertion = script.one("/token").field("client_assertion").unwrap();
    let unverified = countersign_oauth::jose::decode_unverified(&assertion).unwrap();
    let claims: Value = serde_json::from_slice(unverified.payload()).unwrap();
    assert_eq!(claims["aud"], "https://op.example/token");
    assert_eq!(unverified.header().kid.as_deref(), Some("k-1"));
}
