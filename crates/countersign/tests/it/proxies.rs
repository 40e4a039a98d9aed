//! Providers by the names and arguments of the guides: each argument does something, or
//! the start says why it cannot.

use std::collections::BTreeMap;

use countersign::provider::Provider;
use countersign::proxy::ProviderLogin;
use countersign::{
    AWSCognitoProvider, App, Auth0Provider, Authentication, AzureProvider, GitHubOAuthProvider,
    GoogleOAuthProvider, Http, OAuth2Provider, OAuthProxy, OIDCProxy, Server,
};

fn app(auth: impl Authentication) -> App {
    let http = Http::bind("127.0.0.1:8000").public_url("http://localhost:8000/mcp");
    Server::new("Notes").auth(auth).into_app(&http).unwrap()
}

fn fault(auth: impl Authentication) -> String {
    let http = Http::bind("127.0.0.1:8000").public_url("http://localhost:8000/mcp");
    let refused = Server::new("Notes").auth(auth).into_app(&http);
    refused.unwrap_err().to_string()
}

/// What is known about the provider after the start, and our application there.
fn provider<Kind>(login: ProviderLogin<Kind>) -> (Provider, String) {
    let upstream = login.into_upstream().unwrap();
    (upstream.provider().clone(), upstream.client_id().to_owned())
}

fn github() -> GitHubOAuthProvider {
    GitHubOAuthProvider::new("app-1", "s3cr3t")
}

#[test]
fn m_37_where_things_are_kept_and_who_may_log_in_has_to_be_said() {
    let told = fault(github().allow_everyone());
    assert!(told.contains(".sqlite(\"app.db\")"), "{told}");
    let told = fault(github().in_memory());
    assert!(told.contains("allow_domain"), "{told}");
    let told = fault(
        GitHubOAuthProvider::new("", "s")
            .allow_everyone()
            .in_memory(),
    );
    assert!(told.contains("client_id"), "{told}");
    let told = fault(
        GitHubOAuthProvider::new("app-1", "")
            .allow_everyone()
            .in_memory(),
    );
    assert!(told.contains("secret"), "{told}");
    app(github().allow_everyone().in_memory());
}

#[test]
fn m_37_a_redirect_uri_that_does_not_lead_here_stops_the_start() {
    let login = || github().allow_everyone().in_memory();
    let told = fault(login().redirect_uri("http://localhost:8000/callback"));
    assert!(
        told.contains("http://localhost:8000/callback/github"),
        "{told}"
    );
    let here = "http://localhost:8000/callback/github";
    let started = app(login().redirect_uri(here));
    let issuing = started.authorization_server().unwrap();
    assert_eq!(issuing.callback_address("github").as_deref(), Some(here));
    // It follows where the server is.
    let told = fault(
        login()
            .redirect_uri(here)
            .configure(|auth| auth.prefix("/auth")),
    );
    assert!(
        told.contains("http://localhost:8000/auth/callback/github"),
        "{told}"
    );
}

#[test]
fn m_37_what_belongs_to_the_server_is_not_dropped_when_the_provider_alone_is_asked_for() {
    let told = github().allow_everyone().in_memory().into_upstream();
    assert!(
        told.unwrap_err()
            .to_string()
            .contains("authorization server")
    );
    let told = github()
        .allow_everyone()
        .redirect_uri("https://a.test/x")
        .into_upstream();
    assert!(
        told.unwrap_err()
            .to_string()
            .contains("authorization server")
    );
}

#[test]
fn m_39_every_argument_arrives_where_it_belongs() {
    let (provider_, id) = provider(github().allow_everyone());
    assert_eq!((provider_.name.as_str(), id.as_str()), ("github", "app-1"));
    let google = GoogleOAuthProvider::new("app-2.apps.googleusercontent.com", "s");
    let (google, id) = provider(google.allow_domain("corp.example"));
    assert_eq!(google.name, "google");
    assert_eq!(id, "app-2.apps.googleusercontent.com");
    let pool = AWSCognitoProvider::new("us-east-1_AbCdEfGhI", "us-east-1", "app-3");
    let (cognito, _) = provider(pool.allow_everyone());
    assert_eq!(
        cognito.endpoints.issuer.as_deref(),
        Some("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEfGhI")
    );
    let pool = AWSCognitoProvider::new("us-east-1_AbCdEfGhI", "us-east-1", "app-3");
    provider(pool.client_secret("s").allow_everyone());
    let auth0 = Auth0Provider::new("a.eu.auth0.com", "app-4", "s").allow_everyone();
    let issuer = provider(auth0).0.endpoints.issuer;
    assert_eq!(issuer.as_deref(), Some("https://a.eu.auth0.com/"));
    let tenant = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
    let (azure, _) = provider(AzureProvider::new(tenant, "app-5", "s"));
    let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
    assert_eq!(azure.endpoints.issuer, Some(issuer));
    let told = AzureProvider::new("common", "app-5", "s").into_upstream();
    assert!(told.unwrap_err().to_string().contains("tenant"));
}

#[test]
fn m_38_any_oauth_2_provider_by_its_endpoints() {
    let authorize = "https://auth.company.com/oauth/authorize";
    let token = "https://auth.company.com/oauth/token";
    let begun = || OAuth2Provider::new(authorize, token, ["read:data", "admin"]).client("c", "s");
    let told = fault(begun().allow_everyone().in_memory());
    assert!(told.contains(".userinfo(…)"), "{told}");
    let told = fault(
        begun()
            .userinfo("https://auth.company.com/me", "sub")
            .in_memory(),
    );
    assert!(told.contains("JSON pointer"), "{told}");
    for name in ["", "Company", "a b", "../x", "-a"] {
        let named = begun()
            .userinfo("https://auth.company.com/me", "/id")
            .named(name, "Company");
        assert!(
            fault(named.allow_everyone().in_memory()).contains("no name"),
            "{name}"
        );
    }
    let known = begun()
        .userinfo("https://auth.company.com/me", "/user/id")
        .named("company", "Company")
        .allow_everyone();
    let upstream = known.into_upstream().unwrap();
    assert_eq!(upstream.scopes(), ["read:data", "admin"]);
    let company = upstream.provider();
    assert_eq!(company.name, "company");
    assert_eq!(company.endpoints.authorization.as_deref(), Some(authorize));
    assert_eq!(company.endpoints.token.as_deref(), Some(token));
    let identity = &company.login.as_ref().unwrap().identity;
    assert_eq!(identity.subject.as_str(), "/user/id");
    let none = serde_json::Map::new();
    let issuer = identity.issuer.expected(&none, None);
    assert_eq!(issuer.as_deref(), Some("https://auth.company.com"));
    let public = OAuth2Provider::new(authorize, token, ["a"])
        .client_id("c")
        .without_secret();
    let public = public.userinfo("https://auth.company.com/me", "/sub");
    assert!(public.allow_everyone().into_upstream().is_ok());
}

#[test]
fn m_37_m_38_a_proxy_of_endpoints_with_id_tokens() {
    let domain = "https://d.auth.us-east-1.amazoncognito.com";
    let begun = || {
        let token = format!("{domain}/oauth2/token");
        OAuthProxy::new(format!("{domain}/oauth2/authorize"), token, "c", "s")
    };
    assert!(fault(begun().allow_everyone().in_memory()).contains(".userinfo(…)"));
    let pool = "https://cognito-idp.us-east-1.amazonaws.com/p";
    let known = begun()
        .scopes(["openid", "profile", "email"])
        .id_token(pool, format!("{pool}/.well-known/jwks.json"))
        .allow_everyone()
        .into_upstream()
        .unwrap();
    assert_eq!(known.scopes(), ["openid", "profile", "email"]);
    assert_eq!(known.provider().endpoints.issuer.as_deref(), Some(pool));
    app(begun()
        .id_token(pool, format!("{pool}/jwks"))
        .allow_everyone()
        .in_memory());
}

#[test]
fn m_38_an_openid_provider_by_the_address_of_its_metadata() {
    let config = "https://login.example.com/realms/main/.well-known/openid-configuration";
    let (known, _) = provider(OIDCProxy::new(config, "c", "s").allow_everyone());
    assert_eq!(known.discovery.as_deref(), Some(config));
    assert_eq!(
        known.endpoints.issuer.as_deref(),
        Some("https://login.example.com/realms/main")
    );
    let with_slash = OIDCProxy::new(
        "https://a.auth0.com/.well-known/openid-configuration",
        "c",
        "s",
    )
    .set("issuer", "https://a.auth0.com/")
    .allow_everyone();
    let (known, _) = provider(with_slash);
    assert_eq!(
        known.endpoints.issuer.as_deref(),
        Some("https://a.auth0.com/")
    );
    for wrong in ["https://login.example.com", "login", ""] {
        let told = OIDCProxy::new(wrong, "c", "s").into_upstream().unwrap_err();
        assert!(
            told.to_string()
                .contains("/.well-known/openid-configuration"),
            "{told}"
        );
    }
}

#[test]
fn m_38_a_file_of_ones_own_is_as_good_as_a_built_in_one() {
    let text = countersign::provider::Preset::text("keycloak").unwrap();
    let text = text.replace("name = \"keycloak\"", "name = \"company\"");
    let values = BTreeMap::from([("realm_url", "https://kc.test/realms/main")]);
    let mut login = OAuthProxy::file(&text).client("c", "s");
    for (variable, value) in values {
        login = login.set(variable, value);
    }
    assert_eq!(provider(login).0.name, "company");
    let told = OAuthProxy::preset("githug")
        .into_upstream()
        .unwrap_err()
        .to_string();
    assert!(told.contains("github, "), "{told}");
    let told = OAuthProxy::file("name = 7")
        .into_upstream()
        .unwrap_err()
        .to_string();
    assert!(told.contains("name"), "{told}");
    let told = OAuthProxy::preset("firebase")
        .set("project_id", "p")
        .client("c", "s");
    let told = told.into_upstream().unwrap_err().to_string();
    assert!(told.contains("nobody can log in there"), "{told}");
}

#[test]
fn secrets_are_not_shown() {
    let login = github().redirect_uri("https://a.test/x").in_memory();
    let shown = format!("{login:?}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[tokio::test]
async fn m_37_a_redirect_uri_that_does_not_lead_here_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let start = async |uri: &str| {
        // The folder of the database is made, when the time has come.
        let login = github().allow_everyone().redirect_uri(uri);
        let login = login.sqlite(folder.path().join("data").join("notes.db"));
        let place = Http::bind("127.0.0.1:0").public_url("http://localhost:8000/mcp");
        Server::new("Notes").auth(login).start(place).await
    };
    let told = start("http://localhost:8000/callback").await.unwrap_err();
    assert!(told.to_string().contains("come back to"), "{told}");
    assert!(folder.path().read_dir().unwrap().next().is_none());
    start("http://localhost:8000/callback/github")
        .await
        .unwrap();
    assert!(folder.path().join("data/notes.db").exists());
}
