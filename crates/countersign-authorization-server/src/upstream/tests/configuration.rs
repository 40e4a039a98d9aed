//! Mistakes that stop the start, and what the sentences say to set.

use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_oauth::jose::SigningKey;
use countersign_resource_server::provider::IdentitySource;
use testkit::TestKey;

use super::*;
use crate::upstream::AssertionAudience;

fn bare(text: &str) -> UpstreamBuilder {
    Upstream::builder(provider(text), CLIENT).fetcher(Script::new())
}

fn with_secret(text: &str) -> UpstreamBuilder {
    bare(text).secret(Secret::new(SECRET))
}

fn key() -> SigningKey {
    SigningKey::from_pkcs8_pem(&Secret::new(TestKey::e1().private_pem())).unwrap()
}

fn hmac() -> SigningKey {
    let secret = Secret::new("x".repeat(64));
    SigningKey::from_hmac_secret(&secret, countersign_oauth::jose::Algorithm::HS256).unwrap()
}

#[test]
fn what_is_missing_or_contradicts_itself_stops_the_start_and_is_named() {
    let open = plain_with("open_registration = false", "open_registration = true");
    let no_email = plain_with("email_verified = \"/email_verified\"\n", "");
    let no_groups = plain_with("groups = \"/groups\"\n", "");
    let tenants = plain_with(
        "subject = \"/sub\"",
        "issuer = \"https://op.example/{claim:tid}\"\nsubject = \"/sub\"",
    );
    let no_proof = plain_with("pkce = true", "pkce = false").replace(", \"none\"]", "]");
    let none = TokenEndpointAuthMethod::None;
    let secrets = plain_with(", \"private_key_jwt\", \"none\"]", "]");
    let post = TokenEndpointAuthMethod::ClientSecretPost;
    let other = Upstream::builder(provider(PLAIN), "another app").secret(Secret::new(SECRET));
    let empty = Upstream::builder(provider(PLAIN), "").secret(Secret::new(SECRET));
    for (builder, words) in [
        (bare(PLAIN), "secret(…)"),
        (bare(PLAIN).secret(Secret::new("")), "empty"),
        (bare(PLAIN).authentication(post), "secret(…)"),
        (bare(&secrets).public(), "authentication(…)"),
        (bare(&no_proof).public().authentication(none), "proof key"),
        (bare(&secrets).private_key(key()), "authentication(…)"),
        (with_secret(PLAIN).public(), "one of them"),
        (with_secret(PLAIN).private_key(key()), "one of them"),
        (bare(PLAIN).private_key(hmac()), "RSA"),
        (
            with_secret(PLAIN).assertion_audience(AssertionAudience::TokenEndpoint),
            "private_key",
        ),
        (other, "another client id"),
        (empty, "client id"),
        (with_secret(&open), "allow_everyone"),
        (
            with_secret(PLAIN)
                .allow_everyone()
                .allow_domain("a.example"),
            "leave out",
        ),
        (
            with_secret(PLAIN).allow_domain("*.corp.example"),
            "allow_domain",
        ),
        (with_secret(PLAIN).allow_domain("c\u{f6}rp.example"), "xn--"),
        (
            with_secret(PLAIN).allow_domain("a@corp.example"),
            "allow_domain",
        ),
        (
            with_secret(&no_email).allow_domain("corp.example"),
            "allow_group",
        ),
        (with_secret(&no_groups).allow_group("crew"), "allow_domain"),
        (with_secret(PLAIN).allow_group(""), "empty"),
        (with_secret(PLAIN).allow_subject(""), "empty"),
        (
            with_secret(&tenants).allow_subject("alice"),
            "allow_identity",
        ),
        (with_secret(PLAIN).scopes(["a b"]), "not one scope"),
        (with_secret(PLAIN).scopes([""]), "not one scope"),
        (
            with_secret(PLAIN).authorize_parameter("state", "x"),
            "leave it out",
        ),
        (
            with_secret(PLAIN).authorize_parameter("scope", "x"),
            "leave it out",
        ),
        (with_secret(PLAIN).authorize_parameter("", "x"), "no name"),
        (
            with_secret(PLAIN).token_parameter("client_secret", "x"),
            "leave it out",
        ),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with("the provider op: "), "{error}");
        assert!(error.contains(words), "{error:?} does not say {words:?}");
    }
}

#[test]
fn a_provider_without_a_login_is_refused() {
    let text = r#"
name = "tokens-only"
display_name = "Tokens"
documentation = "https://op.example/docs"

[endpoints]
issuer = "https://op.example"
jwks = "https://op.example/jwks"

[tokens]
kind = "jwt"

[tokens.audience]
values = ["https://mcp.example/mcp"]

[safety]
audience_bound = true
open_registration = false
"#;
    let error = with_secret(text).build().unwrap_err().to_string();
    assert!(error.contains("no [login]"), "{error}");
}

#[test]
fn a_provider_on_this_machine_is_used_only_if_told_so() {
    let local = PLAIN.replace("https://op.example", "http://127.0.0.1:9999");
    let unguarded = || Upstream::builder(provider(&local), CLIENT).secret(Secret::new(SECRET));
    let error = unguarded().build().unwrap_err().to_string();
    assert!(error.contains("danger_allow_loopback"), "{error}");
    unguarded().danger_allow_loopback().build().unwrap();
}

#[test]
fn without_metadata_everything_that_is_needed_has_to_be_named() {
    for (source, nonce, missing) in [
        (IdentitySource::IdToken, true, "the key set"),
        (IdentitySource::AccessToken, false, "the key set"),
        (IdentitySource::Userinfo, false, "the userinfo endpoint"),
        (
            IdentitySource::Introspection,
            false,
            "the introspection endpoint",
        ),
    ] {
        let mut provider = provider(PLAIN);
        provider.discovery = None;
        let login = provider.login.as_mut().unwrap();
        (login.identity.source, login.nonce) = (source, nonce);
        let sentence = |provider: &Provider| {
            let builder = Upstream::builder(provider.clone(), CLIENT).secret(Secret::new(SECRET));
            builder.build().unwrap_err().to_string()
        };
        assert!(sentence(&provider).contains("the authorization endpoint"));
        provider.endpoints.authorization = Some("https://op.example/a".to_owned());
        assert!(sentence(&provider).contains("the token endpoint"));
        provider.endpoints.token = Some("https://op.example/t".to_owned());
        let error = sentence(&provider);
        assert!(error.contains(missing), "{error}");
    }
    let mut provider = provider(PLAIN);
    provider.endpoints.issuer = None;
    let builder = Upstream::builder(provider, CLIENT).secret(Secret::new(SECRET));
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains("endpoints.issuer"), "{error}");
}

#[tokio::test]
async fn building_asks_nobody() {
    let script = Script::new();
    builder(PLAIN, &script).build().unwrap();
    assert_eq!(script.count(), 0);
}

#[test]
fn every_built_in_provider_with_a_login_can_be_built() {
    let mut built = 0;
    for name in Preset::names() {
        let preset = Preset::named(name).unwrap();
        let mut values = BTreeMap::from([("client_id".to_owned(), "app".to_owned())]);
        for (variable, description) in preset.variables() {
            if let Some(example) = &description.example {
                values.insert(variable.to_owned(), example.clone());
            }
        }
        let provider = preset.fill(&values).unwrap();
        if provider.login.is_none() {
            continue;
        }
        let is_open = provider.safety.open_registration;
        let builder = Upstream::builder(provider, "app")
            .secret(Secret::new(SECRET))
            .fetcher(Script::new());
        let builder = if is_open {
            builder.allow_everyone()
        } else {
            builder
        };
        let upstream = builder.build().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(upstream.name(), name);
        built += 1;
    }
    assert!(built > 15, "{built}");
}
