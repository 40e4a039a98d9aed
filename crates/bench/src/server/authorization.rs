//! The authorization server over SQLite, with as many clients as it is told.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::Request;
use clap::Args;
use countersign_authorization_server::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::{
    ClientId, Issuer, Lifetime, RedirectUri, ResourceUri, ScopeSet, Secret,
};
use countersign_authorization_server::settings::AccessTokenFormat;
use countersign_authorization_server::{
    AuthorizationServer, ClientFacts, ClientSource, Headless, Settings, Storage,
};
use countersign_store::{SealingKeys, SqliteStore, Store};
use tokio::task::JoinSet;

use crate::authorization::{CALLBACK, INTROSPECTING, RESOURCE, SECRET, client_id};

/// How many clients are added at once, so that they share commits.
const AT_ONCE: u64 = 256;

/// What the server is told.
#[derive(Debug, Args)]
pub(crate) struct AuthorizationSettings {
    /// Worker threads of the runtime.
    #[arg(long)]
    pub(super) workers: usize,
    /// Where the database is put.
    #[arg(long)]
    folder: PathBuf,
    /// How many clients are stored before the first request.
    #[arg(long)]
    clients: u64,
}

/// Stores the clients, then serves: with signed access tokens at the root and with
/// opaque ones under `/opaque`.
pub(super) async fn serve(told: &AuthorizationSettings) -> Result<()> {
    let path = told.folder.join("data").join("authorization.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(path).await?);
    let signed = server(Arc::clone(&store), AccessTokenFormat::Jwt)?;
    let opaque = server(store, AccessTokenFormat::Opaque)?;
    fill(&signed, told.clients).await?;

    let listener = super::listen().await?;
    let router = Router::new().fallback(move |request: Request| {
        let is_opaque = request.uri().path().starts_with("/opaque/");
        let server = if is_opaque { &opaque } else { &signed }.clone();
        async move { server.respond(request).await }
    });
    axum::serve(listener, router).await?;
    Ok(())
}

fn server(store: Arc<dyn Store>, format: AccessTokenFormat) -> Result<AuthorizationServer> {
    let mut settings = Settings::new(
        Issuer::parse("https://as.example")?,
        ResourceUri::parse(RESOURCE)?,
        ScopeSet::parse("read write")?,
    );
    settings.access_token_format = format;
    if format == AccessTokenFormat::Opaque {
        "/opaque".clone_into(&mut settings.prefix);
    }
    // The codes of a round are made before the first of them is redeemed.
    settings.lifetimes.code = Lifetime::from_mins(10);
    // It seals what is deleted at the end of the run.
    let sealing = SealingKeys::parse(&SealingKeys::text_of([7; 32]))?;
    let person = Arc::new(Headless::danger_approve_everything("alice"));
    let server = AuthorizationServer::with_settings(settings)
        .storage(Storage::new(store, sealing))
        .interaction(person);
    Ok(server.build()?)
}

/// Adds the clients as an administrator does, and one that may introspect.
async fn fill(server: &AuthorizationServer, clients: u64) -> Result<()> {
    let metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK)?]);
    let mut resource_server = metadata.clone();
    resource_server.token_endpoint_auth_method = TokenEndpointAuthMethod::ClientSecretBasic;
    let mut facts = ClientFacts::new(resource_server, ClientSource::Administrator)
        .with_secret(&Secret::new(SECRET), None);
    facts.introspects = vec![RESOURCE.to_owned()];
    server
        .add_client(&ClientId::parse(INTROSPECTING)?, &facts)
        .await?;

    let facts = Arc::new(ClientFacts::new(metadata, ClientSource::Administrator));
    let mut tasks = JoinSet::new();
    for first in 0..AT_ONCE.min(clients) {
        let (server, facts) = (server.clone(), Arc::clone(&facts));
        tasks.spawn(async move {
            let mut number = first;
            while number < clients {
                let id = ClientId::parse(&client_id(number))?;
                server.add_client(&id, &facts).await?;
                number += AT_ONCE;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done?.context("the clients cannot be stored")?;
    }
    Ok(())
}
