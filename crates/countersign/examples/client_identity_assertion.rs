//! Calls a server for an employee without another login: the company's identity provider
//! vouches for who is logged in there (enterprise-managed authorization).
//!
//! `cargo run -p countersign --example client_identity_assertion -- https://example.com/mcp
//! https://as.example.com https://idp.example.com id-token.jwt`; the secrets are in `MCP_CLIENT_SECRET` and
//! `IDP_CLIENT_SECRET`.

use anyhow::{Context, Result};
use countersign::client::Client;
use countersign::oauth::Secret;
use countersign::oauth_client::IdentityAssertion;
use countersign::oauth_client::machine::{FromEnvironment, FromFile, Subject, TokenSource};

/// The names of the tools at `url`, for `person`.
pub(crate) async fn tools(url: &str, person: IdentityAssertion) -> Result<Vec<String>> {
    let client = Client::connect(url).identity_assertion(person).await?;
    let tools = client.tools().await?;
    client.close().await;
    Ok(tools.into_iter().map(|tool| tool.name.into()).collect())
}

/// This client, as it is known to the authorization server of `url` and to the identity
/// provider `idp`, where the person logged in. `issuer` is the authorization server: the
/// secrets go to no other.
pub(crate) fn person(
    url: &str,
    issuer: &str,
    secret: Secret,
    (idp, idp_secret): (&str, Secret),
    id_token: impl TokenSource,
) -> IdentityAssertion {
    IdentityAssertion::new(url, "an-example", secret, Subject::id_token(id_token))
        .issuer(issuer)
        .identity_provider(idp, "an-example-there")
        .identity_provider_secret(idp_secret)
}

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, reason = "it talks to whoever runs it")
)]
#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what| arguments.next().with_context(|| format!("say {what}"));
    let (url, issuer) = (next("which server")?, next("who issues its tokens")?);
    let (idp, id_token) = (next("which provider")?, next("the file of the ID token")?);
    let secret = FromEnvironment::new("MCP_CLIENT_SECRET").token("").await?;
    let idp_secret = FromEnvironment::new("IDP_CLIENT_SECRET").token("").await?;
    let person = person(
        &url,
        &issuer,
        secret,
        (&idp, idp_secret),
        FromFile::new(id_token),
    );
    for tool in tools(&url, person).await? {
        println!("{tool}");
    }
    Ok(())
}
