//! A server over the memory store, with a clock that is set by hand and a person
//! who agrees to everything, until a test makes them say no.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_audit::{Outcome, Record, Sink};
use countersign_authorization_server::audit::AuditReason;
use countersign_authorization_server::exchange::{Answer, Incoming};
use countersign_authorization_server::interaction::InteractionFuture;
use countersign_authorization_server::oauth::authorization_request::{Prompt, RequestRefusal};
use countersign_authorization_server::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::form::encode;
use countersign_authorization_server::oauth::grant_type::GrantType;
use countersign_authorization_server::oauth::pkce::CodeVerifier;
use countersign_authorization_server::oauth::{
    ClientId, Issuer, RedirectUri, ResourceUri, ScopeSet, Secret,
};
use countersign_authorization_server::store::{Index, Kind, MemoryStore, Page, SealingKeys, Store};
use countersign_authorization_server::{
    Approval, AuthorizationServer, AuthorizationServerBuilder, ClientFacts, ClientSource,
    Interaction, Settings, Step, Storage, Waiting,
};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use testkit::TestClock;

pub(crate) const ISSUER: &str = "https://as.test";
pub(crate) const RESOURCE: &str = "https://rs.test/mcp";
pub(crate) const CALLBACK: &str = "https://good.example/cb";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const SECRET: &str = "the-secret-of-C3-the-secret-of-C3";

/// What the person does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    Agrees,
    Denies,
    /// The test answers by itself, with the transaction it is shown.
    Waits,
    LoggedOut,
}

#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) mood: Mutex<Mood>,
    pub(crate) enabled: Mutex<bool>,
    pub(crate) transaction: Mutex<Option<Secret>>,
}

impl Interaction for Person {
    fn begin<'a>(&'a self, waiting: Waiting<'a>) -> InteractionFuture<'a, Step> {
        Box::pin(async move {
            *self.transaction.lock().unwrap() = Some(waiting.transaction.clone());
            Ok(match *self.mood.lock().unwrap() {
                Mood::Agrees => {
                    Step::Approve(Approval::new("alice", waiting.authorization.scope.clone()))
                }
                Mood::Denies => Step::Refuse(RequestRefusal::Denied),
                Mood::LoggedOut if waiting.authorization.prompts.contains(Prompt::None) => {
                    Step::Refuse(RequestRefusal::LoginNeeded)
                }
                Mood::Waits | Mood::LoggedOut => Step::Show(Answer::new(Full::default())),
            })
        })
    }

    fn respond<'a>(
        &'a self,
        _incoming: &'a Incoming,
        _server: &'a AuthorizationServer,
    ) -> InteractionFuture<'a, Option<Answer>> {
        Box::pin(async { Ok(None) })
    }

    fn still_allows<'a>(
        &'a self,
        _subject: &'a str,
        _client: &'a ClientId,
    ) -> InteractionFuture<'a, bool> {
        Box::pin(async { Ok(*self.enabled.lock().unwrap()) })
    }
}

/// What was noted, as text and whole.
#[derive(Debug, Default)]
pub(crate) struct Events(pub(crate) Mutex<Vec<String>>, pub(crate) Mutex<Vec<Record>>);

impl Sink for Events {
    fn note(&self, record: Record) {
        // Whatever is refused or fails anywhere says why, in a word of the closed list.
        let word = record.reason.as_ref().map(|reason| reason.as_str());
        let is_refusal = matches!(record.outcome, Outcome::Refused | Outcome::Failed);
        assert_eq!(word.is_some(), is_refusal, "{record:?}");
        assert!(
            word.is_none_or(|word| AuditReason::WORDS.contains(&word)),
            "{record:?}"
        );
        self.0.lock().unwrap().push(told(&record));
        self.1.lock().unwrap().push(record);
    }
}

/// The event, and whatever else it says by itself.
fn told(record: &Record) -> String {
    let mut told = record.event.to_string();
    for (name, text) in [
        ("client", &record.client),
        ("grant", &record.grant),
        ("subject", &record.subject),
        ("provider", &record.provider),
        ("grant_type", &record.grant_type),
        ("key", &record.key),
        ("scopes", &record.scopes),
        ("reason", &record.reason),
        ("detail", &record.detail),
    ] {
        if let Some(text) = text {
            told.push_str(&format!(" {name}={text}"));
        }
    }
    if let Some(status) = record.status {
        told.push_str(&format!(" status={status}"));
    }
    told
}

/// An answer that was read whole.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The parameters of the redirect, of which there must be exactly one of each.
    pub(crate) fn redirect(&self) -> BTreeMap<String, String> {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{self:?}");
        let url = url::Url::parse(self.header("location").unwrap()).unwrap();
        let mut parameters = BTreeMap::new();
        for (name, value) in url.query_pairs() {
            let before = parameters.insert(name.to_string(), value.to_string());
            assert_eq!(before, None, "{name} is repeated");
        }
        assert_eq!(parameters["iss"], ISSUER);
        parameters
    }

    /// Outcome TOK(e): an error of the token endpoint that is not stored.
    pub(crate) fn assert_tok(&self, error: &str) {
        assert_eq!(self.json()["error"], error, "{self:?}");
        let status = if error == "invalid_client" { 401 } else { 400 };
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert!(self.body.len() < 8 * 1024);
    }

    /// Outcome PAGE: a page, no redirect.
    pub(crate) fn assert_page(&self) {
        assert_eq!(self.status, StatusCode::BAD_REQUEST, "{self:?}");
        assert_eq!(self.header("location"), None);
        assert_eq!(self.header("set-cookie"), None);
        assert_eq!(
            self.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(self.header("x-frame-options"), Some("DENY"));
        assert!(self.body.len() < 8 * 1024);
    }
}

pub(crate) struct World {
    pub(crate) server: AuthorizationServer,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: TestClock,
    pub(crate) person: Arc<Person>,
    pub(crate) events: Arc<Events>,
}

pub(crate) fn settings() -> Settings {
    Settings::new(
        Issuer::parse(ISSUER).unwrap(),
        ResourceUri::parse(RESOURCE).unwrap(),
        ScopeSet::parse("read write").unwrap(),
    )
}

/// A server with the clients of the corpus: C1 public, C2 native, C3 confidential
/// with a secret in the body, S a service of its own.
pub(crate) async fn world() -> World {
    world_with(settings(), |builder| builder).await
}

pub(crate) async fn world_with(
    settings: Settings,
    change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
) -> World {
    let world = bare_world(Arc::new(MemoryStore::new()), settings, change);
    world.add_clients().await;
    world
}

/// A server over `store`, without clients.
pub(crate) fn bare_world(
    store: Arc<dyn Store>,
    settings: Settings,
    change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
) -> World {
    world_over(store, settings, |builder, person| {
        change(builder.interaction(person.clone()))
    })
}

/// The same, where nobody is asked unless `change` says so.
pub(crate) fn world_over(
    store: Arc<dyn Store>,
    settings: Settings,
    change: impl FnOnce(AuthorizationServerBuilder, &Arc<Person>) -> AuthorizationServerBuilder,
) -> World {
    let person = Arc::new(Person {
        mood: Mutex::new(Mood::Agrees),
        enabled: Mutex::new(true),
        transaction: Mutex::new(None),
    });
    let (clock, events) = (TestClock::new(), Arc::new(Events::default()));
    let sealing = SealingKeys::parse(&SealingKeys::text_of([7; 32])).unwrap();
    let builder = AuthorizationServer::with_settings(settings)
        .storage(Storage::new(store.clone(), sealing))
        .clock(Arc::new(clock.clone()))
        .audit(events.clone());
    World {
        server: change(builder, &person).build().unwrap(),
        store,
        clock,
        person,
        events,
    }
}

pub(crate) fn facts(metadata: ClientMetadata) -> ClientFacts {
    ClientFacts::new(metadata, ClientSource::Administrator)
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

pub(crate) fn form(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    pairs.join("&")
}

impl World {
    pub(crate) async fn add_clients(&self) {
        let public = |uri: &str| ClientMetadata::public(vec![RedirectUri::parse(uri).unwrap()]);
        let secret = Secret::new(SECRET);
        self.add("C1", facts(public(CALLBACK))).await;
        self.add("C2", facts(public("http://127.0.0.1/cb"))).await;
        let mut metadata = public(CALLBACK);
        metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::ClientSecretPost;
        let confidential = facts(metadata.clone()).with_secret(&secret, None);
        self.add("C3", confidential).await;
        metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::ClientSecretBasic;
        metadata.grant_types = vec![GrantType::ClientCredentials];
        metadata.redirect_uris = Vec::new();
        let mut service = facts(metadata).with_secret(&secret, None);
        service.introspects = vec![RESOURCE.to_owned()];
        self.add("S", service).await;
    }

    pub(crate) async fn add(&self, id: &str, facts: ClientFacts) {
        let id = ClientId::parse(id).unwrap();
        self.server.add_client(&id, &facts).await.unwrap();
    }

    pub(crate) async fn replace(&self, id: &str, facts: ClientFacts) {
        let id = ClientId::parse(id).unwrap();
        self.server.replace_client(&id, &facts).await.unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Seen {
        let (parts, body) = self.server.respond(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Seen {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, target: &str) -> Seen {
        let request = Request::get(target).body(Full::default()).unwrap();
        self.send(request).await
    }

    pub(crate) async fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Seen {
        self.post_with(path, None, parameters).await
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        authorization: Option<&str>,
        parameters: &[(&str, &str)],
    ) -> Seen {
        let mut request =
            Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let body = Full::from(form(parameters));
        self.send(request.body(body).unwrap()).await
    }

    /// The answer to a good request of C1 with `changes`; an empty value removes.
    pub(crate) async fn authorize(&self, changes: &[(&str, &str)]) -> Seen {
        let challenge = CodeVerifier::parse(VERIFIER).unwrap().challenge();
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", "C1"),
            ("redirect_uri", CALLBACK),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("state", "s"),
        ];
        parameters.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        parameters.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        self.get(&format!("/authorize?{}", form(&parameters))).await
    }

    /// A fresh code for `client`.
    pub(crate) async fn code(&self, client: &str) -> String {
        let seen = self.authorize(&[("client_id", client)]).await;
        seen.redirect()["code"].clone()
    }

    /// Redeems `code` as C1 with `changes`; an empty value removes.
    pub(crate) async fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> Seen {
        let mut parameters = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", "C1"),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        parameters.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        parameters.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        self.post("/token", &parameters).await
    }

    /// The tokens of a fresh grant of C1.
    pub(crate) async fn tokens(&self) -> (String, String) {
        let code = self.code("C1").await;
        tokens_of(&self.redeem(&code, &[]).await)
    }

    pub(crate) async fn refresh(&self, token: &str, more: &[(&str, &str)]) -> Seen {
        let mut parameters = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", "C1"),
        ];
        parameters.retain(|(name, _)| !more.iter().any(|(changed, _)| changed == name));
        parameters.extend(more);
        self.post("/token", &parameters).await
    }

    /// Whether `token` works, as the resource server is told.
    pub(crate) async fn is_active(&self, token: &str) -> bool {
        let authorization = basic("S", SECRET);
        let seen = self
            .post_with("/introspect", Some(&authorization), &[("token", token)])
            .await;
        assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
        seen.json()["active"] == true
    }

    /// How many live records of `kind` there are.
    pub(crate) async fn count(&self, kind: Kind) -> usize {
        let page = Page::first(Page::LONGEST);
        let listed = self
            .store
            .list(&Index::Kind(kind), page, self.clock.now())
            .await;
        listed.unwrap().records.len()
    }

    pub(crate) fn saw(&self, event: &str) -> bool {
        let events = self.events.0.lock().unwrap();
        events.iter().any(|seen| seen.starts_with(event))
    }

    pub(crate) fn is_in(&self, mood: Mood) {
        *self.person.mood.lock().unwrap() = mood;
    }
}

pub(crate) fn tokens_of(seen: &Seen) -> (String, String) {
    assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
    let text = |name: &str| seen.json()[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}
