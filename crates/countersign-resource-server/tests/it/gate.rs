//! The credential of a request: rows A1 to A17 and section 1.6 of the corpus.

use countersign_resource_server::oauth::{ResourceUri, ScopeSet};
use countersign_resource_server::{Gate, ScopeHierarchy};
use http::HeaderMap;
use testkit::{AUDIENCE, TestClock, TestIssuer};

use crate::protected::{
    METADATA, admitted, asks, assert_insufficient_scope, assert_invalid_request,
    assert_invalid_token, assert_unauthenticated, bearer, challenge, gate, gate_at, good, headers,
    refused, send, trusting,
};

fn corpus_gate() -> Gate {
    gate(trusting(&TestIssuer::as_test()))
}

#[tokio::test]
async fn a1_a2_a4_rs_22_rs_23_no_bearer_credential_is_401_without_an_error_code() {
    let gate = corpus_gate();
    let good = good();
    assert_unauthenticated(&refused(&gate, &HeaderMap::new()).await, "no header");
    for value in [
        String::new(),
        format!("Basic {good}"),
        format!("Token {good}"),
        format!("JWT {good}"),
        format!("DPoP {good}"),
    ] {
        let answer = refused(&gate, &headers(&[value.as_bytes()])).await;
        assert_unauthenticated(&answer, &value);
    }
}

#[tokio::test]
async fn a3_a7_a9_a13_rs_29_a_credential_outside_the_grammar_is_400() {
    let gate = corpus_gate();
    let good = good();
    for value in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer   ".to_owned(),
        format!("Bearer\t{good}"),
        format!("Bearer,{good}"),
        format!("Bearer {good}, Bearer {good}"),
        format!("Bearer {good} x"),
        format!("Bearer {good},"),
        format!("Bearer {good};"),
    ] {
        let answer = refused(&gate, &headers(&[value.as_bytes()])).await;
        assert_invalid_request(&answer, &value);
    }
}

#[tokio::test]
async fn a5_a6_rs_11_the_scheme_is_compared_without_case_and_blanks_may_be_many() {
    let gate = corpus_gate();
    let good = good();
    for value in [format!("bearer {good}"), format!("BEARER   {good}")] {
        let caller = send(&gate, &headers(&[value.as_bytes()])).await;
        assert_eq!(caller.unwrap().access_token().unwrap().sub(), "alice");
    }
}

#[tokio::test]
async fn a7_a14_bytes_outside_visible_ascii_are_400() {
    let gate = corpus_gate();
    let good = good();
    let values: [&[u8]; 3] = [
        b"Bearer \xFF",
        "Bearer\u{a0}x".as_bytes(),
        "Bearer ä".as_bytes(),
    ];
    for value in values {
        assert_invalid_request(&refused(&gate, &headers(&[value])).await, "not ASCII");
    }
    // 0x00, 0x7F and folded lines do not even become a header value.
    for byte in [0_u8, 0x7F, b'\n', b'\r'] {
        let mut value = format!("Bearer {good}").into_bytes();
        value.push(byte);
        assert!(http::HeaderValue::from_bytes(&value).is_err(), "{byte}");
    }
}

#[tokio::test]
async fn a8_two_header_lines_are_400_whatever_their_order() {
    let gate = corpus_gate();
    let good = format!("Bearer {}", good());
    let bad = "Bearer bad";
    for pair in [[&*good, bad], [bad, &*good], [&*good, &*good]] {
        let answer = refused(&gate, &headers(&[pair[0].as_bytes(), pair[1].as_bytes()])).await;
        assert_invalid_request(&answer, "two lines");
    }
}

#[tokio::test]
async fn a10_a11_rs_12_a_token_in_the_query_is_never_used() {
    let gate = corpus_gate();
    let query = format!("a=b&access_token={}", good());
    let alone = gate
        .admit(asks(&HeaderMap::new(), Some(&query)), gate.now())
        .await;
    assert_unauthenticated(&gate.refuse(&alone.unwrap_err()), "query alone");
    let both = gate
        .admit(asks(&bearer(&good()), Some(&query)), gate.now())
        .await;
    assert_invalid_request(&gate.refuse(&both.unwrap_err()), "query and header");
}

#[tokio::test]
async fn a15_a16_a17_tokens_without_sense_are_refused() {
    let gate = corpus_gate();
    for token in [
        "a".repeat(8 * 1024 + 1),
        "a".repeat(64 * 1024),
        "a".repeat(1024 * 1024),
        ".".repeat(8 * 1024),
        ".".to_owned(),
        "..".to_owned(),
        "a.b".to_owned(),
        "a.b.c.d".to_owned(),
        "e30.e30.".to_owned(),
        "a.b.c.d.e".to_owned(),
    ] {
        let what: String = token.chars().take(12).collect();
        assert_invalid_token(&refused(&gate, &bearer(&token)).await, &what);
    }
}

#[tokio::test]
async fn rs_24_rs_25_rs_26_challenges_name_the_scopes_that_are_needed() {
    let issuer = TestIssuer::as_test();
    let gate = gate_at(trusting(&issuer), &TestClock::new(), "read write");
    let answer = refused(&gate, &HeaderMap::new()).await;
    assert_eq!(
        challenge(&answer),
        format!("Bearer scope=\"read write\", resource_metadata=\"{METADATA}\"")
    );
    for (scopes, what) in [
        ("read", "one of two"),
        ("readwrite", "run together"),
        ("READ write", "case"),
    ] {
        let token = issuer.token().scopes(scopes).sign();
        let answer = refused(&gate, &bearer(&token)).await;
        assert_insufficient_scope(&answer, "read write", what);
    }
    let token = issuer.token().scopes("write read more").sign();
    assert!(admitted(&gate, &token).await.scopes().len() == 3);
}

#[tokio::test]
async fn m_11_rs_24_scopes_that_clients_are_told_to_ask_for_are_not_required() {
    let issuer = TestIssuer::as_test();
    let scopes = |names| ScopeSet::parse(names).unwrap();
    let gate = Gate::builder()
        .verifier(trusting(&issuer).required_scopes(scopes("read")))
        .unwrap()
        .challenge_scopes(scopes("more"))
        .clock(std::sync::Arc::new(TestClock::new()))
        .build(ResourceUri::parse(AUDIENCE).unwrap());
    assert_eq!(
        challenge(&refused(&gate, &HeaderMap::new()).await),
        format!("Bearer scope=\"more read\", resource_metadata=\"{METADATA}\"")
    );
    assert_eq!(gate.metadata().scopes_supported, scopes("more read"));
    let bare = issuer.token().scopes("more").sign();
    let answer = refused(&gate, &bearer(&bare)).await;
    assert_insufficient_scope(&answer, "read", "what is needed");
    admitted(&gate, &issuer.token().scopes("read").sign()).await;
}

#[tokio::test]
async fn a_token_without_any_scope_claim_lacks_every_required_scope() {
    let issuer = TestIssuer::as_test();
    let gate = gate_at(trusting(&issuer), &TestClock::new(), "read");
    let answer = refused(&gate, &bearer(&issuer.token().sign())).await;
    assert_insufficient_scope(&answer, "read", "no scope claim");
}

#[tokio::test]
async fn rs_28_a_scope_that_contains_the_required_one_is_enough() {
    let issuer = TestIssuer::as_test();
    let scopes = |names| ScopeSet::parse(names).unwrap();
    let hierarchy = ScopeHierarchy::new().implies("admin", ["write"]);
    let hierarchy = hierarchy.and_then(|hierarchy| hierarchy.implies("write", ["read"]));
    let gate = Gate::builder()
        .verifier(trusting(&issuer).required_scopes(scopes("read")))
        .unwrap()
        .required_scopes(scopes("write"))
        .scope_hierarchy(hierarchy.unwrap())
        .clock(std::sync::Arc::new(TestClock::new()))
        .build(ResourceUri::parse(AUDIENCE).unwrap());
    for held in ["read", "administrator", "other"] {
        let token = issuer.token().scopes(held).sign();
        let answer = refused(&gate, &bearer(&token)).await;
        assert_insufficient_scope(&answer, "read write", held);
    }
    for (held, all) in [("write", "read write"), ("admin", "admin read write")] {
        let caller = admitted(&gate, &issuer.token().scopes(held).sign()).await;
        assert_eq!(caller.scopes(), &scopes(all));
        assert_eq!(caller.access_token().unwrap().scopes(), &scopes(held));
    }
}

#[tokio::test]
async fn a83_rs_34_headers_that_claim_an_identity_are_ignored() {
    let strict = corpus_gate();
    let open = Gate::builder()
        .verifier(trusting(&TestIssuer::as_test()))
        .unwrap()
        .optional()
        .build(ResourceUri::parse(AUDIENCE).unwrap());
    for name in [
        "user-agent",
        "x-forwarded-uri",
        "x-original-url",
        "x-forwarded-user",
        "x_forwarded_user",
        "x-auth-request-email",
        "x-http-method-override",
        "x-user-id",
        "x-mcp-user-id",
        "x-tenant",
        "x-groups",
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(name, "admin".parse().unwrap());
        assert_unauthenticated(&refused(&strict, &headers).await, name);
        let caller = send(&open, &headers).await.unwrap();
        assert!(caller.access_token().is_none(), "{name}");
        assert!(caller.principal().is_none(), "{name}");
        assert!(caller.scopes().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn m_15_optional_authentication_still_refuses_a_bad_token() {
    let gate = Gate::builder()
        .verifier(trusting(&TestIssuer::as_test()))
        .unwrap()
        .optional()
        .build(ResourceUri::parse(AUDIENCE).unwrap());
    assert!(send(&gate, &HeaderMap::new()).await.is_ok());
    assert_invalid_token(&refused(&gate, &bearer("bad")).await, "bad token");
}

#[tokio::test]
async fn a_gate_without_verifiers_refuses_everybody() {
    let gate = Gate::builder().build(ResourceUri::parse(AUDIENCE).unwrap());
    assert_invalid_token(&refused(&gate, &bearer(&good())).await, "nobody to ask");
    assert_unauthenticated(
        &refused(&gate, &HeaderMap::new()).await,
        "nothing presented",
    );
}

#[tokio::test]
async fn rs_01_rs_02_rs_05_the_metadata_names_resource_issuer_and_scopes() {
    let gate = gate_at(
        trusting(&TestIssuer::as_test()).required_scopes(ScopeSet::parse("read").unwrap()),
        &TestClock::new(),
        "",
    );
    let document: serde_json::Value = serde_json::from_slice(&gate.metadata_document()).unwrap();
    assert_eq!(
        document,
        serde_json::json!({
            "resource": AUDIENCE,
            "authorization_servers": [testkit::ISSUER],
            "scopes_supported": ["read"],
            "bearer_methods_supported": ["header"],
        })
    );
}
