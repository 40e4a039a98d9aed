//! A server whose people log in by a built-in preset, at a fake of that provider on
//! loopback. The file is the real one; requests to the real origins are led to the fake,
//! whose documents and tokens name the real ones.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::pkce::CodeVerifier;
use countersign_authorization_server::oauth::{ClientId, Lifetime, RedirectUri, Secret};
use countersign_authorization_server::store::{MemoryStore, SealingKeys};
use countersign_authorization_server::{
    AuthorizationServer, ClientFacts, ClientSource, Storage, Upstream, UpstreamBuilder,
};
use countersign_resource_server::fetch::{Fetch, FetchError, Fetcher, Fetching};
use countersign_resource_server::provider::{Preset, Provider};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use testkit::provider::{Endpoint, FakeProviderBuilder, Misbehaviour, SeenRequest};
use testkit::{FakeProvider, TestClock};
use url::Url;

use crate::fixture::{CALLBACK, Events, Seen, VERIFIER, form, settings};

/// A server and the provider where its people log in.
pub(super) struct Trial {
    name: &'static str,
    pub(super) server: AuthorizationServer,
    pub(super) fake: FakeProvider,
    pub(super) clock: TestClock,
    pub(super) events: Arc<Events>,
}

/// The built-in preset `name` for the application of `fake`, with the values of its
/// variables there, and `values` over them.
pub(super) fn provider_at(fake: &FakeProvider, name: &str, values: &[(&str, &str)]) -> Provider {
    filled_at(fake, &Preset::named(name).unwrap(), values)
}

fn filled_at(fake: &FakeProvider, preset: &Preset, values: &[(&str, &str)]) -> Provider {
    let mut filled = fake.variables();
    for (variable, value) in values {
        filled.insert((*variable).to_owned(), (*value).to_owned());
    }
    preset.fill(&filled).unwrap()
}

/// Leads requests to the real provider to the fake one, and nothing else anywhere.
#[derive(Debug)]
struct ToTheFake {
    origins: Vec<(String, String)>,
    fetcher: Fetcher,
}

impl ToTheFake {
    fn new(fake: &FakeProvider) -> Self {
        Self {
            origins: fake.origins().to_vec(),
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

/// A server with the preset `name` alone; `values` are other values of its variables.
pub(super) async fn trial(
    name: &'static str,
    fake: FakeProviderBuilder,
    values: &[(&str, &str)],
    configure: impl FnOnce(UpstreamBuilder) -> UpstreamBuilder,
) -> Trial {
    let preset = Preset::named(name).unwrap();
    trial_of(name, &preset, fake, values, configure).await
}

/// The same with a file of one's own, `preset`, whose name is `name`.
pub(super) async fn trial_of(
    name: &'static str,
    preset: &Preset,
    fake: FakeProviderBuilder,
    values: &[(&str, &str)],
    configure: impl FnOnce(UpstreamBuilder) -> UpstreamBuilder,
) -> Trial {
    assert_eq!(preset.name(), name);
    let clock = TestClock::new();
    let callback = format!("https://as.test/callback/{name}");
    let fake = fake.redirect_uri(&callback).clock(clock.clone());
    let fake = fake.naming_real_origins();
    let fake = fake.start().await;
    let provider = filled_at(&fake, preset, values);
    let mut builder = Upstream::builder(provider, fake.client_id()).fetcher(ToTheFake::new(&fake));
    builder = match fake.client_secret() {
        Some(secret) => builder.secret(Secret::new(secret)),
        None => builder.public(),
    };
    let upstream = configure(builder).build().unwrap();
    let sealing = SealingKeys::parse(&SealingKeys::text_of([7; 32])).unwrap();
    let events = Arc::new(Events::default());
    let server = AuthorizationServer::with_settings(settings())
        .storage(Storage::new(Arc::new(MemoryStore::new()), sealing))
        .upstream(upstream)
        .clock(Arc::new(clock.clone()))
        .audit(events.clone())
        .build()
        .unwrap();
    let metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    let facts = ClientFacts::new(metadata, ClientSource::Itself);
    let client = ClientId::parse("C1").unwrap();
    server.add_client(&client, &facts).await.unwrap();
    Trial {
        name,
        server,
        fake,
        clock,
        events,
    }
}

/// What became of a login.
#[derive(Debug)]
pub(super) struct Login {
    /// The authorization request that the browser took to the provider.
    pub(super) location: String,
    /// The answer to the browser that came back.
    pub(super) answer: Seen,
}

impl Login {
    /// A parameter of the authorization request.
    pub(super) fn asked(&self, name: &str) -> Option<String> {
        let url = Url::parse(&self.location).unwrap();
        let mut found = url.query_pairs().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.into_owned());
        assert_eq!(found.next(), None, "{name} is repeated: {}", self.location);
        value
    }

    /// The scopes that were asked for.
    pub(super) fn scopes(&self) -> Vec<String> {
        let scope = self.asked("scope").unwrap_or_default();
        scope.split_whitespace().map(ToOwned::to_owned).collect()
    }
}

impl Trial {
    /// Goes the whole way as `person`, or refuses at the provider.
    pub(super) async fn log_in(&self, person: Option<&str>) -> Login {
        let browser = Browser::new(&self.server);
        let location = browser.set_out(self.name, &[]).await;
        let back = match person {
            Some(person) => self.fake.approve(&location, person).await,
            None => self.fake.refuse(&location).await,
        };
        let answer = browser.come_back(&back).await;
        Login { location, answer }
    }

    /// Logs `person` in, and answers what the client got, with the login.
    pub(super) async fn tokens_of(&self, person: &str) -> (Value, Login) {
        let login = self.log_in(Some(person)).await;
        let redirect = login.answer.redirect();
        let code = redirect.get("code");
        let code = code.unwrap_or_else(|| panic!("{login:?} {:?}", self.events));
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", "C1"),
            ("code", code.as_str()),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        let tokens = Browser::new(&self.server).post("/token", &fields).await;
        assert_eq!(tokens.status, StatusCode::OK, "{tokens:?}");
        (tokens.json(), login)
    }

    /// Logs `person` in, and answers who that is to clients, with the login.
    pub(super) async fn subject_of(&self, person: &str) -> (String, Login) {
        let (tokens, login) = self.tokens_of(person).await;
        let payload = tokens["access_token"].as_str().unwrap();
        let payload = payload.split('.').nth(1).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(payload).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        (claims["sub"].as_str().unwrap().to_owned(), login)
    }

    /// What is so everywhere: the same person is the same account, others are others
    /// whatever address they claim, a refusal reaches the client, and the secret of the
    /// application is in no address.
    pub(super) async fn keeps_people_apart(&self) -> Login {
        let (alice, login) = self.subject_of("alice").await;
        let (again, _) = self.subject_of("alice").await;
        assert_eq!(alice, again, "the same account each time");
        let (bob, _) = self.subject_of("bob").await;
        let (mallory, _) = self.subject_of("mallory").await;
        assert_ne!(alice, bob);
        assert_ne!(alice, mallory, "an address is no identity");
        let said = self.fake.subject_text("alice");
        assert_ne!(alice, said, "subjects are of this server's own");
        let refused = self.log_in(None).await;
        let refused = refused.answer.redirect();
        assert_eq!(refused["error"], "access_denied");
        assert_eq!(login.asked("state").unwrap().len(), 43);
        assert_eq!(login.asked("resource"), None);
        assert_eq!(login.asked("response_type").as_deref(), Some("code"));
        for request in self.fake.requests() {
            let secret = self.fake.client_secret().unwrap_or("no secret");
            assert!(!request.request.path.contains(secret), "{request:?}");
        }
        login
    }

    /// When the client gives its tokens back, those of the provider are given back too:
    /// requests to `endpoint`, which are answered.
    pub(super) async fn gives_back(&self, endpoint: Endpoint) -> Vec<SeenRequest> {
        let known = |fake: &FakeProvider| [fake.access_tokens(), fake.refresh_tokens()].concat();
        let others = known(&self.fake);
        let (tokens, _) = self.tokens_of("alice").await;
        let mut issued = known(&self.fake);
        issued.retain(|token| !others.contains(token));
        assert!(issued.iter().all(|token| self.fake.is_live(token)));
        let before = self.fake.requests_to(endpoint).len();
        let token = tokens["refresh_token"].as_str().unwrap();
        let fields = [("token", token), ("client_id", "C1")];
        let answer = Browser::new(&self.server).post("/revoke", &fields).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        self.fake.asked(endpoint, before + 1).await;
        for token in issued {
            assert!(!self.fake.is_live(&token), "{token} is still good");
        }
        self.fake.requests_to(endpoint).split_off(before)
    }

    /// When the access token of the provider has ended, ours is renewed together with it,
    /// and the person stays connected. Nothing of the old way is used twice.
    pub(super) async fn renews(&self) {
        let (mut tokens, _) = self.tokens_of("alice").await;
        let seconds = self.fake.behaviour().access_seconds.unwrap();
        for round in 1..=3 {
            self.clock.advance(Lifetime::from_secs(seconds));
            let before = self.token_requests().len();
            let refresh_token = tokens["refresh_token"].as_str().unwrap().to_owned();
            let answer = self.refresh(&refresh_token).await;
            assert_eq!(answer.status, StatusCode::OK, "{round}: {}", self.name);
            tokens = answer.json();
            let asked = self.token_requests().split_off(before);
            assert_eq!(asked.len(), 1, "{round}: {}", self.name);
            let grant_type = asked[0].parameter("grant_type");
            assert_eq!(grant_type.as_deref(), Some("refresh_token"));
            self.fake.assert_never_received(&refresh_token);
        }
        let live = self.fake.access_tokens();
        let live = live.iter().filter(|token| self.fake.is_live(token));
        assert_eq!(live.count(), 1, "{}", self.name);
    }

    /// What the client is answered that renews with `refresh_token`.
    pub(super) async fn refresh(&self, refresh_token: &str) -> Seen {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", "C1"),
            ("refresh_token", refresh_token),
        ];
        Browser::new(&self.server).post("/token", &fields).await
    }

    /// Where a login leads the browser.
    pub(super) async fn location(&self) -> String {
        Browser::new(&self.server).set_out(self.name, &[]).await
    }

    /// What the provider is to ask people (`prompt`) when a client wishes for `wish`.
    pub(super) async fn prompt_for(&self, wish: &str) -> Option<String> {
        let browser = Browser::new(&self.server);
        let location = browser.set_out(self.name, &[("prompt", wish)]).await;
        let url = Url::parse(&location).unwrap();
        let mut prompts = url.query_pairs().filter(|(name, _)| name == "prompt");
        prompts.next().map(|(_, value)| value.into_owned())
    }

    /// Whoever logs in while the provider is wrong in this way is not let in, and the
    /// client hears nothing.
    pub(super) async fn is_uncertain(&self, how: Misbehaviour) {
        let said = format!("{}: {how:?}", self.name);
        self.fake.misbehave(how);
        let login = self.log_in(Some("alice")).await;
        assert_eq!(login.answer.status, StatusCode::FORBIDDEN, "{said}");
        assert_eq!(login.answer.header("location"), None, "{said}");
        self.fake.behave();
    }

    /// An ID token that is wrong in any way lets nobody in (row X23).
    pub(super) async fn verifies_id_tokens(&self) {
        for how in [
            Misbehaviour::WrongNonce,
            Misbehaviour::NoNonce,
            Misbehaviour::WrongAudience,
            Misbehaviour::WrongAuthorizedParty,
            Misbehaviour::WrongIssuer,
            Misbehaviour::Unsigned,
            Misbehaviour::StrangersKey,
            Misbehaviour::SignedWithClientSecret,
            Misbehaviour::Expired,
            Misbehaviour::NotYetValid,
            Misbehaviour::OtherApplication,
            Misbehaviour::Claim("sub", None),
            Misbehaviour::Claim("exp", None),
        ] {
            self.is_uncertain(how).await;
        }
        self.subject_of("alice").await;
    }

    /// The requests to the token endpoint so far.
    pub(super) fn token_requests(&self) -> Vec<SeenRequest> {
        self.fake.requests_to(Endpoint::Token)
    }

    /// The secret went to the token endpoint in the body, each time.
    pub(super) fn sent_secret_in_body(&self) {
        let requests = self.token_requests();
        assert!(!requests.is_empty());
        for request in requests {
            assert_eq!(
                request.parameter("client_secret").as_deref(),
                self.fake.client_secret()
            );
            assert_eq!(request.header("authorization"), None);
        }
    }

    /// The secret went to the token endpoint in the header, each time.
    pub(super) fn sent_secret_in_header(&self) {
        let requests = self.token_requests();
        assert!(!requests.is_empty());
        for request in requests {
            assert_eq!(request.parameter("client_secret"), None);
            let line = request.header("authorization").unwrap();
            assert!(line.starts_with("Basic "), "{line}");
        }
    }

    /// What the provider answers about `person` is not believed: the browser gets a
    /// page, and the client nothing.
    pub(super) async fn disbelieves(&self, person: &str) {
        let login = self.log_in(Some(person)).await;
        assert_eq!(login.answer.status, StatusCode::FORBIDDEN, "{login:?}");
        assert_eq!(login.answer.header("location"), None, "{login:?}");
    }

    /// `person` logs in at the provider, and is kept out here by the rules.
    pub(super) async fn keeps_out(&self, person: &str) {
        let known = self.events.0.lock().unwrap().len();
        let login = self.log_in(Some(person)).await;
        assert_eq!(login.answer.redirect()["error"], "access_denied");
        let events = self.events.0.lock().unwrap();
        let noted = events.iter().skip(known);
        let refused = noted.filter(|event| event.contains("may log in"));
        assert_eq!(refused.count(), 1, "{events:?}");
    }
}

/// A browser that keeps cookies.
struct Browser<'a> {
    server: &'a AuthorizationServer,
    cookies: RefCell<BTreeMap<String, String>>,
}

impl<'a> Browser<'a> {
    fn new(server: &'a AuthorizationServer) -> Self {
        Self {
            server,
            cookies: RefCell::default(),
        }
    }

    /// From a client's request over the consent to where the provider is.
    async fn set_out(&self, name: &str, more: &[(&str, &str)]) -> String {
        let challenge = CodeVerifier::parse(VERIFIER).unwrap().challenge();
        let request = [
            ("response_type", "code"),
            ("client_id", "C1"),
            ("redirect_uri", CALLBACK),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("state", "s"),
            ("scope", "read"),
        ];
        let request = form(&[&request, more].concat());
        let page = self.get(&format!("/authorize?{request}")).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let (token, transaction) = (hidden(&page, "forgery_token"), hidden(&page, "transaction"));
        let fields = [
            ("forgery_token", token.as_str()),
            ("transaction", transaction.as_str()),
            ("provider", name),
            ("decision", "allow"),
        ];
        let gone = self.post("/consent", &fields).await;
        assert_eq!(gone.status, StatusCode::SEE_OTHER, "{gone:?}");
        gone.header("location").unwrap().to_owned()
    }

    /// Where the provider sends the browser.
    async fn come_back(&self, back: &str) -> Seen {
        let target = back.strip_prefix("https://as.test").unwrap();
        self.get(target).await
    }

    async fn get(&self, target: &str) -> Seen {
        self.send(Request::get(target), String::new()).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", "null")
            .header("sec-fetch-site", "same-origin");
        self.send(request, form(fields)).await
    }

    async fn send(&self, request: http::request::Builder, body: String) -> Seen {
        let cookies: Vec<_> = {
            let cookies = self.cookies.borrow();
            let pairs = cookies.iter();
            pairs
                .map(|(name, value)| format!("{name}={value}"))
                .collect()
        };
        let address: std::net::IpAddr = "192.0.2.1".parse().unwrap();
        let request = request.extension(address);
        let request = request.header("cookie", cookies.join("; "));
        let request = request.body(Full::from(body)).unwrap();
        let (parts, body) = self.server.respond(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        for line in parts.headers.get_all("set-cookie") {
            let (pair, attributes) = line.to_str().unwrap().split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut cookies = self.cookies.borrow_mut();
            if attributes.ends_with("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Seen {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

fn hidden(page: &Seen, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    let at = page.body.find(&field).unwrap() + field.len();
    let value = &page.body[at..];
    value[..value.find('"').unwrap()].to_owned()
}
