//! Authorization servers that end the connection they had kept open just as the next
//! request is on its way.

use std::sync::{Arc, Mutex};

use countersign_oauth_client::machine::PrivateKeyJwt;
use countersign_oauth_client::oauth::Lifetime;
use countersign_oauth_client::oauth::jose::decode_unverified;
use countersign_oauth_client::{Authorizer as _, Next, OAuth, Outgoing, Reach, Refused};
use countersign_resource_server::fetch::{FetchError, MOST_KEPT_OPEN};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::machines::key;
use crate::world::*;

/// One request as it was read from a socket.
#[derive(Clone, Debug)]
struct Received {
    path: String,
    head: String,
    body: String,
    /// The number of its connection, and of the request on it.
    place: (usize, usize),
}

impl Received {
    fn field(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.body.as_bytes());
        pairs
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }

    fn claims_of_proof(&self) -> Value {
        let line = self.head.lines().find(|line| line.starts_with("dpop: "));
        let proof = decode_unverified(line.unwrap().trim_start_matches("dpop: ")).unwrap();
        serde_json::from_slice(proof.payload()).unwrap()
    }
}

/// A server on this machine that is its own authorization server. The first request to
/// `ends_at` that comes over a connection which had been used before gets no answer: the
/// connection ends.
#[derive(Clone, Debug)]
struct Raw {
    origin: String,
    ends_at: Arc<Mutex<Option<String>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Raw {
    async fn start(ends_at: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let raw = Self {
            origin: format!("http://{}", listener.local_addr().unwrap()),
            ends_at: Arc::new(Mutex::new(Some(ends_at.to_owned()))),
            received: Arc::default(),
        };
        let serving = raw.clone();
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serving.clone().serve(stream, connection));
            }
        });
        raw
    }

    fn server(&self) -> String {
        format!("{}/mcp", self.origin)
    }

    fn fetcher(&self) -> Arc<countersign_resource_server::fetch::Fetcher> {
        let reach = Reach::of(&Url::parse(&self.origin).unwrap());
        Arc::new(reach.fetcher().unwrap())
    }

    /// The requests to `path`.
    fn received(&self, path: &str) -> Vec<Received> {
        let all = self.received.lock().unwrap();
        all.iter().filter(|one| one.path == path).cloned().collect()
    }

    /// The two requests to `path`, the first of which got no answer.
    fn twice(&self, path: &str) -> [Received; 2] {
        let received: [Received; 2] = self.received(path).try_into().unwrap();
        assert_eq!(*self.ends_at.lock().unwrap(), None, "no connection ended");
        assert_eq!(received[1].place.1, 0, "not over a new connection");
        received
    }

    async fn serve(self, mut stream: TcpStream, connection: usize) {
        for number in 0.. {
            let Some(mut received) = read(&mut stream).await else {
                return;
            };
            received.place = (connection, number);
            self.received.lock().unwrap().push(received.clone());
            if number > 0 && self.ends(&received.path) {
                return;
            }
            let (status, body) = self.answer(&received);
            let body = body.to_string();
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    /// Whether the connection ends now, which it does once.
    fn ends(&self, path: &str) -> bool {
        let mut ends_at = self.ends_at.lock().unwrap();
        ends_at.take_if(|ends_at| ends_at == path).is_some()
    }

    fn answer(&self, received: &Received) -> (u16, Value) {
        let mut metadata = server_metadata(&self.origin);
        metadata["token_endpoint_auth_methods_supported"] = json!(["none", "private_key_jwt"]);
        metadata["dpop_signing_alg_values_supported"] = json!(["ES256"]);
        let token_type = match received.head.contains("\r\ndpop: ") {
            true => "DPoP",
            false => "Bearer",
        };
        match received.path.as_str() {
            "/.well-known/oauth-protected-resource/mcp" => (
                200,
                json!({ "resource": self.server(), "authorization_servers": [self.origin] }),
            ),
            "/.well-known/oauth-authorization-server" => (200, metadata),
            "/register" => (201, json!({ "client_id": "registered" })),
            "/token" => (
                200,
                json!({
                    "access_token": format!("access-{}", self.received("/token").len()),
                    "token_type": token_type,
                    "expires_in": 3600,
                    "refresh_token": "refresh",
                }),
            ),
            "/revoke" => (200, json!({})),
            _ => (404, json!({})),
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4_096];
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let length = line.strip_prefix("content-length: ")?;
                length.parse::<usize>().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(Received {
                    path: head.split(' ').nth(1)?.to_owned(),
                    head: format!("{head}\r\n"),
                    body: body.to_owned(),
                    place: (0, 0),
                });
            }
        }
        match stream.read(&mut part).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(part.get(..read)?),
            _ => return None,
        }
    }
}

fn person(raw: &Raw, scene: &Scene) -> countersign_oauth_client::OAuthBuilder {
    scene.builder_for(&raw.server()).fetch(raw.fetcher())
}

async fn shown_to(oauth: &OAuth, raw: &Raw) -> HeaderMap {
    let url = Url::parse(&raw.server()).unwrap();
    let outgoing = Outgoing::new(&Method::POST, &url);
    oauth.authorize(outgoing).await.unwrap()
}

#[tokio::test]
async fn a_login_is_finished_whichever_of_its_requests_meets_the_end_of_a_connection() {
    for path in [
        "/.well-known/oauth-authorization-server",
        "/register",
        "/token",
    ] {
        let raw = Raw::start(path).await;
        let scene = Scene::new();
        let oauth = person(&raw, &scene).build().unwrap();
        oauth.login().await.unwrap();
        let [lost, answered] = raw.twice(path);
        assert_eq!(lost.body, answered.body, "{path}");
        assert_eq!(scene.person.seen().len(), 1, "{path}");
    }
}

#[tokio::test]
async fn dp_01_the_request_that_follows_a_lost_one_has_a_proof_of_its_own() {
    let raw = Raw::start("/token").await;
    let scene = Scene::new();
    let oauth = person(&raw, &scene).dpop().build().unwrap();
    oauth.login().await.unwrap();
    let [lost, answered] = raw.twice("/token");
    assert_eq!(lost.field("code"), answered.field("code"));
    let (one, two) = (lost.claims_of_proof(), answered.claims_of_proof());
    assert_ne!(one["jti"], two["jti"]);
    assert_eq!(one["htu"], two["htu"]);
}

#[tokio::test]
async fn the_request_that_follows_a_lost_one_has_an_assertion_of_its_own() {
    let raw = Raw::start("/token").await;
    let machine = PrivateKeyJwt::new(raw.server(), "program", key())
        .issuer(raw.origin.clone())
        .fetch(raw.fetcher())
        .build()
        .unwrap();
    let url = Url::parse(&raw.server()).unwrap();
    let outgoing = Outgoing::new(&Method::POST, &url);
    let mut headers = HeaderMap::new();
    headers.insert("www-authenticate", "Bearer".parse().unwrap());
    let (shown, status) = (HeaderMap::new(), StatusCode::UNAUTHORIZED);
    let refused = Refused::new(outgoing, "tools/call x", &shown, status, &headers, 0);
    assert_eq!(machine.refused(refused).await.unwrap(), Next::Again);
    let ids = raw.twice("/token").map(|received| {
        let assertion = received.field("client_assertion").unwrap();
        let token = decode_unverified(&assertion).unwrap();
        let claims: Value = serde_json::from_slice(token.payload()).unwrap();
        claims["jti"].as_str().unwrap().to_owned()
    });
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_refresh_and_a_logout_survive_the_end_of_a_connection() {
    let raw = Raw::start("nowhere").await;
    let scene = Scene::new();
    let oauth = person(&raw, &scene).build().unwrap();
    oauth.login().await.unwrap();
    assert_eq!(
        shown_to(&oauth, &raw).await["authorization"],
        "Bearer access-1"
    );

    *raw.ends_at.lock().unwrap() = Some("/token".to_owned());
    raw.received.lock().unwrap().clear();
    scene.clock.advance(Lifetime::from_hours(2));
    // The lost request is the first one, so the answer is the second one's.
    let shown = shown_to(&oauth, &raw).await;
    assert_eq!(shown["authorization"], "Bearer access-2");
    let [lost, answered] = raw.twice("/token");
    assert_eq!(lost.body, answered.body);
    assert_eq!(lost.field("refresh_token").unwrap(), "refresh");

    *raw.ends_at.lock().unwrap() = Some("/revoke".to_owned());
    oauth.logout().await.unwrap();
    let tokens = raw.received("/revoke").into_iter();
    let tokens: Vec<_> = tokens.map(|one| one.field("token").unwrap()).collect();
    assert_eq!(tokens, ["refresh", "refresh", "access-2"]);
}

#[tokio::test]
async fn a_server_whose_connections_always_end_is_given_up() {
    let scene = Scene::new();
    let stale = Reply::failing(FetchError::Stale);
    scene.world.always(TOKEN, stale);
    let error = scene.client().login().await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert_eq!(scene.world.asked(TOKEN).len(), MOST_KEPT_OPEN + 1);
}
