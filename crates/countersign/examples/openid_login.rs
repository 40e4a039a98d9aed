//! People log in at any OpenID Connect provider.
//!
//! `OAUTH_CLIENT_ID=… OAUTH_CLIENT_SECRET=… cargo run -p countersign --example openid_login`, then add
//! `http://localhost:8000/mcp` to a client. At the provider, register the redirect URI
//! `http://localhost:8000/callback/oidc`.

use countersign::{AccessToken, Http, OIDCProxy, Server, tool};

/// Says who is calling.
#[tool(scopes("notes"))]
async fn whoami(token: AccessToken) -> String {
    format!("Your userid is {}.", token.sub())
}

pub(crate) fn server(login: OIDCProxy) -> Server {
    let login = login.configure(|auth| auth.scope("notes", "Read your notes"));
    Server::new("Notes").auth(login).tool(whoami)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let metadata = "https://login.your-company.com/.well-known/openid-configuration";
    let login = OIDCProxy::new(metadata, "", "")
        .client_from_env()?
        .allow_domain("your-company.com");
    let server = server(login.sqlite("notes.db"));
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
