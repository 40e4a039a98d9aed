//! People of one tenant of Microsoft Entra ID log in.
//!
//! `OAUTH_CLIENT_ID=… OAUTH_CLIENT_SECRET=… cargo run -p countersign --example entra_login`, then add
//! `http://localhost:8000/mcp` to a client. At the provider, register the redirect URI
//! `http://localhost:8000/callback/entra`.

use countersign::{AccessToken, AzureProvider, Http, Server, tool};

/// Says who is calling.
#[tool(scopes("notes"))]
async fn whoami(token: AccessToken) -> String {
    format!("Your userid is {}.", token.sub())
}

pub(crate) fn server(login: AzureProvider) -> Server {
    let login = login.configure(|auth| auth.scope("notes", "Read your notes"));
    Server::new("Notes").auth(login).tool(whoami)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let tenant = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
    let login = AzureProvider::new(tenant, "", "").client_from_env()?;
    let server = server(login.sqlite("notes.db"));
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
