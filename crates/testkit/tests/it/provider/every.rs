//! What all of them have in common.

use testkit::FakeProvider;
use testkit::provider::{Endpoint, FakeProviderBuilder};

use super::application::{Login, REDIRECT_URI, parameter, reach};

/// Every provider that people can log in at, and scopes that it knows.
pub(super) fn all() -> Vec<(FakeProviderBuilder, &'static str)> {
    vec![
        (FakeProvider::auth0(), "openid profile email offline_access"),
        (FakeProvider::authkit(), "openid"),
        (FakeProvider::clerk(), "openid profile email"),
        (FakeProvider::cognito(), "openid email profile"),
        (FakeProvider::descope(), "openid profile email"),
        (FakeProvider::descope_of_server(), "openid"),
        (FakeProvider::discord(), "identify"),
        (FakeProvider::entra(), "openid profile email offline_access"),
        (
            FakeProvider::entra_v1(),
            "openid api://countersign-test/notes",
        ),
        (FakeProvider::github(), "read:user"),
        (FakeProvider::github_with_expiring_tokens(), ""),
        (FakeProvider::gitlab(), "openid profile email"),
        (FakeProvider::google(), "openid email profile"),
        (FakeProvider::huggingface(), "openid profile"),
        (FakeProvider::keycloak(), "openid profile email"),
        (FakeProvider::microsoft(), "openid profile"),
        (FakeProvider::oci(), "openid profile email"),
        (FakeProvider::oidc(), "openid profile email"),
        (FakeProvider::okta(), "openid profile email offline_access"),
        (FakeProvider::opaque_with_introspection(), "notes"),
        (FakeProvider::opaque_with_userinfo(), "notes"),
        (FakeProvider::propelauth(), ""),
        (
            FakeProvider::scalekit(),
            "openid profile email offline_access",
        ),
        (FakeProvider::scalekit_of_resource(), "openid"),
        (FakeProvider::slack(), "openid profile email"),
        (FakeProvider::slack_nested(), ""),
        (FakeProvider::supabase(), "openid profile email"),
        (
            FakeProvider::workos(),
            "openid profile email offline_access",
        ),
    ]
}

#[tokio::test]
async fn everybody_can_log_in_at_every_provider_and_codes_are_good_once() {
    for (builder, scope) in all() {
        let provider = builder.redirect_uri(REDIRECT_URI).start().await;
        let name = provider.behaviour().name;
        let mut login = Login::new(&provider, scope).with_the_method_it_prefers();
        if name == "slack" && scope.is_empty() {
            login = login.asking("user_scope", "identity.basic");
        }
        let code = parameter(&login.callback("alice").await, "code").expect(name);
        let tokens = login.redeem(&code).await.json().await;
        let nested = tokens.pointer("/authed_user/access_token");
        let token = nested.or_else(|| tokens.get("access_token"));
        let token = token.and_then(|token| token.as_str());
        let token = token.unwrap_or_else(|| panic!("{name} answers {tokens}"));
        assert!(provider.is_live(token), "{name}");
        let has_id_token = tokens.get("id_token").is_some();
        assert_eq!(has_id_token, scope.contains("openid"), "{name}");
        let again = login.redeem(&code).await.json().await;
        assert!(again.get("error").is_some(), "{name}: {again}");
        let away = provider.refuse(&login.location()).await;
        assert_eq!(
            parameter(&away, "error").as_deref(),
            Some("access_denied"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn no_provider_redirects_to_an_address_that_is_not_registered() {
    for (builder, scope) in all() {
        let provider = builder.redirect_uri(REDIRECT_URI).start().await;
        let login = Login::new(&provider, scope).asking("redirect_uri", "https://evil.test/");
        let seen = provider.visit(&login.location(), Some("alice")).await;
        let name = provider.behaviour().name;
        assert!(!seen.is_ok_and(|away| away.contains("evil")), "{name}");
    }
}

#[tokio::test]
async fn metadata_documents_name_the_issuer_and_only_addresses_that_answer() {
    for (builder, _) in all() {
        let provider = builder.redirect_uri(REDIRECT_URI).start().await;
        let name = provider.behaviour().name;
        let Some(address) = provider.url(Endpoint::Discovery) else {
            assert!(
                ["discord", "github", "propelauth", "slack"].contains(&name),
                "{name}"
            );
            continue;
        };
        let (http, target) = reach(&address);
        let document = http.get(&target).send().await.json().await;
        assert_eq!(
            document["issuer"].as_str(),
            provider.issuer().as_deref(),
            "{name}"
        );
        let is_template = provider.issuer().unwrap().contains('{');
        assert_eq!(is_template, name == "microsoft", "{name}");
        for (member, value) in document.as_object().unwrap() {
            let Some(address) = value.as_str().filter(|_| member != "issuer") else {
                continue;
            };
            let (http, target) = reach(address);
            assert_ne!(
                http.get(&target).send().await.status(),
                404,
                "{name}: {member}"
            );
        }
    }
}

#[tokio::test]
async fn real_origins_are_named_if_asked_for_and_stand_for_different_ports() {
    let google = FakeProvider::google()
        .naming_real_origins()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    assert_eq!(
        google.issuer().as_deref(),
        Some("https://accounts.google.com")
    );
    let real = google.real_url(Endpoint::Discovery).unwrap();
    let (http, target) = reach(&google.localised(&real));
    let document = http.get(&target).send().await.json().await;
    assert_eq!(
        document["token_endpoint"],
        "https://oauth2.googleapis.com/token"
    );
    let ports: Vec<&str> = google
        .origins()
        .iter()
        .map(|(_, ours)| ours.as_str())
        .collect();
    assert_eq!(ports.len(), 4, "{ports:?}");
    let location = Login::new(&google, "openid").location();
    let (ours, query) = location.split_once('?').unwrap();
    assert!(ours.starts_with("http://127.0.0.1:"));
    let real = format!("https://accounts.google.com/o/oauth2/v2/auth?{query}");
    assert!(
        google
            .approve(&real, "alice")
            .await
            .starts_with(REDIRECT_URI)
    );
    let untouched = "https://accounts.google.com.evil.test/ https://accounts.google.commerce/";
    assert_eq!(google.localised(untouched), untouched);
}
