//! People log in at a provider that there is no preset for, by a file of your own:
//! `own_provider.toml`. `countersign providers check` says in words what it means.
//!
//! `OAUTH_CLIENT_ID=… OAUTH_CLIENT_SECRET=… cargo run -p countersign --example
//! own_provider`, then add `http://localhost:8000/mcp` to a client.

use countersign::{AccessToken, Http, OAuthProxy, Server, tool};

/// The file. It can be read when the server starts just as well.
pub(crate) const PROVIDER: &str = include_str!("own_provider.toml");

/// Says who is calling.
#[tool(scopes("notes"))]
async fn whoami(token: AccessToken) -> String {
    format!("Your userid is {}.", token.sub())
}

pub(crate) fn server(login: OAuthProxy) -> Server {
    let login = login.configure(|auth| auth.scope("notes", "Read your notes"));
    Server::new("Notes").auth(login).tool(whoami)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let login = OAuthProxy::file(PROVIDER)
        .client_from_env()?
        .allow_group("staff");
    let server = server(login.sqlite("notes.db"));
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
