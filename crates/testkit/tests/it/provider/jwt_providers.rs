//! Providers whose access tokens are JWTs, each with claims of its own.

use countersign_oauth::jose::{Algorithm, JwkSet, KeyOrigin, verify_compact};
use serde_json::json;
use testkit::provider::{Endpoint, FakeProviderBuilder};
use testkit::{AUDIENCE, FakeProvider};

use super::application::{Login, REDIRECT_URI, claims, parameter, reach};

async fn start(builder: FakeProviderBuilder) -> FakeProvider {
    builder.redirect_uri(REDIRECT_URI).start().await
}

#[tokio::test]
async fn auth0_needs_an_audience_it_knows_for_a_token_that_can_be_read() {
    let provider = start(FakeProvider::auth0()).await;
    let login = || Login::new(&provider, "openid profile");
    let bare = login().tokens("alice").await;
    let bare = bare["access_token"].as_str().unwrap();
    assert!(countersign_oauth::jose::decode_unverified(bare).is_err());
    let away = login()
        .asking("audience", "https://nobody.test/")
        .callback("alice")
        .await;
    assert!(
        parameter(&away, "error_description")
            .unwrap()
            .contains("Service not found")
    );
    let tokens = login().asking("audience", AUDIENCE).tokens("alice").await;
    let access = claims(tokens["access_token"].as_str().unwrap());
    let userinfo = provider.url(Endpoint::Userinfo).unwrap();
    assert_eq!(access["aud"], json!([AUDIENCE, userinfo]));
    assert_eq!(access["permissions"], json!(["read:notes"]));
    assert_eq!(access["azp"], provider.client_id());
    assert!(access["iss"].as_str().unwrap().ends_with('/'));
    assert!(access["sub"].as_str().unwrap().starts_with("auth0|"));
    let bob = login().asking("audience", AUDIENCE).tokens("bob").await;
    assert_eq!(
        claims(bob["access_token"].as_str().unwrap())["permissions"],
        json!([])
    );
}

#[tokio::test]
async fn okta_access_tokens_have_the_login_name_in_sub_and_need_state() {
    let provider = start(FakeProvider::okta()).await;
    let login = Login::new(&provider, "openid groups offline_access");
    let tokens = login.tokens("alice").await;
    let access = claims(tokens["access_token"].as_str().unwrap());
    assert_eq!(access["sub"], "alice@corp.example");
    assert_eq!(access["uid"], provider.subject("alice"));
    assert_eq!(access["cid"], provider.client_id());
    assert_eq!(access["aud"], "api://default");
    assert_eq!(access["scp"], json!(["openid", "groups", "offline_access"]));
    let id = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(id["sub"], provider.subject("alice"));
    assert_eq!(id["groups"], json!(["staff"]));
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let again = login.refresh(refresh).await.json().await;
    assert_eq!(
        again["refresh_token"], refresh,
        "it stays and is told again"
    );
    let stateless = Login::new(&provider, "openid").without("state");
    assert!(
        stateless
            .callback("alice")
            .await
            .contains("error=invalid_request")
    );
    let unknown = Login::new(&provider, "openid what");
    assert!(
        unknown
            .callback("alice")
            .await
            .contains("error=invalid_scope")
    );
}

#[tokio::test]
async fn keycloak_tokens_say_what_they_are_and_refresh_tokens_are_used_up() {
    let provider = start(FakeProvider::keycloak()).await;
    let login = Login::new(&provider, "openid profile");
    let away = login.callback("alice").await;
    assert_eq!(parameter(&away, "iss"), provider.issuer());
    assert!(parameter(&away, "session_state").is_some());
    let tokens = login.tokens("alice").await;
    let access = claims(tokens["access_token"].as_str().unwrap());
    let id = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(
        (&access["typ"], &id["typ"]),
        (&json!("Bearer"), &json!("ID"))
    );
    assert_eq!(
        (&access["aud"], &access["azp"]),
        (&json!("account"), &json!(provider.client_id()))
    );
    let first = tokens["refresh_token"].as_str().unwrap();
    let second = login.refresh(first).await.json().await;
    assert!(second["refresh_token"].is_string());
    assert_eq!(
        login.refresh(first).await.json().await["error"],
        "invalid_grant"
    );
    assert!(provider.is_live(second["refresh_token"].as_str().unwrap()));
}

#[tokio::test]
async fn access_tokens_are_for_whom_each_provider_says() {
    for (builder, issuer, audience) in [
        (
            FakeProvider::workos(),
            "",
            json!("client_of_the_environment"),
        ),
        (FakeProvider::scalekit(), "", json!(["res_123456789"])),
        (
            FakeProvider::scalekit_of_resource(),
            "/resources/res_123456789",
            json!(["res_123456789"]),
        ),
        (
            FakeProvider::descope(),
            "",
            json!(["P2abcdefghijklmnopqrstuvwxyz"]),
        ),
        (FakeProvider::supabase(), "", json!("authenticated")),
        (FakeProvider::firebase(), "", json!("my-project")),
        (FakeProvider::oci(), "", json!(["https://mcp.example.com/"])),
    ] {
        let provider = start(builder).await;
        let name = provider.behaviour().name;
        let token = claims(&provider.token_for("alice", &["openid"], None));
        assert_eq!(token["aud"], audience, "{name}");
        let expected = format!("{}{issuer}", provider.issuer().unwrap());
        assert_eq!(token["iss"], expected, "{name}");
    }
    for builder in [
        FakeProvider::authkit(),
        FakeProvider::scalekit(),
        FakeProvider::descope_of_server(),
    ] {
        let provider = start(builder).await;
        let token = claims(&provider.token_for("alice", &["openid"], Some(AUDIENCE)));
        let named = token["aud"].as_str().or_else(|| token["aud"][0].as_str());
        assert_eq!(named, Some(AUDIENCE), "{}", provider.behaviour().name);
    }
    let descope = start(FakeProvider::descope_of_server()).await;
    let token = claims(&descope.token_for("alice", &[], None));
    assert_ne!(token["iss"], descope.issuer().unwrap());
    let oci = start(FakeProvider::oci()).await;
    let token = claims(&oci.token_for("alice", &[], None));
    assert_eq!(
        (&token["tok_type"], &token["sub"]),
        (&json!("AT"), &json!("alice"))
    );
    assert_eq!(
        oci.issuer().as_deref(),
        Some("https://identity.oraclecloud.com/")
    );
}

#[tokio::test]
async fn supabase_signs_with_es256_and_needs_a_proof_key() {
    let provider = start(FakeProvider::supabase()).await;
    let (http, target) = reach(&provider.url(Endpoint::Jwks).unwrap());
    let keys = http.get(&target).send().await.bytes().await;
    let keys = JwkSet::parse(&keys, KeyOrigin::Remote).unwrap().set;
    let tokens = Login::new(&provider, "openid").tokens("alice").await;
    for name in ["access_token", "id_token"] {
        verify_compact(tokens[name].as_str().unwrap(), &keys, &[Algorithm::ES256]).unwrap();
    }
    let without = Login::new(&provider, "openid")
        .without("code_challenge")
        .without("code_challenge_method");
    assert!(
        without
            .callback("alice")
            .await
            .contains("error=invalid_request")
    );
}

#[tokio::test]
async fn firebase_keys_are_there_as_a_set_and_as_certificates() {
    let provider = start(FakeProvider::firebase()).await;
    let mut documents = Vec::new();
    for endpoint in [Endpoint::Jwks, Endpoint::Certificates] {
        let (http, target) = reach(&provider.url(endpoint).unwrap());
        let mut answer = http.get(&target).send().await;
        assert!(answer.header("cache-control").unwrap().contains("max-age"));
        documents.push(answer.json().await);
    }
    let certificate = documents[1]["r1"].as_str().unwrap();
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"));
    let keys = documents[0].to_string();
    let keys = JwkSet::parse(keys.as_bytes(), KeyOrigin::Remote)
        .unwrap()
        .set;
    let token = provider.token_for("alice", &[], None);
    verify_compact(&token, &keys, &[Algorithm::RS256]).unwrap();
    assert_eq!(claims(&token)["firebase"]["sign_in_provider"], "password");
}

#[tokio::test]
async fn workos_takes_the_secret_in_the_body_alone() {
    let provider = start(FakeProvider::workos()).await;
    let mut login = Login::new(&provider, "openid");
    assert!(login.tokens("alice").await["access_token"].is_string());
    login.authorization = Some(super::application::basic(
        provider.client_id(),
        provider.client_secret().unwrap(),
    ));
    let login = login.without("client_secret");
    assert_eq!(login.tokens("alice").await["error"], "invalid_client");
}
