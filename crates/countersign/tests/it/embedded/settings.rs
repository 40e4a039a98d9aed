//! The settings under the names of others: each of them does something.

use countersign::authorization_server::AuthSettings;
use countersign::{Configuration, EmbeddedAuth, Http};
use serde_json::{Value, json};
use testkit::{NOW, TestClock};

use super::client::{Client, json_of, post};
use super::{ORIGIN, app, headless, server};
use crate::fixture::Seen;

const METADATA: &str = "http://localhost:8000/.well-known/oauth-authorization-server";

/// What the example of the documentation says.
fn settings() -> AuthSettings {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut settings = AuthSettings::new(ORIGIN);
    settings.service_documentation_url = Some("https://docs.example.com".to_owned());
    settings.required_scopes = names(&["read"]);
    let registration = &mut settings.client_registration_options;
    registration.enabled = true;
    registration.client_secret_expiry_seconds = Some(86_400);
    registration.valid_scopes = Some(names(&["read", "write", "admin"]));
    registration.default_scopes = Some(names(&["read"]));
    settings.revocation_options.enabled = true;
    settings
}

async fn status(http: &testkit::Http, path: &str, token: Option<&str>) -> (u16, Value) {
    let mut request = http.get(path);
    if let Some(token) = token {
        request = request.bearer(token);
    }
    let seen = Seen::of(request.send().await).await;
    (seen.status, seen.json())
}

#[tokio::test]
async fn m_27_what_is_not_enabled_has_no_endpoint_and_no_place_in_the_metadata() {
    let off = headless().settings(AuthSettings::new(ORIGIN));
    let http = testkit::Http::service(app(off));
    let metadata = json_of(&http, METADATA).await;
    for (endpoint, path) in [("registration", "/register"), ("revocation", "/revoke")] {
        assert_eq!(metadata[format!("{endpoint}_endpoint")], Value::Null);
        assert_eq!(http.post(path).send().await.status(), 404, "{path}");
    }
    assert_eq!(metadata["service_documentation"], Value::Null);
}

#[tokio::test]
async fn m_27_every_setting_does_what_its_name_says() {
    let http = testkit::Http::service(app(headless().settings(settings())));
    let client = Client::discover(&http).await;
    let metadata = &client.metadata;
    assert_eq!(
        metadata["service_documentation"],
        "https://docs.example.com"
    );
    assert_eq!(
        metadata["scopes_supported"],
        json!(["admin", "read", "write"])
    );

    let confidential = json!({
        "redirect_uris": ["https://client.example/callback"],
        "token_endpoint_auth_method": "client_secret_post",
    });
    let registered = http.post("/register").json(&confidential).send().await;
    let registered = Seen::of(registered).await.json();
    assert_eq!(
        registered["client_secret_expires_at"],
        NOW.as_secs() + 86_400
    );
    // A scope that only a component knows is not a valid one.
    let question = "/authorize?response_type=code&scope=secret&client_id=";
    let question = format!(
        "{question}{}&redirect_uri=http://127.0.0.1/callback",
        client.id
    );
    let refused = Seen::of(http.get(&question).send().await).await;
    let location = refused.header("location").unwrap_or_default();
    assert!(location.contains("error="), "{location}");

    let mut asking_nothing = client;
    asking_nothing.scope = String::new();
    let (access, _) = asking_nothing.tokens().await;
    assert_eq!(asking_nothing.call("whoami", &access).await.0, 200);
    assert_eq!(asking_nothing.call("change", &access).await.0, 403);
    // Every token needs the required scope, whatever the tool needs.
    asking_nothing.scope = "write".to_owned();
    let (access, _) = asking_nothing.tokens().await;
    assert_eq!(asking_nothing.call("change", &access).await.0, 403);
    asking_nothing.revoke(&access).await;
    assert_eq!(asking_nothing.call("change", &access).await.0, 401);
}

#[tokio::test]
async fn m_27_a_secret_of_a_client_expires_when_the_setting_says() {
    let clock = TestClock::new();
    let place = Http::bind("127.0.0.1:8000");
    let auth = headless().settings(settings());
    let app = server(auth, &clock).into_app(&place).unwrap();
    let http = testkit::Http::service(app);
    let confidential = json!({
        "redirect_uris": ["https://client.example/callback"],
        "token_endpoint_auth_method": "client_secret_post",
    });
    let registered = http.post("/register").json(&confidential).send().await;
    let registered = Seen::of(registered).await.json();
    let form = [
        ("client_id", registered["client_id"].as_str().unwrap()),
        (
            "client_secret",
            registered["client_secret"].as_str().unwrap(),
        ),
        ("token", "x"),
    ];
    let revoke = format!("{ORIGIN}/revoke");
    assert_eq!(post(&http, &revoke, &form).await.status, 200);
    clock.advance(countersign_oauth::Lifetime::from_secs(86_401));
    assert_eq!(post(&http, &revoke, &form).await.status, 401);
}

#[test]
fn m_36_settings_that_cannot_be_meant_stop_the_start() {
    let place = Http::bind("127.0.0.1:8000");
    let with = |change: fn(&mut AuthSettings)| {
        let mut settings = settings();
        change(&mut settings);
        EmbeddedAuth::in_memory().settings(settings)
    };
    for (auth, told) in [
        (
            with(|settings| settings.issuer_url = "http://example.com".to_owned()),
            "the issuer",
        ),
        (
            with(|settings| settings.issuer_url = "https://elsewhere.example".to_owned()),
            "does not answer to the host",
        ),
        (
            with(|settings| settings.required_scopes = vec!["a b".to_owned()]),
            "required_scopes",
        ),
        (
            with(|settings| settings.required_scopes = vec!["other".to_owned()]),
            "valid_scopes",
        ),
        (
            with(|settings| {
                let registration = &mut settings.client_registration_options;
                registration.default_scopes = Some(vec!["other".to_owned()]);
            }),
            "default scopes",
        ),
    ] {
        let refused = server(auth, &TestClock::new())
            .into_app(&place)
            .unwrap_err()
            .to_string();
        assert!(refused.contains(told), "{refused}");
    }
}

#[test]
fn m_27_the_variables_of_the_documentation_are_read() {
    let variables = [
        ("FASTMCP_AUTH__ISSUER_URL", "http://localhost:8000"),
        ("FASTMCP_AUTH__REQUIRED_SCOPES", "read"),
        (
            "FASTMCP_AUTH__SERVICE_DOCUMENTATION_URL",
            "https://docs.example.com",
        ),
        ("FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__ENABLED", "true"),
        (
            "FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__CLIENT_SECRET_EXPIRY_SECONDS",
            "86400",
        ),
        (
            "FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__VALID_SCOPES",
            "read, write,admin",
        ),
        (
            "FASTMCP_AUTH__CLIENT_REGISTRATION_OPTIONS__DEFAULT_SCOPES",
            "read",
        ),
        ("FASTMCP_AUTH__REVOCATION_OPTIONS__ENABLED", "True"),
        ("PATH", "/bin"),
    ];
    let read = Configuration::from_variables(variables).unwrap();
    assert_eq!(read.auth_settings(), Ok(Some(settings())));
    let nothing = Configuration::from_variables([("PATH", "/bin")]).unwrap();
    assert_eq!(nothing.auth_settings(), Ok(None));
}

#[tokio::test]
async fn m_34_the_status_says_whether_a_token_is_good_and_what_it_permits() {
    for (auth, path) in [
        (headless(), "/auth/status"),
        (headless().prefix("/auth"), "/auth/status"),
        (headless().prefix("/oauth"), "/oauth/status"),
    ] {
        let http = testkit::Http::service(app(auth));
        let nobody = json!({ "authenticated": false });
        assert_eq!(status(&http, path, None).await, (401, nobody.clone()));
        assert_eq!(status(&http, path, Some("x")).await, (401, nobody.clone()));
        let client = Client::discover(&http).await;
        let (access, refresh) = client.tokens().await;
        let somebody = json!({ "authenticated": true, "scopes": ["read"] });
        assert_eq!(status(&http, path, Some(&access)).await, (200, somebody));
        assert_eq!(
            status(&http, path, Some(&refresh)).await,
            (401, nobody.clone())
        );
        client.revoke(&refresh).await;
        assert_eq!(status(&http, path, Some(&access)).await, (401, nobody));
    }
}
