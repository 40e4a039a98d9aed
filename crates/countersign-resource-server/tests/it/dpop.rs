//! Tokens that are bound to a key: DP-02, DP-03, DP-05, DP-06, RFC 9449 §4.3, §7 and §9.

use std::sync::Arc;

use bytes::Bytes;
use countersign_resource_server::oauth::jose::Algorithm;
use countersign_resource_server::oauth::{Lifetime, ResourceUri, ScopeSet, Secret};
use countersign_resource_server::{
    Caller, Dpop, Gate, IntrospectionVerifier, Refusal, RequestHead, StaticToken, StaticTokens,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, TestClock, TestIssuer, TestKey, jws};

use crate::protected::{METADATA, trusting};
use crate::scripted::Scripted;

/// A client with a key, whose proofs are what it is told to put into them.
struct Client {
    key: TestKey,
    nonce: Option<String>,
    made: std::cell::Cell<u32>,
}

impl Client {
    fn new(key: TestKey) -> Self {
        let (nonce, made) = (None, std::cell::Cell::new(0));
        Self { key, nonce, made }
    }

    fn jwk(&self) -> Value {
        let mut jwk = self.key.jwk();
        jwk.as_object_mut()
            .unwrap()
            .retain(|name, _| ["kty", "crv", "x", "y"].contains(&name.as_str()));
        jwk
    }

    fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let [crv, x, y] = ["crv", "x", "y"].map(|name| jwk[name].as_str().unwrap());
        digest(&format!(
            r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#
        ))
    }

    fn proof(&self, token: &str, changes: Value) -> String {
        self.made.set(self.made.get() + 1);
        let mut claims = json!({
            "jti": format!("p{}", self.made.get()), "htm": "POST", "htu": AUDIENCE,
            "iat": NOW.as_secs(), "ath": digest(token), "nonce": self.nonce,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()});
        jws(header.to_string(), claims.to_string(), |input| {
            self.key.sign(input)
        })
    }
}

fn digest(text: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    testkit::issuer::key::base64url(hash.as_ref())
}

fn bound_to(client: &Client) -> String {
    let cnf = json!({"jkt": client.thumbprint()});
    TestIssuer::as_test().token().claim("cnf", cnf).sign()
}

fn unbound() -> String {
    TestIssuer::as_test().token().sign()
}

fn gate_of(dpop: Dpop, clock: &TestClock) -> Gate {
    Gate::builder()
        .verifier(trusting(&TestIssuer::as_test()))
        .unwrap()
        .clock(Arc::new(clock.clone()))
        .dpop(dpop)
        .unwrap()
        .build(ResourceUri::parse(AUDIENCE).unwrap())
}

fn gate(dpop: Dpop) -> Gate {
    gate_of(dpop, &TestClock::new())
}

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

async fn send(gate: &Gate, headers: &HeaderMap) -> Result<Caller, Refusal> {
    let head = RequestHead::new(&Method::POST, "/mcp", headers);
    gate.admit(head, gate.now()).await
}

async fn with_proof(gate: &Gate, token: &str, proof: &str) -> Result<Caller, Refusal> {
    let token = format!("DPoP {token}");
    send(gate, &fields(&[("authorization", &token), ("dpop", proof)])).await
}

fn told(answer: &Response<Bytes>) -> Vec<&str> {
    let lines = answer.headers().get_all("www-authenticate").iter();
    lines.map(|line| line.to_str().unwrap()).collect()
}

/// The answer to a request that must be refused.
fn answer(gate: &Gate, outcome: Result<Caller, Refusal>) -> Response<Bytes> {
    gate.refuse(&outcome.unwrap_err())
}

fn assert_dpop_error(answer: &Response<Bytes>, error: &str, what: &str) {
    assert_eq!(answer.status(), 401, "{what}");
    let first = told(answer)[0];
    assert!(
        first.starts_with(&format!("DPoP error=\"{error}\", ")),
        "{what}: {first}"
    );
    assert!(first.contains(" algs=\"ES256 EdDSA "), "{what}: {first}");
    assert!(first.contains(METADATA), "{what}: {first}");
    assert_eq!(
        answer.body(),
        format!("{{\"error\":\"{error}\"}}").as_bytes(),
        "{what}"
    );
    assert_eq!(answer.headers()["cache-control"], "no-store", "{what}");
}

/// A client that was given a nonce by `gate`.
async fn client_of(gate: &Gate) -> Client {
    let mut client = Client::new(TestKey::e1());
    let answer = answer(gate, send(gate, &HeaderMap::new()).await);
    let nonce = answer.headers()["dpop-nonce"].to_str().unwrap();
    client.nonce = Some(nonce.to_owned());
    client
}

#[tokio::test]
async fn rs_38_dp_02_a_stolen_token_without_its_key_is_refused() {
    let gate = gate(Dpop::accepted());
    let owner = client_of(&gate).await;
    let token = bound_to(&owner);
    let mut thief = Client::new(TestKey::stranger_e1());
    thief.nonce.clone_from(&owner.nonce);
    let stolen = with_proof(&gate, &token, &thief.proof(&token, json!({}))).await;
    assert_dpop_error(&answer(&gate, stolen), "invalid_token", "another key");
    // RFC 9449 §7.2: nor as a bearer token.
    let bearer = send(
        &gate,
        &fields(&[("authorization", &format!("Bearer {token}"))]),
    )
    .await;
    let refused = answer(&gate, bearer);
    assert_eq!(refused.status(), 401);
    assert!(told(&refused)[0].starts_with("Bearer error=\"invalid_token\""));
    assert!(told(&refused)[1].starts_with("DPoP resource_metadata="));
    // The owner gets in, and the thief not even after that.
    with_proof(&gate, &token, &owner.proof(&token, json!({})))
        .await
        .unwrap();
    let stolen = with_proof(&gate, &token, &thief.proof(&token, json!({}))).await;
    assert_dpop_error(&answer(&gate, stolen), "invalid_token", "remembered token");
    let bearer = send(
        &gate,
        &fields(&[("authorization", &format!("Bearer {token}"))]),
    )
    .await;
    assert!(bearer.is_err(), "remembered token as a bearer token");
    let both = fields(&[
        ("authorization", &format!("Bearer {token}")),
        ("dpop", &owner.proof(&token, json!({}))),
    ]);
    assert!(
        send(&gate, &both).await.is_err(),
        "a bearer token beside a good proof"
    );
}

#[tokio::test]
async fn rs_38_dp_02_each_check_of_a_proof_is_made() {
    let gate = gate(Dpop::accepted());
    let client = client_of(&gate).await;
    let token = bound_to(&client);
    for changes in [
        json!({"htm": "GET"}),
        json!({"htu": "https://rs.test/other"}),
        json!({"htu": "https://evil.test/mcp"}),
        json!({"iat": NOW.as_secs() - 301}),
        json!({"iat": NOW.as_secs() + 301}),
        json!({"ath": null}),
        json!({"ath": digest("another")}),
        json!({"jti": null}),
        json!({"jti": "x".repeat(513)}),
    ] {
        let outcome = with_proof(&gate, &token, &client.proof(&token, changes.clone())).await;
        let answer = answer(&gate, outcome);
        assert_dpop_error(&answer, "invalid_dpop_proof", &changes.to_string());
    }
    let proof = client.proof(&token, json!({}));
    let dpop = format!("DPoP {token}");
    for (proofs, what) in [
        (vec![], "none"),
        (vec![proof.as_str(), proof.as_str()], "two"),
        (vec!["", proof.as_str()], "two, of which one is empty"),
        (vec![token.as_str()], "an access token as proof"),
        (vec!["x"], "no token at all"),
    ] {
        let mut lines = vec![("authorization", dpop.as_str())];
        lines.extend(proofs.iter().map(|proof| ("dpop", *proof)));
        let outcome = send(&gate, &fields(&lines)).await;
        assert_dpop_error(&answer(&gate, outcome), "invalid_dpop_proof", what);
    }
    // A proof as access token.
    let nested = with_proof(&gate, &proof, &client.proof(&proof, json!({}))).await;
    assert_dpop_error(
        &answer(&gate, nested),
        "invalid_token",
        "a proof as access token",
    );
    // None of it used the proof up, and neither case nor spaces of the scheme matter.
    let lines = fields(&[
        ("authorization", &format!("dPoP   {token}")),
        ("dpop", &proof),
    ]);
    assert_eq!(
        send(&gate, &lines).await.unwrap().token().unwrap().reveal(),
        token
    );
}

#[tokio::test]
async fn rs_38_dp_03_a_token_that_is_bound_to_no_key_is_no_dpop_token() {
    let issuer = StaticTokens::new().token(Secret::new("fixed"), StaticToken::subject("ci"));
    let gate = Gate::builder()
        .verifier(trusting(&TestIssuer::as_test()))
        .unwrap()
        .verifier(issuer)
        .unwrap()
        .clock(Arc::new(TestClock::new()))
        .dpop(Dpop::accepted())
        .unwrap()
        .build(ResourceUri::parse(AUDIENCE).unwrap());
    let client = client_of(&gate).await;
    for token in [unbound(), "fixed".to_owned()] {
        let bearer = fields(&[("authorization", &format!("Bearer {token}"))]);
        for _ in 0..2 {
            let outcome = with_proof(&gate, &token, &client.proof(&token, json!({}))).await;
            assert_dpop_error(&answer(&gate, outcome), "invalid_token", &token);
            // As a bearer token it is good, and remembered the second time.
            send(&gate, &bearer).await.unwrap();
        }
    }
}

#[tokio::test]
async fn dp_05_a_proof_is_good_once() {
    let gate = gate(Dpop::accepted());
    let client = client_of(&gate).await;
    let token = bound_to(&client);
    let proof = client.proof(&token, json!({}));
    with_proof(&gate, &token, &proof).await.unwrap();
    let again = with_proof(&gate, &token, &proof).await;
    assert_dpop_error(&answer(&gate, again), "invalid_dpop_proof", "again");
    let same_id = client.proof(&token, json!({"jti": "p1", "iat": NOW.as_secs() - 1}));
    let again = with_proof(&gate, &token, &same_id).await;
    assert_dpop_error(&answer(&gate, again), "invalid_dpop_proof", "same id");
    // A token that is not good uses nothing up.
    let expired = TestIssuer::as_test().token();
    let expired = expired.claim("cnf", json!({"jkt": client.thumbprint()}));
    let expired = expired
        .exp(NOW.saturating_sub(Lifetime::from_hours(1)))
        .sign();
    let proof = client.proof(&expired, json!({"jti": "once"}));
    let refused = with_proof(&gate, &expired, &proof).await;
    assert_dpop_error(&answer(&gate, refused), "invalid_token", "expired");
    let proof = client.proof(&token, json!({"jti": "once"}));
    with_proof(&gate, &token, &proof).await.unwrap();
}

#[tokio::test]
async fn dp_05_a_proof_that_was_seen_before_a_restart_is_refused() {
    let clock = TestClock::new();
    let before = gate_of(Dpop::accepted(), &clock);
    let mut client = client_of(&before).await;
    let token = bound_to(&client);
    let proof = client.proof(&token, json!({}));
    with_proof(&before, &token, &proof).await.unwrap();
    let after = gate_of(Dpop::accepted(), &clock);
    let refused = answer(&after, with_proof(&after, &token, &proof).await);
    assert_dpop_error(&refused, "use_dpop_nonce", "after a restart");
    // The owner goes on with the nonce that came with the answer.
    client.nonce = Some(refused.headers()["dpop-nonce"].to_str().unwrap().to_owned());
    let proof = client.proof(&token, json!({}));
    with_proof(&after, &token, &proof).await.unwrap();
    // Nodes that share a secret, one of which begins anew.
    let shared = || Dpop::accepted().shared_nonces(Secret::new("s".repeat(32)));
    let node = gate_of(shared(), &clock);
    client.nonce = client_of(&node).await.nonce;
    let proof = client.proof(&token, json!({}));
    with_proof(&node, &token, &proof).await.unwrap();
    clock.advance(Lifetime::from_secs(1));
    let restarted = gate_of(shared(), &clock);
    let refused = answer(&restarted, with_proof(&restarted, &token, &proof).await);
    assert_dpop_error(
        &refused,
        "use_dpop_nonce",
        "after a restart with a shared secret",
    );
    clock.advance(Lifetime::from_secs(10));
    client.nonce = client_of(&node).await.nonce;
    let proof = client.proof(&token, json!({}));
    with_proof(&restarted, &token, &proof).await.unwrap();
    // Without nonces what was made before the process began does not count.
    let gate = gate_of(Dpop::accepted().danger_without_nonces(), &clock);
    client.nonce = None;
    let refused = with_proof(&gate, &token, &client.proof(&token, json!({}))).await;
    assert_dpop_error(
        &answer(&gate, refused),
        "invalid_dpop_proof",
        "without nonces",
    );
    clock.advance(Lifetime::from_secs(1));
    let made = json!({"iat": clock.now().as_secs()});
    let proof = client.proof(&token, made);
    with_proof(&gate, &token, &proof).await.unwrap();
    assert!(with_proof(&gate, &token, &proof).await.is_err());
}

#[tokio::test]
async fn dp_05_a_nonce_is_asked_for_and_renewed_before_it_ends() {
    let clock = TestClock::new();
    let gate = gate_of(
        Dpop::accepted().nonce_lifetime(Lifetime::from_secs(60)),
        &clock,
    );
    let mut client = Client::new(TestKey::e1());
    let token = bound_to(&client);
    let first = with_proof(&gate, &token, &client.proof(&token, json!({}))).await;
    let first = answer(&gate, first);
    assert_dpop_error(&first, "use_dpop_nonce", "no nonce");
    client.nonce = Some("of-another-server".to_owned());
    let foreign = with_proof(&gate, &token, &client.proof(&token, json!({}))).await;
    assert_dpop_error(&answer(&gate, foreign), "use_dpop_nonce", "a foreign nonce");
    client.nonce = Some(first.headers()["dpop-nonce"].to_str().unwrap().to_owned());
    let caller = with_proof(&gate, &token, &client.proof(&token, json!({})))
        .await
        .unwrap();
    assert!(caller.dpop_nonce().is_none(), "it is good for long");
    clock.advance(Lifetime::from_secs(30));
    let caller = with_proof(&gate, &token, &client.proof(&token, json!({})))
        .await
        .unwrap();
    let next = caller.dpop_nonce().unwrap().to_str().unwrap().to_owned();
    assert_ne!(Some(&next), client.nonce.as_ref());
    clock.advance(Lifetime::from_secs(30));
    let stale = with_proof(&gate, &token, &client.proof(&token, json!({}))).await;
    assert_dpop_error(&answer(&gate, stale), "use_dpop_nonce", "a stale nonce");
    client.nonce = Some(next);
    with_proof(&gate, &token, &client.proof(&token, json!({})))
        .await
        .unwrap();
}

#[tokio::test]
async fn dp_03_both_schemes_are_asked_for_or_only_the_one_with_a_proof() {
    let accepted = gate(Dpop::accepted());
    let answered = answer(&accepted, send(&accepted, &HeaderMap::new()).await);
    let algs = "algs=\"ES256 EdDSA ES384 ES512 PS256 PS384 PS512 RS256 RS384 RS512\"";
    assert_eq!(
        told(&answered),
        [
            format!("Bearer resource_metadata=\"{METADATA}\""),
            format!("DPoP resource_metadata=\"{METADATA}\", {algs}"),
        ]
    );
    assert!(answered.headers().contains_key("dpop-nonce"));
    let required = gate(Dpop::required().algorithms([Algorithm::ES256]));
    let answered = answer(&required, send(&required, &HeaderMap::new()).await);
    let only = format!("DPoP resource_metadata=\"{METADATA}\", algs=\"ES256\"");
    assert_eq!(told(&answered), [only]);
    let token = unbound();
    let bearer = fields(&[("authorization", &format!("Bearer {token}"))]);
    for _ in 0..2 {
        let answered = answer(&required, send(&required, &bearer).await);
        assert_eq!(answered.status(), 401);
        assert_eq!(told(&answered).len(), 1);
        assert!(told(&answered)[0].starts_with("DPoP error=\"invalid_token\", "));
    }
    let client = client_of(&required).await;
    let token = bound_to(&client);
    with_proof(&required, &token, &client.proof(&token, json!({})))
        .await
        .unwrap();
    let ours = &required.metadata().to_json();
    assert!(
        ours.contains(r#""dpop_signing_alg_values_supported":["ES256"]"#),
        "{ours}"
    );
    assert!(
        ours.contains(r#""dpop_bound_access_tokens_required":true"#),
        "{ours}"
    );
    let ours = &accepted.metadata().to_json();
    assert!(
        !ours.contains("dpop_bound_access_tokens_required"),
        "{ours}"
    );
}

#[tokio::test]
async fn a4_without_proofs_the_scheme_is_one_that_nobody_knows() {
    let gate = crate::protected::gate(trusting(&TestIssuer::as_test()));
    let client = Client::new(TestKey::e1());
    let token = bound_to(&client);
    let outcome = with_proof(&gate, &token, &client.proof(&token, json!({}))).await;
    let answered = answer(&gate, outcome);
    assert_eq!(
        told(&answered),
        [format!("Bearer resource_metadata=\"{METADATA}\"")]
    );
    assert!(!answered.headers().contains_key("dpop-nonce"));
    let bearer = send(
        &gate,
        &fields(&[("authorization", &format!("Bearer {token}"))]),
    )
    .await;
    assert!(told(&answer(&gate, bearer))[0].starts_with("Bearer error=\"invalid_token\""));
    assert!(!gate.metadata().to_json().contains("dpop"));
}

#[tokio::test]
async fn dp_06_a_bound_token_for_another_audience_is_refused() {
    let gate = gate(Dpop::accepted());
    let client = client_of(&gate).await;
    let other = TestIssuer::as_test().token().aud("https://other.test/mcp");
    let other = other
        .claim("cnf", json!({"jkt": client.thumbprint()}))
        .sign();
    let outcome = with_proof(&gate, &other, &client.proof(&other, json!({}))).await;
    assert_dpop_error(&answer(&gate, outcome), "invalid_token", "another audience");
    let lacking = Gate::builder()
        .verifier(trusting(&TestIssuer::as_test()))
        .unwrap()
        .clock(Arc::new(TestClock::new()))
        .required_scopes(ScopeSet::parse("delete").unwrap())
        .dpop(Dpop::accepted())
        .unwrap()
        .build(ResourceUri::parse(AUDIENCE).unwrap());
    let client = client_of(&lacking).await;
    let token = bound_to(&client);
    let proof = client.proof(&token, json!({}));
    let outcome = with_proof(&lacking, &token, &proof).await;
    assert_eq!(answer(&lacking, outcome).status(), 403);
    let again = with_proof(&lacking, &token, &proof).await;
    assert_eq!(answer(&lacking, again).status(), 401, "the proof was used");
}

#[tokio::test]
async fn dp_02_an_introspected_token_is_bound_too() {
    let owner = Client::new(TestKey::e1());
    let say = |changes: Value| {
        let mut said = json!({
            "active": true, "sub": "alice", "aud": AUDIENCE, "iss": ISSUER,
            "exp": NOW.as_secs() + 300, "token_type": "DPoP", "cnf": {"jkt": owner.thumbprint()},
        });
        for (name, value) in changes.as_object().unwrap() {
            said[name] = value.clone();
        }
        said.as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        said.to_string()
    };
    let gate_over = |script: &Scripted| {
        let verifier = IntrospectionVerifier::endpoint("https://as.test/introspect")
            .client("rs", Secret::new("x".repeat(32)))
            .audience(AUDIENCE)
            .issuer(ISSUER)
            .fetcher(script.clone());
        Gate::builder()
            .verifier(verifier)
            .unwrap()
            .clock(Arc::new(TestClock::new()))
            .dpop(Dpop::accepted())
            .unwrap()
            .build(ResourceUri::parse(AUDIENCE).unwrap())
    };
    for changes in [
        json!({"cnf": null}),
        json!({"cnf": {"jkt": digest("another key")}}),
        json!({"cnf": {"x5t#S256": owner.thumbprint()}}),
        json!({"cnf": {"jkt": owner.thumbprint(), "x5t#S256": "a"}}),
        json!({"cnf": owner.thumbprint()}),
        json!({"token_type": "refresh_token"}),
    ] {
        let gate = gate_over(&Scripted::with_json(say(changes.clone())));
        let client = client_of(&gate).await;
        let outcome = with_proof(&gate, "opaque", &client.proof("opaque", json!({}))).await;
        assert_dpop_error(
            &answer(&gate, outcome),
            "invalid_token",
            &changes.to_string(),
        );
    }
    let gate = gate_over(&Scripted::with_json(say(json!({}))));
    let client = client_of(&gate).await;
    let bearer = fields(&[("authorization", "Bearer opaque")]);
    assert!(send(&gate, &bearer).await.is_err());
    let caller = with_proof(&gate, "opaque", &client.proof("opaque", json!({})))
        .await
        .unwrap();
    let jkt = caller.access_token().unwrap().jkt().unwrap().as_str();
    assert_eq!(jkt, owner.thumbprint());
    assert!(send(&gate, &bearer).await.is_err(), "remembered");
}

#[tokio::test]
async fn settings_that_cannot_work_stop_the_start() {
    for (dpop, said) in [
        (
            Dpop::accepted().algorithms([]),
            "name algorithms such as ES256",
        ),
        (Dpop::accepted().algorithms([Algorithm::HS256]), "no HMAC"),
        (
            Dpop::accepted().nonce_lifetime(Lifetime::ZERO),
            "1 to 3600 seconds",
        ),
        (
            Dpop::accepted().nonce_lifetime(Lifetime::from_hours(2)),
            "1 to 3600 seconds",
        ),
        (
            Dpop::accepted().shared_nonces(Secret::new("short")),
            "at least 32",
        ),
    ] {
        let error = Gate::builder().dpop(dpop).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let shown = format!(
        "{:?}",
        Dpop::accepted().shared_nonces(Secret::new("canary".repeat(8)))
    );
    assert!(!shown.contains("canary"));
}
