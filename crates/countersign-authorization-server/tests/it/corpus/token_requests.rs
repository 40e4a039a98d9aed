//! Rows C at the token endpoint: requests that are refused before a grant is looked at.

use bytes::Bytes;
use countersign_authorization_server::oauth::client_authentication::{
    ASSERTION_TYPE, TokenEndpointAuthMethod,
};
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::form::encode;
use countersign_authorization_server::oauth::{RedirectUri, Secret};
use http::{Method, Request, StatusCode};
use http_body_util::Full;

use super::standing::Standing;
use crate::fixture::*;

const FORM: &str = "application/x-www-form-urlencoded";

/// A request that was never made by a form.
async fn raw(world: &World, path: &str, content_type: &str, body: impl Into<Bytes>) -> Seen {
    let request = Request::post(path).header("content-type", content_type);
    world
        .send(request.body(Full::from(body.into())).unwrap())
        .await
}

/// What redeems `code` as C1.
fn redemption(code: &str) -> Vec<(&str, &str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", "C1"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

#[tokio::test]
async fn c6_c8_c16_as_25_a_parameter_that_is_sent_twice_is_refused_and_costs_nothing() {
    let world = world().await;
    let mut standing = Standing::of(&world).await;
    for (name, value) in [
        ("client_id", "C1"),
        ("code", "x"),
        ("grant_type", "authorization_code"),
        ("refresh_token", "x"),
        ("code_verifier", VERIFIER),
        ("client_secret", "x"),
        ("redirect_uri", CALLBACK),
    ] {
        let code = world.code("C1").await;
        standing.look().await;
        let mut twice = redemption(&code);
        twice.retain(|(other, _)| *other != name);
        for second in [value, "other", ""] {
            let mut parameters = twice.clone();
            parameters.extend([(name, value), (name, second)]);
            let seen = world.post("/token", &parameters).await;
            seen.assert_tok("invalid_request");
            standing.holds("C16", name, &seen).await;
        }
        tokens_of(&world.redeem(&code, &[]).await);
    }
}

#[tokio::test]
async fn c8_a_verifier_outside_its_grammar_is_refused_and_the_code_is_kept() {
    let world = world().await;
    let long = "a".repeat(129);
    for verifier in [
        &VERIFIER[..42],
        &long,
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEj k",
    ] {
        let code = world.code("C1").await;
        let mut standing = Standing::of(&world).await;
        let seen = world.redeem(&code, &[("code_verifier", verifier)]).await;
        seen.assert_tok("invalid_request");
        standing.holds("C8", verifier, &seen).await;
        tokens_of(&world.redeem(&code, &[]).await);
    }
}

#[tokio::test]
async fn c13_c42_as_39_other_grants_are_refused() {
    let world = world().await;
    let mut standing = Standing::of(&world).await;
    for (grant_type, error) in [
        ("", "invalid_request"),
        ("junk", "unsupported_grant_type"),
        ("password", "unsupported_grant_type"),
        ("implicit", "unsupported_grant_type"),
        ("AUTHORIZATION_CODE", "unsupported_grant_type"),
        ("client_credentials", "unauthorized_client"),
        (
            "urn:ietf:params:oauth:grant-type:device_code",
            "unsupported_grant_type",
        ),
        (
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "unsupported_grant_type",
        ),
        (
            "urn:ietf:params:oauth:grant-type:saml2-bearer",
            "unsupported_grant_type",
        ),
        (
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "unsupported_grant_type",
        ),
        (
            "urn:openid:params:grant-type:ciba",
            "unsupported_grant_type",
        ),
    ] {
        let parameters = [
            ("grant_type", grant_type),
            ("client_id", "C1"),
            ("assertion", "eyJhbGciOiJub25lIn0.e30."),
            ("subject_token", "x"),
            ("device_code", "x"),
            ("username", "alice"),
            ("password", "x"),
        ];
        let seen = world.post("/token", &parameters).await;
        seen.assert_tok(error);
        standing.holds("C13", grant_type, &seen).await;
    }
    let seen = world.post("/token", &[("client_id", "C1")]).await;
    seen.assert_tok("invalid_request");
    standing.holds("C13", "absent", &seen).await;
}

#[tokio::test]
async fn c14_c15_as_25_what_is_no_posted_form_is_refused() {
    let world = world().await;
    let code = world.code("C1").await;
    let body = form(&redemption(&code));
    let mut standing = Standing::of(&world).await;
    for content_type in [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
        "application/x-www-form-urlencoded; charset=utf-16",
    ] {
        let seen = raw(&world, "/token", content_type, body.clone()).await;
        seen.assert_tok("invalid_request");
        standing.holds("C14", content_type, &seen).await;
    }
    for target in ["/token?client_secret=canary", "/token?code=canary&x"] {
        let seen = raw(&world, target, FORM, body.clone()).await;
        seen.assert_tok("invalid_request");
        standing.holds("C15", "canary", &seen).await;
        assert!(!world.events.0.lock().unwrap().join("\n").contains("canary"));
    }
    for method in [Method::GET, Method::PUT, Method::HEAD] {
        let request = Request::builder()
            .method(&method)
            .uri(format!("/token?{body}"))
            .header("content-type", FORM)
            .body(Full::from(body.clone()));
        let seen = world.send(request.unwrap()).await;
        assert_eq!(seen.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(seen.header("allow"), Some("POST"));
        assert!(!seen.body.contains(&code));
    }
    tokens_of(&world.redeem(&code, &[]).await);
}

#[tokio::test]
async fn c17_a_body_without_a_single_reading_is_refused() {
    let world = world().await;
    let code = world.code("C1").await;
    let good = form(&redemption(&code));
    let mut standing = Standing::of(&world).await;
    let many = format!("{good}{}", "&x=1".repeat(10_000));
    for (body, what) in [
        (many.into_bytes(), "10,000 parameters"),
        ([good.as_bytes(), b"&x=\xff"].concat(), "invalid UTF-8"),
        (format!("{good}&x=%c3%28").into(), "invalid UTF-8, encoded"),
        (format!("{good}&x=%zz").into(), "a broken percent-encoding"),
        (format!("{good}%").into(), "half a percent-encoding"),
    ] {
        let seen = raw(&world, "/token", FORM, body).await;
        seen.assert_tok("invalid_request");
        standing.holds("C17", what, &seen).await;
    }
    for path in ["/token", "/revoke", "/introspect", "/register"] {
        let seen = raw(&world, path, FORM, vec![b'a'; 1 << 20]).await;
        assert_eq!(seen.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        standing.holds("C17", path, &seen).await;
    }
    // A NUL is a character that no code has.
    let seen = world.redeem(&format!("{code}\0"), &[]).await;
    seen.assert_tok("invalid_grant");
    standing.holds("C17", "NUL", &seen).await;
    tokens_of(&world.redeem(&code, &[]).await);
}

/// What a client can send about itself to an endpoint.
#[derive(Clone, Copy)]
struct Proof<'a> {
    header: Option<&'a str>,
    parameters: &'a [(&'a str, &'a str)],
}

/// A confidential client for each way of proving it.
async fn confidential_world() -> World {
    let world = world().await;
    let secret = Secret::new(SECRET);
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::ClientSecretBasic;
    world
        .add("B", facts(metadata.clone()).with_secret(&secret, None))
        .await;
    metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::PrivateKeyJwt;
    world.add("J", facts(metadata)).await;
    world
}

#[tokio::test]
async fn c19_as_32_two_ways_of_proving_who_one_is_are_refused() {
    let world = confidential_world().await;
    let mut standing = Standing::of(&world).await;
    let (header, other) = (basic("B", SECRET), basic("C3", SECRET));
    let assertion = ("client_assertion", "a.b.c");
    let kind = ("client_assertion_type", ASSERTION_TYPE);
    for (header, parameters) in [
        (&header, vec![("client_id", "B"), ("client_secret", SECRET)]),
        (&header, vec![("client_id", "C1")]),
        (&other, vec![("client_id", "B")]),
        (&header, vec![assertion, kind]),
    ] {
        for path in ["/token", "/revoke", "/introspect"] {
            let mut all = vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", "x"),
                ("token", "x"),
            ];
            all.extend(&parameters);
            let seen = world.post_with(path, Some(header), &all).await;
            seen.assert_tok("invalid_request");
            standing.holds("C19", "two proofs", &seen).await;
        }
    }
    let twice = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
        ("client_id", "C3"),
        ("client_secret", SECRET),
        assertion,
        kind,
    ];
    let seen = world.post("/token", &twice).await;
    seen.assert_tok("invalid_request");
    standing.holds("C19", "secret and assertion", &seen).await;
}

/// What is no proof: the headers are those of C3, and of S with a wrong secret.
fn wrong_proofs<'a>(basic_c3: &'a str, basic_s: &'a str) -> [Proof<'a>; 11] {
    const ASSERTION: &[(&str, &str)] = &[
        ("client_id", "C3"),
        ("client_assertion", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJDMyJ9."),
        ("client_assertion_type", ASSERTION_TYPE),
    ];
    [
        // None at all, of C3 and of others.
        Proof {
            header: None,
            parameters: &[("client_id", "C3")],
        },
        Proof {
            header: None,
            parameters: &[("client_id", "B")],
        },
        Proof {
            header: None,
            parameters: &[("client_id", "J")],
        },
        Proof {
            header: None,
            parameters: &[("client_id", "C3"), ("client_secret", "")],
        },
        Proof {
            header: None,
            parameters: &[],
        },
        // A secret where none is registered.
        Proof {
            header: None,
            parameters: &[("client_id", "C1"), ("client_secret", "x")],
        },
        // Another way than the registered one.
        Proof {
            header: Some(basic_c3),
            parameters: &[],
        },
        Proof {
            header: None,
            parameters: &[("client_id", "B"), ("client_secret", SECRET)],
        },
        Proof {
            header: None,
            parameters: &[("client_id", "J"), ("client_secret", SECRET)],
        },
        Proof {
            header: None,
            parameters: ASSERTION,
        },
        // The right way with a wrong secret.
        Proof {
            header: Some(basic_s),
            parameters: &[],
        },
    ]
}

#[tokio::test]
async fn c20_c21_as_32_a_client_that_does_not_prove_itself_as_registered_is_refused() {
    let world = confidential_world().await;
    let code = world.code("C3").await;
    let secret = [("client_id", "C3"), ("client_secret", SECRET)];
    let (access, refresh) = tokens_of(&world.redeem(&code, &secret).await);
    let code = world.code("C3").await;
    let mut standing = Standing::of(&world).await;
    let (basic_c3, basic_s) = (basic("C3", SECRET), basic("S", "wrong"));
    for proof in wrong_proofs(&basic_c3, &basic_s) {
        for (path, asked) in [
            (
                "/token",
                vec![
                    ("grant_type", "authorization_code"),
                    ("code", code.as_str()),
                    ("redirect_uri", CALLBACK),
                    ("code_verifier", VERIFIER),
                ],
            ),
            (
                "/token",
                vec![
                    ("grant_type", "refresh_token"),
                    ("refresh_token", refresh.as_str()),
                ],
            ),
            ("/revoke", vec![("token", refresh.as_str())]),
            ("/introspect", vec![("token", access.as_str())]),
        ] {
            let mut all = asked.clone();
            all.extend(proof.parameters);
            let seen = world.post_with(path, proof.header, &all).await;
            seen.assert_tok("invalid_client");
            let challenge = seen.header("www-authenticate").is_some();
            assert_eq!(challenge, proof.header.is_some(), "{path}");
            standing.holds("C20", "no proof", &seen).await;
        }
    }
    // All of it cost nothing.
    tokens_of(&world.redeem(&code, &secret).await);
    tokens_of(&world.refresh(&refresh, &secret).await);
    assert!(world.is_active(&access).await);
}

#[tokio::test]
async fn c18_an_unknown_client_looks_like_a_known_one_with_another_secret() {
    let world = confidential_world().await;
    let parameters = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let mut answers = Vec::new();
    for header in [
        basic("B", "wrong"),
        basic("unknown", SECRET),
        basic("B", ""),
    ] {
        let seen = world.post_with("/token", Some(&header), &parameters).await;
        seen.assert_tok("invalid_client");
        answers.push((seen.status, seen.body, seen.headers));
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
}

#[tokio::test]
async fn c22_the_basic_header_is_read_as_it_was_encoded_or_refused() {
    let world = world().await;
    let (id, secret) = ("a b%c+", "p:+ \u{e4}%s-of-thirty-two-characters");
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::ClientSecretBasic;
    let facts = facts(metadata).with_secret(&Secret::new(secret), None);
    world.add(id, facts).await;
    let parameters = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let good = basic(&encode(id), &encode(secret));
    let credentials = good.strip_prefix("Basic ").unwrap();
    let plus = basic("a+b%25c%2B", &encode(secret).replace("%20", "+"));
    for header in [
        &good,
        &plus,
        &format!("basic {credentials}"),
        &format!("BASIC {credentials}"),
    ] {
        let seen = world.post_with("/token", Some(header), &parameters).await;
        seen.assert_tok("invalid_grant");
    }
    let mut standing = Standing::of(&world).await;
    let long = basic(&encode(id), &"x".repeat(64 * 1024));
    for header in [
        basic(id, secret),
        basic("", &encode(secret)),
        "Basic YTpi!".to_owned(),
        "Basic ".to_owned(),
        "Basic".to_owned(),
        "Basic bm9jb2xvbg==".to_owned(),
        basic("%zz", &encode(secret)),
        basic(&encode(id), "%ff"),
        format!("Bearer {credentials}"),
        long,
    ] {
        let seen = world.post_with("/token", Some(&header), &parameters).await;
        seen.assert_tok("invalid_client");
        assert!(
            seen.header("www-authenticate")
                .unwrap()
                .starts_with("Basic ")
        );
        standing.holds("C22", &header, &seen).await;
    }
}

#[tokio::test]
async fn c35_what_another_server_issued_is_nothing_here() {
    let (here, there) = (world().await, world().await);
    let (access, refresh) = there.tokens().await;
    let code = there.code("C1").await;
    let mut standing = Standing::of(&here).await;
    for token in [&refresh, &access] {
        let seen = here.refresh(token, &[]).await;
        seen.assert_tok("invalid_grant");
        standing.holds("C35", token, &seen).await;
    }
    let seen = here.redeem(&code, &[]).await;
    seen.assert_tok("invalid_grant");
    standing.holds("C35", &code, &seen).await;
    assert!(!here.is_active(&access).await);
    assert!(there.is_active(&access).await);
}

#[tokio::test]
async fn c40_as_44_all_that_is_advertised_works_and_nothing_else_does() {
    let world = confidential_world().await;
    let document = world
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    let listed = |name: &str| -> Vec<String> {
        let values = document[name].as_array().unwrap().iter();
        values
            .map(|value| value.as_str().unwrap().to_owned())
            .collect()
    };
    let grants = listed("grant_types_supported");
    for grant_type in [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ] {
        let parameters = [("grant_type", grant_type), ("client_id", "C1")];
        let error = world.post("/token", &parameters).await.json()["error"].clone();
        let is_listed = grants.iter().any(|listed| listed == grant_type);
        assert_eq!(
            error == "unsupported_grant_type",
            !is_listed,
            "{grant_type}"
        );
    }
    let methods = listed("token_endpoint_auth_methods_supported");
    for (method, id) in [
        ("none", "C1"),
        ("client_secret_post", "C3"),
        ("client_secret_basic", "B"),
        ("private_key_jwt", "J"),
    ] {
        assert!(
            methods.iter().any(|listed| listed == method),
            "{method} of {id}"
        );
    }
    assert_eq!(methods.len(), 4);
    assert_eq!(listed("code_challenge_methods_supported"), ["S256"]);
    assert_eq!(listed("response_types_supported"), ["code"]);
    for absent in [
        "pushed_authorization_request_endpoint",
        "require_pushed_authorization_requests",
        "device_authorization_endpoint",
        "dpop_signing_alg_values_supported",
        "request_parameter_supported",
        "userinfo_endpoint",
        "id_token_signing_alg_values_supported",
    ] {
        let value = &document[absent];
        assert!(value.is_null() || *value == false, "{absent}: {value}");
    }
}

#[tokio::test]
async fn c43_as_26_descriptions_are_fixed_and_printable() {
    let world = world().await;
    let hostile = "\u{e9}<script>\u{1}\"\\canary";
    for (path, parameters) in [
        ("/token", vec![("grant_type", hostile), ("client_id", "C1")]),
        (
            "/token",
            vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", hostile),
                ("client_id", "C1"),
            ],
        ),
        (
            "/token",
            vec![
                ("grant_type", "authorization_code"),
                ("code", hostile),
                ("client_id", "C1"),
            ],
        ),
        (
            "/token",
            vec![("grant_type", "refresh_token"), ("client_id", hostile)],
        ),
        ("/revoke", vec![("token", "x"), ("client_id", hostile)]),
        ("/introspect", vec![("token", "x"), ("client_id", "C1")]),
    ] {
        let seen = world.post(path, &parameters).await;
        let answer = seen.json();
        let text = answer["error_description"].as_str().unwrap_or_default();
        // RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E.
        let is_printable = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        assert!(text.bytes().all(is_printable), "{text}");
        assert!(!seen.body.contains("canary"), "{}", seen.body);
    }
}

#[tokio::test]
async fn c39_c41_a_revoked_token_is_inactive_and_a_page_of_another_origin_proves_nothing() {
    let world = world().await;
    let (access, refresh) = world.tokens().await;
    let other = [("origin", "https://evil.example"), ("cookie", "session=x")];
    let parameters = [("token", access.as_str()), ("client_id", "C1")];
    for (path, body) in [
        (
            "/token",
            form(&[("grant_type", "refresh_token"), ("client_id", "C1")]),
        ),
        ("/revoke", form(&parameters)),
        ("/introspect", form(&parameters)),
    ] {
        let mut request = Request::post(path).header("content-type", FORM);
        for (name, value) in other {
            request = request.header(name, value);
        }
        let seen = world.send(request.body(Full::from(body)).unwrap()).await;
        assert_eq!(
            seen.header("access-control-allow-credentials"),
            None,
            "{path}"
        );
        let allowed = seen.header("access-control-allow-origin");
        assert!(allowed.is_none_or(|origin| origin == "*"), "{path}");
        assert_eq!(seen.header("set-cookie"), None, "{path}");
    }
    // The revocation was one of a public client, whoever asked for it.
    let header = basic("S", SECRET);
    let seen = world
        .post_with("/introspect", Some(&header), &[("token", &access)])
        .await;
    assert_eq!(
        (seen.status, seen.body.as_str()),
        (StatusCode::OK, r#"{"active":false}"#)
    );
    tokens_of(&world.refresh(&refresh, &[]).await);
}
