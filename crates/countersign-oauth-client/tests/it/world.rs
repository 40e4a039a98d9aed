//! A server, its authorization server and a person, played by the test.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use countersign_oauth_client::oauth::form::Form;
use countersign_oauth_client::{
    Authorizer, AuthorizerError, CallbackParameters, MemoryStore, Next, OAuth, OAuthBuilder,
    Outgoing, Presenter, PresenterError, Presenting, Refused, Waiting,
};
use countersign_resource_server::fetch::{Fetch, FetchError, Fetching};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use testkit::TestClock;
use url::Url;

pub(crate) const SERVER: &str = "https://rs.test/mcp";
pub(crate) const ISSUER: &str = "https://as.test";
pub(crate) const RESOURCE_METADATA: &str =
    "https://rs.test/.well-known/oauth-protected-resource/mcp";
pub(crate) const SERVER_METADATA: &str = "https://as.test/.well-known/oauth-authorization-server";
pub(crate) const REGISTER: &str = "https://as.test/register";
pub(crate) const TOKEN: &str = "https://as.test/token";
pub(crate) const REVOKE: &str = "https://as.test/revoke";
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:41000/callback";

/// A request that was made.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) address: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    /// One value of the form in the body.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let form = Form::parse(self.body.as_bytes()).unwrap();
        form.one(name).unwrap().map(str::to_owned)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn authorization(&self) -> Option<&str> {
        let value = self.headers.get("authorization")?;
        Some(value.to_str().unwrap())
    }
}

/// What one address answers.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) outcome: Result<(u16, String), FetchError>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub(crate) fn of(status: u16, body: impl Into<String>) -> Self {
        Self {
            outcome: Ok((status, body.into())),
            headers: Vec::new(),
        }
    }

    pub(crate) fn json(body: &Value) -> Self {
        Self::of(200, body.to_string())
    }

    pub(crate) fn error(code: &str) -> Self {
        Self::of(400, json!({ "error": code }).to_string())
    }

    pub(crate) const fn failing(error: FetchError) -> Self {
        Self {
            outcome: Err(error),
            headers: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

type Place = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

#[derive(Default)]
struct State {
    places: BTreeMap<String, Place>,
    asked: Vec<Asked>,
    /// Asked for whatever is not played here.
    beyond: Option<Arc<dyn Fetch>>,
}

/// Answers by address. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

impl World {
    /// Nothing is anywhere.
    pub(crate) fn empty() -> Self {
        Self::default()
    }

    /// A server and its authorization server, where all is well. Tokens are
    /// `access-1`, `refresh-1` and so on.
    pub(crate) fn new() -> Self {
        let world = Self::empty();
        world.json(RESOURCE_METADATA, &resource_metadata());
        world.authorization_server(ISSUER);
        world
    }

    /// An authorization server at `issuer`.
    pub(crate) fn authorization_server(&self, issuer: &'static str) {
        let metadata = format!("{issuer}/.well-known/oauth-authorization-server");
        self.json(&metadata, &server_metadata(issuer));
        let registered = Mutex::new(0);
        self.play(&format!("{issuer}/register"), move |asked| {
            let mut registered = registered.lock().unwrap();
            *registered += 1;
            let mut answer = asked.json();
            answer["client_id"] = format!("client-{registered} of {issuer}").into();
            Reply::of(201, answer.to_string())
        });
        let issued = Mutex::new(0);
        self.play(&format!("{issuer}/token"), move |_| {
            let mut issued = issued.lock().unwrap();
            *issued += 1;
            Reply::json(&json!({
                "access_token": format!("access-{issued}"),
                "token_type": "Bearer",
                "expires_in": 3600,
                "refresh_token": format!("refresh-{issued}"),
            }))
        });
        self.play(&format!("{issuer}/revoke"), |_| Reply::of(200, ""));
    }

    /// `address` answers with `reply`.
    pub(crate) fn play(
        &self,
        address: &str,
        reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) {
        let mut state = self.0.lock().unwrap();
        state.places.insert(address.to_owned(), Arc::new(reply));
    }

    pub(crate) fn always(&self, address: &str, reply: Reply) {
        self.play(address, move |_| reply.clone());
    }

    pub(crate) fn json(&self, address: &str, body: &Value) {
        self.always(address, Reply::json(body));
    }

    /// The document at `address` with some members replaced.
    pub(crate) fn amend(&self, address: &str, changes: &Value) {
        let mut document = if address == RESOURCE_METADATA {
            resource_metadata()
        } else {
            server_metadata(ISSUER)
        };
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                document.as_object_mut().unwrap().remove(name);
            } else {
                document[name] = value.clone();
            }
        }
        self.json(address, &document);
    }

    pub(crate) fn nothing_at(&self, address: &str) {
        self.0.lock().unwrap().places.remove(address);
    }

    pub(crate) fn beyond(&self, fetch: Arc<dyn Fetch>) {
        self.0.lock().unwrap().beyond = Some(fetch);
    }

    pub(crate) fn asked(&self, address: &str) -> Vec<Asked> {
        let state = self.0.lock().unwrap();
        let is_it = |asked: &&Asked| asked.address == address;
        state.asked.iter().filter(is_it).cloned().collect()
    }

    /// The only request to `address`.
    pub(crate) fn one(&self, address: &str) -> Asked {
        let asked = self.asked(address);
        assert_eq!(asked.len(), 1, "requests to {address}");
        asked[0].clone()
    }

    /// All addresses that were asked, in their order.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        let addresses = state.asked.iter().map(|asked| asked.address.clone());
        addresses.collect()
    }

    /// Everything that was said to anybody, as one text.
    pub(crate) fn said(&self) -> String {
        let state = self.0.lock().unwrap();
        let texts = state.asked.iter().map(|asked| format!("{asked:?}"));
        texts.collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn forget_requests(&self) {
        self.0.lock().unwrap().asked.clear();
    }
}

pub(crate) fn resource_metadata() -> Value {
    json!({ "resource": SERVER, "authorization_servers": [ISSUER] })
}

pub(crate) fn server_metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "registration_endpoint": format!("{issuer}/register"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    })
}

impl Fetch for World {
    fn fetch(&self, request: Request<Bytes>) -> Fetching<'_> {
        let asked = Asked {
            method: request.method().clone(),
            address: request.uri().to_string().trim_end_matches('/').to_owned(),
            headers: request.headers().clone(),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
        };
        let mut state = self.0.lock().unwrap();
        state.asked.push(asked.clone());
        let place = state.places.get(&asked.address).cloned();
        let beyond = state.beyond.clone();
        drop(state);
        Box::pin(async move {
            tokio::task::yield_now().await;
            let reply = match (place, beyond) {
                (Some(place), _) => place(&asked),
                (None, Some(beyond)) => return beyond.fetch(request).await,
                (None, None) => Reply::of(404, ""),
            };
            let (status, body) = reply.outcome?;
            let mut answer = Response::builder().status(status);
            for (name, value) in reply.headers {
                answer = answer.header(name, value);
            }
            Ok(answer.body(Bytes::from(body)).unwrap())
        })
    }
}

type Answering = Box<dyn Fn(&Url) -> String + Send + Sync>;

/// A person who agrees to everything, unless a test says what comes back instead.
#[derive(Clone, Default)]
pub(crate) struct Person(Arc<Mutex<Answers>>);

#[derive(Default)]
struct Answers {
    answers: VecDeque<Answering>,
    seen: Vec<Url>,
    told: Vec<String>,
    max_wait: Option<Duration>,
    redirect_uri: Option<String>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person")
    }
}

impl Person {
    /// The next answer is what `answer` makes of the request.
    pub(crate) fn next(&self, answer: impl Fn(&Url) -> String + Send + Sync + 'static) {
        self.0.lock().unwrap().answers.push_back(Box::new(answer));
    }

    pub(crate) fn redirect_uri(&self, redirect_uri: &str) {
        self.0.lock().unwrap().redirect_uri = Some(redirect_uri.to_owned());
    }

    /// The requests that were shown.
    pub(crate) fn seen(&self) -> Vec<Url> {
        self.0.lock().unwrap().seen.clone()
    }

    /// The person is waited for so long.
    pub(crate) fn waits(&self, longest: Duration) {
        self.0.lock().unwrap().max_wait = Some(longest);
    }

    pub(crate) fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().told.clone()
    }
}

/// One parameter of an authorization request.
pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut found = url.query_pairs().filter(|(known, _)| known == name);
    let value = found.next().map(|(_, value)| value.into_owned());
    assert!(found.next().is_none(), "{name} occurs twice");
    value
}

/// The answer of an authorization server that is well.
pub(crate) fn agreed(url: &Url) -> String {
    let state = parameter(url, "state").unwrap();
    let issuer = url.origin().ascii_serialization();
    format!("code=the-code&state={state}&iss={issuer}")
}

impl Presenter for Person {
    fn open(&self) -> Presenting<'_, Box<dyn Waiting>> {
        let redirect_uri = self.0.lock().unwrap().redirect_uri.clone();
        let waiting: Box<dyn Waiting> = Box::new(Visit {
            person: self.clone(),
            redirect_uri: redirect_uri.unwrap_or_else(|| REDIRECT_URI.to_owned()),
        });
        Box::pin(async { Ok(waiting) })
    }

    fn tell(&self, sentence: &str) {
        self.0.lock().unwrap().told.push(sentence.to_owned());
    }

    fn max_wait(&self) -> Option<Duration> {
        self.0.lock().unwrap().max_wait
    }
}

struct Visit {
    person: Person,
    redirect_uri: String,
}

impl Waiting for Visit {
    fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    fn present<'a>(self: Box<Self>, url: &'a Url) -> Presenting<'a, CallbackParameters> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let mut answers = self.person.0.lock().unwrap();
            answers.seen.push(url.clone());
            let answer = answers.answers.pop_front();
            let text = answer.map_or_else(|| agreed(url), |answer| answer(url));
            if text == "gone" {
                return Err(PresenterError::GivenUp);
            }
            Ok(CallbackParameters::new(text))
        })
    }
}

/// A client in a world.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) person: Person,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: TestClock,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::of(World::new())
    }

    pub(crate) fn of(world: World) -> Self {
        Self {
            world,
            person: Person::default(),
            store: Arc::new(MemoryStore::new()),
            clock: TestClock::new(),
        }
    }

    /// Settings of a client here.
    pub(crate) fn builder(&self) -> OAuthBuilder {
        self.builder_for(SERVER)
    }

    pub(crate) fn builder_for(&self, server: &str) -> OAuthBuilder {
        OAuth::builder(server)
            .client_name("Test")
            .store(self.store.clone())
            .presenter(Arc::new(self.person.clone()))
            .fetch(Arc::new(self.world.clone()))
            .clock(Arc::new(self.clock.clone()))
    }

    /// A client, as it is after a start.
    pub(crate) fn client(&self) -> OAuth {
        self.builder().build().unwrap()
    }
}

/// The header field `Authorization` that `oauth` would send.
pub(crate) async fn shown(oauth: &OAuth) -> Option<String> {
    let headers = headers_of(oauth).await.unwrap();
    let value = headers.get("authorization")?;
    assert!(value.is_sensitive());
    Some(value.to_str().unwrap().to_owned())
}

pub(crate) async fn headers_of(oauth: &OAuth) -> Result<HeaderMap, AuthorizerError> {
    let url = Url::parse(SERVER).unwrap();
    oauth.authorize(Outgoing::new(&Method::POST, &url)).await
}

/// A request that is refused with `status` and `challenge`.
pub(crate) async fn refuse(
    oauth: &OAuth,
    status: u16,
    challenge: &str,
    attempt: u32,
) -> Result<Next, AuthorizerError> {
    refuse_operation(oauth, "tools/call x", status, challenge, attempt).await
}

pub(crate) async fn refuse_operation(
    oauth: &OAuth,
    operation: &str,
    status: u16,
    challenge: &str,
    attempt: u32,
) -> Result<Next, AuthorizerError> {
    let url = Url::parse(SERVER).unwrap();
    let request = Outgoing::new(&Method::POST, &url);
    let shown = oauth.authorize(request).await?;
    let mut headers = HeaderMap::new();
    if !challenge.is_empty() {
        headers.insert("www-authenticate", challenge.parse().unwrap());
    }
    let status = StatusCode::from_u16(status).unwrap();
    let refused = Refused::new(request, operation, &shown, status, &headers, attempt);
    oauth.refused(refused).await
}
