//! Which addresses are asked, whoever names them.

use std::sync::Arc;

use countersign_oauth_client::{OAuth, Reach};
use serde_json::json;
use url::Url;

use crate::world::*;

/// A world whose other places are asked for in the real one, as from `server`.
fn beyond(server: &str) -> Scene {
    let scene = Scene::new();
    let reach = Reach::of(&Url::parse(server).unwrap());
    scene.world.beyond(Arc::new(reach.fetcher().unwrap()));
    scene
}

const INTERNAL: [&str; 7] = [
    "https://127.0.0.1/x",
    "https://10.0.0.1/x",
    "https://169.254.169.254/x",
    "https://[::1]/x",
    "https://[::ffff:10.0.0.1]/x",
    "http://127.0.0.1:9000/x",
    "http://as.test/x",
];

/// Each is blocked, in a sentence that says so.
fn assert_is_clear(error: &str) {
    let says = [
        "not on the public Internet",
        "on this machine",
        "no plain https address",
        "no acceptable address",
    ];
    assert!(says.iter().any(|it| error.contains(it)), "{error}");
}

#[tokio::test]
async fn i3_cl_43_a_public_server_cannot_point_its_metadata_inside() {
    for address in INTERNAL {
        let scene = beyond(SERVER);
        let challenge = format!(r#"Bearer resource_metadata="{address}""#);
        let error = refuse(&scene.client(), 401, &challenge, 0)
            .await
            .unwrap_err();
        assert_is_clear(&error.to_string());
        assert_eq!(scene.person.seen(), []);
    }
}

#[tokio::test]
async fn i3_cl_43_a_public_server_cannot_name_an_issuer_inside() {
    for address in INTERNAL {
        let scene = beyond(SERVER);
        let change = json!({ "authorization_servers": [address] });
        scene.world.amend(RESOURCE_METADATA, &change);
        let error = scene.client().login().await.unwrap_err().to_string();
        // One without TLS is no issuer at all.
        if address != "http://as.test/x" {
            assert_is_clear(&error);
        }
        assert_eq!(scene.person.seen(), []);
    }
}

#[tokio::test]
async fn i3_cl_42_cl_43_no_endpoint_can_be_inside_or_without_tls() {
    for endpoint in [
        "authorization_endpoint",
        "token_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
    ] {
        for address in INTERNAL {
            // A person's browser is sent to what is named; it is not asked from here.
            if endpoint == "authorization_endpoint" && address.starts_with("https") {
                continue;
            }
            let scene = beyond(SERVER);
            scene
                .world
                .amend(SERVER_METADATA, &json!({ endpoint: address }));
            let oauth = scene.client();
            let error = match oauth.login().await {
                Err(error) => error.to_string(),
                Ok(_) => {
                    assert_eq!(endpoint, "revocation_endpoint");
                    let outcome = oauth.logout().await.unwrap();
                    assert_eq!(outcome, countersign_oauth_client::LoggedOut::Forgotten);
                    continue;
                }
            };
            assert_is_clear(&error);
        }
    }
}

#[tokio::test]
async fn i1_cl_40_an_authorization_endpoint_that_is_no_web_address_is_shown_to_nobody() {
    for address in [
        "a:$(calc.exe)",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "vbscript:x",
        "-x",
        "https://as.test/\"'",
        "https://as.test/`x`",
        "https://as.test/a\nb",
        r"\\host\share",
        "https:as.test/x",
        "https:///as.test",
        "https://user:pass@as.test/authorize",
        "https://as.test/authorize#x",
        "http://as.test/authorize",
    ] {
        let scene = Scene::new();
        let change = json!({ "authorization_endpoint": address });
        scene.world.amend(SERVER_METADATA, &change);
        let error = scene.client().login().await.unwrap_err().to_string();
        assert!(
            error.contains("no acceptable address"),
            "{address}: {error}"
        );
        assert!(!error.contains(address), "{error}");
        assert_eq!(scene.person.seen(), []);
    }
}

#[tokio::test]
async fn cl_39_cl_44_no_redirect_is_followed_anywhere() {
    for address in [RESOURCE_METADATA, SERVER_METADATA, REGISTER, TOKEN, REVOKE] {
        for status in [301, 302, 303, 307, 308] {
            let scene = Scene::new();
            let elsewhere = "https://elsewhere.test/x";
            let redirect = Reply::of(status, "").header("location", elsewhere);
            scene.world.always(address, redirect);
            let oauth = scene.client();
            let outcome = oauth.login().await;
            if address == REVOKE {
                outcome.unwrap();
                oauth.logout().await.unwrap();
            } else {
                assert!(outcome.unwrap_err().to_string().contains("redirects"));
            }
            assert_eq!(scene.world.asked(elsewhere).len(), 0, "{address}");
        }
    }
}

#[tokio::test]
async fn a_server_on_this_machine_may_name_others_on_this_machine() {
    let server = "http://localhost:8000/mcp";
    let issuer = "http://localhost:9000";
    let scene = Scene::of(World::empty());
    let document = json!({ "resource": server, "authorization_servers": [issuer] });
    let at = "http://localhost:8000/.well-known/oauth-protected-resource/mcp";
    scene.world.json(at, &document);
    scene.world.authorization_server(issuer);
    let oauth = scene.builder_for(server).build().unwrap();
    assert_eq!(oauth.login().await.unwrap().issuer.as_str(), issuer);
}

#[test]
fn cl_16_a_server_that_no_token_may_be_sent_to_is_a_mistake_in_the_settings() {
    for server in [
        "http://rs.test/mcp",
        "ftp://rs.test",
        "mcp",
        "https://u@rs.test/mcp",
    ] {
        let error = OAuth::builder(server).build().unwrap_err().to_string();
        assert!(error.contains("cannot be logged in at"), "{error}");
    }
}
