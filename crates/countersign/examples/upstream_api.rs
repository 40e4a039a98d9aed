//! A tool that calls the API of the provider where its caller has logged in, with the
//! token that the provider issued: it is kept here, sealed, and renewed before it ends.
//! The token of the MCP client never goes there.
//!
//! `OAUTH_CLIENT_ID=… OAUTH_CLIENT_SECRET=… cargo run -p countersign --example
//! upstream_api`, then add `http://localhost:8000/mcp` to a client.

use countersign::{Context, GitHubOAuthProvider, Http, Server, ToolError, tool};
use serde_json::Value;

/// Lists the repositories of the caller at GitHub.
#[tool(scopes("repositories"))]
async fn list_repositories(context: Context) -> Result<String, ToolError> {
    let github = context.upstream("github").await?;
    let answer = github.get("https://api.github.com/user/repos").await?;
    if !answer.status().is_success() {
        return Err(ToolError::new("GitHub did not list the repositories."));
    }
    let listed: Vec<Value> = serde_json::from_slice(answer.body())?;
    let names = listed.iter().filter_map(|one| one["full_name"].as_str());
    Ok(names.collect::<Vec<_>>().join("\n"))
}

pub(crate) fn server(login: GitHubOAuthProvider) -> Server {
    let login = login.configure(|auth| auth.scope("repositories", "List your repositories"));
    Server::new("Repositories")
        .auth(login)
        .tool(list_repositories)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let login = GitHubOAuthProvider::from_env()?
        .scopes(["repo"])
        .allow_group("9919"); // the `id` of https://api.github.com/orgs/NAME
    let server = server(login.sqlite("repositories.db"));
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
