//! A gate for the resource of the attack corpus, and what it answers.

use bytes::Bytes;
use countersign_resource_server::oauth::{ResourceUri, ScopeSet};
use countersign_resource_server::{
    Caller, Gate, IntoVerifier, JwtVerifier, JwtVerifierBuilder, RequestHead,
};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Response};
use testkit::{AUDIENCE, ISSUER, NOW, TestClock, TestIssuer};

pub(crate) const METADATA: &str = "https://rs.test/.well-known/oauth-protected-resource/mcp";

/// The keys of `issuer` under the name of the corpus' issuer.
pub(crate) fn trusting(issuer: &TestIssuer) -> JwtVerifierBuilder {
    JwtVerifier::key_set(issuer.jwks())
        .issuer(ISSUER)
        .audience(AUDIENCE)
}

pub(crate) fn gate(verifier: impl IntoVerifier) -> Gate {
    gate_at(verifier, &TestClock::new(), "")
}

pub(crate) fn gate_at(verifier: impl IntoVerifier, clock: &TestClock, scopes: &str) -> Gate {
    let required = if scopes.is_empty() {
        ScopeSet::new()
    } else {
        ScopeSet::parse(scopes).unwrap()
    };
    Gate::builder()
        .verifier(verifier)
        .unwrap()
        .required_scopes(required)
        .clock(std::sync::Arc::new(clock.clone()))
        .build(ResourceUri::parse(AUDIENCE).unwrap())
}

pub(crate) fn bearer(token: &str) -> HeaderMap {
    headers(&[format!("Bearer {token}").as_bytes()])
}

/// One `Authorization` line for each value.
pub(crate) fn headers(values: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

/// A request to the resource with these headers.
pub(crate) fn asks<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> RequestHead<'a> {
    RequestHead::new(&Method::POST, "/mcp", headers).query(query)
}

/// Sends a request at the time of the gate's clock.
pub(crate) async fn send(gate: &Gate, headers: &HeaderMap) -> Result<Caller, Response<Bytes>> {
    let outcome = gate.admit(asks(headers, None), gate.now()).await;
    outcome.map_err(|refusal| gate.refuse(&refusal))
}

pub(crate) async fn admitted(gate: &Gate, token: &str) -> Caller {
    match send(gate, &bearer(token)).await {
        Ok(caller) => caller,
        Err(answer) => panic!("refused with {}: {:?}", answer.status(), answer.body()),
    }
}

pub(crate) async fn refused(gate: &Gate, headers: &HeaderMap) -> Response<Bytes> {
    match send(gate, headers).await {
        Ok(caller) => panic!("admitted {caller:?}"),
        Err(answer) => answer,
    }
}

pub(crate) fn challenge(answer: &Response<Bytes>) -> &str {
    answer.headers()[WWW_AUTHENTICATE].to_str().unwrap()
}

/// 401-none of the corpus, for a gate without required scopes.
pub(crate) fn assert_unauthenticated(answer: &Response<Bytes>, what: &str) {
    assert_eq!(answer.status(), 401, "{what}");
    assert_eq!(
        challenge(answer),
        format!("Bearer resource_metadata=\"{METADATA}\""),
        "{what}"
    );
    assert!(answer.body().is_empty(), "{what}");
}

/// 401-bad of the corpus, for a gate without required scopes.
pub(crate) fn assert_invalid_token(answer: &Response<Bytes>, what: &str) {
    assert_eq!(answer.status(), 401, "{what}");
    assert_eq!(
        challenge(answer),
        format!("Bearer error=\"invalid_token\", resource_metadata=\"{METADATA}\""),
        "{what}"
    );
    assert_eq!(answer.headers()["cache-control"], "no-store", "{what}");
    assert_eq!(
        &answer.body()[..],
        br#"{"error":"invalid_token"}"#,
        "{what}"
    );
}

/// 400-req of the corpus, for a gate without required scopes.
pub(crate) fn assert_invalid_request(answer: &Response<Bytes>, what: &str) {
    assert_eq!(answer.status(), 400, "{what}");
    assert_eq!(
        challenge(answer),
        format!("Bearer error=\"invalid_request\", resource_metadata=\"{METADATA}\""),
        "{what}"
    );
    assert_eq!(
        &answer.body()[..],
        br#"{"error":"invalid_request"}"#,
        "{what}"
    );
}

/// 403-scope of the corpus.
pub(crate) fn assert_insufficient_scope(answer: &Response<Bytes>, scopes: &str, what: &str) {
    assert_eq!(answer.status(), 403, "{what}");
    assert_eq!(
        challenge(answer),
        format!(
            "Bearer error=\"insufficient_scope\", scope=\"{scopes}\", \
             resource_metadata=\"{METADATA}\""
        ),
        "{what}"
    );
}

/// Refuses `token` as 401-bad.
pub(crate) async fn assert_refused(gate: &Gate, token: &str, what: &str) {
    assert_invalid_token(&refused(gate, &bearer(token)).await, what);
}

/// A good token of the corpus' issuer.
pub(crate) fn good() -> String {
    TestIssuer::as_test().token().valid_at(NOW).sign()
}
