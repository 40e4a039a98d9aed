//! ID tokens that a page of the application posts: refusals first.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign::authorization_server::oauth::jose::Algorithm;
use countersign::{Authentication, EmbeddedAuth, Http, PostedLogin, Server};
use countersign_oauth::pkce::CodeVerifier;
use countersign_oauth::{Lifetime, UnixTime};
use countersign_resource_server::fetch::{Fetch, FetchError, Fetching};
use http::{Request, Response};
use serde_json::json;
use testkit::{TestClock, TestIssuer, TokenBuilder};

use crate::embedded::ORIGIN;
use crate::embedded::client::Client;
use crate::fixture::Seen;
use crate::provider_examples::{Form, posted, served, sign_in_page};
use crate::visitor::Visitor;

pub(crate) const ISSUER: &str = "https://tenant.auth0.test/";
const PROJECT: &str = "https://securetoken.google.com/notes-1";

/// Publishes keys, wherever it is asked, or is down.
#[derive(Clone, Debug)]
pub(crate) struct Published(pub(crate) Arc<Mutex<Option<String>>>);

impl Fetch for Published {
    fn fetch(&self, _: Request<Bytes>) -> Fetching<'_> {
        let keys = self.0.lock().unwrap().clone();
        let answer = keys.map(|keys| Response::new(Bytes::from(keys)));
        Box::pin(async move { answer.ok_or(FetchError::Connection) })
    }
}

/// A page that has nothing but what it was given.
pub(crate) fn page(form: &countersign::SignIn<'_>) -> String {
    format!(
        "<form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"forgery_token\" \
         value=\"{}\"><input name=\"nonce\" value=\"{}\"><p id=\"{}\">",
        form.action,
        form.forgery_token,
        form.nonce,
        form.trouble.unwrap_or("none")
    )
}

struct Site {
    http: testkit::Http,
    clock: TestClock,
    keys: Published,
    question: String,
    client: Client,
    verifier: CodeVerifier,
}

async fn site(login: PostedLogin) -> Site {
    let clock = TestClock::new();
    let keys = Published(Arc::new(Mutex::new(Some(TestIssuer::as_test().jwks()))));
    let login = login.page(page).fetcher(keys.clone());
    let auth = EmbeddedAuth::in_memory().scope("read", "Read your notes");
    let server = Server::new("Notes")
        .required_scopes(["read"])
        .auth(login.on(auth));
    let http = served(server, &clock);
    let client = Client::discover(&http).await;
    let verifier = CodeVerifier::from_random([5; 32]);
    let question = format!("{ORIGIN}/authorize?{}", client.question(&verifier));
    Site {
        http,
        clock,
        keys,
        question,
        client,
        verifier,
    }
}

fn auth0() -> PostedLogin {
    PostedLogin::auth0("tenant.auth0.test", "app-1").allow_everyone()
}

fn firebase() -> PostedLogin {
    PostedLogin::firebase("notes-1").allow_everyone()
}

/// An ID token.
pub(crate) fn token(issuer: &str, audience: &str, clock: &TestClock) -> TokenBuilder {
    let issuer = TestIssuer::new(issuer);
    let token = issuer.token().key("r1").typ("JWT").aud(audience);
    token.without("client_id").valid_at(clock.now())
}

pub(crate) fn nonce(page: &Seen) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("name=\"nonce\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

impl Site {
    async fn page(&self, visitor: &Visitor) -> Seen {
        sign_in_page(visitor, &self.question).await
    }

    /// Whether the browser is known from now on.
    async fn is_known(&self, visitor: &Visitor) -> bool {
        visitor.open(&self.question).await.status == 200
    }
}

fn assert_not_in(seen: &Seen, what: &str) {
    assert_eq!(seen.status, 403, "{what}: {}", seen.text());
    assert!(seen.text().contains("did not work"), "{what}");
    assert!(seen.header("location").is_none(), "{what}");
}

#[tokio::test]
async fn m_40_a_token_of_auth0_counts_for_this_application_and_this_login_alone() {
    let site = site(auth0()).await;
    let visitor = Visitor::new(&site.http);
    let page = site.page(&visitor).await;
    let good = || token(ISSUER, "app-1", &site.clock).claim("nonce", nonce(&page));
    let stranger = TestIssuer::stranger();
    let late = site.clock.now().as_secs() + 61;
    for (token, what) in [
        (good().unsecured(), "unsigned"),
        (good().signed_by(stranger.key("r1")), "a stranger"),
        (good().key("e1"), "another algorithm"),
        (good().iss("https://tenant.auth0.test"), "another issuer"),
        (good().aud("app-2"), "another application"),
        (
            good().claim("aud", json!(["app-1", "app-2"])),
            "two, and to whom is not said",
        ),
        (
            good().claim("azp", "app-2"),
            "issued to another application",
        ),
        (good().without("nonce"), "no nonce"),
        (good().claim("nonce", "of another login"), "another nonce"),
        (good().exp(UnixTime::from_secs(1)), "expired"),
        (good().claim("iat", late), "from the future"),
        (good().without("sub"), "nobody"),
        (good().typ("at+jwt"), "an access token"),
    ] {
        let seen = posted(&visitor, &page, &token.sign()).await;
        assert_not_in(&seen, what);
        assert!(!site.is_known(&visitor).await, "{what}");
    }
    for (text, what) in [("", "nothing"), ("a.b.c", "no token"), ("é", "no ASCII")] {
        assert_not_in(&posted(&visitor, &page, text).await, what);
    }
    let on = posted(&visitor, &page, &good().sign()).await;
    assert_eq!(on.status, 303, "{}", on.text());
    assert!(site.is_known(&visitor).await);
}

#[tokio::test]
async fn m_40_a_token_of_firebase_counts_for_this_project_and_after_a_login() {
    let site = site(firebase()).await;
    let visitor = Visitor::new(&site.http);
    let page = site.page(&visitor).await;
    let now = site.clock.now().as_secs();
    let good = || token(PROJECT, "notes-1", &site.clock).claim("auth_time", now - 5);
    for (token, what) in [
        (good().unsecured(), "unsigned"),
        (good().aud("notes-2"), "another project"),
        (
            good().iss("https://securetoken.google.com/notes-2"),
            "another issuer",
        ),
        (good().sub(""), "an empty subject"),
        (good().without("auth_time"), "no login"),
        (good().claim("auth_time", now + 61), "a login in the future"),
        (good().claim("auth_time", "1"), "a text as time"),
    ] {
        assert_not_in(&posted(&visitor, &page, &token.sign()).await, what);
    }
    let on = posted(&visitor, &page, &good().sign()).await;
    assert_eq!(on.status, 303, "{}", on.text());
}

#[tokio::test]
async fn x9_a_token_that_the_page_of_this_browser_did_not_post_logs_nobody_in() {
    let site = site(firebase()).await;
    let (visitor, attacker) = (Visitor::new(&site.http), Visitor::new(&site.http));
    let page = site.page(&visitor).await;
    let theirs = Form::on(&site.page(&attacker).await);
    let form = Form::on(&page);
    let now = site.clock.now().as_secs();
    let good = token(PROJECT, "notes-1", &site.clock).claim("auth_time", now);
    let good = good.sign();
    let field = |forgery: &str| [("forgery_token".to_owned(), forgery.to_owned())];
    let account = form.action.replace("%2Fauthorize", "%2Faccount");
    let nonce_as_token = "AAAA".to_owned();
    for (action, forgery, what) in [
        (&form.action, &theirs.forgery_token, "of another browser"),
        (&form.action, &String::new(), "none"),
        (&form.action, &nonce_as_token, "made up"),
        (&account, &form.forgery_token, "for another place to go on"),
    ] {
        let [(name, value)] = field(forgery);
        let fields = [(name.as_str(), value.as_str()), ("id_token", good.as_str())];
        let seen = visitor.post(action, &fields, Some(ORIGIN)).await;
        assert_not_in(&seen, what);
        assert!(!site.is_known(&visitor).await, "{what}");
    }
    let fields = [
        ("forgery_token", form.forgery_token.as_str()),
        ("id_token", &good),
    ];
    // From a page of somebody else.
    let seen = visitor
        .post(&form.action, &fields, Some("https://evil.test"))
        .await;
    assert_eq!(seen.status, 403);
    assert!(!site.is_known(&visitor).await);
}

#[tokio::test]
async fn an_id_token_in_an_address_is_refused_whatever_it_says() {
    let site = site(firebase()).await;
    let visitor = Visitor::new(&site.http);
    let page = site.page(&visitor).await;
    let action = Form::on(&page).action;
    let now = site.clock.now().as_secs();
    let good = token(PROJECT, "notes-1", &site.clock).claim("auth_time", now);
    let address = format!("{ORIGIN}{action}&id_token={}", good.sign());
    assert_eq!(visitor.open(&address).await.status, 400);
    let seen = visitor
        .post(&address[ORIGIN.len()..], &[], Some(ORIGIN))
        .await;
    assert_eq!(seen.status, 400);
    assert!(!site.is_known(&visitor).await);
}

#[tokio::test]
async fn a_browser_is_led_on_to_this_server_alone() {
    let site = site(firebase()).await;
    let visitor = Visitor::new(&site.http);
    for address in [
        "",
        "?return_to=https://evil.test/",
        "?return_to=//evil.test/",
        "?return_to=/%5Cevil.test",
        "?return_to=javascript:alert(1)",
        "?return_to=/a%0d%0aset-cookie:a=b",
        "?return_to=/a&return_to=/b",
    ] {
        let seen = visitor.open(&format!("{ORIGIN}/sign-in{address}")).await;
        assert_eq!(seen.status, 400, "{address}");
        assert!(seen.header("set-cookie").is_none(), "{address}");
    }
    let page = site.page(&visitor).await;
    let guarded = page.header("content-security-policy").unwrap();
    assert!(guarded.contains("frame-ancestors 'none'"), "{guarded}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a71_keys_that_cannot_be_fetched_are_503_and_heal() {
    let site = site(firebase()).await;
    let visitor = Visitor::new(&site.http);
    let page = site.page(&visitor).await;
    let keys = site.keys.0.lock().unwrap().take();
    let now = site.clock.now().as_secs();
    let good = token(PROJECT, "notes-1", &site.clock).claim("auth_time", now);
    let seen = posted(&visitor, &page, &good.sign()).await;
    assert_eq!(seen.status, 503);
    assert!(seen.header("retry-after").is_some());
    *site.keys.0.lock().unwrap() = keys;
    site.clock.advance(Lifetime::from_secs(31));
    assert_eq!(posted(&visitor, &page, &good.sign()).await.status, 303);
}

#[tokio::test]
async fn who_may_not_log_in_does_not_and_a_login_ends_with_its_token() {
    let login = PostedLogin::auth0("tenant.auth0.test", "app-1");
    let login = login.allow(|person| {
        assert_eq!(person.issuer(), ISSUER);
        person.subject() == "auth0|1" && person.claim("org_id") == Some(&json!("org_1"))
    });
    let site = site(login).await;
    let visitor = Visitor::new(&site.http);
    let page = site.page(&visitor).await;
    let of = |subject: &str, organisation: &str| {
        token(ISSUER, "app-1", &site.clock)
            .claim("nonce", nonce(&page))
            .claim("org_id", organisation)
            .claim("email", "boss@corp.example")
            .sub(subject)
            .sign()
    };
    for (subject, organisation) in [("auth0|2", "org_1"), ("auth0|1", "org_2")] {
        let seen = posted(&visitor, &page, &of(subject, organisation)).await;
        assert_not_in(&seen, subject);
    }
    let on = posted(&visitor, &page, &of("auth0|1", "org_1")).await;
    assert_eq!(on.status, 303, "{}", on.text());
    let asked = visitor.open(&site.question).await;
    let allowed = visitor.send_form(&asked, &[("decision", "allow")]).await;
    let location = allowed.header("location").unwrap();
    site.client.redeem(location, &site.verifier).await;
    // The token lives for five minutes.
    site.clock.advance(Lifetime::from_secs(299));
    assert!(site.is_known(&visitor).await);
    site.clock.advance(Lifetime::from_secs(1));
    assert!(!site.is_known(&visitor).await);
}

#[test]
fn settings_that_cannot_be_meant_stop_the_start() {
    let fault = |login: PostedLogin| {
        let auth: Box<dyn FnOnce(Server) -> Server> =
            Box::new(|server| login.on(EmbeddedAuth::in_memory()).add_to(server));
        let refused = auth(Server::new("Notes")).into_app(&Http::bind("127.0.0.1:8000"));
        refused.unwrap_err().to_string()
    };
    assert!(fault(firebase()).contains(".page(…)"));
    let told = fault(PostedLogin::firebase("notes-1").page(page));
    assert!(told.contains(".allow(…)"), "{told}");
    let told = fault(firebase().page(page).algorithms([Algorithm::HS256]));
    assert!(told.contains("public keys"), "{told}");
    let told = fault(firebase().page(page).algorithms([]));
    assert!(told.contains("public keys"), "{told}");
    let local = PostedLogin::issued_by("https://a.test", "app-1", "http://a.test/jwks");
    let told = fault(local.allow_everyone().page(page));
    assert!(told.contains("https://"), "{told}");
    let nobody = PostedLogin::issued_by("https://a.test", "", "https://a.test/jwks");
    assert!(fault(nobody.allow_everyone().page(page)).contains("is empty"));
    let unknown = PostedLogin::firebase("../x").allow_everyone().page(page);
    assert!(fault(unknown).contains("project_id"));
}
