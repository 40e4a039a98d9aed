//! A login step of one's own, in front of the consent page of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign::EmbeddedAuth;
use countersign::authorization_server::login::Freshness;
use countersign::authorization_server::oauth::ClientId;
use countersign::authorization_server::{Login, LoginStep, Person, Unavailable, Visitor};
use countersign_oauth::pkce::CodeVerifier;

use super::app;
use super::client::Client;
use crate::fixture::Seen;

/// The session of an application whose cookie is the name of the person.
#[derive(Clone, Debug, Default)]
struct Application {
    has_left: Arc<AtomicBool>,
}

impl Login for Application {
    async fn log_in(&self, visitor: Visitor<'_>) -> Result<LoginStep, Unavailable> {
        Ok(match visitor.cookie("application") {
            Some("mallory") => LoginStep::Refuse,
            Some("nobody-knows") => return Err(Unavailable::Login),
            Some(name) if visitor.freshness == Freshness::Any => {
                LoginStep::Known(Person::new(format!("id-of-{name}"), name))
            }
            _ => visitor.go_to("/sign-in"),
        })
    }

    async fn still_allows(&self, _: &str, _: &ClientId) -> Result<bool, Unavailable> {
        Ok(!self.has_left.load(Ordering::SeqCst))
    }
}

struct Site {
    client: Client,
    application: Application,
    verifier: CodeVerifier,
}

async fn site() -> Site {
    let application = Application::default();
    let auth = EmbeddedAuth::in_memory().login(application.clone());
    let client = Client::discover(&testkit::Http::service(app(auth))).await;
    Site {
        client,
        application,
        verifier: CodeVerifier::from_random([9; 32]),
    }
}

impl Site {
    async fn open(&self, path: &str, cookies: &str) -> Seen {
        let request = self.client.http.get(path).header("cookie", cookies);
        Seen::of(request.send().await).await
    }

    fn question(&self) -> String {
        format!("/authorize?{}", self.client.question(&self.verifier))
    }

    async fn redeem(&self, redirect: &Seen) -> (String, String) {
        assert_eq!(redirect.status, 303, "{}", redirect.text());
        let location = redirect.header("location").unwrap();
        self.client.redeem(location, &self.verifier).await
    }

    async fn answer(&self, path: &str, cookies: &str, fields: &[(&str, &str)]) -> Seen {
        let pairs = fields.iter().map(|(name, value)| format!("{name}={value}"));
        let request = self.client.http.post(path).header("cookie", cookies);
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(pairs.collect::<Vec<_>>().join("&"));
        Seen::of(request.send().await).await
    }
}

/// The value of a hidden field.
fn field(page: &Seen, name: &str) -> String {
    let text = page.text();
    let (_, rest) = text
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// The cookies of the application and of the page.
fn cookies(name: &str, page: &Seen) -> String {
    let set = page.header("set-cookie").unwrap();
    format!("application={name}; {}", set.split(';').next().unwrap())
}

#[tokio::test]
async fn m_28_whoever_is_not_logged_in_is_sent_to_the_login_page_and_comes_back() {
    let site = site().await;
    let sent = site.open(&site.question(), "other=1").await;
    assert_eq!(sent.status, 303);
    let location = sent.header("location").unwrap();
    let return_to = location.strip_prefix("/sign-in?return_to=").unwrap();
    let return_to = url::form_urlencoded::parse(return_to.as_bytes());
    let return_to: String = return_to.map(|(path, _)| path.into_owned()).collect();
    assert_eq!(return_to, site.question());
    // Logging in again was asked for once.
    let anew = format!("{}&prompt=login", site.question());
    let sent = site.open(&anew, "application=ada").await;
    assert_eq!(sent.header("location"), Some(location));
    let silent = format!("{}&prompt=none", site.question());
    for (cookie, error) in [
        ("application=ada", "consent_required"),
        ("other=1", "login_required"),
        ("application=mallory", "access_denied"),
        ("application=ada; application=bob", "login_required"),
    ] {
        let sent = site.open(&silent, cookie).await;
        let location = sent.header("location").unwrap();
        assert!(location.contains(&format!("error={error}")), "{location}");
    }
    let refused = site.open(&site.question(), "application=mallory").await;
    let location = refused.header("location").unwrap();
    assert!(location.contains("error=access_denied"), "{location}");
    let down = site
        .open(&site.question(), "application=nobody-knows")
        .await;
    assert_eq!(down.status, 503);
}

#[tokio::test]
async fn m_28_the_person_of_the_login_consents_on_our_page_and_nobody_else_does() {
    let site = site().await;
    let page = site.open(&site.question(), "application=ada").await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("ada") && !page.text().contains("Not you?"));
    let (token, transaction) = (field(&page, "forgery_token"), field(&page, "transaction"));
    let fields = |decision| {
        [
            ("forgery_token", token.as_str()),
            ("transaction", transaction.as_str()),
            ("decision", decision),
        ]
    };
    // Somebody else in the same browser, or somewhere else.
    for (other, status) in [
        (cookies("bob", &page), 403),
        ("application=ada".to_owned(), 403),
        (cookies("mallory", &page), 404),
        (cookies("", &page), 403),
    ] {
        let refused = site.answer("/consent", &other, &fields("allow")).await;
        assert_eq!(refused.status, status, "{other}: {}", refused.text());
    }
    let ada = cookies("ada", &page);
    let switched = site.answer("/consent", &ada, &fields("switch")).await;
    assert_eq!(switched.status, 400);
    let redirect = site.answer("/consent", &ada, &fields("allow")).await;
    let (access, refresh) = site.redeem(&redirect).await;
    let (_, result) = site.client.call("whoami", &access).await;
    assert_eq!(result["content"][0]["text"], "id-of-ada");

    let (_, refresh) = site.client.refresh(&refresh).await;
    site.application.has_left.store(true, Ordering::SeqCst);
    let refused = site.client.try_refresh(&refresh).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn m_28_what_is_connected_is_listed_and_ended_without_an_account_of_ours() {
    let site = site().await;
    let page = site.open(&site.question(), "application=ada").await;
    let ada = cookies("ada", &page);
    let (token, transaction) = (field(&page, "forgery_token"), field(&page, "transaction"));
    let fields = [
        ("forgery_token", token.as_str()),
        ("transaction", transaction.as_str()),
        ("decision", "allow"),
    ];
    let redirect = site.answer("/consent", &ada, &fields).await;
    let (access, _) = site.redeem(&redirect).await;

    let account = site.open("/account", &ada).await;
    assert!(account.text().contains("A client"), "{}", account.text());
    assert!(!account.text().contains("assword") && !account.text().contains("Log out"));
    let (token, grant) = (field(&account, "forgery_token"), field(&account, "grant"));
    let fields = [("forgery_token", token.as_str()), ("grant", grant.as_str())];
    let bob = ada.replace("=ada", "=bob");
    let refused = site.answer("/account/revoke", &bob, &fields).await;
    assert_eq!(refused.status, 403);
    assert_eq!(site.client.call("whoami", &access).await.0, 200);
    let done = site.answer("/account/revoke", &ada, &fields).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(site.client.call("whoami", &access).await.0, 401);

    let nobody = site.open("/account", "other=1").await;
    assert_eq!(
        nobody.header("location"),
        Some("/sign-in?return_to=%2Faccount")
    );
    for path in ["/login", "/setup", "/logout", "/account/password"] {
        assert_eq!(site.open(path, &ada).await.status, 404, "{path}");
        assert_eq!(site.answer(path, &ada, &[]).await.status, 404, "{path}");
    }
}
