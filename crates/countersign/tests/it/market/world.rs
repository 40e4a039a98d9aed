//! A server with its authorization server, a person who agrees to everything, and the
//! documents that clients publish.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign::authorization_server::store::{MemoryStore, SealingKeys};
use countersign::authorization_server::{
    AuthorizationServer, AuthorizationServerBuilder, ClientIdDocuments, DocumentTrust, Headless,
    Storage,
};
use countersign::oauth::ScopeSet;
use countersign::{AccessToken, EmbeddedAuth, Http, Server, tool};
use countersign_resource_server::fetch::{Fetch, FetchError, Fetching};
use http::{Request, Response};
use http_body_util::Full;
use serde_json::Value;
use testkit::TestClock;

use super::player::Player;
use crate::fixture::HandClock;

pub(crate) const ORIGIN: &str = "https://rs.test";
pub(crate) const RESOURCE: &str = "https://rs.test/mcp";

/// Where all requests come from.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// Says who is calling.
#[tool]
async fn whoami(token: AccessToken) -> String {
    token.sub().to_owned()
}

/// Keeps a note.
#[tool(scopes("write"))]
async fn save(token: AccessToken) -> String {
    format!("kept for {}", token.sub())
}

/// For administrators.
#[tool(scopes("admin"))]
async fn admin_report() -> &'static str {
    "All is well."
}

fn storage(store: &Arc<MemoryStore>) -> Storage {
    let keys = SealingKeys::parse(&SealingKeys::text_of([7; 32])).unwrap();
    Storage::new(store.clone(), keys)
}

/// What is published under which address.
#[derive(Debug, Default)]
pub(crate) struct Published(Mutex<BTreeMap<String, String>>);

impl Published {
    pub(crate) fn put(&self, url: &str, document: &Value) {
        let mut documents = self.0.lock().unwrap();
        documents.insert(url.to_owned(), document.to_string());
    }
}

impl Fetch for Published {
    fn fetch(&self, request: Request<Bytes>) -> Fetching<'_> {
        let url = request.uri().to_string();
        let document = self.0.lock().unwrap().get(&url).cloned();
        Box::pin(async move {
            let document = document.ok_or(FetchError::Unresolved)?;
            let answer = Response::builder().header("content-type", "application/json");
            Ok(answer.body(Bytes::from(document)).unwrap())
        })
    }
}

/// Answers one request.
type Service = Arc<
    dyn Fn(
            Request<Full<Bytes>>,
        ) -> Pin<Box<dyn Future<Output = Response<countersign::Answer>> + Send>>
        + Send
        + Sync,
>;

pub(crate) struct World {
    service: Service,
    store: Arc<MemoryStore>,
    pub(crate) clock: TestClock,
    pub(crate) published: Arc<Published>,
}

/// What a test wants to be different.
pub(crate) struct Wishes {
    pub(crate) resource: &'static str,
    pub(crate) issuer: &'static str,
    pub(crate) authorization_server: fn(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
    pub(crate) server: fn(Server) -> Server,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            resource: RESOURCE,
            issuer: ORIGIN,
            authorization_server: |builder| builder,
            server: |server| server,
        }
    }
}

impl World {
    /// Every token needs `read`; clients may ask for `write` and `admin` too, and get
    /// `read` and `write` if they ask for nothing.
    pub(crate) fn new() -> Self {
        Self::wishing(Wishes::default())
    }

    pub(crate) fn wishing(wishes: Wishes) -> Self {
        let clock = TestClock::new();
        let published = Arc::new(Published::default());
        let documents = ClientIdDocuments::new(published.clone(), DocumentTrust::AnyHost);
        let store = Arc::new(MemoryStore::new());
        let embedded = EmbeddedAuth::storage(storage(&store))
            .issuer(wishes.issuer)
            .configure(move |builder| {
                let builder = builder
                    .interaction(Arc::new(Headless::danger_approve_everything("alice")))
                    .client_id_documents(documents)
                    .settings(|settings| {
                        settings.default_scopes = ScopeSet::parse("read write").unwrap();
                    });
                (wishes.authorization_server)(builder)
            });
        let server = Server::new("on the market")
            .auth(embedded)
            .clock(Arc::new(HandClock(clock.clone())))
            .required_scopes(["read"])
            .tool(whoami)
            .tool(save)
            .tool(admin_report);
        let path = wishes.resource.strip_prefix(ORIGIN).unwrap();
        let place = Http::bind("127.0.0.1:8000")
            .path(if path.is_empty() { "/" } else { path })
            .public_url(wishes.resource);
        let app = (wishes.server)(server).into_app(&place).unwrap();
        let service: Service = Arc::new(move |request| {
            let app = app.clone();
            Box::pin(async move { app.respond(request, Some(ADDRESS)).await })
        });
        Self {
            service,
            store,
            clock,
            published,
        }
    }

    /// A client that knows the address of the server and nothing else.
    pub(crate) fn client(&self, name: &'static str) -> Player {
        Player::new(name, self.http())
    }

    /// A server over the same state, as an administrator uses it.
    pub(crate) fn administration(&self) -> AuthorizationServer {
        let builder = AuthorizationServer::builder(ORIGIN).resource(RESOURCE);
        builder.storage(storage(&self.store)).build().unwrap()
    }

    pub(crate) fn http(&self) -> testkit::Http {
        let service = self.service();
        testkit::Http::function(move |request| service(request))
    }

    pub(crate) fn service(&self) -> Service {
        Arc::clone(&self.service)
    }
}
