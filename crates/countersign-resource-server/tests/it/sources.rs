//! Several sources at one gate: whose credential it is, and who is told what.

use countersign_resource_server::oauth::{ResourceUri, ScopeSet, Secret};
use countersign_resource_server::policy::{self, Action, Component, ComponentKind, Denial};
use countersign_resource_server::{
    AccessToken, ApiKeyAuth, Assertion, Caller, FixedKey, Gate, GateBuilder, InHeader, SourceName,
    SourceRule, StaticToken, StaticTokens,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use testkit::{AUDIENCE, NOW, TestIssuer};

use crate::protected::{METADATA, asks, good, trusting};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

fn keys() -> ApiKeyAuth {
    let nightly = FixedKey::service("nightly").scopes(scopes("stats"));
    ApiKeyAuth::header("X-API-Key").key(Secret::new(KEY), nightly)
}

fn people_and_keys() -> GateBuilder {
    let people = trusting(&TestIssuer::as_test());
    let gate = Gate::builder().verifier(people).unwrap();
    gate.verifier(keys()).unwrap().resource_name("Notes")
}

fn built(gate: GateBuilder) -> Gate {
    gate.build(ResourceUri::parse(AUDIENCE).unwrap())
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

async fn admit(gate: &Gate, lines: &[(&str, &str)]) -> Caller {
    let outcome = gate.admit(asks(&headers(lines), None), NOW).await;
    outcome.unwrap()
}

/// Status and every challenge of the answer.
async fn refused(gate: &Gate, lines: &[(&str, &str)], query: Option<&str>) -> (u16, Vec<String>) {
    let outcome = gate.admit(asks(&headers(lines), query), NOW).await;
    let answer = gate.refuse(&outcome.unwrap_err());
    let told = answer.headers().get_all("www-authenticate").iter();
    let told = told.map(|line| line.to_str().unwrap().to_owned());
    (answer.status().as_u16(), told.collect())
}

fn bearer_challenge(error: &str) -> String {
    format!("Bearer {error}resource_metadata=\"{METADATA}\"")
}

fn key_challenge(error: &str) -> String {
    format!("ApiKey realm=\"Notes\", header=\"X-API-Key\"{error}")
}

#[tokio::test]
async fn without_a_credential_every_source_is_named_and_the_one_with_the_metadata_first() {
    let gate = Gate::builder().verifier(keys()).unwrap();
    let gate = gate.verifier(trusting(&TestIssuer::as_test())).unwrap();
    let gate = built(gate.resource_name("Notes"));
    for lines in [
        &[][..],
        &[("authorization", "Basic dTpw")],
        &[("authorization", "ApiKey 0123456789abcdef0123456789abcdef")],
        &[("x-other-key", KEY)],
    ] {
        let (status, told) = refused(&gate, lines, None).await;
        assert_eq!(status, 401, "{lines:?}");
        assert_eq!(told, [bearer_challenge(""), key_challenge("")], "{lines:?}");
    }
}

#[tokio::test]
async fn a_bad_credential_is_answered_with_the_challenge_of_its_own_source() {
    let gate = built(people_and_keys());
    let expected = [key_challenge(", error=\"invalid_token\"")];
    let wrong = "fedcba9876543210fedcba9876543210";
    let long = "k".repeat(9_000);
    for key in [wrong, "csk_typed-wrong", "x", &long, &good()] {
        let (status, told) = refused(&gate, &[("x-api-key", key)], None).await;
        assert_eq!((status, &told[..]), (401, &expected[..]), "{key:.20}");
    }
    let expected = [bearer_challenge("error=\"invalid_token\", ")];
    for token in [KEY, "not-a-token"] {
        let value = format!("Bearer {token}");
        let (status, told) = refused(&gate, &[("authorization", &value)], None).await;
        assert_eq!((status, &told[..]), (401, &expected[..]), "{token}");
    }
}

#[tokio::test]
async fn a_malformed_key_is_400_and_a_key_in_the_query_is_never_used() {
    let gate = built(people_and_keys());
    let expected = [key_challenge(", error=\"invalid_request\"")];
    for lines in [
        &[("x-api-key", KEY), ("x-api-key", KEY)][..],
        &[("x-api-key", KEY), ("X-API-Key", "other")],
        &[("x-api-key", "")],
        &[("x-api-key", "a, b")],
        &[("x-api-key", "Bearer abc")],
    ] {
        let (status, told) = refused(&gate, lines, None).await;
        assert_eq!((status, &told[..]), (400, &expected[..]), "{lines:?}");
    }
    for name in [
        "x-api-key",
        "X-API-Key",
        "api_key",
        "apiKey",
        "access_token",
    ] {
        let query = format!("{name}={KEY}");
        let (status, told) = refused(&gate, &[("x-api-key", KEY)], Some(&query)).await;
        assert_eq!((status, &told[..]), (400, &expected[..]), "{query}");
        let (status, told) = refused(&gate, &[], Some(&query)).await;
        assert_eq!((status, told.len()), (401, 2), "{query}");
    }
}

#[tokio::test]
async fn of_two_credentials_one_bad_one_refuses_the_request_whichever_it_is() {
    let gate = built(people_and_keys());
    let good = format!("Bearer {}", good());
    let (status, told) = refused(
        &gate,
        &[("authorization", &good), ("x-api-key", "wrong")],
        None,
    )
    .await;
    assert_eq!(status, 401);
    assert_eq!(told, [key_challenge(", error=\"invalid_token\"")]);
    let (status, told) = refused(
        &gate,
        &[("authorization", "Bearer bad"), ("x-api-key", KEY)],
        None,
    )
    .await;
    assert_eq!(status, 401);
    assert_eq!(told, [bearer_challenge("error=\"invalid_token\", ")]);
    // Nobody judges bearer tokens here, and still one is not overlooked.
    let keys_only = built(
        Gate::builder()
            .verifier(keys())
            .unwrap()
            .resource_name("Notes"),
    );
    let both = [("authorization", &*good), ("x-api-key", KEY)];
    let (status, told) = refused(&keys_only, &both, None).await;
    assert_eq!(status, 401);
    assert_eq!(told, [key_challenge(", error=\"invalid_token\"")]);
    // Another scheme is no credential of any source.
    let basic = [("authorization", "Basic dTpw"), ("x-api-key", KEY)];
    assert_eq!(admit(&keys_only, &basic).await.source().unwrap(), "api_key");
}

#[tokio::test]
async fn keys_as_bearer_tokens_are_asked_for_without_the_metadata() {
    let nightly = FixedKey::service("nightly");
    let keys = ApiKeyAuth::bearer().key(Secret::new(KEY), nightly);
    let gate = built(Gate::builder().verifier(keys).unwrap());
    let (status, told) = refused(&gate, &[], None).await;
    assert_eq!(
        (status, &told[..]),
        (401, &["Bearer realm=\"api keys\"".to_owned()][..])
    );
    let value = format!("Bearer {KEY}");
    let caller = admit(&gate, &[("authorization", &value)]).await;
    assert_eq!(caller.source().unwrap(), "api_key");
}

#[tokio::test]
async fn rs_26_a_key_with_too_few_scopes_is_told_so_in_the_words_of_its_source() {
    let gate = built(people_and_keys().required_scopes(scopes("all")));
    let (status, told) = refused(&gate, &[("x-api-key", KEY)], None).await;
    assert_eq!(status, 403);
    let error = ", error=\"insufficient_scope\", scope=\"all\"";
    assert_eq!(told, [key_challenge(error)]);
}

#[tokio::test]
async fn the_source_that_was_declared_first_says_who_calls_wherever_its_credential_is() {
    let token = format!("Bearer {}", good());
    let both = [("x-api-key", KEY), ("authorization", &*token)];
    let caller = admit(&built(people_and_keys()), &both).await;
    assert_eq!(caller.source().unwrap(), "oauth");
    assert_eq!(caller.access_token().unwrap().sub(), "alice");
    let keys_first = Gate::builder().verifier(keys()).unwrap();
    let keys_first = keys_first
        .verifier(trusting(&TestIssuer::as_test()))
        .unwrap();
    let caller = admit(&built(keys_first), &both).await;
    assert_eq!(caller.source().unwrap(), "api_key");
    assert_eq!(caller.access_token().unwrap().sub(), "service:nightly");
    assert_eq!(caller.token().unwrap().reveal(), KEY);
    let sources: Vec<&str> = caller
        .credentials()
        .map(|token| token.source().as_str())
        .collect();
    assert_eq!(sources, ["api_key", "oauth"]);
}

#[tokio::test]
async fn the_same_text_at_two_places_stands_for_whom_it_stands_there() {
    let one = StaticTokens::new().token(Secret::new("t"), StaticToken::subject("alice"));
    let other = StaticTokens::new().token(Secret::new("t"), StaticToken::subject("alice"));
    let partner = SourceName::parse("partner").unwrap();
    let gate = Gate::builder().verifier(one).unwrap();
    let gate = built(
        gate.source(partner, InHeader::new("X-Partner", other))
            .unwrap(),
    );
    // Twice, so that the second time comes from the caches.
    for _ in 0..2 {
        let own = admit(&gate, &[("authorization", "Bearer t")]).await;
        let theirs = admit(&gate, &[("x-partner", "t")]).await;
        assert_eq!(own.source().unwrap(), "oauth");
        assert_eq!(theirs.source().unwrap(), "partner");
        let (own, theirs) = (own.principal().unwrap(), theirs.principal().unwrap());
        assert_eq!(
            (&own.issuer, &own.subject),
            (&theirs.issuer, &theirs.subject)
        );
        assert_ne!(own, theirs, "what is kept for one is found by the other");
    }
}

#[tokio::test]
async fn a59_two_crafted_pairs_of_issuer_and_subject_never_are_the_same_principal() {
    let nul = "\0";
    let long = "s".repeat(1 << 20);
    let pairs = [
        ("https://as.test", "alice"),
        ("https://as.tes", "talice"),
        ("https://as.test:alice", ""),
        ("https://as.test", "alice\n"),
        ("https://as.test", nul),
        ("https://as.test\0", ""),
        ("https://as.test", &*long),
    ];
    let principal = |(issuer, subject): &(&str, &str), source: SourceName| {
        let token = AccessToken::assertion(Assertion::new(*issuer, *subject).source(source));
        token.principal().clone()
    };
    let mut seen = std::collections::HashSet::new();
    for pair in &pairs {
        for source in [SourceName::OAUTH, SourceName::API_KEY] {
            assert!(seen.insert(principal(pair, source)), "{:.30?}", pair.1);
        }
    }
    assert_eq!(seen.len(), 14);
}

fn decided(caller: &Caller, rule: &SourceRule, needed: &str) -> Result<(), Denial> {
    let needed = match needed {
        "" => ScopeSet::new(),
        text => scopes(text),
    };
    let component = Component::new(ComponentKind::Tool, "t", &needed).sources(Some(rule));
    let action = Action::on("tools/call", component);
    policy::decide(&[], caller, &action, NOW).map(policy::Permit::spend)
}

fn holder(source: &SourceName, granted: &str) -> Caller {
    let assertion = Assertion::new("https://as.test", "alice").source(source.clone());
    Caller::authenticated(AccessToken::assertion(assertion.scopes(scopes(granted))))
}

#[test]
fn a_component_accepts_the_sources_that_it_names_and_scopes_of_no_other() {
    let (oauth, key) = (SourceName::OAUTH, SourceName::API_KEY);
    let (person, service) = (holder(&oauth, "read"), holder(&key, "stats"));
    let both = person.clone().and(service.clone());
    let nobody = Caller::anonymous();
    let any = SourceRule::any(["oauth", "api_key"]);
    let all = SourceRule::all(["oauth", "api_key"]);
    let optional = SourceRule::optional(["oauth"]);
    let only = SourceRule::of("api_key");
    let wrong = |caller: &Caller, rule: &SourceRule| match decided(caller, rule, "") {
        Err(Denial::WrongSource(wrong)) => {
            let missing: Vec<&str> = wrong.missing().collect();
            missing.join(" ")
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong(&person, &only), "api_key");
    assert_eq!(wrong(&nobody, &only), "api_key");
    assert_eq!(wrong(&nobody, &any), "oauth api_key");
    assert_eq!(wrong(&nobody, &all), "oauth api_key");
    assert_eq!(wrong(&person, &all), "api_key");
    assert_eq!(wrong(&service, &all), "oauth");
    assert_eq!(wrong(&service, &optional), "oauth");
    assert_eq!(wrong(&both, &SourceRule::any::<[&str; 0]>([])), "");
    for (caller, rule) in [
        (&person, &any),
        (&service, &any),
        (&both, &any),
        (&both, &all),
        (&service, &only),
        (&both, &only),
        (&nobody, &optional),
        (&person, &optional),
        (&both, &optional),
    ] {
        assert_eq!(decided(caller, rule, ""), Ok(()), "{caller:?} {rule}");
    }
    // The one that acts has its own scopes alone.
    for (rule, granted, other) in [
        (&any, "read", "stats"),
        (&all, "read", "stats"),
        (&only, "stats", "read"),
        (&SourceRule::all(["api_key", "oauth"]), "stats", "read"),
    ] {
        assert_eq!(decided(&both, rule, granted), Ok(()), "{rule}");
        let denied = decided(&both, rule, other);
        assert_eq!(
            denied,
            Err(Denial::InsufficientScope(scopes(other))),
            "{rule}"
        );
    }
    // Scopes are what only a credential has.
    let denied = decided(&nobody, &optional, "read");
    assert!(matches!(denied, Err(Denial::WrongSource(wrong)) if *wrong.scopes() == scopes("read")));
}
