//! Identity providers whose tokens are accepted directly.

use countersign::{AccessToken, verifier::IntrospectionVerifier};
use countersign::{App, Clock, Http, RemoteAuth, Server, SystemClock, tool};
use countersign_oauth::Secret;
use serde_json::{Value, json};
use testkit::{FakeIssuerServer, ModernClient, ScriptedAnswer, TestIssuer, TokenBuilder};

use crate::fixture::Seen;

const RESOURCE: &str = "http://localhost:8000/mcp";
const METADATA: &str = "/.well-known/openid-configuration";
const FORWARDED: &str = "/.well-known/oauth-authorization-server";

/// Says who is calling.
#[tool]
async fn whoami(token: AccessToken) -> String {
    format!("{} of {}", token.sub(), token.iss())
}

fn server() -> Server {
    Server::new("Notes").tool(whoami)
}

fn app(server: Server) -> App {
    let http = Http::bind("127.0.0.1:8000").public_url(RESOURCE);
    server.into_app(&http).unwrap()
}

fn fault(auth: RemoteAuth) -> String {
    let http = Http::bind("127.0.0.1:8000").public_url(RESOURCE);
    let refused = server().auth(auth).into_app(&http);
    refused.unwrap_err().to_string()
}

/// A provider on this machine.
struct Provider {
    server: FakeIssuerServer,
    issuer: TestIssuer,
}

impl Provider {
    async fn start() -> Self {
        let server = FakeIssuerServer::start().await;
        let issuer = TestIssuer::new(server.url("").trim_end_matches('/'));
        let this = Self { server, issuer };
        this.says(this.metadata());
        let keys = ScriptedAnswer::json(this.issuer.jwks());
        this.server.answer("/jwks", keys);
        this
    }

    fn metadata(&self) -> Value {
        json!({
            "issuer": self.issuer.issuer(),
            "authorization_endpoint": self.server.url("/authorize"),
            "token_endpoint": self.server.url("/token"),
            "registration_endpoint": self.server.url("/register"),
            "jwks_uri": self.server.url("/jwks"),
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "subject_types_supported": ["public"],
        })
    }

    fn says(&self, metadata: Value) {
        let answer = ScriptedAnswer::json(metadata.to_string());
        self.server.answer(METADATA, answer);
    }

    fn auth(&self) -> RemoteAuth {
        RemoteAuth::preset("oidc")
            .set("issuer", self.issuer.issuer())
            .danger_allow_loopback()
    }

    /// A token that is good at this server.
    fn token(&self) -> TokenBuilder {
        let now = SystemClock::default().now();
        self.issuer.token().aud(RESOURCE).valid_at(now)
    }
}

async fn call(app: &App, token: &str) -> (u16, String) {
    let http = testkit::Http::service(app.clone());
    let client = ModernClient::new(http, "/mcp").bearer(token);
    let params = json!({ "name": "whoami", "arguments": {} });
    let seen = Seen::of(client.send("tools/call", params).await).await;
    if seen.status != 200 {
        return (seen.status, String::new());
    }
    let text = seen.json()["result"]["content"][0]["text"].clone();
    (seen.status, text.as_str().unwrap_or_default().to_owned())
}

async fn get(app: &App, path: &str) -> Seen {
    let http = testkit::Http::service(app.clone());
    Seen::of(http.get(path).send().await).await
}

#[tokio::test]
async fn rs_14_tokens_of_the_provider_for_this_server_are_let_in_and_no_others() {
    let provider = Provider::start().await;
    let app = app(server().auth(provider.auth()));
    assert_eq!(provider.server.requests().len(), 0, "a start asks nobody");
    let good = call(&app, &provider.token().sign()).await;
    let issuer = provider.issuer.issuer();
    assert_eq!(good, (200, format!("alice of {issuer}")));
    let stranger = TestIssuer::stranger();
    for (token, what) in [
        (
            provider.token().aud("http://localhost:8001/mcp"),
            "another server",
        ),
        (provider.token().aud(issuer), "the provider itself"),
        (provider.token().without("aud"), "anybody"),
        (provider.token().iss("https://as.test"), "another issuer"),
        (provider.token().signed_by(stranger.key("e1")), "a stranger"),
    ] {
        assert_eq!(call(&app, &token.sign()).await.0, 401, "{what}");
    }
    let said = get(&app, "/.well-known/oauth-protected-resource/mcp")
        .await
        .json();
    assert_eq!(said["resource"], RESOURCE);
    assert_eq!(said["authorization_servers"], json!([issuer]));
}

#[tokio::test]
async fn an_audience_that_is_said_stands_in_for_the_address() {
    let provider = Provider::start().await;
    let app = app(server().auth(provider.auth().audience("notes").audience("old-notes")));
    for (audience, status) in [("notes", 200), ("old-notes", 200), (RESOURCE, 401)] {
        let token = provider.token().aud(audience).sign();
        assert_eq!(call(&app, &token).await.0, status, "{audience}");
    }
}

#[tokio::test]
async fn verifiers_are_asked_in_the_order_in_which_they_were_added() {
    let provider = Provider::start().await;
    provider
        .server
        .answer("/introspect", ScriptedAnswer::json(r#"{"active":false}"#));
    let opaque = IntrospectionVerifier::endpoint(provider.server.url("/introspect"))
        .client("c", Secret::new("s"))
        .audience(RESOURCE)
        .danger_allow_loopback();
    let app = app(server().auth(provider.auth()).auth(opaque));
    assert_eq!(call(&app, &provider.token().sign()).await.0, 200);
    assert_eq!(provider.server.count("/introspect"), 0);
    assert_eq!(call(&app, "opaque").await.0, 401);
    assert_eq!(provider.server.count("/introspect"), 1);
}

#[tokio::test]
async fn a71_a_provider_that_is_down_is_503_and_heals() {
    let provider = Provider::start().await;
    provider
        .server
        .answer(METADATA, ScriptedAnswer::status(500));
    let clock = testkit::TestClock::new();
    let auth = server().auth(provider.auth());
    let app = app(auth.clock(std::sync::Arc::new(crate::fixture::HandClock(
        clock.clone(),
    ))));
    let token = || provider.token().valid_at(clock.now()).sign();
    assert_eq!(call(&app, &token()).await.0, 503);
    provider.says(provider.metadata());
    clock.advance(countersign_oauth::Lifetime::from_secs(31));
    assert_eq!(call(&app, &token()).await.0, 200);
}

#[test]
fn a79_what_cannot_be_a_remote_issuer_stops_the_start_and_says_what_can_be_done() {
    for name in ["github", "google", "discord", "slack"] {
        let told = fault(
            RemoteAuth::preset(name)
                .client_id("app-1")
                .secret("s3cr3t".to_owned()),
        );
        assert!(
            told.contains("EmbeddedAuth with .upstream(…)"),
            "{name}: {told}"
        );
    }
    let unknown = fault(RemoteAuth::preset("githug"));
    assert!(unknown.contains("auth0, "), "{unknown}");
    assert!(unknown.contains("RemoteAuth::file(…)"), "{unknown}");
    let wrong = fault(RemoteAuth::preset("oidc").set("tenant", "x"));
    assert!(wrong.contains("tenant"), "{wrong}");
    let missing = fault(RemoteAuth::preset("auth0"));
    assert!(missing.contains("domain"), "{missing}");
    let unreadable = fault(RemoteAuth::file("name = 7"));
    assert!(unreadable.contains("name"), "{unreadable}");
    let scopes = fault(
        RemoteAuth::preset("auth0")
            .set("domain", "a.test")
            .required_scopes(["a b"]),
    );
    assert!(scopes.contains("required scopes"), "{scopes}");
}

#[tokio::test]
async fn metadata_of_the_provider_is_served_here_if_it_is_wanted() {
    let provider = Provider::start().await;
    let without = app(server().auth(provider.auth()));
    assert_eq!(get(&without, FORWARDED).await.status, 404);
    let app = app(server().auth(provider.auth().forward_metadata()));
    assert_eq!(provider.server.requests().len(), 0, "a start asks nobody");
    let seen = get(&app, FORWARDED).await;
    assert_eq!(seen.status, 200);
    let mut expected = provider.metadata();
    expected
        .as_object_mut()
        .unwrap()
        .remove("subject_types_supported");
    assert_eq!(seen.json(), expected);
    get(&app, FORWARDED).await;
    assert_eq!(provider.server.count(METADATA), 1);
}

#[tokio::test(start_paused = true)]
async fn i3_i4_metadata_that_leads_elsewhere_is_not_served() {
    let provider = Provider::start().await;
    let app = app(server().auth(provider.auth().forward_metadata()));
    for (name, value) in [
        ("issuer", json!("https://evil.test")),
        ("issuer", json!(null)),
        ("token_endpoint", json!("http://internal.test/token")),
        ("registration_endpoint", json!("file:///etc/passwd")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("jwks_uri", json!(["https://as.test/jwks"])),
        ("scopes_supported", json!([{ "a": 1 }])),
    ] {
        let mut metadata = provider.metadata();
        metadata[name] = value;
        provider.says(metadata);
        tokio::time::advance(std::time::Duration::from_secs(6)).await;
        let seen = get(&app, FORWARDED).await;
        assert_eq!(seen.status, 503, "{name}");
        assert!(seen.text().is_empty(), "{name}");
        let asked = provider.server.count(METADATA);
        get(&app, FORWARDED).await;
        assert_eq!(
            provider.server.count(METADATA),
            asked,
            "{name}: not at once again"
        );
    }
    provider.says(provider.metadata());
    tokio::time::advance(std::time::Duration::from_secs(6)).await;
    assert_eq!(get(&app, FORWARDED).await.status, 200);
    // What was good is served while the provider is down, and not for ever.
    provider
        .server
        .answer(METADATA, ScriptedAnswer::status(500));
    tokio::time::advance(std::time::Duration::from_secs(3600)).await;
    assert_eq!(get(&app, FORWARDED).await.status, 200);
    tokio::time::advance(std::time::Duration::from_secs(24 * 3600)).await;
    assert_eq!(get(&app, FORWARDED).await.status, 503);
}

#[tokio::test]
async fn a_test_client_needs_no_provider() {
    let client = server()
        .auth(RemoteAuth::preset("auth0").set("domain", "a.test"))
        .test_client()
        .unwrap();
    assert!(client.call_tool("whoami", json!({})).await.is_err());
    let ada = countersign::Assertion::new("https://a.test/", "ada");
    let ada = client.caller(AccessToken::assertion(ada));
    assert!(ada.call_tool("whoami", json!({})).await.is_ok());
}
