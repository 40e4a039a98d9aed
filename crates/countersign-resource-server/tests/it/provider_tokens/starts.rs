//! What stops a start, and that a start asks nobody.

use countersign_resource_server::oauth::Secret;
use countersign_resource_server::provider::Preset;
use countersign_resource_server::{ProviderVerifier, Verifier};

use super::{Internet, built_in, filled, verifier};

fn fault(builder: countersign_resource_server::ProviderVerifierBuilder) -> String {
    builder.build().unwrap_err().to_string()
}

#[test]
fn a79_a_provider_whose_tokens_are_for_anybody_is_refused_and_what_to_use_instead_is_said() {
    for name in ["github", "google", "slack", "discord", "gitlab"] {
        let provider = built_in(name, &[]);
        assert!(!provider.safety.audience_bound, "{name}");
        let told = fault(verifier(provider, &Internet::default()));
        assert!(told.contains("any other application"), "{name}: {told}");
        assert!(
            told.contains("EmbeddedAuth with .upstream(…)"),
            "{name}: {told}"
        );
        // Saying an audience does not help: no token of theirs has one.
        let provider = built_in(name, &[]);
        fault(verifier(provider, &Internet::default()).audience("https://rs.test/mcp"));
    }
}

#[test]
fn a79_a_provider_that_claims_too_much_is_refused_all_the_same() {
    let internet = Internet::default();
    let mut provider = built_in("cognito", &[]);
    provider.safety.audience_bound = false;
    assert!(fault(verifier(provider, &internet)).contains("any other application"));
    let mut provider = built_in("cognito", &[]);
    let profile = provider.tokens.as_mut().unwrap();
    profile.audience.values.clear();
    assert!(fault(verifier(provider, &internet)).contains("any other application"));
    let provider = built_in("cognito", &[]);
    assert!(fault(verifier(provider, &internet).audience("")).contains("audience is empty"));
}

#[test]
fn an_audience_that_is_not_said_is_asked_for() {
    let internet = Internet::default();
    let told = fault(verifier(built_in("oidc", &[]), &internet));
    assert!(
        told.contains("set the values that its preset needs"),
        "{told}"
    );
    let told = fault(ProviderVerifier::of(built_in("authkit", &[])).fetcher(internet));
    assert!(told.contains(".resource(…)"), "{told}");
}

#[test]
fn an_endpoint_that_is_asked_about_tokens_needs_an_application_with_a_secret() {
    let internet = Internet::default();
    let provider = || built_in("propelauth", &[]);
    let told = fault(verifier(provider(), &internet));
    assert!(told.contains("set its client_id and its secret"), "{told}");
    let told = fault(verifier(provider(), &internet).secret(Secret::new("")));
    assert!(told.contains("is empty"), "{told}");
    let built = verifier(provider(), &internet).secret(Secret::new("s3cr3t"));
    let shown = format!("{:?}", built.build().unwrap());
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn a80_of_many_issuers_the_one_to_log_in_at_has_to_be_said() {
    let text = r#"
        name = "many"
        display_name = "Many"
        documentation = "https://many.test/docs"
        discovery = "https://many.test/.well-known/openid-configuration"
        [endpoints]
        issuer = "https://many.test/{{tenant}}"
        [tokens]
        kind = "jwt"
        issuers = ["https://many.test/{claim:tid}"]
        [tokens.audience]
        resource = true
        [safety]
        audience_bound = true
        open_registration = false
    "#;
    let internet = Internet::default();
    let told = fault(verifier(filled(text, &[]), &internet));
    assert!(told.contains(".authorization_server(…)"), "{told}");
    let built = verifier(filled(text, &[]), &internet)
        .authorization_server("https://many.test/common")
        .build()
        .unwrap();
    let named = built.authorization_servers();
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].as_str(), "https://many.test/common");
    let wrong = verifier(filled(text, &[]), &internet).authorization_server("many.test");
    assert!(fault(wrong).contains("many.test"));
}

#[test]
fn every_preset_with_tokens_starts_without_a_network_and_says_where_to_log_in() {
    let internet = Internet::default();
    let mut started = Vec::new();
    for name in Preset::names() {
        let outline = Preset::named(name).unwrap();
        let audience = outline
            .variables()
            .any(|(variable, _)| variable == "audience");
        let values: &[(&str, &str)] = match audience {
            true => &[("audience", "https://rs.test/mcp")],
            false => &[],
        };
        let provider = built_in(name, values);
        if provider.tokens.is_none() {
            continue;
        }
        let built = verifier(provider, &internet).secret(Secret::new("s3cr3t"));
        let built = built
            .build()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(built.authorization_servers().len(), 1, "{name}");
        started.push(name);
    }
    assert!(started.len() >= 8, "{started:?}");
    assert_eq!(internet.requests().len(), 0);
}

#[test]
fn loopback_needs_to_be_said_in_words() {
    let local = [("issuer", "http://127.0.0.1:9"), ("audience", "here")];
    let provider = || built_in("oidc", &local);
    let told = ProviderVerifier::of(provider()).build().unwrap_err();
    assert!(told.to_string().contains("danger_allow_loopback"), "{told}");
    let built = ProviderVerifier::of(provider()).danger_allow_loopback();
    assert!(built.build().is_ok());
}
