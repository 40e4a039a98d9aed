//! Who the client is at an authorization server.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_oauth_client::oauth::Secret;
use countersign_oauth_client::oauth::jose::{Algorithm, SigningKey};
use serde_json::json;

use crate::world::*;

const DOCUMENT: &str = "https://client.test/about.json";

fn with_every_way(scene: &Scene) {
    scene.world.amend(
        SERVER_METADATA,
        &json!({ "client_id_metadata_document_supported": true }),
    );
}

fn client_of(scene: &Scene) -> String {
    let seen = scene.person.seen();
    parameter(seen.last().unwrap(), "client_id").unwrap()
}

#[tokio::test]
async fn i15_an_answer_of_the_registration_endpoint_that_is_none_is_refused() {
    for (reply, says) in [
        (Reply::of(201, "<html>"), "not JSON"),
        (Reply::of(201, "{}"), "no client id"),
        (Reply::of(201, r#"{"client_id":""}"#), "no client id"),
        (Reply::of(201, r#"{"client_id":7}"#), "no client id"),
        (
            Reply::of(201, "{\"client_id\":\"a\\u0000\"}"),
            "no client id",
        ),
        (
            Reply::of(
                201,
                r#"{"client_id":"a","redirect_uris":["javascript:alert(1)"]}"#,
            ),
            "other redirect URIs",
        ),
        (
            Reply::of(201, r#"{"client_id":"a","redirect_uris":"x"}"#),
            "redirect_uris are none",
        ),
        (
            Reply::of(
                201,
                r#"{"client_id":"a","token_endpoint_auth_method":"client_secret_basic"}"#,
            ),
            "gives nothing for it",
        ),
        (
            Reply::of(
                201,
                r#"{"client_id":"a","token_endpoint_auth_method":"magic"}"#,
            ),
            "unknown way",
        ),
        (Reply::of(404, "{}"), "HTTP 404"),
        (Reply::of(302, "{}"), "redirects"),
        (Reply::of(303, "<html>"), "redirects"),
        (Reply::of(200, ""), "not JSON"),
        (
            Reply::of(201, r#"{"client_id":"a","client_secret":"a\nb"}"#),
            "secret is none",
        ),
        (
            Reply::of(
                201,
                json!({"client_id": "a", "client_secret": "s".repeat(5_000)}).to_string(),
            ),
            "secret is none",
        ),
        (
            Reply::of(201, r#"{"client_id":"a","client_id":"b"}"#),
            "twice",
        ),
    ] {
        let scene = Scene::new();
        scene.world.always(REGISTER, reply);
        let error = scene.client().login().await.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(scene.person.seen(), []);
    }
}

#[tokio::test]
async fn i15_a_script_beside_our_redirect_uri_is_never_followed() {
    let scene = Scene::new();
    let uris = json!([REDIRECT_URI, "javascript:alert(1)"]);
    let answer = json!({ "client_id": "a", "redirect_uris": uris });
    scene
        .world
        .always(REGISTER, Reply::of(201, answer.to_string()));
    scene.client().login().await.unwrap();
    let sent = parameter(&scene.person.seen()[0], "redirect_uri");
    assert_eq!(sent.as_deref(), Some(REDIRECT_URI));
}

#[tokio::test]
async fn i15_an_id_that_is_anothers_brings_nothing_of_theirs() {
    let scene = Scene::new();
    let methods = json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] });
    scene.world.amend(SERVER_METADATA, &methods);
    scene.world.json(
        REGISTER,
        &json!({ "client_id": "shared", "client_secret": "secret-of-as" }),
    );
    scene.client().login().await.unwrap();
    // A second server, with an authorization server that hands out the same id.
    let evil = "https://evil.test";
    scene.world.authorization_server(evil);
    scene.world.json(
        "https://evil.test/register",
        &json!({ "client_id": "shared", "token_endpoint_auth_method": "none" }),
    );
    let server = "https://two.test/mcp";
    let metadata = "https://two.test/.well-known/oauth-protected-resource/mcp";
    let document = json!({ "resource": server, "authorization_servers": [evil] });
    scene.world.json(metadata, &document);
    scene.world.forget_requests();
    let oauth = scene.builder_for(server).build().unwrap();
    oauth.login().await.unwrap();
    let said = scene.world.said();
    for canary in ["secret-of-as", "access-1\"", "refresh-1"] {
        assert!(!said.contains(canary), "{canary}");
    }
    assert_eq!(scene.world.asked(TOKEN).len(), 0);
}

#[tokio::test]
async fn i9_cl_14_after_the_authorization_server_changed_nothing_of_the_old_one_is_sent() {
    let scene = Scene::new();
    let methods = json!({ "token_endpoint_auth_methods_supported": ["client_secret_basic"] });
    scene.world.amend(SERVER_METADATA, &methods);
    scene.world.json(
        REGISTER,
        &json!({ "client_id": "old-client", "client_secret": "old-secret" }),
    );
    scene.client().login().await.unwrap();

    let new = "https://new.test";
    scene.world.authorization_server(new);
    let change = json!({ "authorization_servers": [new] });
    scene.world.amend(RESOURCE_METADATA, &change);
    scene.world.forget_requests();
    scene
        .clock
        .advance(countersign_oauth_client::oauth::Lifetime::from_hours(2));

    // A new run: the token has ended, so it would be refreshed.
    let oauth = scene.client();
    refuse(&oauth, 401, "Bearer", 0).await.unwrap();
    let said = scene.world.said();
    for canary in ["old-client", "old-secret", "refresh-1", "b2xkLWNsaWVudD"] {
        assert!(!said.contains(canary), "{canary}");
    }
    assert_eq!(scene.world.asked(TOKEN).len(), 0);
    assert_eq!(scene.world.asked("https://new.test/register").len(), 1);
    assert_eq!(shown(&oauth).await.unwrap(), "Bearer access-1");
    let logged_in = oauth.logged_in().await.unwrap().unwrap();
    assert_eq!(logged_in.issuer.as_str(), new);
}

#[tokio::test]
async fn cl_15_a_client_that_somebody_registered_is_not_shown_to_another_server() {
    // The settings say where it is registered.
    let scene = Scene::new();
    let settings = || scene.builder().client_id("pre");
    let secret = Secret::new("the-secret");
    let known = settings().client_secret(secret);
    let oauth = known.issuer("https://elsewhere.test").build().unwrap();
    let error = oauth.login().await.unwrap_err().to_string();
    assert!(
        error.contains("registered with https://elsewhere.test"),
        "{error}"
    );

    // They do not, for one without a secret, and it got tokens from one before.
    settings().build().unwrap().login().await.unwrap();
    let new = "https://new.test";
    scene.world.authorization_server(new);
    let change = json!({ "authorization_servers": [new] });
    scene.world.amend(RESOURCE_METADATA, &change);
    scene.world.forget_requests();
    let oauth = settings().build().unwrap();
    let error = oauth.login().await.unwrap_err().to_string();
    assert!(
        error.contains("got its tokens from https://as.test"),
        "{error}"
    );
    assert!(!scene.world.said().contains("the-secret"));
    assert_eq!(scene.world.asked("https://new.test/token").len(), 0);
}

#[tokio::test]
async fn cl_13_without_any_way_to_register_it_is_said_what_to_set() {
    let scene = Scene::new();
    scene
        .world
        .amend(SERVER_METADATA, &json!({ "registration_endpoint": null }));
    let error = scene.client().login().await.unwrap_err().to_string();
    assert!(
        error.contains("client_id(…)") && error.contains(REDIRECT_URI),
        "{error}"
    );
}

#[tokio::test]
async fn cl_16_a_redirect_uri_is_https_or_on_this_machine() {
    for (redirect_uri, accepted) in [
        ("http://client.test/callback", false),
        ("javascript:alert(1)", false),
        ("app.example:/callback", false),
        ("http://127.0.0.1.evil.test/callback", false),
        ("https://client.test/callback", true),
        ("http://[::1]:4000/callback", true),
    ] {
        let scene = Scene::new();
        scene.person.redirect_uri(redirect_uri);
        let outcome = scene.client().login().await;
        assert_eq!(outcome.is_ok(), accepted, "{redirect_uri}");
        assert_eq!(scene.world.asked(REGISTER).len(), usize::from(accepted));
    }
}

#[tokio::test]
async fn cl_08_cl_11_what_somebody_registered_comes_first_then_a_document_then_registration() {
    let scene = Scene::new();
    with_every_way(&scene);
    let all = scene
        .builder()
        .client_id("pre")
        .client_metadata_url(DOCUMENT);
    all.build().unwrap().login().await.unwrap();
    assert_eq!(client_of(&scene), "pre");

    let scene = Scene::new();
    with_every_way(&scene);
    let document = scene.builder().client_metadata_url(DOCUMENT);
    document.build().unwrap().login().await.unwrap();
    assert_eq!(client_of(&scene), DOCUMENT);
    assert_eq!(scene.world.asked(REGISTER).len(), 0);

    // CL-09: only where such documents are read.
    let scene = Scene::new();
    let document = scene.builder().client_metadata_url(DOCUMENT);
    document.build().unwrap().login().await.unwrap();
    assert_eq!(client_of(&scene), "client-1 of https://as.test");
}

#[test]
fn cl_09_the_address_of_a_document_is_https_with_a_path() {
    for url in [
        "http://client.test/about.json",
        "https://client.test",
        "https://client.test/",
        "https://client.test/a/../b",
        "https://client.test/a#b",
        "https://u@client.test/a",
    ] {
        let scene = Scene::new();
        let error = scene
            .builder()
            .client_metadata_url(url)
            .build()
            .unwrap_err();
        assert!(error.to_string().contains("client_metadata_url"), "{url}");
    }
}

#[tokio::test]
async fn cl_12_registration_says_what_kind_of_application_it_is_and_what_it_wants() {
    for (redirect_uri, kind) in [
        (REDIRECT_URI, "native"),
        ("https://client.test/callback", "web"),
    ] {
        let scene = Scene::new();
        scene.person.redirect_uri(redirect_uri);
        scene.client().login().await.unwrap();
        let said = scene.world.one(REGISTER).json();
        assert_eq!(said["application_type"], kind);
        assert_eq!(said["redirect_uris"], json!([redirect_uri]));
        // CL-32: a refresh token is asked for and not assumed.
        let grants = json!(["authorization_code", "refresh_token"]);
        assert_eq!(said["grant_types"], grants);
        assert_eq!(said["client_name"], "Test");
    }
}

#[tokio::test]
async fn a_registration_is_used_again_whatever_port_the_listener_has() {
    let scene = Scene::new();
    scene.client().login().await.unwrap();
    scene.person.redirect_uri("http://127.0.0.1:5555/callback");
    scene.client().login().await.unwrap();
    assert_eq!(scene.world.asked(REGISTER).len(), 1);
    scene.person.redirect_uri("http://127.0.0.1:5555/other");
    scene.client().login().await.unwrap();
    assert_eq!(scene.world.asked(REGISTER).len(), 2);
}

#[tokio::test]
async fn a_client_that_its_server_has_forgotten_is_registered_once_more() {
    let scene = Scene::new();
    scene.client().login().await.unwrap();
    scene.world.play(TOKEN, |asked| {
        let client = asked.field("client_id").unwrap();
        if client.starts_with("client-1 ") {
            return Reply::of(401, r#"{"error":"invalid_client"}"#);
        }
        Reply::json(&json!({ "access_token": "new", "token_type": "bearer" }))
    });
    let oauth = scene.client();
    oauth.login().await.unwrap();
    assert_eq!(scene.world.asked(REGISTER).len(), 2);
    assert_eq!(shown(&oauth).await.unwrap(), "Bearer new");
    // Not more than once.
    scene
        .world
        .always(TOKEN, Reply::of(401, r#"{"error":"invalid_client"}"#));
    let error = scene.client().login().await.unwrap_err();
    assert!(error.is_invalid_client());
    assert_eq!(scene.world.asked(REGISTER).len(), 3);
}

#[tokio::test]
async fn cl_35_one_way_of_authentication_is_used_and_the_server_offers_it() {
    let basic = format!("Basic {}", STANDARD.encode("a%2Fid:s%26ecret"));
    for (methods, header, post) in [
        (
            json!(["client_secret_basic", "client_secret_post"]),
            true,
            false,
        ),
        (json!(["client_secret_post"]), false, true),
        // RFC 8414 §2: without a word about it.
        (json!(null), true, false),
    ] {
        let scene = Scene::new();
        let change = json!({ "token_endpoint_auth_methods_supported": methods });
        scene.world.amend(SERVER_METADATA, &change);
        let settings = scene.builder().client_id("a/id").issuer(ISSUER);
        let oauth = settings
            .client_secret(Secret::new("s&ecret"))
            .build()
            .unwrap();
        oauth.login().await.unwrap();
        let asked = scene.world.one(TOKEN);
        assert_eq!(asked.authorization(), header.then_some(basic.as_str()));
        let secret = asked.field("client_secret");
        assert_eq!(secret.as_deref(), post.then_some("s&ecret"));
        assert_eq!(asked.field("client_assertion"), None);
        assert!(!scene.person.seen()[0].as_str().contains("ecret"));
    }
    // Neither is offered.
    let scene = Scene::new();
    let settings = scene.builder().client_id("a").issuer(ISSUER);
    let oauth = settings.client_secret(Secret::new("s")).build().unwrap();
    let error = oauth.login().await.unwrap_err().to_string();
    assert!(error.contains("takes no client secret"), "{error}");
}

#[tokio::test]
async fn cl_10_cl_35_a_client_with_a_key_signs_an_assertion_for_the_issuer() {
    let scene = Scene::new();
    scene.world.amend(
        SERVER_METADATA,
        &json!({
            "client_id_metadata_document_supported": true,
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
        }),
    );
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &random).unwrap();
    let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
    let settings = scene.builder().client_metadata_url(DOCUMENT);
    let oauth = settings.private_key(Arc::new(key)).build().unwrap();
    oauth.login().await.unwrap();
    let asked = scene.world.one(TOKEN);
    assert_eq!(asked.authorization(), None);
    assert_eq!(asked.field("client_id").as_deref(), Some(DOCUMENT));
    let assertion = asked.field("client_assertion").unwrap();
    let claims = countersign_oauth_client::oauth::jose::decode_unverified(&assertion).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(claims.payload()).unwrap();
    assert_eq!(claims["aud"], ISSUER);
    assert_eq!(claims["iss"], DOCUMENT);
    assert_eq!(claims["sub"], DOCUMENT);
}

#[test]
fn cl_14_settings_that_do_not_go_together_stop_the_start() {
    let scene = Scene::new();
    for (settings, says) in [
        (
            scene.builder().client_secret(Secret::new("s")),
            "set client_id(…)",
        ),
        (scene.builder().issuer(ISSUER), "set client_id(…)"),
        (scene.builder().client_id(""), "client_id(…)"),
        (
            scene
                .builder()
                .client_id("a")
                .client_secret(Secret::new("")),
            "is empty",
        ),
        (
            scene
                .builder()
                .client_id("a")
                .client_secret(Secret::new("s")),
            "set issuer(…)",
        ),
        (scene.builder().client_id("a").issuer("as"), "issuer(…)"),
        (scene.builder().scopes(["a b"]), "scopes(…)"),
    ] {
        let error = settings.build().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
