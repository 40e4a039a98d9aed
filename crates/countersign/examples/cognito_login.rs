//! People in one group of an AWS Cognito user pool log in.
//!
//! `cargo run -p countersign --example cognito_login`, then add
//! `http://localhost:8000/mcp` to a client. At the provider, register the redirect URI
//! `http://localhost:8000/callback/cognito`.

use countersign::{AWSCognitoProvider, AccessToken, Http, Server, tool};

/// Says who is calling.
#[tool(scopes("notes"))]
async fn whoami(token: AccessToken) -> String {
    format!("Your userid is {}.", token.sub())
}

pub(crate) fn server(login: AWSCognitoProvider) -> Server {
    let login = login.configure(|auth| auth.scope("notes", "Read your notes"));
    Server::new("Notes").auth(login).tool(whoami)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let login = AWSCognitoProvider::new("us-east-1_AbCdEfGhI", "us-east-1", "your-app-client-id")
        .redirect_uri("http://localhost:8000/callback/cognito")
        .allow_group("staff");
    let server = server(login.sqlite("notes.db"));
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
