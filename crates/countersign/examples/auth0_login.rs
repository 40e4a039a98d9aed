//! People log in at a tenant of Auth0.
//!
//! `AUTH0_DOMAIN=… AUTH0_CLIENT_ID=… AUTH0_CLIENT_SECRET=… cargo run -p countersign --example auth0_login`, then add
//! `http://localhost:8000/mcp` to a client. At the provider, register the redirect URI
//! `http://localhost:8000/callback/auth0`.

use countersign::{AccessToken, Auth0Provider, Http, Server, tool};

/// Says who is calling.
#[tool(scopes("notes"))]
async fn whoami(token: AccessToken) -> String {
    format!("Your userid is {}.", token.sub())
}

pub(crate) fn server(login: Auth0Provider) -> Server {
    let login = login.configure(|auth| auth.scope("notes", "Read your notes"));
    Server::new("Notes").auth(login).tool(whoami)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let login = Auth0Provider::from_env()?.allow_domain("your-company.com");
    let server = server(login.sqlite("notes.db"));
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
