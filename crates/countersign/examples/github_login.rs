//! People log in at GitHub, and clients get tokens of this server. GitHub lets everybody have
//! an account, so it is said who may in: members of an organisation, by its number, which
//! `https://api.github.com/orgs/NAME` has as `id`.
//!
//! `OAUTH_CLIENT_ID=… OAUTH_CLIENT_SECRET=… cargo run -p countersign --example github_login`, then add
//! `http://localhost:8000/mcp` to a client. At the provider, register the redirect URI
//! `http://localhost:8000/callback/github`.

use countersign::{AccessToken, GitHubOAuthProvider, Http, Server, tool};

/// Says who is calling.
#[tool(scopes("notes"))]
async fn whoami(token: AccessToken) -> String {
    format!("Your userid is {}.", token.sub())
}

pub(crate) fn server(login: GitHubOAuthProvider) -> Server {
    let login = login.configure(|auth| auth.scope("notes", "Read your notes"));
    Server::new("Notes").auth(login).tool(whoami)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let login = GitHubOAuthProvider::from_env()?.allow_group("9919");
    let server = server(login.sqlite("notes.db"));
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
