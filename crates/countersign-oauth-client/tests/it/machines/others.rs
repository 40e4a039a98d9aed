//! Programs for which somebody else vouches: rows EM-01, EM-06 and WI-01.

use countersign_oauth_client::oauth::dpop::{Expected, Target, check};

use super::*;

#[tokio::test]
async fn wi_01_a_workload_sends_the_token_of_its_platform_with_the_resource_and_nothing_else() {
    let scene = scene();
    let machine = workload(
        &scene,
        from_fn(|audience| async move { Ok(Secret::new(format!("token-for-{audience}"))) }),
    );
    refuse(&machine, 401, CHALLENGE, 0).await.unwrap();
    assert_eq!(shows(&machine).await.unwrap(), "Bearer access-1");
    let asked = scene.world.one(TOKEN);
    assert_eq!(asked.field("grant_type").unwrap(), JWT_BEARER);
    assert_eq!(
        asked.field("assertion").unwrap(),
        format!("token-for-{ISSUER}")
    );
    assert_eq!(asked.field("resource").unwrap(), SERVER);
    assert_eq!(asked.field("client_id").unwrap(), "w");
    assert_eq!(asked.authorization(), None);
    assert_eq!(asked.field("client_secret"), None);
}

#[tokio::test]
async fn wi_01_a_refusal_is_the_answer_without_another_try_or_another_way() {
    for code in ["invalid_grant", "invalid_scope", "unauthorized_client"] {
        let scene = scene();
        scene.world.always(TOKEN, Reply::error(code));
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let machine = workload(
            &scene,
            from_fn(move |_| {
                let number = counted.fetch_add(1, Ordering::Relaxed);
                async move { Ok(Secret::new(format!("token-{number}"))) }
            }),
        );
        let error = refuse(&machine, 401, CHALLENGE, 0).await.unwrap_err();
        assert!(error.to_string().contains(code), "{error}");
        // Neither the same request nor the next one asks again.
        for attempt in 0..3 {
            assert!(refuse(&machine, 401, CHALLENGE, attempt).await.is_err());
            assert!(header(&machine).await.is_err());
        }
        assert_eq!(count.load(Ordering::Relaxed), 1, "{code}");
        let asked = scene.world.one(TOKEN);
        assert_eq!(asked.field("grant_type").unwrap(), JWT_BEARER);
        assert!(scene.world.asked(REGISTER).is_empty());
        assert!(scene.person.seen().is_empty());
    }
}

#[tokio::test]
async fn wi_01_a_token_of_the_platform_is_sent_once() {
    let scene = scene();
    scene.world.always(
        TOKEN,
        Reply::json(&json!({
            "access_token": "a", "token_type": "Bearer", "expires_in": 100,
        })),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let machine = workload(&scene, FromFile::new(&file));
    let error = refuse(&machine, 401, CHALLENGE, 0).await.unwrap_err();
    assert!(error.to_string().contains("token"), "{error}");
    scene.clock.advance(Lifetime::from_secs(60));
    std::fs::write(&file, "platform-1\n").unwrap();
    shows(&machine).await.unwrap();
    assert_eq!(
        scene.world.one(TOKEN).field("assertion").unwrap(),
        "platform-1"
    );
    // It ends, and the platform has no other yet.
    scene.clock.advance(Lifetime::from_secs(100));
    let error = header(&machine).await.unwrap_err();
    assert!(error.to_string().contains("sent once"), "{error}");
    assert_eq!(scene.world.asked(TOKEN).len(), 1);
    std::fs::write(&file, "platform-2").unwrap();
    scene.clock.advance(Lifetime::from_secs(60));
    shows(&machine).await.unwrap();
    let asked = scene.world.asked(TOKEN);
    assert_eq!(asked[1].field("assertion").unwrap(), "platform-2");
    // What is no token goes nowhere.
    let machine = workload(&scene, FromEnvironment::new("COUNTERSIGN_NO_SUCH_VARIABLE"));
    assert!(refuse(&machine, 401, CHALLENGE, 0).await.is_err());
    std::fs::write(&file, "two words").unwrap();
    let machine = workload(&scene, FromFile::new(&file));
    assert!(refuse(&machine, 401, CHALLENGE, 0).await.is_err());
    assert_eq!(scene.world.asked(TOKEN).len(), 2);
}

#[tokio::test]
async fn em_01_em_06_a_login_becomes_an_assertion_and_that_a_token_each_said_to_whom_it_is_for() {
    let scene = scene();
    let machine = company(&scene).build().unwrap();
    refuse(&machine, 401, CHALLENGE, 0).await.unwrap();
    assert_eq!(shows(&machine).await.unwrap(), "Bearer access-1");
    let at_idp = scene.world.one(&format!("{IDP}/token"));
    let field = |name: &str| at_idp.field(name).unwrap();
    assert_eq!(field("grant_type"), EXCHANGE);
    assert_eq!(
        field("requested_token_type"),
        "urn:ietf:params:oauth:token-type:id-jag"
    );
    assert_eq!(
        field("subject_token_type"),
        "urn:ietf:params:oauth:token-type:id_token"
    );
    assert_eq!(field("subject_token"), "the-id-token");
    assert_eq!(field("audience"), ISSUER);
    assert_eq!(field("resource"), SERVER);
    assert_eq!(field("scope"), "read");
    // EM-01: with client authentication.
    let basic = "Basic aWRwLWNsaWVudDppZHAtc2VjcmV0";
    assert_eq!(at_idp.authorization(), Some(basic));
    let at_server = scene.world.one(TOKEN);
    assert_eq!(at_server.field("grant_type").unwrap(), JWT_BEARER);
    assert_eq!(at_server.field("assertion").unwrap(), "the-assertion");
    assert_eq!(at_server.field("resource").unwrap(), SERVER);
    assert_eq!(
        at_server.authorization(),
        Some("Basic bWNwLWNsaWVudDptY3Atc2VjcmV0")
    );
    // Neither is told what is for the other, and no address has anything of it.
    assert!(!at_server.body.contains("the-id-token"));
    for address in scene.world.addresses() {
        assert!(!address.contains("the-assertion") && !address.contains("the-id-token"));
    }
    let debug = format!("{machine:?}");
    assert!(!debug.contains("mcp-secret") && !debug.contains("idp-secret"));
    // An assertion is used once.
    scene.clock.advance(Lifetime::from_secs(3_600));
    shows(&machine).await.unwrap();
    assert_eq!(scene.world.asked(&format!("{IDP}/token")).len(), 2);
}

#[tokio::test]
async fn em_01_the_identity_provider_is_asked_as_it_offers_and_not_otherwise() {
    let at = format!("{IDP}/token");
    let metadata_at = format!("{IDP}/.well-known/openid-configuration");
    for (methods, in_body) in [
        (json!(["client_secret_post"]), Some(true)),
        (json!(["client_secret_basic"]), Some(false)),
        (json!(["private_key_jwt"]), None),
    ] {
        let scene = scene();
        let machine = company(&scene).build().unwrap();
        let mut metadata = server_metadata(IDP);
        metadata["token_endpoint_auth_methods_supported"] = methods.clone();
        scene.world.json(&metadata_at, &metadata);
        let outcome = refuse(&machine, 401, CHALLENGE, 0).await;
        assert_eq!(outcome.is_ok(), in_body.is_some(), "{methods}");
        let Some(in_body) = in_body else {
            assert!(scene.world.asked(&at).is_empty());
            continue;
        };
        let asked = scene.world.one(&at);
        assert_eq!(asked.authorization().is_none(), in_body);
        assert_eq!(asked.field("client_secret").is_some(), in_body);
    }
}

#[tokio::test]
async fn em_01_dp_01_an_assertion_is_asked_for_with_the_key_that_the_token_is_bound_to() {
    let scene = scene();
    offers_bound(&scene);
    scene.world.json(
        TOKEN,
        &json!({"access_token": "bound", "token_type": "DPoP", "expires_in": 600}),
    );
    let machine = company(&scene).dpop().build().unwrap();
    refuse(&machine, 401, CHALLENGE, 0).await.unwrap();
    let proven = |address: &str| {
        let asked = scene.world.one(address);
        let target = Target::parse(address).unwrap();
        let expected = Expected::new("POST", &target, scene.clock.now());
        check(asked.headers["dpop"].to_str().unwrap(), &expected).unwrap()
    };
    let (at_idp, at_server) = (proven(&format!("{IDP}/token")), proven(TOKEN));
    assert_eq!(at_idp.thumbprint.as_str(), at_server.thumbprint.as_str());
    assert_ne!(at_idp.jti, at_server.jti);
}

#[tokio::test]
async fn em_01_what_is_no_assertion_is_shown_to_nobody() {
    let issued = |kind: &str| {
        Reply::json(&json!({
            "access_token": "another-token", "token_type": "Bearer", "issued_token_type": kind,
        }))
    };
    for reply in [
        issued("urn:ietf:params:oauth:token-type:access_token"),
        issued("urn:ietf:params:oauth:token-type:id_token"),
        Reply::json(&json!({"access_token": "another-token", "token_type": "N_A"})),
        Reply::error("invalid_grant"),
        Reply::of(302, ""),
        Reply::of(500, ""),
    ] {
        let scene = scene();
        let company = company(&scene);
        scene.world.always(&format!("{IDP}/token"), reply);
        let machine = company.build().unwrap();
        assert!(refuse(&machine, 401, CHALLENGE, 0).await.is_err());
        assert!(scene.world.asked(TOKEN).is_empty());
        assert!(!scene.world.said().contains("another-token"));
    }
}
