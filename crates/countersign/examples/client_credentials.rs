//! A service that calls a server in its own name, without a person: client credentials
//! (RFC 6749 §4.4).
//!
//! `cargo run -p countersign --example client_credentials`

use anyhow::{Context, Result};
use countersign::authorization_server::{
    AuthorizationServer, ClientFacts, ClientSource, NewClient,
};
use countersign::client::Client;
use countersign::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign::oauth::client_metadata::ClientMetadata;
use countersign::oauth::display_text::DisplayText;
use countersign::oauth::grant_type::GrantType;
use countersign::oauth::{ScopeSet, Secret};
use countersign::oauth_client::ClientCredentials;
use countersign::{AccessToken, EmbeddedAuth, Http, Server, tool};

/// Writes the report of the night. Only services with the scope are let in.
#[tool(scopes("reports"))]
async fn nightly_report(token: AccessToken) -> String {
    format!("Written for {}", token.client_id().unwrap_or("nobody"))
}

pub(crate) fn server() -> Server {
    Server::new("Reports")
        .auth(EmbeddedAuth::in_memory())
        .tool(nightly_report)
}

/// Registers a service, as an administrator does once; the command does it with
/// `countersign clients add`. It gets tokens for itself, and nothing else.
pub(crate) async fn enroll(issuer: &AuthorizationServer, name: &str) -> Result<NewClient> {
    let mut metadata = ClientMetadata::public(Vec::new());
    metadata.client_name = DisplayText::clean(name);
    metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::ClientSecretBasic;
    metadata.grant_types = vec![GrantType::ClientCredentials];
    metadata.scope = Some(ScopeSet::parse("reports")?);
    let facts = ClientFacts::new(metadata, ClientSource::Administrator);
    Ok(issuer.register_client(facts).await?)
}

/// The service: calls the tool at `url` with its id and its secret, which go to `issuer`
/// alone.
pub(crate) async fn report(url: &str, issuer: &str, id: &str, secret: Secret) -> Result<String> {
    let service = ClientCredentials::new(url, id, secret).issuer(issuer);
    let client = Client::connect(url).client_credentials(service).await?;
    let report = client.call("nightly_report", ()).await?;
    client.close().await;
    Ok(report)
}

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, reason = "it talks to whoever runs it")
)]
#[tokio::main]
async fn main() -> Result<()> {
    let running = server().start(Http::bind("127.0.0.1:8000")).await?;
    let app = running.app();
    let issuer = app.authorization_server().context("there is one")?;
    let service = enroll(issuer, "The night service").await?;
    let secret = service.secret.context("it has a secret")?;

    let issuer = &issuer.settings().issuer;
    let report = report(running.url(), issuer.as_str(), service.id.as_str(), secret);
    println!("{}", report.await?);
    running.stop().await;
    Ok(())
}
