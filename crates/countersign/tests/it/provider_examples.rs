//! The examples about identity providers, at fakes of those providers on loopback. What
//! is sent to the real origins is led to the fakes.

use std::sync::Arc;

use bytes::Bytes;
use countersign::proxy::ProviderLogin;
use countersign::{
    AWSCognitoProvider, Auth0Provider, AzureProvider, EmbeddedAuth, FirebaseAuth,
    GitHubOAuthProvider, GoogleOAuthProvider, Http, OAuthProxy, OIDCProxy, PostedLogin, Server,
};
use countersign_oauth::pkce::CodeVerifier;
use countersign_resource_server::fetch::{Fetch, FetchError, Fetcher, Fetching};
use http::Request;
use serde_json::json;
use testkit::provider::FakeProviderBuilder;
use testkit::{FakeProvider, ModernClient, TestClock};

use crate::embedded::client::Client;
use crate::embedded::{ORIGIN, PUBLIC};
use crate::fixture::{HandClock, Seen};
use crate::visitor::Visitor;

example!(auth0_login, "../../examples/auth0_login.rs");
example!(cognito_login, "../../examples/cognito_login.rs");
example!(entra_login, "../../examples/entra_login.rs");
example!(firebase_login, "../../examples/firebase_login.rs");
example!(firebase_tokens, "../../examples/firebase_tokens.rs");
example!(github_login, "../../examples/github_login.rs");
example!(google_login, "../../examples/google_login.rs");
example!(openid_login, "../../examples/openid_login.rs");
example!(own_provider, "../../examples/own_provider.rs");
example!(upstream_api, "../../examples/upstream_api.rs");

/// Leads requests to the real provider to the fake one, and nothing else anywhere.
#[derive(Debug)]
pub(crate) struct ToTheFake {
    origins: Vec<(String, String)>,
    fetcher: Fetcher,
}

impl ToTheFake {
    pub(crate) fn new(fake: &FakeProvider) -> Self {
        Self::at(fake.origins().to_vec())
    }

    /// From each real origin to the other one.
    pub(crate) fn at(origins: Vec<(String, String)>) -> Self {
        Self {
            origins,
            fetcher: Fetcher::builder().danger_allow_loopback().build().unwrap(),
        }
    }
}

impl Fetch for ToTheFake {
    fn fetch(&self, mut request: Request<Bytes>) -> Fetching<'_> {
        let target = request.uri().to_string();
        let led = self.origins.iter().find_map(|(real, ours)| {
            let rest = target.strip_prefix(real.as_str())?;
            rest.starts_with('/').then(|| format!("{ours}{rest}"))
        });
        let Some(led) = led else {
            return Box::pin(std::future::ready(Err(FetchError::Unresolved)));
        };
        *request.uri_mut() = led.parse().unwrap();
        self.fetcher.fetch(request)
    }
}

pub(crate) async fn start(
    fake: FakeProviderBuilder,
    name: &str,
    clock: &TestClock,
) -> FakeProvider {
    let fake = fake.redirect_uri(&format!("{ORIGIN}/callback/{name}"));
    fake.clock(clock.clone())
        .naming_real_origins()
        .start()
        .await
}

pub(crate) fn served(server: Server, clock: &TestClock) -> testkit::Http {
    let server = server.clock(Arc::new(HandClock(clock.clone())));
    let place = Http::bind("127.0.0.1:8000").public_url(PUBLIC);
    testkit::Http::service(server.into_app(&place).unwrap())
}

/// `login` for the application of `fake`, in memory, for everybody.
fn at<Kind>(fake: &FakeProvider, login: ProviderLogin<Kind>) -> ProviderLogin<Kind> {
    let leading = ToTheFake::new(fake);
    let login = login.client(fake.client_id(), fake.client_secret().unwrap());
    let login = login.upstream(|upstream| upstream.fetcher(leading));
    login.in_memory()
}

/// A client of whom alice approves after she has logged in at the provider, and what
/// `tool` says to it.
async fn logged_in(http: &testkit::Http, fake: &FakeProvider, tool: &str) -> String {
    let client = Client::discover(http).await;
    let visitor = Visitor::new(http);
    let verifier = CodeVerifier::from_random([5; 32]);
    let page = visitor.asked_by(&client, &verifier).await;
    let sent = visitor.send_form(&page, &[("decision", "allow")]).await;
    let location = sent.header("location");
    let location = location.unwrap_or_else(|| panic!("{}", sent.text()));
    let back = visitor.open(&fake.approve(location, "alice").await).await;
    let location = back.header("location");
    let location = location.unwrap_or_else(|| panic!("{}", back.text()));
    let (access, refresh) = client.redeem(location, &verifier).await;
    let (status, result) = client.call(tool, &access).await;
    assert_eq!(status, 200, "{result}");
    assert_eq!(client.call(tool, "made-up").await.0, 401);
    for token in [access, refresh] {
        fake.assert_never_received(&token);
    }
    let text = result["content"][0]["text"].as_str().unwrap().to_owned();
    assert_ne!(result["isError"], true, "{text}");
    text
}

/// Subjects are of this server's own.
fn assert_is_somebody(said: &str, fake: &FakeProvider) {
    let subject = said.strip_prefix("Your userid is ").unwrap();
    assert!(subject.len() > 8, "{said}");
    assert!(!subject.contains(&fake.subject_text("alice")), "{said}");
}

#[tokio::test]
async fn m_39_people_log_in_at_github() {
    let clock = TestClock::new();
    let fake = start(FakeProvider::github(), "github", &clock).await;
    let login = at(&fake, GitHubOAuthProvider::new("", "")).allow_everyone();
    let http = served(github_login::server(login), &clock);
    assert_is_somebody(&logged_in(&http, &fake, "whoami").await, &fake);
}

#[tokio::test]
async fn m_39_people_log_in_at_google() {
    let clock = TestClock::new();
    let fake = start(FakeProvider::google(), "google", &clock).await;
    let login = at(&fake, GoogleOAuthProvider::new("", "")).allow_domain("corp.example");
    let http = served(google_login::server(login), &clock);
    assert_is_somebody(&logged_in(&http, &fake, "whoami").await, &fake);
}

#[tokio::test]
async fn m_39_people_log_in_at_cognito() {
    let clock = TestClock::new();
    let fake = start(FakeProvider::cognito(), "cognito", &clock).await;
    let values = fake.variables();
    let login = AWSCognitoProvider::new(&values["user_pool_id"], &values["region"], "");
    let login = at(&fake, login)
        .redirect_uri("http://localhost:8000/callback/cognito")
        .allow_group("staff");
    let http = served(cognito_login::server(login), &clock);
    assert_is_somebody(&logged_in(&http, &fake, "whoami").await, &fake);
}

#[tokio::test]
async fn m_39_people_log_in_at_entra() {
    let clock = TestClock::new();
    let fake = start(FakeProvider::entra(), "entra", &clock).await;
    let login = at(
        &fake,
        AzureProvider::new(&fake.variables()["tenant"], "", ""),
    );
    let http = served(entra_login::server(login), &clock);
    assert_is_somebody(&logged_in(&http, &fake, "whoami").await, &fake);
}

#[tokio::test]
async fn m_39_m_40_people_log_in_at_auth0() {
    let clock = TestClock::new();
    let fake = start(FakeProvider::auth0(), "auth0", &clock).await;
    let login = Auth0Provider::new(&fake.variables()["domain"], "", "");
    let login = at(&fake, login).allow_domain("corp.example");
    let http = served(auth0_login::server(login), &clock);
    assert_is_somebody(&logged_in(&http, &fake, "whoami").await, &fake);
}

#[tokio::test]
async fn m_38_people_log_in_at_any_openid_provider() {
    let clock = TestClock::new();
    let fake = start(FakeProvider::oidc(), "oidc", &clock).await;
    let issuer = fake.variables()["issuer"].clone();
    let metadata = format!("{issuer}/.well-known/openid-configuration");
    let login = at(&fake, OIDCProxy::new(metadata, "", "")).allow_domain("corp.example");
    let http = served(openid_login::server(login), &clock);
    assert_is_somebody(&logged_in(&http, &fake, "whoami").await, &fake);
}

#[tokio::test]
async fn m_38_people_log_in_by_a_file_of_ones_own() {
    let clock = TestClock::new();
    let fake = start(FakeProvider::opaque_with_userinfo(), "company", &clock).await;
    let login = at(&fake, OAuthProxy::file(own_provider::PROVIDER)).allow_group("staff");
    let http = served(own_provider::server(login), &clock);
    assert_is_somebody(&logged_in(&http, &fake, "whoami").await, &fake);
}

#[tokio::test]
async fn m_42_a_tool_calls_the_api_of_the_provider_in_the_name_of_its_caller() {
    let clock = TestClock::new();
    let fake = start(FakeProvider::github(), "github", &clock).await;
    let login = at(&fake, GitHubOAuthProvider::new("", "")).scopes(["repo"]);
    let http = served(upstream_api::server(login.allow_everyone()), &clock);
    let said = logged_in(&http, &fake, "list_repositories").await;
    assert_eq!(said, "alice");
}

#[tokio::test]
async fn m_10_m_40_id_tokens_of_firebase_are_accepted_directly() {
    let clock = TestClock::new();
    let fake = start(FakeProvider::firebase(), "firebase", &clock).await;
    let leading = ToTheFake::new(&fake);
    let auth = FirebaseAuth::new("my-project").configure(|remote| remote.fetcher(leading));
    let http = served(firebase_tokens::server(auth), &clock);
    let call = async |token: String| {
        let client = ModernClient::new(http.clone(), "/mcp").bearer(&token);
        let params = json!({ "name": "whoami", "arguments": {} });
        Seen::of(client.send("tools/call", params).await).await
    };
    let seen = call(fake.token_for("alice", &[], None)).await;
    let said = seen.json()["result"]["content"][0]["text"].clone();
    let subject = fake.subject_text("alice");
    assert_eq!(said, format!("You are {subject} (alice@corp.example)."));
    let elsewhere = fake.token_for("alice", &[], Some("another-project"));
    assert_eq!(call(elsewhere).await.status, 401);
}

/// What the page of a posted login has in it.
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) forgery_token: String,
}

impl Form {
    pub(crate) fn on(page: &Seen) -> Self {
        let text = page.text();
        let value = |before: &str| {
            let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{text}"));
            rest.split('"').next().unwrap().to_owned()
        };
        Self {
            action: value("action=\""),
            forgery_token: value("name=\"forgery_token\" value=\""),
        }
    }
}

/// The page to which the browser is sent that asks `question`.
pub(crate) async fn sign_in_page(visitor: &Visitor, question: &str) -> Seen {
    let sent = visitor.open(question).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    let location = sent.header("location").unwrap();
    let page = visitor.open(&format!("{ORIGIN}{location}")).await;
    assert_eq!(page.status, 200, "{}", page.text());
    page
}

/// What the script of `page` sends.
pub(crate) async fn posted(visitor: &Visitor, page: &Seen, token: &str) -> Seen {
    let form = Form::on(page);
    let fields = [
        ("forgery_token", form.forgery_token.as_str()),
        ("id_token", token),
    ];
    visitor.post(&form.action, &fields, Some(ORIGIN)).await
}

#[tokio::test]
async fn m_40_people_sign_in_with_firebase_on_a_page_of_the_server() {
    let clock = TestClock::new();
    let fake = start(FakeProvider::firebase(), "firebase", &clock).await;
    let login = PostedLogin::firebase("my-project").fetcher(ToTheFake::new(&fake));
    let server = firebase_login::server(login, EmbeddedAuth::in_memory());
    let http = served(server, &clock);
    let client = Client::discover(&http).await;
    let visitor = Visitor::new(&http);
    let verifier = CodeVerifier::from_random([5; 32]);
    let question = format!("{ORIGIN}/authorize?{}", client.question(&verifier));
    let page = sign_in_page(&visitor, &question).await;
    let on = posted(&visitor, &page, &fake.token_for("alice", &[], None)).await;
    assert_eq!(on.status, 303, "{}", on.text());
    let location = format!("{ORIGIN}{}", on.header("location").unwrap());
    assert_eq!(location, question);
    let asked = visitor.open(&location).await;
    let allowed = visitor.send_form(&asked, &[("decision", "allow")]).await;
    let location = allowed.header("location");
    let location = location.unwrap_or_else(|| panic!("{}", allowed.text()));
    let (access, _) = client.redeem(location, &verifier).await;
    let (_, result) = client.call("whoami", &access).await;
    let said = result["content"][0]["text"].as_str().unwrap();
    assert_is_somebody(said, &fake);
    // Who has not proved an address may not in.
    let mallory = Visitor::new(&http);
    let page = sign_in_page(&mallory, &question).await;
    let out = posted(&mallory, &page, &fake.token_for("mallory", &[], None)).await;
    assert_eq!(out.status, 403);
    assert!(out.text().contains("did not work"), "{}", out.text());
}
