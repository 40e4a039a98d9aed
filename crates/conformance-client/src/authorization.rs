//! Scenarios with credentials.

use std::sync::Arc;

use anyhow::{Context, Result};
use countersign::client::{Client, Connect};
use countersign::oauth::Secret;
use countersign::oauth::jose::SigningKey;
use countersign::oauth_client::machine::{Subject, TokenSource, from_fn};
use countersign::oauth_client::presenter::Headless;
use countersign::oauth_client::{
    ClientCredentials, IdentityAssertion, OAuth, PrivateKeyJwt, Reach, Workload,
};
use url::Url;

use crate::scenario::Scenario;

/// The document that the suite knows; nobody fetches it.
const METADATA: &str = "https://conformance-test.local/client-metadata.json";
/// As often as a client asks in a row: servers change their mind in the middle.
const CALLS: usize = 2;

/// Logs in and calls a tool.
pub(crate) async fn run(scenario: &Scenario) -> Result<()> {
    let connect = Client::connect(scenario.url())
        .client_info("conformance-client", env!("CARGO_PKG_VERSION"));
    let client = with_credentials(scenario, connect)?.await?;
    let tools = client.tools().await?;
    let tool = tools.first().context("there is no tool to call")?;
    for _ in 0..CALLS {
        client.call_tool(tool.name.to_string(), ()).await?;
    }
    client.close().await;
    Ok(())
}

fn with_credentials(scenario: &Scenario, connect: Connect) -> Result<Connect> {
    let (url, secret) = (scenario.url(), |name| scenario.text(name).map(Secret::new));
    Ok(match scenario.name() {
        "auth/client-credentials-basic" => {
            let program = ClientCredentials::new(url, client(scenario)?, secret("client_secret")?);
            connect.client_credentials(program.danger_any_issuer())
        }
        "auth/client-credentials-jwt" => {
            let key = SigningKey::from_pkcs8_pem(&secret("private_key_pem")?)?;
            let program = PrivateKeyJwt::new(url, client(scenario)?, Arc::new(key));
            connect.private_key_jwt(program.danger_any_issuer())
        }
        "auth/enterprise-managed-authorization" => {
            let id_token = given(secret("idp_id_token")?);
            let person = IdentityAssertion::new(
                url,
                client(scenario)?,
                secret("client_secret")?,
                Subject::id_token(id_token),
            );
            let (idp, there) = (
                scenario.text("idp_issuer")?,
                scenario.text("idp_client_id")?,
            );
            let person = person
                .identity_provider(idp, there)
                .identity_provider_token_endpoint(scenario.text("idp_token_endpoint")?);
            connect.identity_assertion(person.danger_any_issuer())
        }
        "auth/wif-jwt-bearer" => {
            let workload = Workload::new(url, client(scenario)?, given(secret("valid_jwt")?));
            connect.workload(workload.danger_any_issuer())
        }
        _ => person(scenario, connect)?,
    })
}

fn client(scenario: &Scenario) -> Result<String> {
    Ok(scenario.text("client_id")?.to_owned())
}

/// A token that somebody else got.
fn given(token: Secret) -> impl TokenSource {
    from_fn(move |_| {
        let token = token.clone();
        async move { Ok(token) }
    })
}

/// A person who agrees to everything.
fn person(scenario: &Scenario, connect: Connect) -> Result<Connect> {
    let reach = Reach::of(&Url::parse(scenario.url())?);
    let mut oauth = OAuth::builder(scenario.url())
        .client_name("conformance-client")
        .client_metadata_url(METADATA)
        .presenter(Arc::new(Headless::new(Arc::new(reach.fetcher()?))));
    if scenario.name().starts_with("auth/dpop") {
        oauth = oauth.dpop();
    }
    if scenario.given("client_id").is_some() {
        oauth = oauth
            .client_id(scenario.text("client_id")?)
            .client_secret(Secret::new(scenario.text("client_secret")?))
            .issuer(scenario.text("issuer")?);
    }
    Ok(connect.oauth(oauth.build()?))
}
