//! The authorization server of `--issue-tokens`: a person who agrees to everything,
//! and state that ends with the process.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Result;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use countersign::oauth::{Issuer, ResourceUri, ScopeSet};
use countersign::{PeerAddress, RouteAccess, Server};
use countersign_authorization_server::random::{Random as _, SystemGenerator};
use countersign_authorization_server::store::{MemoryStore, SealingKeys};
use countersign_authorization_server::{
    AuthorizationServer, ClientIdDocuments, DocumentTrust, Headless, Settings,
};
use countersign_resource_server::fetch::Fetcher;

/// Where it answers.
const PATHS: [&str; 7] = [
    "/.well-known/oauth-authorization-server",
    "/authorize",
    "/token",
    "/register",
    "/revoke",
    "/introspect",
    "/jwks",
];

/// `server`, which lets in whoever has a token for `resource` that this process
/// issued as `issuer`.
pub(crate) fn embedded(server: Server, issuer: &str, resource: &str) -> Result<Server> {
    let resource = ResourceUri::parse(resource)?;
    let settings = Settings::new(
        Issuer::parse(issuer)?,
        resource.clone(),
        ScopeSet::parse("read")?,
    );
    let mut key = [0; 32];
    SystemGenerator::default().fill(&mut key)?;
    let documents = ClientIdDocuments::new(
        Arc::new(Fetcher::builder().build()?),
        DocumentTrust::AnyHost,
    );
    let authorization_server = AuthorizationServer::builder(
        settings,
        Arc::new(MemoryStore::new()),
        SealingKeys::parse(&SealingKeys::text_of(key))?,
        Arc::new(Headless::danger_approve_everything("conformance")),
    )
    .client_id_documents(documents)
    .build();
    let server = server.auth(authorization_server.own_tokens(resource)?);
    Ok(PATHS.into_iter().fold(server, |server, path| {
        let answering = authorization_server.clone();
        let handler = any(async move |mut request: Request| {
            let peer = request.extensions().get::<PeerAddress>();
            if let Some(address) = peer.map(|peer| peer.0) {
                request.extensions_mut().insert::<IpAddr>(address);
            }
            answering.respond(request).await.map(Body::new)
        });
        server.route(path, handler, RouteAccess::Open)
    }))
}
