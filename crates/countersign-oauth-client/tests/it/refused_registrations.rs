//! Authorization servers that register nobody, or not as they are asked to.

use countersign_oauth_client::OAuthError;
use serde_json::{Value, json};

use crate::world::*;

fn refusal(code: &str, description: &str) -> Reply {
    let body = json!({ "error": code, "error_description": description });
    Reply::of(400, body.to_string())
}

/// A server that registers only what `takes` likes and says otherwise what `refuses` makes.
fn strict(
    methods: &Value,
    takes: impl Fn(&Value) -> Option<Reply> + Send + Sync + 'static,
) -> Scene {
    let scene = Scene::new();
    let change = json!({ "token_endpoint_auth_methods_supported": methods });
    scene.world.amend(SERVER_METADATA, &change);
    scene.world.play(REGISTER, move |asked| {
        let mut said = asked.json();
        if let Some(refusal) = takes(&said) {
            return refusal;
        }
        said["client_id"] = "registered".into();
        said["client_secret"] = "the-secret".into();
        Reply::of(201, said.to_string())
    });
    scene
}

fn asked(scene: &Scene) -> Vec<Value> {
    let asked = scene.world.asked(REGISTER);
    asked.iter().map(Asked::json).collect()
}

#[tokio::test]
async fn cl_13_a_refusal_is_told_with_its_code_and_description_and_what_to_do() {
    let long = "x".repeat(5_000);
    for (status, body, reason) in [
        (
            400,
            json!({
                "error": "invalid_redirect_uri",
                "error_description": "only https\u{1b}[31m\r\n<script>\u{202e}",
            })
            .to_string(),
            "invalid_redirect_uri (only https[31m<script>)".to_owned(),
        ),
        (
            401,
            json!({ "error": "invalid_token", "error_description": 7 }).to_string(),
            "invalid_token".to_owned(),
        ),
        (
            403,
            json!({ "error": "access_denied", "error_description": long }).to_string(),
            format!("access_denied ({})", "x".repeat(300)),
        ),
        // A code that is none is not shown.
        (
            400,
            json!({ "error": "no\u{1b}such code", "message": "who are you" }).to_string(),
            "HTTP 400 (who are you)".to_owned(),
        ),
        (403, "<html>no</html>".to_owned(), "HTTP 403".to_owned()),
        (405, String::new(), "HTTP 405".to_owned()),
        // Whatever the status is, an error is no client.
        (
            201,
            r#"{"error":"unapproved_software_statement","client_id":"a"}"#.to_owned(),
            "unapproved_software_statement".to_owned(),
        ),
    ] {
        let scene = Scene::new();
        scene.world.always(REGISTER, Reply::of(status, body));
        let error = scene.client().login().await.unwrap_err();
        let text = format!(
            "the authorization server {ISSUER} does not register this client: {reason}; register \
             one there with the redirect URI {REDIRECT_URI} and name it with client_id(…)"
        );
        assert_eq!(error.to_string(), text);
        let OAuthError::NotRegistered { issuer, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(issuer, ISSUER);
        assert_eq!(scene.person.seen(), []);
        assert!(scene.world.asked(TOKEN).is_empty());
    }
}

#[tokio::test]
async fn cl_13_a_refusal_that_is_not_about_what_was_said_is_final() {
    for reply in [
        refusal("invalid_software_statement", "application_type"),
        refusal("unapproved_software_statement", "grant_types"),
        refusal("access_denied", ""),
        refusal("unauthorized_client", ""),
        Reply::of(401, ""),
        Reply::of(403, r#"{"message":"grant_types"}"#),
        Reply::of(404, ""),
        Reply::of(409, ""),
    ] {
        let scene = Scene::new();
        scene.world.always(REGISTER, reply.clone());
        scene.client().login().await.unwrap_err();
        assert_eq!(asked(&scene).len(), 1, "{reply:?}");
    }
    // Neither is an outage one, nor an answer that is none.
    for reply in [Reply::of(500, ""), Reply::of(429, ""), Reply::of(200, "{}")] {
        let scene = Scene::new();
        scene.world.always(REGISTER, reply.clone());
        let error = scene.client().login().await.unwrap_err();
        assert!(!matches!(error, OAuthError::NotRegistered { .. }));
        assert_eq!(asked(&scene).len(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn cl_13_a_server_that_always_refuses_is_asked_three_times_and_its_last_word_is_told() {
    for description in [
        "",
        "application_type",
        "grant_types",
        "token_endpoint_auth_method",
    ] {
        let count = std::sync::Mutex::new(0);
        let methods = json!(["none", "client_secret_basic", "client_secret_post"]);
        let scene = strict(&methods, move |_| {
            let mut count = count.lock().unwrap();
            *count += 1;
            let said = format!("{description} {count}");
            Some(refusal("invalid_client_metadata", &said))
        });
        let error = scene.client().login().await.unwrap_err().to_string();
        let requests = asked(&scene);
        assert!((2..=3).contains(&requests.len()), "{description}");
        assert!(error.contains(&format!("{})", requests.len())), "{error}");
        // Nothing is said twice.
        for (index, one) in requests.iter().enumerate() {
            assert!(!requests[..index].contains(one), "{description}: {one}");
        }
    }
}

#[tokio::test]
async fn cl_12_cl_13_a_server_that_knows_no_application_type_is_told_none_after_it_said_so() {
    let strange = |said: &Value| said.get("application_type").is_some();
    for reply in [
        refusal(
            "invalid_client_metadata",
            "Unrecognized key: \"application_type\"",
        ),
        refusal("invalid_client_metadata", "unsupported member"),
        refusal("invalid_redirect_uri", "not for this application type"),
        refusal("invalid_request", ""),
        Reply::of(400, ""),
        Reply::of(
            422,
            r#"{"detail":"extra fields not permitted: application_type"}"#,
        ),
    ] {
        let answer = reply.clone();
        let scene = strict(&json!(["none"]), move |said| {
            strange(said).then(|| answer.clone())
        });
        let oauth = scene.client();
        oauth.login().await.unwrap();
        let [first, second] = asked(&scene).try_into().unwrap();
        assert_eq!(first["application_type"], "native");
        assert_eq!(second.get("application_type"), None);
        for name in ["redirect_uris", "client_name", "token_endpoint_auth_method"] {
            assert_eq!(first[name], second[name], "{reply:?}");
        }
        // It is registered, and is not again.
        scene.client().login().await.unwrap();
        assert_eq!(asked(&scene).len(), 2);
    }
}

#[tokio::test]
async fn cl_13_cl_32_grant_types_that_a_server_does_not_have_are_left_out() {
    for (description, left) in [
        ("grant type refresh_token is unknown", "authorization_code"),
        ("unsupported grant_types", "authorization_code"),
        ("", "authorization_code"),
    ] {
        let scene = strict(&json!(["none"]), move |said| {
            let grants = said["grant_types"].to_string();
            grants
                .contains("refresh_token")
                .then(|| refusal("invalid_client_metadata", description))
        });
        scene.client().login().await.unwrap();
        let [first, second] = asked(&scene).try_into().unwrap();
        let grants = json!(["authorization_code", "refresh_token"]);
        assert_eq!(first["grant_types"], grants);
        assert_eq!(second["grant_types"], json!([left]));
        // What it names is what changes.
        let keeps_kind = !description.is_empty();
        assert_eq!(second.get("application_type").is_some(), keeps_kind);
    }
    // A login on another device is given up before refresh tokens are.
    let scene = strict(&json!(["none"]), |said| {
        let grants = said["grant_types"].to_string();
        let strange = grants.contains("device_code");
        strange.then(|| {
            refusal(
                "invalid_client_metadata",
                "grant type device_code is unknown",
            )
        })
    });
    let device = json!({
        "device_authorization_endpoint": "https://as.test/device",
        "token_endpoint_auth_methods_supported": ["none"],
    });
    scene.world.amend(SERVER_METADATA, &device);
    scene.client().login().await.unwrap();
    let [first, second] = asked(&scene).try_into().unwrap();
    assert_eq!(first["grant_types"].as_array().unwrap().len(), 3);
    let grants = json!(["authorization_code", "refresh_token"]);
    assert_eq!(second["grant_types"], grants);
}

#[tokio::test]
async fn cl_13_cl_35_another_way_of_authentication_is_asked_for_if_the_server_offers_one() {
    let wants = |said: &Value, method: &str| said["token_endpoint_auth_method"] == method;
    let description = "token_endpoint_auth_method must be client_secret_post";
    let scene = strict(
        &json!(["none", "private_key_jwt", "client_secret_post"]),
        move |said| {
            let is_good = wants(said, "client_secret_post");
            (!is_good).then(|| refusal("invalid_client_metadata", description))
        },
    );
    scene.client().login().await.unwrap();
    let methods: Vec<Value> = asked(&scene)
        .iter()
        .map(|said| said["token_endpoint_auth_method"].clone())
        .collect();
    assert_eq!(methods, ["none", "client_secret_post"]);
    let token = scene.world.one(TOKEN);
    assert_eq!(token.field("client_secret").as_deref(), Some("the-secret"));

    // One that is not offered is not asked for.
    let scene = strict(&json!(["none"]), move |_| {
        Some(refusal("invalid_client_metadata", description))
    });
    scene.client().login().await.unwrap_err();
    assert_eq!(asked(&scene).len(), 1);
}

#[tokio::test]
async fn a_server_that_leaves_out_the_port_of_a_loopback_address_has_registered_it() {
    let scene = Scene::new();
    let answer = json!({ "client_id": "a", "redirect_uris": ["http://127.0.0.1/callback"] });
    scene.world.json(REGISTER, &answer);
    scene.client().login().await.unwrap();
    for other in [
        "http://127.0.0.1/other",
        "http://localhost/callback",
        "https://127.0.0.1:41000/callback",
        "http://127.0.0.1.evil.test/callback",
        "http://evil.test:41000/callback",
    ] {
        let scene = Scene::new();
        let answer = json!({ "client_id": "a", "redirect_uris": [other] });
        scene.world.json(REGISTER, &answer);
        let error = scene.client().login().await.unwrap_err().to_string();
        assert!(error.contains("other redirect URIs"), "{other}: {error}");
    }
}
