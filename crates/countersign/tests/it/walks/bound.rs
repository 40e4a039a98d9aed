//! Tokens that are bound to a key, at our own authorization server and resource server in a
//! process that is killed and started again, with our own client.

use std::fmt;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use bytes::Bytes;
use countersign::oauth_client::presenter::Headless;
use countersign::oauth_client::{
    Authorizer as _, MemoryStore, Next, OAuth, Outgoing, Refused, StoredTokens, TokenStore as _,
    TokenType,
};
use countersign::{AccessToken, Dpop, EmbeddedAuth, Server, tool};
use countersign_oauth::Secret;
use countersign_oauth::dpop::{ProofClaims, make};
use countersign_oauth::jose::{Algorithm, SigningKey};
use countersign_resource_server::fetch::{Fetch, Fetching};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::json;
use testkit::{Http, ModernClient};
use url::Url;

use super::process::Place;
use crate::fixture::{HandClock, Seen};

/// Says who is calling, and with which key.
#[tool(scopes("read"))]
async fn holder(token: AccessToken) -> String {
    format!(
        "{} {}",
        token.sub(),
        token.jkt().map_or("none", |jkt| jkt.as_str())
    )
}

/// The server that the process serves.
pub(super) fn complete(server: Server, auth: EmbeddedAuth) -> Server {
    server
        .auth(auth.danger_approve_everything("alice"))
        .dpop(Dpop::required())
        .tool(holder)
}

/// Sends what the client asks to the server, and keeps it, as somebody on the way would.
#[derive(Clone)]
struct Wire {
    http: Http,
    seen: Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    async fn send(&self, method: Method, path: &str, headers: &HeaderMap, body: Bytes) -> Seen {
        let mut request = self.http.request(method, path);
        for (name, value) in headers {
            request = request.header(name.as_str(), value.as_bytes());
        }
        Seen::of(request.body(body).send().await).await
    }

    /// Sends the last request for tokens once more.
    async fn repeat_token_request(&self) -> Seen {
        let (path, headers, body) = {
            let seen = self.seen.lock().unwrap();
            let mut requests = seen.iter().rev();
            requests
                .find(|(path, ..)| path == "/token")
                .unwrap()
                .clone()
        };
        self.send(Method::POST, &path, &headers, body).await
    }
}

impl Fetch for Wire {
    fn fetch(&self, request: Request<Bytes>) -> Fetching<'_> {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let path = parts.uri.path_and_query().unwrap().to_string();
            let kept = (path.clone(), parts.headers.clone(), body.clone());
            self.seen.lock().unwrap().push(kept);
            let seen = self.send(parts.method, &path, &parts.headers, body).await;
            let mut answer = Response::new(seen.body);
            *answer.status_mut() = StatusCode::from_u16(seen.status).unwrap();
            *answer.headers_mut() = seen.headers;
            Ok(answer)
        })
    }
}

struct Scene {
    place: Place,
    wire: Wire,
    store: Arc<MemoryStore>,
}

impl Scene {
    async fn new() -> Self {
        let place = Place::new().await;
        place.serve_bound();
        let (http, seen) = (place.http(), Arc::default());
        Self {
            wire: Wire { http, seen },
            store: Arc::new(MemoryStore::new()),
            place,
        }
    }

    fn url(&self) -> Url {
        Url::parse(&format!("{}/mcp", self.place.origin())).unwrap()
    }

    fn client(&self) -> OAuth {
        let fetch = Arc::new(self.wire.clone());
        OAuth::builder(self.url().as_str())
            .client_name("A client")
            .store(self.store.clone())
            .presenter(Arc::new(Headless::new(fetch.clone())))
            .fetch(fetch)
            .clock(Arc::new(HandClock(self.place.clock.clone())))
            .dpop()
            .build()
            .unwrap()
    }

    /// Calls the tool with these header fields.
    async fn call_with(&self, shown: &[(&str, &str)]) -> Seen {
        let mut client = ModernClient::new(self.place.http(), "/mcp");
        for (name, value) in shown {
            client = client.header(name, value);
        }
        let params = json!({ "name": "holder", "arguments": {} });
        Seen::of(client.send("tools/call", params).await).await
    }

    /// Calls the tool as whoever sends requests does. What was shown the last time, and how
    /// often it was sent.
    async fn call(&self, oauth: &OAuth) -> (Seen, [String; 2], u32) {
        let url = self.url();
        let outgoing = Outgoing::new(&Method::POST, &url);
        for attempt in 0.. {
            let shown = oauth.authorize(outgoing).await.unwrap();
            let field = |name: &str| {
                let value = shown.get(name).map(|value| value.to_str().unwrap());
                value.unwrap_or_default().to_owned()
            };
            let fields = [field("authorization"), field("dpop")];
            let seen = match fields.each_ref().map(String::as_str) {
                ["", _] => self.call_with(&[]).await,
                [token, proof] => {
                    self.call_with(&[("authorization", token), ("dpop", proof)])
                        .await
                }
            };
            if seen.status == 200 {
                return (seen, fields, attempt + 1);
            }
            let status = StatusCode::from_u16(seen.status).unwrap();
            let refused = Refused::new(
                outgoing,
                "tools/call holder",
                &shown,
                status,
                &seen.headers,
                attempt,
            );
            assert_eq!(
                oauth.refused(refused).await.unwrap(),
                Next::Again,
                "{}",
                told(&seen)
            );
        }
        unreachable!("the loop ends by a return")
    }

    async fn tokens(&self) -> StoredTokens {
        self.store.list().await.unwrap().remove(0).1
    }
}

fn told(seen: &Seen) -> &str {
    seen.headers["www-authenticate"].to_str().unwrap()
}

/// A proof for the token by somebody who has another key, and a nonce of the server.
fn forged(scene: &Scene, token: &Secret, nonce: &str) -> String {
    let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &SystemRandom::new()).unwrap();
    let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
    let url = scene.url();
    let claims = ProofClaims::new("forged", "POST", &url, scene.place.clock.now());
    let claims = claims.access_token(token).nonce(Some(nonce));
    make(&claims, &key, &SystemRandom::new()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn dp_03_dp_05_a_stolen_token_and_proofs_that_were_seen_are_worth_nothing_before_and_after_a_restart()
 {
    let scene = Scene::new().await;
    let process = scene.place.start().await;
    let oauth = scene.client();
    let (seen, shown, _) = scene.call(&oauth).await;
    let said = String::from_utf8_lossy(&seen.body).into_owned();
    let tokens = scene.tokens().await;
    assert_eq!(tokens.token_type, TokenType::Dpop);
    let key = SigningKey::from_pkcs8_pem(tokens.dpop_key.as_ref().unwrap()).unwrap();
    let jkt = key.verifying_key().thumbprint().unwrap();
    assert!(said.contains(&format!("alice {jkt}")), "{said}");
    let [authorization, proof] = shown.each_ref().map(String::as_str);

    // Somebody who has the token, and not the key.
    let token = &tokens.access_token;
    let refused = scene.call_with(&[]).await;
    let nonce = refused.headers["dpop-nonce"].to_str().unwrap();
    let forged = forged(&scene, token, nonce);
    let bearer = format!("Bearer {}", token.reveal());
    for (fields, error) in [
        (vec![("authorization", bearer.as_str())], "invalid_token"),
        (
            vec![("authorization", &*bearer), ("dpop", proof)],
            "invalid_token",
        ),
        (vec![("authorization", authorization)], "invalid_dpop_proof"),
        (
            vec![("authorization", authorization), ("dpop", &*forged)],
            "invalid_token",
        ),
        // Somebody who saw the whole request.
        (
            vec![("authorization", authorization), ("dpop", proof)],
            "invalid_dpop_proof",
        ),
    ] {
        let refused = scene.call_with(&fields).await;
        assert_eq!(refused.status, 401);
        assert!(
            told(&refused).starts_with(&format!("DPoP error=\"{error}\"")),
            "{}",
            told(&refused)
        );
    }
    let repeated = scene.wire.repeat_token_request().await;
    assert_eq!(repeated.status, 400);
    let body = String::from_utf8_lossy(&repeated.body).into_owned();
    assert!(body.contains("invalid_dpop_proof"), "{body}");
    // Which costs the owner nothing.
    assert_eq!(scene.call(&oauth).await.2, 1);

    process.kill().await;
    let process = scene.place.start().await;
    let refused = scene
        .call_with(&[("authorization", authorization), ("dpop", proof)])
        .await;
    assert_eq!(refused.status, 401);
    assert!(
        told(&refused).starts_with("DPoP error=\"use_dpop_nonce\""),
        "{}",
        told(&refused)
    );
    let bearer = scene.call_with(&[("authorization", &bearer)]).await;
    assert_eq!(bearer.status, 401);
    let repeated = scene.wire.repeat_token_request().await;
    assert_eq!(repeated.status, 400);
    // The owner, also as another run of the client, needs a nonce and nobody's consent.
    assert_eq!(scene.call(&oauth).await.2, 2);
    assert_eq!(scene.call(&scene.client()).await.2, 2);
    drop(process);
}
