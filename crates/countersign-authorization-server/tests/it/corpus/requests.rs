//! Rows P: the parameters of an authorization request.

use countersign_authorization_server::oauth::RedirectUri;
use countersign_authorization_server::oauth::ScopeSet;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::grant_type::GrantType;
use countersign_authorization_server::oauth::{Issuer, ResourceUri};
use countersign_authorization_server::store::Kind;
use http::{Request, StatusCode};
use http_body_util::Full;

use super::standing::Standing;
use super::{Asked, assert_red};
use crate::fixture::*;

const FORM: &str = "application/x-www-form-urlencoded";

/// Rows with the answer RED(e): the row, the parameter, its values, e.
const RED: &[(&str, &str, &[&str], &str)] = &[
    ("P4", "response_type", &[""], "invalid_request"),
    (
        "P5",
        "response_type",
        &[
            "token",
            "id_token",
            "code token",
            "code id_token",
            "none",
            "CODE",
        ],
        "unsupported_response_type",
    ),
    (
        "P6",
        "response_mode",
        &["fragment", "form_post", "query.jwt", "junk"],
        "invalid_request",
    ),
    ("P7", "code_challenge", &[""], "invalid_request"),
    (
        "P8",
        "code_challenge_method",
        &["plain", "s256", "S512", ""],
        "invalid_request",
    ),
    (
        "P9",
        "code_challenge",
        &[
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMA",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c=",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c+",
            " ",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c\u{e9}",
        ],
        "invalid_request",
    ),
    ("P13", "scope", &["unknown", "admin", "*"], "invalid_scope"),
    (
        "P14",
        "scope",
        &["a\"b", "a\\b", "a\tb", "<script>x</script>"],
        "invalid_scope",
    ),
    (
        "P16",
        "resource",
        &[
            "/mcp",
            "https://rs.test/mcp#x",
            "https://user@rs.test/mcp",
            "http://rs.test/mcp",
            "https://evil.example/mcp",
            "https://rs.test/other",
            "https://rs.test/mcp/",
            "https://rs.test/mcp/../other",
        ],
        "invalid_target",
    ),
    (
        "P17",
        "prompt",
        &["none login", "create", "NONE", "login  consent"],
        "invalid_request",
    ),
    (
        "P18",
        "request",
        &["junk", "eyJhbGciOiJub25lIn0.e30."],
        "request_not_supported",
    ),
    (
        "P18",
        "request_uri",
        &["https://evil.example/r", "http://127.0.0.1/r"],
        "request_uri_not_supported",
    ),
];

#[tokio::test]
async fn p4_to_p18_as_17_as_39_what_is_wrong_with_a_request_is_told_to_its_client() {
    let world = world().await;
    let mut standing = Standing::of(&world).await;
    for (row, name, values, error) in RED {
        for value in *values {
            let seen = Asked::good().with(name, value).get(&world).await;
            assert_red(row, &seen, error);
            assert_eq!(seen.redirect()["state"], "s", "{row}");
            standing.holds(row, value, &seen).await;
        }
    }
    for (row, name) in [
        ("P4", "response_type"),
        ("P7", "code_challenge"),
        ("P8", "code_challenge_method"),
    ] {
        let seen = Asked::good().without(name).get(&world).await;
        assert_red(row, &seen, "invalid_request");
        standing.holds(row, "absent", &seen).await;
    }
    let many = Asked::good().with("scope", &vec!["a"; 10_000].join(" "));
    let request = Request::post("/authorize").header("content-type", FORM);
    let request = request.body(Full::from(many.text()));
    let seen = world.send(request.unwrap()).await;
    assert_red("P14", &seen, "invalid_scope");
    standing.holds("P14", "10,000 scopes", &seen).await;
}

#[tokio::test]
async fn p16_two_resources_are_refused_and_the_case_of_a_host_is_not() {
    let mut settings = settings();
    let second = ResourceUri::parse("https://rs.test/mcp2").unwrap();
    settings.resources.push(second);
    let world = world_with(settings, |builder| builder).await;
    let mut standing = Standing::of(&world).await;
    let two = Asked::good()
        .and("resource", RESOURCE)
        .and("resource", "https://rs.test/mcp2");
    let seen = two.get(&world).await;
    assert_red("P16", &seen, "invalid_target");
    standing.holds("P16", "two resources", &seen).await;
    let upper = Asked::good().with("resource", "HTTPS://RS.TEST/mcp2");
    let code = upper.get(&world).await.redirect()["code"].clone();
    let seen = world.redeem(&code, &[]).await;
    assert_eq!(seen.json()["resource"], "https://rs.test/mcp2");
}

#[tokio::test]
async fn p1_p2_p3_as_16_who_is_no_client_sees_a_page() {
    let world = world().await;
    let mut standing = Standing::of(&world).await;
    let long = "a".repeat(30_000);
    let good = Asked::good;
    let mut rows = vec![
        ("P2", good().without("client_id")),
        ("P3", good().and("client_id", "C1")),
        ("P3", good().and("client_id", "C2")),
        ("P3", good().first("client_id", "C2")),
    ];
    for uri in [CALLBACK, "https://evil.example/cb", "http://127.0.0.1/cb"] {
        let unknown = good().with("client_id", "unknown");
        rows.push(("P1", unknown.with("redirect_uri", uri)));
    }
    for id in ["", "c1", "C1 ", "C1\0", "C1\0x", "<b>C1</b>", &long] {
        rows.push(("P2", good().with("client_id", id)));
    }
    for (row, asked) in rows {
        let seen = asked.get(&world).await;
        seen.assert_page();
        standing.holds(row, &asked.text(), &seen).await;
    }
}

#[tokio::test]
async fn p10_as_45_a_parameter_that_is_sent_twice_is_refused() {
    let world = world().await;
    let mut standing = Standing::of(&world).await;
    for name in [
        "state",
        "scope",
        "code_challenge",
        "code_challenge_method",
        "response_type",
        "nonce",
        "prompt",
    ] {
        for second in ["t", ""] {
            let seen = Asked::good()
                .with(name, "t")
                .and(name, second)
                .get(&world)
                .await;
            assert_red("P10", &seen, "invalid_request");
            // Of two states neither is the one to return.
            let state = seen.redirect().get("state").cloned();
            let expected = (name != "state").then_some("s".to_owned());
            assert_eq!(state, expected, "{name}");
            standing.holds("P10", name, &seen).await;
        }
    }
}

#[tokio::test]
async fn p11_p12_as_22_state_comes_back_as_it_was_or_the_request_is_refused() {
    let world = world().await;
    let seen = Asked::good().without("state").get(&world).await;
    assert_eq!(seen.redirect().keys().collect::<Vec<_>>(), ["code", "iss"]);
    let longest = "x".repeat(4_096);
    for state in [
        "a\r\nSet-Cookie: x=1",
        "s&code=x&error=y",
        "\"'<script>",
        "a\0b",
        "%0d%0a",
        "\u{1f980} +%2B",
        &longest,
    ] {
        for (name, value) in [("scope", "read"), ("scope", "admin")] {
            let seen = Asked::good()
                .with("state", state)
                .with(name, value)
                .get(&world)
                .await;
            let location = seen.header("location").unwrap();
            assert!(location.bytes().all(|byte| (0x21..0x7F).contains(&byte)));
            assert_eq!(seen.redirect()["state"], state);
            assert_eq!(seen.header("set-cookie"), None);
        }
    }
    let mut standing = Standing::of(&world).await;
    let longer = format!("{longest}x");
    let seen = Asked::good().with("state", &longer).get(&world).await;
    assert_red("P12", &seen, "invalid_request");
    assert_eq!(seen.redirect().get("state"), None);
    standing.holds("P12", &longer, &seen).await;
}

#[tokio::test]
async fn p13_an_empty_scope_is_an_absent_one() {
    let world = world().await;
    for asked in [Asked::good(), Asked::good().with("scope", "")] {
        let code = asked.get(&world).await.redirect()["code"].clone();
        assert_eq!(world.redeem(&code, &[]).await.json()["scope"], "read write");
    }
}

#[tokio::test]
async fn p15_a_client_without_refresh_tokens_asks_for_offline_access_in_vain() {
    let mut settings = settings();
    settings.scopes = ScopeSet::parse("read write offline_access").unwrap();
    let world = world_with(settings, |builder| builder).await;
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    metadata.grant_types = vec![GrantType::AuthorizationCode];
    world.add("C9", facts(metadata)).await;
    let tokens = async |client: &str, scope: &str| {
        let asked = Asked::good().with("client_id", client).with("scope", scope);
        let code = asked.get(&world).await.redirect()["code"].clone();
        world.redeem(&code, &[("client_id", client)]).await.json()
    };
    // It is left out, and said so.
    let without = tokens("C9", "read offline_access").await;
    assert_eq!(without["scope"], "read");
    assert_eq!(without.get("refresh_token"), None);
    assert_eq!(world.count(Kind::RefreshToken).await, 0);
    let with = tokens("C1", "read offline_access").await;
    assert_eq!(with["scope"], "offline_access read");
    assert!(with["refresh_token"].is_string());
}

#[tokio::test]
async fn p19_as_45_parameters_that_nobody_knows_are_ignored() {
    let world = world().await;
    let mut many = Asked::good();
    for number in 0..1_000 {
        many = many.and(&format!("x{number}"), "1");
    }
    for asked in [
        Asked::good().and("unknown", "1"),
        Asked::good()
            .and("Client_ID", "C2")
            .and("REDIRECT_URI", "https://evil.example"),
        many.clone(),
    ] {
        let seen = asked.get(&world).await;
        assert!(seen.redirect().contains_key("code"), "{seen:?}");
    }
    for _ in 0..100 {
        many = many.and("y", "1");
    }
    many.get(&world).await.assert_page();
}

#[tokio::test]
async fn p20_a_posted_request_obeys_the_same_rules() {
    let world = world().await;
    let post = async |target: &str, body: &str, content_type: &str| {
        let request = Request::post(target).header("content-type", content_type);
        let request = request.body(Full::from(body.to_owned())).unwrap();
        world.send(request).await
    };
    let good = Asked::good();
    let seen = post("/authorize", &good.text(), FORM).await;
    assert!(seen.redirect().contains_key("code"));
    let mut standing = Standing::of(&world).await;
    let evil = good.clone().with("redirect_uri", "https://evil.example/cb");
    for (target, body, content_type) in [
        ("/authorize?client_id=C1", good.text(), FORM),
        ("/authorize?state=s", good.text(), FORM),
        (
            "/authorize?redirect_uri=https://evil.example",
            good.text(),
            FORM,
        ),
        ("/authorize", evil.text(), FORM),
        ("/authorize", good.text(), "application/json"),
        ("/authorize", good.text(), "text/plain"),
    ] {
        let seen = post(target, &body, content_type).await;
        seen.assert_page();
        standing.holds("P20", target, &seen).await;
    }
    let plain = good.with("code_challenge_method", "plain");
    let seen = post("/authorize", &plain.text(), FORM).await;
    assert_red("P20", &seen, "invalid_request");
    standing.holds("P20", "plain", &seen).await;
}

#[tokio::test]
async fn p21_a_target_over_the_cap_is_refused() {
    let world = world().await;
    let long = Asked::good().and("x", &"a".repeat(60_000));
    let seen = long.get(&world).await;
    assert_eq!(seen.status, StatusCode::URI_TOO_LONG);
    assert_eq!(seen.header("location"), None);
    assert!(seen.body.len() < 100);
    assert_eq!(world.count(Kind::PendingAuthorization).await, 0);
}

#[tokio::test]
async fn p22_text_that_cannot_be_decoded_sees_a_page() {
    let world = world().await;
    let mut standing = Standing::of(&world).await;
    let good = Asked::good().text();
    for more in [
        "x=%zz",
        "x=%",
        "%gg=1",
        "x=%u0041",
        "x=%c0%af",
        "x=%ff",
        "state=%ed%a0%80",
    ] {
        let seen = world.get(&format!("/authorize?{good}&{more}")).await;
        seen.assert_page();
        standing.holds("P22", more, &seen).await;
    }
}

#[tokio::test]
async fn p23_p24_as_20_as_21_every_answer_names_the_issuer_and_is_either_a_code_or_an_error() {
    for issuer in [
        "https://as.test",
        "https://as.test/",
        "https://as.test/tenant/1",
    ] {
        let mut settings = settings();
        settings.issuer = Issuer::parse(issuer).unwrap();
        let world = world_with(settings, |builder| builder).await;
        let path = issuer.strip_prefix("https://as.test").unwrap();
        let path = path.strip_suffix('/').unwrap_or(path);
        let metadata = world
            .get(&format!("/.well-known/oauth-authorization-server{path}"))
            .await
            .json();
        assert_eq!(metadata["issuer"], issuer);
        assert_eq!(
            metadata["authorization_response_iss_parameter_supported"],
            true
        );
        let mut asked: Vec<_> = RED
            .iter()
            .flat_map(|(_, name, values, _)| values.iter().map(move |value| (*name, *value)))
            .map(|(name, value)| Asked::good().with(name, value))
            .collect();
        asked.push(Asked::good());
        asked.push(Asked::good().and("error", "access_denied").and("code", "x"));
        for asked in asked {
            let seen = world
                .get(&format!("{path}/authorize?{}", asked.text()))
                .await;
            assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
            let url = url::Url::parse(seen.header("location").unwrap()).unwrap();
            let count = |name: &str| url.query_pairs().filter(|(other, _)| other == name).count();
            let named: Vec<_> = url
                .query_pairs()
                .filter(|(name, _)| name == "iss")
                .collect();
            assert_eq!(named.len(), 1, "{url}");
            assert_eq!(named[0].1, issuer);
            assert_eq!(count("code") + count("error"), 1, "{url}");
        }
    }
}
