//! The token endpoint itself: rows C13 to C22, C40, C41 and C43 of the attack corpus.

use bytes::Bytes;
use countersign_authorization_server::settings::InvalidGrantStatus;
use http::{Method, Request, StatusCode};
use http_body_util::Full;

use crate::fixture::*;

#[tokio::test]
async fn as_39_c13_grants_that_are_not_offered_or_not_registered_are_refused() {
    let world = world().await;
    for (grant_type, error) in [
        ("", "invalid_request"),
        ("junk", "unsupported_grant_type"),
        ("password", "unsupported_grant_type"),
        ("implicit", "unsupported_grant_type"),
        ("CLIENT_CREDENTIALS", "unsupported_grant_type"),
        ("client_credentials", "unauthorized_client"),
    ] {
        let seen = world
            .post("/token", &[("grant_type", grant_type), ("client_id", "C1")])
            .await;
        seen.assert_tok(error);
    }
    let twice = [
        ("grant_type", "refresh_token"),
        ("grant_type", "refresh_token"),
        ("client_id", "C1"),
    ];
    world
        .post("/token", &twice)
        .await
        .assert_tok("invalid_request");
    // A service has no codes.
    let authorization = basic("S", SECRET);
    let parameters = [("grant_type", "authorization_code"), ("code", "x")];
    let seen = world
        .post_with("/token", Some(&authorization), &parameters)
        .await;
    seen.assert_tok("unauthorized_client");
}

#[tokio::test]
async fn as_25_c14_c15_other_methods_bodies_and_queries_are_refused() {
    let world = world().await;
    let body = || {
        Full::from(form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", "x"),
            ("client_id", "C1"),
        ]))
    };
    for content_type in [
        "application/json",
        "multipart/form-data",
        "text/plain",
        "application/x-www-form-urlencoded; charset=utf-16",
    ] {
        let request = Request::post("/token")
            .header("content-type", content_type)
            .body(body())
            .unwrap();
        world.send(request).await.assert_tok("invalid_request");
    }
    world
        .send(Request::post("/token").body(body()).unwrap())
        .await
        .assert_tok("invalid_request");
    for method in [Method::GET, Method::PUT, Method::HEAD, Method::DELETE] {
        let request = Request::builder()
            .method(method)
            .uri("/token")
            .body(body())
            .unwrap();
        let seen = world.send(request).await;
        assert_eq!(
            (seen.status, seen.header("allow")),
            (StatusCode::METHOD_NOT_ALLOWED, Some("POST"))
        );
    }
    let request = Request::post("/token?client_secret=canary")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body())
        .unwrap();
    let seen = world.send(request).await;
    seen.assert_tok("invalid_request");
    assert!(!seen.body.contains("canary"));
}

#[tokio::test]
async fn c17_a_body_that_is_too_long_is_refused() {
    let world = world().await;
    let request = Request::post("/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::from(Bytes::from(vec![b'a'; 1 << 20])))
        .unwrap();
    assert_eq!(
        world.send(request).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn as_32_c18_an_unknown_client_and_a_wrong_secret_look_alike() {
    let world = world().await;
    let parameters = |id: &'static str| {
        [
            ("grant_type", "refresh_token"),
            ("refresh_token", "x"),
            ("client_id", id),
            ("client_secret", "wrong"),
        ]
    };
    let unknown = world.post("/token", &parameters("unknown")).await;
    let wrong = world.post("/token", &parameters("C3")).await;
    unknown.assert_tok("invalid_client");
    assert_eq!((unknown.status, unknown.body), (wrong.status, wrong.body));
    assert_eq!(unknown.headers, wrong.headers);
}

#[tokio::test]
async fn as_25_as_32_a_failed_header_is_answered_with_a_challenge() {
    let world = world().await;
    let parameters = [("grant_type", "client_credentials")];
    for header in [
        basic("S", "wrong"),
        basic("unknown", SECRET),
        "Basic !!!".to_owned(),
        "Bearer x".to_owned(),
    ] {
        let seen = world.post_with("/token", Some(&header), &parameters).await;
        seen.assert_tok("invalid_client");
        assert!(
            seen.header("www-authenticate")
                .unwrap()
                .starts_with("Basic "),
            "{header}"
        );
    }
    let seen = world.post("/token", &parameters).await;
    seen.assert_tok("invalid_client");
    assert_eq!(seen.header("www-authenticate"), None);
}

#[tokio::test]
async fn as_32_c19_c20_c21_only_the_registered_way_of_authentication_is_accepted() {
    let world = world().await;
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let with = |more: &[(&'static str, &'static str)]| [&refresh[..], more].concat();
    let header = basic("C3", SECRET);
    let two = with(&[("client_id", "C3"), ("client_secret", SECRET)]);
    world
        .post_with("/token", Some(&header), &two)
        .await
        .assert_tok("invalid_request");
    let other = with(&[("client_id", "C1")]);
    world
        .post_with("/token", Some(&header), &other)
        .await
        .assert_tok("invalid_request");
    // C3 registered the body, C1 nothing.
    world
        .post_with("/token", Some(&header), &refresh)
        .await
        .assert_tok("invalid_client");
    world
        .post("/token", &with(&[("client_id", "C3")]))
        .await
        .assert_tok("invalid_client");
    let public = with(&[("client_id", "C1"), ("client_secret", "x")]);
    world
        .post("/token", &public)
        .await
        .assert_tok("invalid_client");
    // An empty secret is none.
    let empty = with(&[("client_id", "C1"), ("client_secret", "")]);
    world
        .post("/token", &empty)
        .await
        .assert_tok("invalid_grant");
}

#[tokio::test]
async fn a_service_gets_a_token_for_itself() {
    let world = world().await;
    let authorization = basic("S", SECRET);
    let parameters = [("grant_type", "client_credentials"), ("scope", "read")];
    let seen = world
        .post_with("/token", Some(&authorization), &parameters)
        .await;
    let answer = seen.json();
    assert_eq!(
        (seen.status, answer["scope"].as_str()),
        (StatusCode::OK, Some("read"))
    );
    assert_eq!(answer.get("refresh_token"), None);
    assert!(
        world
            .is_active(answer["access_token"].as_str().unwrap())
            .await
    );
    for (more, error) in [
        (("scope", "admin"), "invalid_scope"),
        (("resource", "https://evil.example"), "invalid_target"),
    ] {
        let parameters = [("grant_type", "client_credentials"), more];
        world
            .post_with("/token", Some(&authorization), &parameters)
            .await
            .assert_tok(error);
    }
}

#[tokio::test]
async fn invalid_grant_is_401_only_behind_its_switch() {
    let mut settings = settings();
    settings.invalid_grant_status = InvalidGrantStatus::CompatibleUnauthorized;
    let world = world_with(settings, |builder| builder).await;
    let seen = world.refresh("unknown", &[]).await;
    assert_eq!(
        (seen.status, seen.json()["error"].as_str()),
        (StatusCode::UNAUTHORIZED, Some("invalid_grant"))
    );
}

#[tokio::test]
async fn as_38_c41_pages_of_other_origins_may_call_it_without_cookies() {
    let world = world().await;
    for path in ["/token", "/revoke", "/register"] {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri(path)
            .header("origin", "https://evil.example")
            .header("access-control-request-method", "POST")
            .body(Full::default())
            .unwrap();
        let seen = world.send(request).await;
        assert_eq!(seen.status, StatusCode::NO_CONTENT);
        assert_eq!(seen.header("access-control-allow-origin"), Some("*"));
        assert_eq!(seen.header("access-control-allow-credentials"), None);
    }
    let seen = world.authorize(&[]).await;
    assert_eq!(seen.header("access-control-allow-origin"), None);
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/authorize")
        .body(Full::default())
        .unwrap();
    assert_eq!(
        world.send(request).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn as_02_as_44_c40_metadata_is_that_of_the_configuration_whatever_the_host() {
    let world = world().await;
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let request = Request::get(path)
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example");
        let seen = world.send(request.body(Full::default()).unwrap()).await;
        let document = seen.json();
        assert_eq!(document["issuer"], ISSUER);
        assert!(!seen.body.contains("evil"));
        assert_eq!(
            document["code_challenge_methods_supported"],
            serde_json::json!(["S256"])
        );
        assert_eq!(
            document["authorization_response_iss_parameter_supported"],
            true
        );
        assert!(
            !seen.body.contains("implicit")
                && !seen.body.contains("plain")
                && !seen.body.contains("password")
        );
        // Documents are not fetched here, so that it is not claimed.
        assert_eq!(document.get("client_id_metadata_document_supported"), None);
        for name in [
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "registration_endpoint",
            "revocation_endpoint",
            "introspection_endpoint",
        ] {
            let path = document[name]
                .as_str()
                .unwrap()
                .strip_prefix(ISSUER)
                .unwrap();
            assert_ne!(
                world.get(path).await.status,
                StatusCode::NOT_FOUND,
                "{name}"
            );
        }
    }
    assert_eq!(world.get("/nothing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn p25_no_path_is_redirected_to_another_one() {
    let world = world().await;
    for target in [
        "//evil.example/%2e%2e/authorize/",
        "/authorize/",
        "/AUTHORIZE",
        "/%61uthorize",
        "/token/",
        "/a/../token",
        "http://evil.example/token/",
    ] {
        let seen = world.get(target).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{target}");
        assert_eq!(seen.header("location"), None, "{target}");
    }
}

#[tokio::test]
async fn as_03_as_44_a_prefix_and_a_path_of_the_issuer_are_in_every_address() {
    let mut settings = settings();
    settings.issuer =
        countersign_authorization_server::oauth::Issuer::parse("https://as.test/tenant/").unwrap();
    settings.prefix = "/auth".to_owned();
    let world = world_with(settings, |builder| builder).await;
    for path in [
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        let document = world.get(path).await.json();
        assert_eq!(document["issuer"], "https://as.test/tenant/", "{path}");
        assert_eq!(
            document["token_endpoint"],
            "https://as.test/tenant/auth/token"
        );
    }
    assert_eq!(world.get("/tenant/auth/jwks").await.status, StatusCode::OK);
    for path in ["/jwks", "/auth/jwks", "/tenant/jwks"] {
        assert_eq!(
            world.get(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}
