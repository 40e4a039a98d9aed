//! Who signs in on a page of the application has an account like everybody else.

use std::sync::{Arc, Mutex};

use countersign::audit::{Record, Sink};
use countersign::authorization_server::accounts::{AccountName, AccountOverview};
use countersign::authorization_server::store::{MemoryStore, SealingKeys, Store};
use countersign::authorization_server::{Login, LoginStep, Storage, Unavailable};
use countersign::{App, Authentication, EmbeddedAuth, Http, PostedLogin, Server};
use countersign_oauth::pkce::CodeVerifier;
use countersign_oauth::{Lifetime, Secret};
use testkit::{TestClock, TestIssuer};

use crate::embedded::client::Client;
use crate::embedded::{ORIGIN, PUBLIC};
use crate::fixture::{HandClock, Seen};
use crate::posted_login::{ISSUER, Published, nonce, page, token};
use crate::provider_examples::{posted, sign_in_page};
use crate::visitor::Visitor;

/// What was noted.
#[derive(Clone, Debug, Default)]
struct Noted(Arc<Mutex<Vec<String>>>);

impl Sink for Noted {
    fn note(&self, record: Record) {
        let texts = [record.provider, record.subject, record.detail];
        let texts = texts.map(|text| text.map_or(String::new(), |text| text.to_string()));
        let event = record.event;
        self.0.lock().unwrap().push(format!("{event}: {texts:?}"));
    }
}

/// What outlives a server.
#[derive(Default)]
struct Kept {
    store: Arc<MemoryStore>,
    noted: Noted,
}

struct Site {
    app: App,
    http: testkit::Http,
    clock: TestClock,
    noted: Noted,
}

fn login() -> PostedLogin {
    let keys = Arc::new(Mutex::new(Some(TestIssuer::as_test().jwks())));
    PostedLogin::auth0("tenant.auth0.test", "app-1")
        .page(page)
        .fetcher(Published(keys))
}

impl Kept {
    /// A server with what is kept, as after a restart.
    fn start(&self, clock: &TestClock) -> Site {
        let text = SealingKeys::text_of([7; 32]);
        let keys = SealingKeys::parse(&Secret::new(text.reveal())).unwrap();
        let store: Arc<dyn Store> = self.store.clone();
        let noted = self.noted.clone();
        let auth = EmbeddedAuth::storage(Storage::new(store, keys))
            .scope("read", "Read your notes")
            .configure(move |server| server.audit(Arc::new(noted)));
        let login = login().allow(|person| person.subject() != "auth0|evil");
        let server = Server::new("Notes")
            .required_scopes(["read"])
            .clock(Arc::new(HandClock(clock.clone())))
            .auth(login.on(auth));
        let place = Http::bind("127.0.0.1:8000").public_url(PUBLIC);
        let app = server.into_app(&place).unwrap();
        Site {
            http: testkit::Http::service(app.clone()),
            app,
            clock: clock.clone(),
            noted: self.noted.clone(),
        }
    }
}

impl Site {
    async fn accounts(&self) -> Vec<AccountOverview> {
        let server = self.app.authorization_server().unwrap();
        let people = server.people().unwrap();
        people.accounts().list(None).await.unwrap().entries
    }

    fn question(client: &Client, verifier: &CodeVerifier) -> String {
        format!("{ORIGIN}/authorize?{}", client.question(verifier))
    }

    /// `subject` signs in to answer `question`.
    async fn sign_in(&self, visitor: &Visitor, question: &str, subject: &str) -> Seen {
        let shown = sign_in_page(visitor, question).await;
        let token = token(ISSUER, "app-1", &self.clock).sub(subject);
        let token = token
            .claim("nonce", nonce(&shown))
            .claim("name", "Ada Lovelace")
            .sign();
        posted(visitor, &shown, &token).await
    }

    /// The tokens of a client that somebody who is signed in allows.
    async fn connect(&self, visitor: &Visitor, client: &Client) -> (String, String) {
        let verifier = CodeVerifier::from_random([5; 32]);
        let question = Self::question(client, &verifier);
        let asked = visitor.open(&question).await;
        assert_eq!(asked.status, 200, "{}", asked.text());
        let allowed = visitor.send_form(&asked, &[("decision", "allow")]).await;
        let location = allowed.header("location").unwrap();
        client.redeem(location, &verifier).await
    }

    fn has_noted(&self, what: &str) -> bool {
        let noted = self.noted.0.lock().unwrap();
        noted.iter().any(|event| event.contains(what))
    }
}

const VERIFIER: [u8; 32] = [5; 32];

#[tokio::test]
async fn x22_a_posted_identity_is_an_account_that_can_be_disabled_and_deleted_with_what_it_gave() {
    let site = Kept::default().start(&TestClock::new());
    let client = Client::discover(&site.http).await;
    let question = Site::question(&client, &CodeVerifier::from_random(VERIFIER));
    let visitor = Visitor::new(&site.http);
    let out = site.sign_in(&visitor, &question, "auth0|evil").await;
    assert_eq!(out.status, 403, "{}", out.text());
    assert_eq!(
        site.accounts().await,
        [],
        "who may not log in has no account"
    );
    assert!(site.has_noted("upstream_refused: [\"auth0\", \"\", \"the rules"));

    let on = site.sign_in(&visitor, &question, "ada1").await;
    assert_eq!(on.status, 303, "{}", on.text());
    let accounts = site.accounts().await;
    let [ada] = accounts.as_slice() else {
        panic!("{accounts:?}");
    };
    assert_eq!(ada.name, "auth0:ada1");
    assert!(!ada.subject.contains("ada1"), "{}", ada.subject);
    let elsewhere = ada.upstream.as_ref().unwrap();
    assert_eq!(
        (elsewhere.issuer.as_str(), elsewhere.subject.as_str()),
        (ISSUER, "ada1")
    );
    assert_eq!(elsewhere.name.as_deref(), Some("Ada Lovelace"));
    assert!(site.has_noted(&format!(
        "logged_in_upstream: [\"auth0\", {:?}",
        ada.subject
    )));

    let (access, refresh) = site.connect(&visitor, &client).await;
    let (access, refresh) = (access, client.refresh(&refresh).await.1);
    let people = site.app.authorization_server().unwrap().people().unwrap();
    let name = AccountName::parse_any("auth0:ada1").unwrap();
    people.accounts().disable(&name).await.unwrap();
    assert!(site.has_noted("account_disabled"));
    assert_eq!(client.call("whoami", &access).await.0, 401);
    assert_eq!(client.try_refresh(&refresh).await.status, 400);
    // The login has ended too, and another one is not let in.
    assert_eq!(visitor.open(&question).await.status, 303);
    let out = site.sign_in(&visitor, &question, "ada1").await;
    assert_eq!(out.status, 403, "{}", out.text());
    assert!(out.text().contains("disabled"), "{}", out.text());
    assert!(site.has_noted("the account is disabled"));

    people.accounts().delete(&name).await.unwrap();
    assert_eq!(site.accounts().await, []);
    let on = site.sign_in(&visitor, &question, "ada1").await;
    assert_eq!(on.status, 303, "{}", on.text());
    assert_ne!(site.accounts().await[0].subject, ada.subject);
    // The same person in another browser, and somebody else.
    for (subject, number) in [("ada1", 1), ("ADA1", 2)] {
        let other = Visitor::new(&site.http);
        let on = site.sign_in(&other, &question, subject).await;
        assert_eq!(on.status, 303, "{}", on.text());
        assert_eq!(site.accounts().await.len(), number, "{subject}");
    }
}

#[tokio::test]
async fn a_login_on_the_page_outlives_a_restart_and_ends_when_the_person_logs_out() {
    let (kept, clock) = (Kept::default(), TestClock::new());
    let site = kept.start(&clock);
    let client = Client::discover(&site.http).await;
    let verifier = CodeVerifier::from_random(VERIFIER);
    let question = Site::question(&client, &verifier);
    let visitor = Visitor::new(&site.http);
    assert_eq!(site.sign_in(&visitor, &question, "ada1").await.status, 303);

    let site = kept.start(&clock);
    let visitor = visitor.at(&site.http);
    let asked = visitor.open(&question).await;
    assert_eq!(asked.status, 200, "{}", asked.text());
    let account = visitor.open(&format!("{ORIGIN}/account")).await;
    assert!(account.text().contains("Auth0"), "{}", account.text());
    assert!(account.text().contains("Ada Lovelace"));
    let gone = visitor.send_form_to(&account, "/logout", &[]).await;
    assert_eq!(gone.status, 303, "{}", gone.text());
    assert!(site.has_noted("logged_out"));
    assert_eq!(visitor.open(&question).await.status, 303);
    let again = visitor.open(&format!("{ORIGIN}/login")).await;
    let location = again.header("location").unwrap();
    assert!(
        location.starts_with("/sign-in?return_to=%2Faccount"),
        "{location}"
    );
    // The ID token lives for five minutes, and so does a login that is used.
    let site = kept.start(&clock);
    let visitor = Visitor::new(&site.http);
    assert_eq!(site.sign_in(&visitor, &question, "ada1").await.status, 303);
    clock.advance(Lifetime::from_secs(299));
    assert_eq!(visitor.open(&question).await.status, 200);
    clock.advance(Lifetime::from_secs(1));
    assert_eq!(visitor.open(&question).await.status, 303);
}

#[tokio::test]
async fn x26_a_posted_token_answers_no_request_and_consent_is_asked_each_time() {
    let site = Kept::default().start(&TestClock::new());
    let client = Client::discover(&site.http).await;
    let verifier = CodeVerifier::from_random(VERIFIER);
    let question = Site::question(&client, &verifier);
    let visitor = Visitor::new(&site.http);
    let shown = sign_in_page(&visitor, &question).await;
    let form = crate::provider_examples::Form::on(&shown);
    let token = token(ISSUER, "app-1", &site.clock).sub("ada1");
    let token = token.claim("nonce", nonce(&shown)).sign();
    let fields = [
        ("forgery_token", form.forgery_token.as_str()),
        ("id_token", token.as_str()),
        ("decision", "allow"),
    ];
    let on = visitor.post(&form.action, &fields, Some(ORIGIN)).await;
    assert_eq!(on.status, 303, "{}", on.text());
    let location = format!("{ORIGIN}{}", on.header("location").unwrap());
    assert_eq!(location, question, "it leads on within this server");
    for _ in 0..2 {
        let asked = visitor.open(&question).await;
        assert_eq!(asked.status, 200);
        assert!(
            asked.text().contains("name=\"decision\""),
            "{}",
            asked.text()
        );
        // A form of the sign-in page is none of the consent page.
        let fields = [
            ("forgery_token", form.forgery_token.as_str()),
            ("decision", "allow"),
        ];
        let seen = visitor.post("/consent", &fields, Some(ORIGIN)).await;
        assert_eq!(seen.status, 403, "{}", seen.text());
        site.connect(&visitor, &client).await;
    }
    assert!(site.has_noted("code_issued"));
}

#[derive(Debug)]
struct Other;

impl Login for Other {
    async fn log_in(
        &self,
        _: countersign::authorization_server::Visitor<'_>,
    ) -> Result<LoginStep, Unavailable> {
        Ok(LoginStep::Refuse)
    }
}

#[test]
fn a_sign_in_page_that_nobody_would_reach_stops_the_start() {
    let fault = |login: PostedLogin, change: fn(EmbeddedAuth) -> EmbeddedAuth| {
        let auth = change(EmbeddedAuth::in_memory());
        let server = login.allow_everyone().on(auth).add_to(Server::new("Notes"));
        let refused = server.into_app(&Http::bind("127.0.0.1:8000"));
        refused.unwrap_err().to_string()
    };
    for (path, told) in [
        ("sign-in", "such as /sign-in"),
        ("/sign in", "such as /sign-in"),
        ("/sign-in?a=b", "such as /sign-in"),
        ("/account", "another page"),
        ("/callback/auth0", "another page"),
        ("/token", "an endpoint"),
    ] {
        let said = fault(login().path(path), |auth| auth);
        assert!(said.contains(told), "{path}: {said}");
    }
    let said = fault(login(), |auth| auth.login(Other));
    assert!(said.contains(".login(…)"), "{said}");
    let said = fault(login(), EmbeddedAuth::with_local_accounts);
    assert!(said.contains("local accounts"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn g17_tokens_that_are_posted_have_a_limit_of_their_own() {
    let few = countersign::Quota::per_hour(3);
    let auth = EmbeddedAuth::in_memory().configure(move |server| {
        server.settings(|settings| settings.budgets.endpoints.sign_in = few)
    });
    let server = Server::new("Notes").auth(login().allow_everyone().on(auth));
    let place = Http::bind("127.0.0.1:8000").public_url(PUBLIC);
    let app = server.into_app(&place).unwrap();
    let issuing = app.authorization_server().unwrap();
    let send = async |method: http::Method, path: &str, address: &str| {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(
                "host",
                PUBLIC
                    .trim_start_matches("https://")
                    .trim_end_matches("/mcp"),
            )
            .extension(address.parse::<std::net::IpAddr>().unwrap())
            .body(http_body_util::Full::<bytes::Bytes>::default())
            .unwrap();
        let answer = issuing.respond(request).await;
        let wait = answer.headers().get("retry-after").cloned();
        (answer.status().as_u16(), wait)
    };
    let page = "/sign-in?return_to=/account";
    for _ in 0..3 {
        let (status, _) = send(http::Method::POST, page, "192.0.2.1").await;
        assert_eq!(status, 400, "nothing was posted");
    }
    let (status, wait) = send(http::Method::POST, page, "192.0.2.1").await;
    assert_eq!((status, wait.is_some()), (429, true));
    // Other pages, and other addresses, have theirs.
    assert_ne!(send(http::Method::GET, "/login", "192.0.2.1").await.0, 429);
    assert_ne!(send(http::Method::POST, page, "192.0.2.2").await.0, 429);
}
