//! A service that calls a server in its own name, without a person: client credentials
//! (RFC 6749 §4.4).
//!
//! `cargo run -p countersign --example client_credentials`

use anyhow::{Context, Result, ensure};
use countersign::authorization_server::{
    AuthorizationServer, ClientFacts, ClientSource, NewClient,
};
use countersign::client::Client;
use countersign::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign::oauth::client_metadata::ClientMetadata;
use countersign::oauth::display_text::DisplayText;
use countersign::oauth::form;
use countersign::oauth::grant_type::GrantType;
use countersign::oauth::{ScopeSet, Secret};
use countersign::{AccessToken, EmbeddedAuth, Http, Server, tool};
use serde_json::Value;

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

/// The service: asks for a token with its id and its secret.
#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own, with an HTTP client of its own"
)]
pub(crate) async fn fetch_token(token_endpoint: &str, id: &str, secret: &Secret) -> Result<Secret> {
    // RFC 6749 §2.3.1: both are encoded as in a form before they become a header.
    let (id, password) = (form::encode(id), form::encode(secret.reveal()));
    let answer = reqwest::Client::new()
        .post(token_endpoint)
        .basic_auth(id, Some(password))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials&scope=reports")
        .send()
        .await?;
    let status = answer.status();
    let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let error = text("error").unwrap_or("an answer of another kind");
    ensure!(status.is_success(), "no token: {error}");
    Ok(Secret::new(
        text("access_token").context("an answer without a token")?,
    ))
}

/// The service: calls the tool at `url`.
pub(crate) async fn report(url: &str, token: Secret) -> Result<String> {
    let client = Client::connect(url).bearer(token).await?;
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

    let endpoint = issuer.settings().address("/token");
    let token = fetch_token(&endpoint, service.id.as_str(), &secret).await?;
    println!("{}", report(running.url(), token).await?);
    running.stop().await;
    Ok(())
}
