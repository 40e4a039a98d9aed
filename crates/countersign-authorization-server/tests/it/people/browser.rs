//! A server with pages, and browsers that keep cookies and fill in forms.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use countersign_authorization_server::accounts::{AccountName, HashingCost, Password};
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::display_text::DisplayText;
use countersign_authorization_server::oauth::pkce::CodeVerifier;
use countersign_authorization_server::oauth::{ClientId, Issuer, RedirectUri, Secret};
use countersign_authorization_server::store::{MemoryStore, SealingKeys};
use countersign_authorization_server::{
    Accounts, AuthorizationServer, AuthorizationServerBuilder, ClientFacts, ClientSource, People,
    Settings, Storage,
};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use testkit::TestClock;

use crate::fixture::{CALLBACK, Events, ISSUER, Seen, VERIFIER, facts, form, settings};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const SESSION: &str = "__Host-countersign-session";
pub(crate) const BROWSER: &str = "__Host-countersign-browser";

/// The id of a client whose document names an address on loopback.
pub(crate) const LOCAL_DOCUMENT: &str = "https://client.example/local";

/// A server with pages.
pub(crate) struct Site {
    pub(crate) server: AuthorizationServer,
    pub(crate) accounts: Accounts,
    pub(crate) people: Arc<People>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: TestClock,
    pub(crate) events: Arc<Events>,
}

/// Hashes that cost nothing, so that a hundred logins take no time.
pub(crate) fn cheap() -> HashingCost {
    let mut cost = HashingCost::default();
    (cost.memory, cost.passes) = (32, 1);
    cost
}

/// The pages of a server at `issuer`.
pub(crate) fn settings_at(issuer: &str) -> Settings {
    let mut settings = settings();
    settings.issuer = Issuer::parse(issuer).unwrap();
    settings
}

/// A server at [`ISSUER`] with the accounts `alice` and `bob` and some clients: C1
/// of an administrator, L on loopback, A with a scheme of its own, and D, which
/// registered itself.
pub(crate) async fn site() -> Site {
    let site = empty_site(settings_at(ISSUER)).await;
    for name in ["alice", "bob"] {
        site.add(name, PASSWORD).await;
    }
    site
}

pub(crate) async fn empty_site(settings: Settings) -> Site {
    site_with(settings, |builder| builder).await
}

pub(crate) async fn site_with(
    settings: Settings,
    change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
) -> Site {
    site_of(settings, |people| people, change).await
}

/// A server whose pages and other parts are changed.
pub(crate) async fn site_of(
    settings: Settings,
    write: impl FnOnce(People) -> People,
    change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
) -> Site {
    let (store, clock) = (Arc::new(MemoryStore::new()), TestClock::new());
    let events = Arc::new(Events::default());
    let accounts = Accounts::new(store.clone())
        .clock(Arc::new(clock.clone()))
        .hashing_cost(cheap());
    let people = People::new(accounts.clone(), &settings)
        .scope("read", "Read your notes")
        .optional_scope("write", "Change your notes");
    let people = Arc::new(write(people));
    let sealing = SealingKeys::parse(&SealingKeys::text_of([7; 32])).unwrap();
    let builder = AuthorizationServer::with_settings(settings)
        .storage(Storage::new(store.clone(), sealing))
        .interaction(people.clone())
        .clock(Arc::new(clock.clone()))
        .audit(events.clone());
    let site = Site {
        server: change(builder).build().unwrap(),
        accounts,
        people,
        store,
        clock,
        events,
    };
    add_clients(&site).await;
    site
}

pub(crate) async fn add_clients(site: &Site) {
    let public = |uri: &str| ClientMetadata::public(vec![RedirectUri::parse(uri).unwrap()]);
    site.client("C1", facts(public(CALLBACK))).await;
    site.client("L", facts(public("http://127.0.0.1/cb"))).await;
    site.client("A", facts(public("com.example.app:/cb"))).await;
    site.named("D", "Notes").await;
}

impl Site {
    pub(crate) async fn client(&self, id: &str, facts: ClientFacts) {
        let id = ClientId::parse(id).unwrap();
        self.server.add_client(&id, &facts).await.unwrap();
    }

    /// A client that registered itself as `name`.
    pub(crate) async fn named(&self, id: &str, name: &str) {
        self.named_at(id, name, CALLBACK).await;
    }

    /// As [`Site::named`], with its own address.
    pub(crate) async fn named_at(&self, id: &str, name: &str, uri: &str) {
        let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(uri).unwrap()]);
        metadata.client_name = DisplayText::clean(name);
        self.client(id, ClientFacts::new(metadata, ClientSource::Itself))
            .await;
    }

    pub(crate) async fn add(&self, name: &str, password: &str) -> String {
        let name = AccountName::parse(name).unwrap();
        let password = Password::new(Secret::new(password)).unwrap();
        self.accounts.add(&name, &password).await.unwrap()
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser {
            site: self,
            cookies: RefCell::default(),
            address: "192.0.2.1".parse().unwrap(),
        }
    }

    pub(crate) fn saw(&self, event: &str) -> usize {
        let events = self.events.0.lock().unwrap();
        events.iter().filter(|seen| seen.starts_with(event)).count()
    }
}

pub(crate) struct Browser<'a> {
    site: &'a Site,
    pub(crate) cookies: RefCell<BTreeMap<String, String>>,
    pub(crate) address: IpAddr,
}

/// What a browser of today sends with a form of a page that has no referrer.
pub(crate) const OWN_FORM: &[(&str, &str)] =
    &[("origin", "null"), ("sec-fetch-site", "same-origin")];

/// What a browser of today accepts when it opens a page.
pub(crate) const AS_BROWSERS_ACCEPT: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

impl Browser<'_> {
    pub(crate) async fn send(&self, request: http::request::Builder, body: String) -> Seen {
        let cookies: Vec<_> = self
            .cookies
            .borrow()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = request.extension(self.address);
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let request = request.body(Full::from(body)).unwrap();
        let (parts, body) = self.site.server.respond(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        for line in parts.headers.get_all("set-cookie") {
            self.keep(line.to_str().unwrap());
        }
        Seen {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    fn keep(&self, line: &str) {
        let (pair, attributes) = line.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        let mut cookies = self.cookies.borrow_mut();
        if attributes.ends_with("Max-Age=0") {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).cloned()
    }

    pub(crate) async fn get(&self, target: &str) -> Seen {
        self.send(Request::get(target), String::new()).await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        self.post_with(path, OWN_FORM, fields).await
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> Seen {
        let mut request =
            Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, form(fields)).await
    }

    /// As browsers open an address.
    pub(crate) async fn visit(&self, target: &str) -> Seen {
        let request = Request::get(target).header("accept", AS_BROWSERS_ACCEPT);
        self.send(request, String::new()).await
    }

    /// A good authorization request of `client` with `more`.
    pub(crate) async fn authorize(&self, client: &str, more: &[(&str, &str)]) -> Seen {
        let challenge = CodeVerifier::parse(VERIFIER).unwrap().challenge();
        let uri = match client {
            LOCAL_DOCUMENT | "L" => "http://127.0.0.1:51234/cb",
            "A" => "com.example.app:/cb",
            _ => CALLBACK,
        };
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", uri),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("state", "s"),
        ];
        fields.extend(more);
        self.get(&format!("/authorize?{}", form(&fields))).await
    }

    /// Fills in the login form of `page`.
    pub(crate) async fn log_in_on(&self, page: &Seen, name: &str, password: &str) -> Seen {
        let (token, transaction) = (
            hidden(page, "forgery_token"),
            find_hidden(page, "transaction"),
        );
        let mut fields = vec![
            ("forgery_token", token.as_str()),
            ("name", name),
            ("password", password),
        ];
        if let Some(transaction) = &transaction {
            fields.push(("transaction", transaction));
        }
        self.post("/login", &fields).await
    }

    /// Logs in without a request that waits.
    pub(crate) async fn log_in(&self, name: &str) {
        let page = self.get("/login").await;
        let seen = self.log_in_on(&page, name, PASSWORD).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
        assert_eq!(
            seen.header("location"),
            Some(format!("{ISSUER}/account").as_str())
        );
    }

    /// The consent page for a request of `client`, after logging in if need be.
    pub(crate) async fn consent_page(&self, client: &str) -> Seen {
        let page = self.authorize(client, &[]).await;
        let page = if page.body.contains("name=\"password\"") {
            self.log_in_on(&page, "alice", PASSWORD).await
        } else {
            page
        };
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        assert!(page.body.contains("value=\"allow\""), "{page:?}");
        page
    }

    /// Presses a button of a consent page, with `scopes` ticked.
    pub(crate) async fn decide(&self, page: &Seen, decision: &str, scopes: &[&str]) -> Seen {
        let (token, transaction) = (hidden(page, "forgery_token"), hidden(page, "transaction"));
        let provider = find_hidden(page, "provider");
        let mut fields = vec![
            ("forgery_token", token.as_str()),
            ("transaction", transaction.as_str()),
            ("decision", decision),
        ];
        fields.extend(provider.as_deref().map(|provider| ("provider", provider)));
        fields.extend(scopes.iter().map(|scope| ("scope", *scope)));
        self.post("/consent", &fields).await
    }
}

/// The value of the first hidden field `name`.
pub(crate) fn find_hidden(page: &Seen, name: &str) -> Option<String> {
    let field = format!("name=\"{name}\" value=\"");
    let at = page.body.find(&field)? + field.len();
    let value = &page.body[at..];
    Some(value[..value.find('"').unwrap()].to_owned())
}

pub(crate) fn hidden(page: &Seen, name: &str) -> String {
    find_hidden(page, name).unwrap_or_else(|| panic!("no {name} in {page:?}"))
}
