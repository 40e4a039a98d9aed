//! Our OAuth client at our own authorization server, in memory, from the first 401 on.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use countersign::oauth_client::presenter::Headless;
use countersign::oauth_client::{
    Authorizer as _, LoggedOut, MemoryStore, Next, OAuth, Outgoing, Refused, TokenStore,
};
use countersign::{App, Dpop, Http as Place};
use countersign_oauth::Lifetime;
use countersign_resource_server::fetch::{Fetch, FetchError, Fetching};
use http::{Method, Request, Response, StatusCode};
use serde_json::json;
use testkit::{Http, ModernClient, TestClock};
use url::Url;

use super::{headless, server};
use crate::fixture::Seen;

const FIRST: &str = "http://localhost:8000";
const SECOND: &str = "http://localhost:9000";

/// Several servers in memory, by their authority, and what they were asked.
#[derive(Clone)]
struct Servers {
    apps: HashMap<String, Http>,
    said: Arc<std::sync::Mutex<Vec<(String, String)>>>,
    /// Answers of the token endpoint get lost on their way while this is set.
    is_deaf: Arc<std::sync::atomic::AtomicBool>,
}

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Servers")
    }
}

fn app_at(origin: &str, clock: &TestClock) -> App {
    let place = Place::bind("127.0.0.1:8000").public_url(format!("{origin}/mcp"));
    server(headless(), clock).into_app(&place).unwrap()
}

impl Servers {
    fn new(clock: &TestClock) -> Self {
        Self::of([FIRST, SECOND].map(|origin| (origin, app_at(origin, clock))))
    }

    fn of<const N: usize>(apps: [(&str, App); N]) -> Self {
        let apps = apps.map(|(origin, app)| {
            let authority = origin.trim_start_matches("http://").to_owned();
            (authority, Http::service(app))
        });
        Self {
            apps: apps.into(),
            said: Arc::default(),
            is_deaf: Arc::default(),
        }
    }

    fn at(&self, origin: &str) -> Http {
        self.apps[origin.trim_start_matches("http://")].clone()
    }

    /// Paths that were asked at `origin`, in their order.
    fn paths(&self, origin: &str) -> Vec<String> {
        let said = self.said.lock().unwrap();
        let of_origin = said
            .iter()
            .filter_map(|(target, _)| target.strip_prefix(origin));
        of_origin
            .map(|path| path.split('?').next().unwrap().to_owned())
            .collect()
    }

    fn forget(&self) {
        self.said.lock().unwrap().clear();
    }
}

impl Fetch for Servers {
    fn fetch(&self, request: Request<Bytes>) -> Fetching<'_> {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let target = parts.uri.to_string();
            let text = String::from_utf8_lossy(&body).into_owned();
            self.said.lock().unwrap().push((target.clone(), text));
            let authority = parts.uri.authority().unwrap().as_str();
            let path = parts.uri.path_and_query().unwrap().as_str();
            let mut builder = self.apps[authority].request(parts.method, path);
            for (name, value) in &parts.headers {
                builder = builder.header(name.as_str(), value.as_bytes());
            }
            builder = builder.header("host", authority);
            let seen = Seen::of(builder.body(body).send().await).await;
            let deaf = self.is_deaf.load(std::sync::atomic::Ordering::SeqCst);
            if deaf && path == "/token" {
                return Err(FetchError::Exchange);
            }
            let mut answer = Response::new(seen.body);
            *answer.status_mut() = StatusCode::from_u16(seen.status).unwrap();
            *answer.headers_mut() = seen.headers;
            Ok(answer)
        })
    }
}

struct Scene {
    servers: Servers,
    store: Arc<MemoryStore>,
    clock: TestClock,
}

impl Scene {
    fn new() -> Self {
        let clock = TestClock::new();
        Self {
            servers: Servers::new(&clock),
            store: Arc::new(MemoryStore::new()),
            clock,
        }
    }

    /// A client of the server at `origin`, as it is after a start.
    fn client(&self, origin: &str) -> OAuth {
        let fetch = Arc::new(self.servers.clone());
        OAuth::builder(format!("{origin}/mcp"))
            .client_name("A client")
            .store(self.store.clone())
            .presenter(Arc::new(Headless::new(fetch.clone())))
            .fetch(fetch)
            .clock(Arc::new(crate::fixture::HandClock(self.clock.clone())))
            .build()
            .unwrap()
    }

    /// Calls `tool` as whoever sends requests does: asks for header fields, and after a
    /// refusal once more. The last status, and how often it was sent.
    async fn call(&self, oauth: &OAuth, origin: &str, tool: &str) -> (u16, u32) {
        let url = Url::parse(&format!("{origin}/mcp")).unwrap();
        let outgoing = Outgoing::new(&Method::POST, &url);
        for attempt in 0.. {
            let shown = oauth.authorize(outgoing).await.unwrap();
            let mut client =
                ModernClient::new(self.servers.at(origin), "/mcp").header("host", url.authority());
            for (name, value) in &shown {
                client = client.header(name.as_str(), value.to_str().unwrap());
            }
            let params = json!({ "name": tool, "arguments": {} });
            let seen = Seen::of(client.send("tools/call", params).await).await;
            let status = StatusCode::from_u16(seen.status).unwrap();
            if !matches!(status.as_u16(), 401 | 403) {
                return (seen.status, attempt + 1);
            }
            let operation = format!("tools/call {tool}");
            let refused =
                Refused::new(outgoing, &operation, &shown, status, &seen.headers, attempt);
            if oauth.refused(refused).await.unwrap() == Next::GiveUp {
                return (seen.status, attempt + 1);
            }
        }
        unreachable!("the loop ends by a return")
    }

    async fn scopes(&self, origin: &str) -> String {
        let logged_in = self.client(origin).logged_in().await.unwrap().unwrap();
        logged_in.scopes.to_string()
    }
}

#[tokio::test]
async fn m_44_from_the_challenge_over_login_refresh_and_step_up_to_the_log_out() {
    let scene = Scene::new();
    let oauth = scene.client(FIRST);
    // Refused, discovered, registered, logged in, called.
    assert_eq!(scene.call(&oauth, FIRST, "whoami").await, (200, 2));
    let metadata = "/.well-known/oauth-protected-resource/mcp";
    let server_metadata = "/.well-known/oauth-authorization-server";
    assert_eq!(
        scene.servers.paths(FIRST),
        [
            metadata,
            server_metadata,
            "/register",
            "/authorize",
            "/token"
        ]
    );
    assert_eq!(scene.scopes(FIRST).await, "read");
    assert_eq!(scene.call(&oauth, FIRST, "whoami").await, (200, 1));

    // What needs more is asked for, besides what there was.
    assert_eq!(scene.call(&oauth, FIRST, "change").await, (200, 2));
    assert_eq!(scene.scopes(FIRST).await, "read write");

    // Another run, with what was kept: no discovery before it is needed.
    let oauth = scene.client(FIRST);
    scene.servers.forget();
    assert_eq!(scene.call(&oauth, FIRST, "change").await, (200, 1));
    assert_eq!(scene.servers.paths(FIRST), Vec::<String>::new());

    // Refreshed before it ends, without the person.
    scene.clock.advance(Lifetime::from_hours(2));
    assert_eq!(scene.call(&oauth, FIRST, "change").await, (200, 1));
    assert_eq!(
        scene.servers.paths(FIRST),
        [metadata, server_metadata, "/token"]
    );

    // Given back: what is left elsewhere is good no more.
    let kept = scene.store.list().await.unwrap();
    assert_eq!(oauth.logout().await.unwrap(), LoggedOut::Revoked);
    assert_eq!(scene.store.list().await.unwrap().len(), 0);
    let stolen = kept[0].1.access_token.reveal();
    let client = ModernClient::new(scene.servers.at(FIRST), "/mcp").bearer(stolen);
    let params = json!({ "name": "whoami", "arguments": {} });
    assert_eq!(client.send("tools/call", params).await.status(), 401);
}

#[tokio::test]
async fn i20_cl_14_cl_31_at_a_second_server_nothing_of_the_first_crosses_over() {
    let scene = Scene::new();
    let first = scene.client(FIRST);
    assert_eq!(scene.call(&first, FIRST, "whoami").await, (200, 2));
    let kept = scene.store.list().await.unwrap();
    let (key, tokens) = &kept[0];
    scene.servers.forget();

    let second = scene.client(SECOND);
    assert_eq!(scene.call(&second, SECOND, "whoami").await, (200, 2));
    assert_eq!(scene.servers.paths(FIRST), Vec::<String>::new());
    let said = format!("{:?}", scene.servers.said.lock().unwrap());
    let secrets = [
        key.client.as_str(),
        tokens.access_token.reveal(),
        tokens.refresh_token.as_ref().unwrap().reveal(),
    ];
    for secret in secrets {
        assert!(
            !said.contains(secret),
            "something of the first server was told"
        );
    }
    let both = scene.store.list().await.unwrap();
    assert_eq!(both.len(), 2);
    // To log out of one leaves the other.
    second.logout().await.unwrap();
    assert_eq!(
        scene.call(&scene.client(FIRST), FIRST, "whoami").await,
        (200, 1)
    );
}

#[tokio::test]
async fn an_answer_that_is_lost_between_refresh_and_write_logs_nobody_out() {
    let scene = Scene::new();
    let oauth = scene.client(FIRST);
    assert_eq!(scene.call(&oauth, FIRST, "whoami").await, (200, 2));
    scene.clock.advance(Lifetime::from_hours(2));
    let url = Url::parse(&format!("{FIRST}/mcp")).unwrap();
    let outgoing = Outgoing::new(&Method::POST, &url);
    // The server has replaced the refresh token, and nobody hears of it.
    let deaf = &scene.servers.is_deaf;
    deaf.store(true, std::sync::atomic::Ordering::SeqCst);
    oauth.authorize(outgoing).await.unwrap_err();
    deaf.store(false, std::sync::atomic::Ordering::SeqCst);
    // Another process, within the grace of the server, has the old one alone.
    scene.clock.advance(Lifetime::from_secs(9));
    scene.servers.forget();
    let after = scene.client(FIRST);
    assert_eq!(scene.call(&after, FIRST, "whoami").await, (200, 1));
    let authorized = scene.servers.paths(FIRST);
    assert!(!authorized.contains(&"/authorize".to_owned()));
}

/// A server that deals with proofs as `dpop` says.
fn proving(dpop: Dpop) -> Scene {
    let clock = TestClock::new();
    let place = Place::bind("127.0.0.1:8000").public_url(format!("{FIRST}/mcp"));
    let app = server(headless(), &clock).dpop(dpop).into_app(&place);
    Scene {
        servers: Servers::of([(FIRST, app.unwrap())]),
        store: Arc::new(MemoryStore::new()),
        clock,
    }
}

#[tokio::test]
async fn dp_02_where_a_server_takes_proofs_no_answer_is_lost_however_late_the_client_is() {
    let scene = proving(Dpop::accepted());
    let oauth = scene.client(FIRST);
    assert_eq!(scene.call(&oauth, FIRST, "whoami").await.0, 200);
    let kept = scene.store.list().await.unwrap();
    assert!(kept[0].1.dpop_key.is_some(), "bound unasked");
    scene.clock.advance(Lifetime::from_hours(2));
    let url = Url::parse(&format!("{FIRST}/mcp")).unwrap();
    let outgoing = Outgoing::new(&Method::POST, &url);
    let deaf = &scene.servers.is_deaf;
    deaf.store(true, std::sync::atomic::Ordering::SeqCst);
    oauth.authorize(outgoing).await.unwrap_err();
    deaf.store(false, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..2 {
        scene.clock.advance(Lifetime::from_hours(21 * 24));
        scene.servers.forget();
        let after = scene.client(FIRST);
        assert_eq!(scene.call(&after, FIRST, "whoami").await.0, 200);
        let authorized = scene.servers.paths(FIRST);
        assert!(!authorized.contains(&"/authorize".to_owned()));
    }
}

#[tokio::test]
async fn dp_02_dp_03_where_a_server_demands_bound_tokens_the_client_binds_them_unasked() {
    let scene = proving(Dpop::required());
    let oauth = scene.client(FIRST);
    let (status, _) = scene.call(&oauth, FIRST, "whoami").await;
    assert_eq!(status, 200);
    // Refreshed by another run, with the key that was kept.
    scene.clock.advance(Lifetime::from_hours(2));
    let later = scene.client(FIRST);
    assert_eq!(scene.call(&later, FIRST, "whoami").await.0, 200);
    // Whoever steals the token has nothing.
    let kept = scene.store.list().await.unwrap();
    let stolen = kept[0].1.access_token.reveal();
    for scheme in ["Bearer", "DPoP"] {
        let client = ModernClient::new(scene.servers.at(FIRST), "/mcp")
            .header("authorization", &format!("{scheme} {stolen}"));
        let params = json!({ "name": "whoami", "arguments": {} });
        assert_eq!(
            client.send("tools/call", params).await.status(),
            401,
            "{scheme}"
        );
    }
}
