//! Tokens for which a program shows the one that it was called with: RFC 8693.

use countersign_oauth_client::machine::{ExchangedToken, OnBehalf, TokenExchangeBuilder};
use countersign_oauth_client::oauth::dpop::{Expected, Target, check};

use super::*;

const UPSTREAM: &str = "https://up.test/api";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";

fn answer(token: &str, kind: &str) -> Value {
    json!({
        "access_token": token, "token_type": "Bearer", "expires_in": 3_600, "scope": "read",
        "issued_token_type": kind,
    })
}

/// A world whose token endpoint exchanges into `exchanged-1` and so on.
fn exchanging(changes: Value) -> Scene {
    let scene = scene();
    let count = AtomicUsize::new(0);
    scene.world.play(TOKEN, move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let mut answer = answer(&format!("exchanged-{number}"), ACCESS);
        let members = answer.as_object_mut().unwrap();
        members.extend(changes.as_object().unwrap().clone());
        members.retain(|_, value| !value.is_null());
        Reply::json(&answer)
    });
    scene
}

fn builder(scene: &Scene) -> TokenExchangeBuilder {
    TokenExchange::builder(ISSUER, "mcp", Secret::new("secret"))
        .fetch(Arc::new(scene.world.clone()))
        .clock(Arc::new(scene.clock.clone()))
}

async fn exchanged(
    exchange: &TokenExchange,
    (subject, resource, scopes): (&str, &str, &str),
) -> Result<ExchangedToken, OAuthError> {
    let scopes = ScopeSet::parse(scopes).unwrap();
    let subject = Secret::new(subject);
    exchange.exchange(&subject, resource, &scopes).await
}

async fn got(exchange: &TokenExchange, what: (&str, &str, &str)) -> String {
    let token = exchanged(exchange, what).await.unwrap();
    token.access_token.reveal().to_owned()
}

const ADA: (&str, &str, &str) = ("adas-token", UPSTREAM, "read");

#[tokio::test]
async fn what_is_no_token_for_somebody_else_is_given_to_nobody_and_is_not_held() {
    let scene = scene();
    let exchange = builder(&scene).build().unwrap();
    for wrong in [
        answer("exchanged", "urn:ietf:params:oauth:token-type:id_token"),
        answer("adas-token", ACCESS),
        json!({"access_token": "t", "token_type": "Bearer"}),
        json!({"access_token": "t", "token_type": "N_A", "issued_token_type": ACCESS}),
        json!({"access_token": "t", "token_type": "DPoP", "issued_token_type": ACCESS}),
    ] {
        scene.world.json(TOKEN, &wrong);
        let got = exchanged(&exchange, ADA).await;
        assert!(matches!(got, Err(OAuthError::BadAnswer(_))), "{wrong}");
    }
    scene.world.always(TOKEN, Reply::error("invalid_target"));
    let refused = exchanged(&exchange, ADA).await;
    assert!(matches!(refused, Err(OAuthError::Refused { .. })));
    assert_eq!(scene.world.asked(TOKEN).len(), 6);
    let (subject, _, scopes) = ADA;
    exchanged(&exchange, (subject, "nowhere", scopes))
        .await
        .unwrap_err();
    assert_eq!(scene.world.asked(TOKEN).len(), 6);
}

#[tokio::test]
async fn a_server_that_exchanges_nothing_or_takes_no_secret_is_not_shown_the_token() {
    for (changes, says) in [
        (
            json!({ "grant_types_supported": ["authorization_code"] }),
            "does not offer the grant type",
        ),
        (
            json!({ "token_endpoint_auth_methods_supported": ["none"] }),
            "takes no client secret",
        ),
        (json!({ "token_endpoint": null }), "names no token endpoint"),
        (json!({ "issuer": "https://evil.test" }), "another issuer"),
    ] {
        let scene = exchanging(json!({}));
        scene.world.amend(SERVER_METADATA, &changes);
        let exchange = builder(&scene).build().unwrap();
        let error = exchanged(&exchange, ADA).await.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(!scene.world.said().contains("adas-token"));
    }
    let scene = exchanging(json!({}));
    let with_key = TokenExchange::with_key(ISSUER, "mcp", key()).client_secret_post();
    let error = with_key.build().unwrap_err().to_string();
    assert!(error.contains("leave it out"), "{error}");
    let inside = builder(&scene).token_endpoint("http://10.0.0.1/token");
    assert!(inside.build().is_err());
}

#[tokio::test]
async fn an_exchange_sends_the_inbound_token_to_its_authorization_server_alone() {
    let scene = exchanging(json!({}));
    let exchange = builder(&scene).build().unwrap();
    let token = exchanged(&exchange, ADA).await.unwrap();
    assert_eq!(token.access_token.reveal(), "exchanged-1");
    assert_eq!(token.scopes, ScopeSet::parse("read").unwrap());
    let in_an_hour = scene.clock.now().saturating_add(Lifetime::from_hours(1));
    assert_eq!(token.expires_at, Some(in_an_hour));
    let asked = scene.world.one(TOKEN);
    let field = |name: &str| asked.field(name).unwrap();
    assert_eq!(field("grant_type"), EXCHANGE);
    assert_eq!(field("subject_token"), "adas-token");
    assert_eq!(field("subject_token_type"), ACCESS);
    assert_eq!(field("requested_token_type"), ACCESS);
    assert_eq!(field("resource"), UPSTREAM);
    assert_eq!(field("scope"), "read");
    assert_eq!(asked.authorization(), Some("Basic bWNwOnNlY3JldA=="));
    for address in scene.world.addresses() {
        assert!(address.starts_with(ISSUER), "{address}");
    }
    let debug = format!("{exchange:?} {token:?}");
    for canary in ["exchanged-1", "adas-token", "secret"] {
        assert!(!debug.contains(canary), "{debug}");
    }
}

#[tokio::test]
async fn cl_35_the_secret_goes_where_the_server_takes_it_or_where_it_is_said() {
    for (methods, forced, in_body) in [
        (json!(["client_secret_post"]), false, true),
        (
            json!(["client_secret_post", "client_secret_basic"]),
            false,
            false,
        ),
        (json!(["client_secret_basic"]), true, true),
        (json!(null), false, false),
    ] {
        let scene = exchanging(json!({}));
        offers(&scene, &methods);
        let mut settings = builder(&scene);
        if forced {
            settings = settings.client_secret_post();
        }
        got(&settings.build().unwrap(), ADA).await;
        let asked = scene.world.one(TOKEN);
        assert_eq!(asked.authorization().is_none(), in_body, "{methods}");
        let secret = in_body.then_some("secret");
        assert_eq!(asked.field("client_secret").as_deref(), secret);
        assert_eq!(asked.field("client_id").is_some(), in_body);
    }
    // A server without metadata.
    for forced in [false, true] {
        let scene = exchanging(json!({}));
        scene.world.nothing_at(SERVER_METADATA);
        let mut settings = builder(&scene).token_endpoint(TOKEN);
        if forced {
            settings = settings.client_secret_post();
        }
        got(&settings.build().unwrap(), ADA).await;
        assert_eq!(scene.world.addresses(), [TOKEN]);
        assert_eq!(scene.world.one(TOKEN).authorization().is_none(), forced);
    }
}

#[tokio::test]
async fn i20_a_token_is_held_for_whoever_shows_the_same_token_for_the_same_and_nobody_else() {
    let scene = exchanging(json!({}));
    let exchange = builder(&scene).build().unwrap();
    assert_eq!(got(&exchange, ADA).await, "exchanged-1");
    assert_eq!(got(&exchange.clone(), ADA).await, "exchanged-1");
    let (subject, resource, scopes) = ADA;
    for (other, token) in [
        (("bobs-token", resource, scopes), "exchanged-2"),
        ((subject, "https://up.test/api2", scopes), "exchanged-3"),
        ((subject, resource, "write"), "exchanged-4"),
        ((subject, resource, ""), "exchanged-5"),
        (("adas-token2", resource, scopes), "exchanged-6"),
    ] {
        assert_eq!(got(&exchange, other).await, token);
        assert_eq!(got(&exchange, other).await, token);
    }
    assert_eq!(got(&exchange, ADA).await, "exchanged-1");
    // Another program, also with the same settings, holds what it got itself.
    assert_eq!(
        got(&builder(&scene).build().unwrap(), ADA).await,
        "exchanged-7"
    );
    // The metadata are asked for once by each.
    assert_eq!(scene.world.asked(SERVER_METADATA).len(), 2);

    // What its resource has refused is held no more.
    exchange.forget(&Secret::new("exchanged-1"));
    assert_eq!(got(&exchange, ADA).await, "exchanged-8");
    // Nor is anything for longer than five minutes.
    scene.clock.advance(Lifetime::from_secs(299));
    assert_eq!(got(&exchange, ADA).await, "exchanged-8");
    scene.clock.advance(Lifetime::from_secs(1));
    assert_eq!(got(&exchange, ADA).await, "exchanged-9");
    scene.clock.advance(Lifetime::from_hours(1));
    got(&exchange, ADA).await;
    assert_eq!(scene.world.asked(SERVER_METADATA).len(), 3);
}

#[tokio::test]
async fn a_token_that_ends_soon_or_says_not_when_is_not_held() {
    for (changes, span, is_held) in [
        (json!({ "expires_in": 100 }), 79, true),
        (json!({ "expires_in": 100 }), 80, false),
        (json!({ "expires_in": 0 }), 0, false),
        (json!({ "expires_in": null }), 0, false),
    ] {
        let scene = exchanging(changes.clone());
        let exchange = builder(&scene).build().unwrap();
        got(&exchange, ADA).await;
        scene.clock.advance(Lifetime::from_secs(span));
        let second = got(&exchange, ADA).await;
        assert_eq!(second == "exchanged-1", is_held, "{changes} {span}");
    }
}

#[tokio::test]
async fn many_calls_of_one_caller_at_once_cause_one_exchange() {
    let scene = exchanging(json!({}));
    let exchange = builder(&scene).build().unwrap();
    let ada = (0..50).map(|_| got(&exchange, ADA));
    for token in futures_util::future::join_all(ada).await {
        assert_eq!(token, "exchanged-1");
    }
    assert_eq!(scene.world.asked(TOKEN).len(), 1);
}

#[tokio::test]
async fn dp_01_what_is_exchanged_is_bound_to_a_key_where_that_is_demanded() {
    // A server that binds nothing is not asked, and one that forgot to is not believed.
    let scene = exchanging(json!({}));
    let exchange = builder(&scene).dpop().build().unwrap();
    let error = exchanged(&exchange, ADA).await.unwrap_err().to_string();
    assert!(error.contains("does not bind tokens"), "{error}");
    assert!(scene.world.asked(TOKEN).is_empty());
    let scene = exchanging(json!({}));
    offers_bound(&scene);
    let exchange = builder(&scene).dpop().build().unwrap();
    let error = exchanged(&exchange, ADA).await.unwrap_err().to_string();
    assert!(error.contains("not bound to our key"), "{error}");

    let scene = exchanging(json!({ "token_type": "DPoP" }));
    offers_bound(&scene);
    let exchange = builder(&scene).dpop().build().unwrap();
    let token = exchanged(&exchange, ADA).await.unwrap();
    let proven = |headers: &HeaderMap, address: &str, token: Option<&str>| {
        let target = Target::parse(address).unwrap();
        let mut expected = Expected::new("POST", &target, scene.clock.now());
        if let Some(token) = token {
            expected = expected.access_token(token);
        }
        let proof = headers["dpop"].to_str().unwrap();
        check(proof, &expected).unwrap()
    };
    let at_server = proven(&scene.world.one(TOKEN).headers, TOKEN, None);
    let url = Url::parse(UPSTREAM).unwrap();
    let outgoing = Outgoing::new(&Method::POST, &url);
    let fields = || token.fields(outgoing).unwrap();
    let (first, second) = (fields(), fields());
    assert_eq!(first["authorization"], "DPoP exchanged-1");
    let shown = Some("exchanged-1");
    let first = proven(&first, UPSTREAM, shown);
    assert_eq!(first.thumbprint.as_str(), at_server.thumbprint.as_str());
    assert_ne!(first.jti, proven(&second, UPSTREAM, shown).jti);
    // A nonce of the resource is in the next proof.
    let mut headers = HeaderMap::new();
    assert!(!token.answered(outgoing, &headers));
    headers.insert("dpop-nonce", "n1".parse().unwrap());
    assert!(token.answered(outgoing, &headers));
    let with_nonce = fields();
    let proof = decode_unverified(with_nonce["dpop"].to_str().unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(proof.payload()).unwrap();
    assert_eq!(claims["nonce"], "n1");
}

fn behalf(exchange: &TokenExchange, subject: &str) -> OnBehalf {
    let scopes = ScopeSet::parse("read").unwrap();
    let subject = Secret::new(subject);
    exchange.on_behalf(&subject, UPSTREAM, scopes).unwrap()
}

async fn shown_by(behalf: &OnBehalf) -> HeaderMap {
    let url = Url::parse(UPSTREAM).unwrap();
    let request = Outgoing::new(&Method::POST, &url);
    behalf.authorize(request).await.unwrap()
}

async fn refused_to(
    behalf: &OnBehalf,
    (status, challenge, attempt): (u16, &str, u32),
) -> Result<Next, AuthorizerError> {
    let url = Url::parse(UPSTREAM).unwrap();
    let request = Outgoing::new(&Method::POST, &url);
    let shown = shown_by(behalf).await;
    let mut headers = HeaderMap::new();
    headers.insert("www-authenticate", challenge.parse().unwrap());
    headers.insert("dpop-nonce", "n1".parse().unwrap());
    let status = StatusCode::from_u16(status).unwrap();
    let refused = Refused::new(request, "x", &shown, status, &headers, attempt);
    behalf.refused(refused).await
}

#[tokio::test]
async fn a_resource_that_is_called_for_somebody_is_shown_what_was_exchanged_for_them() {
    let scene = exchanging(json!({}));
    let exchange = builder(&scene).build().unwrap();
    let ada = behalf(&exchange, "adas-token");
    let bob = behalf(&exchange, "bobs-token");
    assert_eq!(shown_by(&ada).await["authorization"], "Bearer exchanged-1");
    assert_eq!(shown_by(&bob).await["authorization"], "Bearer exchanged-2");
    assert_eq!(shown_by(&ada).await["authorization"], "Bearer exchanged-1");
    assert!(!format!("{ada:?}").contains("adas-token"));
    assert!(
        exchange
            .on_behalf(&Secret::new("t"), "nowhere", ScopeSet::new())
            .is_err()
    );

    // One that was just got and is refused stays refused; an older one is replaced.
    let challenge = r#"Bearer error="invalid_token""#;
    let next = refused_to(&ada, (401, challenge, 0)).await.unwrap();
    assert_eq!(next, Next::GiveUp);
    scene.clock.advance(Lifetime::from_mins(1));
    let next = refused_to(&ada, (401, challenge, 0)).await.unwrap();
    assert_eq!(next, Next::Again);
    assert_eq!(shown_by(&ada).await["authorization"], "Bearer exchanged-3");
    let next = refused_to(&ada, (401, challenge, 1)).await.unwrap();
    assert_eq!(next, Next::GiveUp);
    assert_eq!(shown_by(&bob).await["authorization"], "Bearer exchanged-2");
}

#[tokio::test]
async fn i20_cl_31_what_was_exchanged_for_one_resource_is_shown_to_no_other() {
    let scene = exchanging(json!({}));
    let exchange = builder(&scene).build().unwrap();
    let ada = behalf(&exchange, "adas-token");
    shown_by(&ada).await;
    scene.world.forget_requests();
    let url = Url::parse("https://two.test/api").unwrap();
    let request = Outgoing::new(&Method::POST, &url);
    assert!(ada.authorize(request).await.is_err());
    let (shown, headers) = (HeaderMap::new(), HeaderMap::new());
    let status = StatusCode::UNAUTHORIZED;
    let refused = Refused::new(request, "x", &shown, status, &headers, 0);
    assert!(ada.refused(refused).await.is_err());
    assert_eq!(scene.world.addresses(), [""; 0]);
}

#[tokio::test]
async fn i11_what_a_resource_asks_for_besides_is_asked_of_the_authorization_server() {
    let scene = exchanging(json!({}));
    let exchange = builder(&scene).build().unwrap();
    let ada = behalf(&exchange, "adas-token");
    let more = |scope: &str| format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
    for (scope, attempt, expected) in [
        ("read", 0, Next::GiveUp),
        ("write", 0, Next::Again),
        ("write", 1, Next::GiveUp),
        ("more", 2, Next::Again),
        ("most", 3, Next::GiveUp),
    ] {
        let next = refused_to(&ada, (403, &more(scope), attempt)).await;
        assert_eq!(next.unwrap(), expected, "{scope}");
    }
    let asked = scene.world.asked(TOKEN);
    let scopes: Vec<_> = asked
        .iter()
        .map(|one| one.field("scope").unwrap())
        .collect();
    assert_eq!(scopes, ["read", "read write", "more read write"]);
    // A refusal leaves what there was.
    scene.world.always(TOKEN, Reply::error("invalid_scope"));
    let refused = refused_to(&ada, (403, &more("admin"), 0)).await;
    assert!(refused.unwrap_err().to_string().contains("invalid_scope"));
    assert_eq!(shown_by(&ada).await["authorization"], "Bearer exchanged-3");
    // What is about something else is the answer.
    for (status, challenge) in [(403, "Bearer"), (403, r#"Bearer error="invalid_token""#)] {
        let next = refused_to(&ada, (status, challenge, 0)).await.unwrap();
        assert_eq!(next, Next::GiveUp);
    }
}

#[tokio::test]
async fn dp_03_a_resource_that_wants_a_nonce_gets_it_without_another_exchange() {
    let scene = exchanging(json!({ "token_type": "DPoP" }));
    offers_bound(&scene);
    let exchange = builder(&scene).dpop().build().unwrap();
    let ada = behalf(&exchange, "adas-token");
    let challenge = r#"DPoP error="use_dpop_nonce""#;
    let next = refused_to(&ada, (401, challenge, 0)).await.unwrap();
    assert_eq!(next, Next::Again);
    let headers = shown_by(&ada).await;
    let proof = decode_unverified(headers["dpop"].to_str().unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(proof.payload()).unwrap();
    assert_eq!(claims["nonce"], "n1");
    let next = refused_to(&ada, (401, challenge, 3)).await.unwrap();
    assert_eq!(next, Next::GiveUp);
    assert_eq!(scene.world.asked(TOKEN).len(), 1);
}
