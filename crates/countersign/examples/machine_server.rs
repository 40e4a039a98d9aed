//! A server that issues tokens without a browser: to clients for which the identity provider
//! of a company vouches, and to the jobs of a platform.
//!
//! `cargo run -p countersign --example machine_server`. Change the issuers below to yours. The
//! clients are those of the database; `add_client` adds one, and for a server that
//! `countersign serve` runs `countersign clients add --assertions` does.

use countersign::authorization_server::{TrustedIdentityProvider, Workload, WorkloadIssuer};
use countersign::{AccessToken, EmbeddedAuth, Http, Server, tool};

/// Says who is calling.
#[tool(scopes("read"))]
async fn whoami(token: AccessToken) -> String {
    token.sub().to_owned()
}

/// Deploys.
#[tool(scopes("deploy"))]
async fn deploy(version: String) -> String {
    format!("Deployed {version}.")
}

/// The identity provider of the company: who is logged in there is let in here.
pub(crate) fn company() -> TrustedIdentityProvider {
    TrustedIdentityProvider::new("acme", "https://acme.okta.com").scopes(["read"])
}

/// The platform on which jobs run: those of one repository may deploy. Everybody can get a
/// token there, so the claims are what keeps others out.
pub(crate) fn platform() -> WorkloadIssuer {
    let job = Workload::new("deployer", "deploy-client")
        .claim("repository", "acme/app")
        .claim_like("sub", "repo:acme/app:*");
    WorkloadIssuer::new("https://token.actions.githubusercontent.com")
        .workload(job.scopes(["read", "deploy"]))
}

/// The server that believes `company` and `platform`.
pub(crate) fn server(
    auth: EmbeddedAuth,
    company: TrustedIdentityProvider,
    platform: WorkloadIssuer,
) -> Server {
    let auth = auth.identity_assertions(company).workloads(platform);
    Server::new("Deployments")
        .auth(auth)
        .tool(whoami)
        .tool(deploy)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = server(EmbeddedAuth::sqlite("jobs.db"), company(), platform());
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
