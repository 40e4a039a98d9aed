//! Who issues tokens for a server, and what is refused on the way.

use countersign_resource_server::fetch::FetchError;
use serde_json::json;

use crate::world::*;

/// Logs in and says why it does not work; then nobody was shown anything and nothing was
/// sent to a token endpoint.
async fn refusal(scene: &Scene) -> String {
    let error = scene.client().login().await.unwrap_err().to_string();
    assert_eq!(scene.person.seen(), [], "{error}");
    let addresses = scene.world.addresses();
    assert!(
        !addresses.iter().any(|it| it.ends_with("/token")),
        "{error}"
    );
    error
}

#[tokio::test]
async fn i2_cl_04_metadata_about_another_resource_is_refused_and_its_issuer_not_asked() {
    for resource in [
        "https://other.test/mcp",
        "https://rs.test/mcp/",
        "https://rs.test/other",
        "https://rs.test",
        "https://rs.test:8443/mcp",
        "http://rs.test/mcp",
    ] {
        let scene = Scene::new();
        let document = json!({ "resource": resource });
        scene.world.amend(RESOURCE_METADATA, &document);
        let error = refusal(&scene).await;
        assert!(error.contains("about another resource"), "{error}");
        assert_eq!(scene.world.addresses(), [RESOURCE_METADATA]);
    }
}

#[tokio::test]
async fn i4_cl_06_metadata_of_another_issuer_is_refused_and_not_looked_behind() {
    for issuer in ["https://evil.test", "https://as.test/", "https://AS.test"] {
        let scene = Scene::new();
        scene
            .world
            .amend(SERVER_METADATA, &json!({ "issuer": issuer }));
        let good = "https://as.test/.well-known/openid-configuration";
        scene.world.json(good, &server_metadata(ISSUER));
        let error = refusal(&scene).await;
        assert!(error.contains("another issuer"), "{error}");
        assert_eq!(scene.world.asked(good).len(), 0);
    }
}

#[tokio::test]
async fn i8_cl_18_a_server_that_does_not_assure_s256_gets_no_login() {
    for methods in [json!(null), json!([]), json!(["plain"]), json!("S256")] {
        let scene = Scene::new();
        let change = json!({ "code_challenge_methods_supported": methods });
        scene.world.amend(SERVER_METADATA, &change);
        let error = refusal(&scene).await;
        assert!(error.contains("proof keys"), "{error}");
    }
}

#[tokio::test]
async fn cl_01_metadata_without_an_authorization_server_is_refused() {
    for servers in [json!([]), json!(null), json!(["ftp://as.test"])] {
        let scene = Scene::new();
        let change = json!({ "authorization_servers": servers });
        scene.world.amend(RESOURCE_METADATA, &change);
        assert!(
            refusal(&scene)
                .await
                .contains("names no authorization server")
        );
    }
}

#[tokio::test]
async fn cl_03_a_challenge_that_leads_nowhere_is_refused_and_nothing_else_tried() {
    let scene = Scene::new();
    let challenge = r#"Bearer resource_metadata="https://rs.test/gone""#;
    let oauth = scene.client();
    let error = refuse(&oauth, 401, challenge, 0).await.unwrap_err();
    assert!(error.to_string().contains("status 404"), "{error}");
    assert_eq!(scene.world.addresses(), ["https://rs.test/gone"]);
}

#[tokio::test]
async fn cl_02_cl_03_metadata_is_looked_for_where_the_challenge_says_then_by_path_then_by_host() {
    // Where the challenge says.
    let scene = Scene::new();
    let custom = "https://rs.test/custom/metadata.json";
    scene.world.json(custom, &resource_metadata());
    let challenge = format!(r#"Bearer resource_metadata="{custom}""#);
    refuse(&scene.client(), 401, &challenge, 0).await.unwrap();
    assert_eq!(scene.world.addresses()[0], custom);
    assert_eq!(scene.world.asked(RESOURCE_METADATA).len(), 0);

    // By path.
    let scene = Scene::new();
    refuse(&scene.client(), 401, "Bearer", 0).await.unwrap();
    assert_eq!(scene.world.addresses()[0], RESOURCE_METADATA);

    // By host, also where a page answers by path.
    for by_path in [Reply::of(404, ""), Reply::of(200, "<html>")] {
        let scene = Scene::new();
        let root = "https://rs.test/.well-known/oauth-protected-resource";
        scene.world.always(RESOURCE_METADATA, by_path);
        let document = json!({ "resource": "https://rs.test", "authorization_servers": [ISSUER] });
        scene.world.json(root, &document);
        refuse(&scene.client(), 401, "", 0).await.unwrap();
        assert_eq!(scene.world.addresses()[..2], [RESOURCE_METADATA, root]);
        // CL-24: as it is published there.
        let shown = parameter(&scene.person.seen()[0], "resource");
        assert_eq!(shown.as_deref(), Some("https://rs.test"));
    }
}

#[tokio::test]
async fn cl_05_the_metadata_of_an_issuer_is_looked_for_in_the_specified_order() {
    let places = [
        "https://as.test/.well-known/oauth-authorization-server/t",
        "https://as.test/.well-known/openid-configuration/t",
        "https://as.test/t/.well-known/openid-configuration",
    ];
    for (at, place) in places.iter().enumerate() {
        let scene = Scene::new();
        let issuer = "https://as.test/t";
        let change = json!({ "authorization_servers": [issuer] });
        scene.world.amend(RESOURCE_METADATA, &change);
        scene
            .world
            .amend(SERVER_METADATA, &json!({ "issuer": issuer }));
        let mut document = server_metadata(ISSUER);
        document["issuer"] = issuer.into();
        scene.world.json(place, &document);
        scene.person.next(move |url| {
            let state = parameter(url, "state").unwrap();
            format!("code=c&state={state}&iss={issuer}")
        });
        scene.client().login().await.unwrap();
        let asked = scene.world.addresses();
        assert_eq!(asked[1..=at + 1], places[..=at]);
        assert_eq!(scene.world.asked(SERVER_METADATA).len(), 0);
    }
}

#[tokio::test]
async fn cl_07_among_several_the_known_one_is_asked_and_nothing_of_it_reaches_the_other() {
    let other = "https://second.test";
    let scene = Scene::new();
    scene.world.authorization_server(other);
    scene.client().login().await.unwrap();
    let change = json!({ "authorization_servers": [other, ISSUER] });
    scene.world.amend(RESOURCE_METADATA, &change);
    let oauth = scene.client();
    assert_eq!(shown(&oauth).await.unwrap(), "Bearer access-1");
    let issuer = oauth.login().await.unwrap().issuer;
    assert_eq!(issuer.as_str(), ISSUER);

    // Nobody is known yet: the first one.
    let fresh = Scene::of(scene.world.clone());
    let issuer = fresh.client().login().await.unwrap().issuer;
    assert_eq!(issuer.as_str(), other);
}

#[tokio::test]
async fn an_outage_is_no_absence_and_a_server_without_metadata_is_not_guessed_then() {
    for reply in [
        Reply::of(503, ""),
        Reply::of(500, ""),
        Reply::of(429, ""),
        Reply::failing(FetchError::Timeout),
        Reply::failing(FetchError::Connection),
    ] {
        let scene = Scene::new();
        scene.world.always(RESOURCE_METADATA, reply);
        let told = refusal(&scene).await;
        assert!(told.starts_with("the server at "), "{told}");
        assert_eq!(scene.world.addresses(), [RESOURCE_METADATA]);
    }
}

#[tokio::test]
async fn a_server_of_march_2025_is_its_own_issuer() {
    let scene = Scene::of(World::empty());
    let mut document = server_metadata("https://rs.test");
    document["authorization_response_iss_parameter_supported"] = false.into();
    scene.world.authorization_server("https://rs.test");
    scene.world.json(
        "https://rs.test/.well-known/oauth-authorization-server",
        &document,
    );
    let issuer = scene.client().login().await.unwrap().issuer;
    assert_eq!(issuer.as_str(), "https://rs.test");
}

#[tokio::test]
async fn a_server_of_march_2025_without_any_metadata_has_endpoints_at_fixed_paths() {
    let scene = Scene::of(World::empty());
    scene.world.authorization_server("https://rs.test");
    let metadata = "https://rs.test/.well-known/oauth-authorization-server";
    scene.world.nothing_at(metadata);
    scene.client().login().await.unwrap();
    let seen = scene.person.seen();
    assert!(seen[0].as_str().starts_with("https://rs.test/authorize?"));
    // Proof keys are sent all the same.
    let method = parameter(&seen[0], "code_challenge_method");
    assert_eq!(method.as_deref(), Some("S256"));
    assert_eq!(scene.world.asked("https://rs.test/register").len(), 1);
    assert_eq!(scene.world.asked("https://rs.test/token").len(), 1);
}
