//! An application whose people sign in with Firebase calls this server with their ID
//! tokens: nothing is issued here, and nothing is kept.
//!
//! `FIREBASE_PROJECT_ID=… cargo run -p countersign --example firebase_tokens`

use countersign::{AccessToken, FirebaseAuth, Http, Server, tool};

/// Says who is calling.
#[tool]
async fn whoami(token: AccessToken) -> String {
    let address = token.get("email").and_then(|address| address.as_str());
    format!(
        "You are {} ({}).",
        token.sub(),
        address.unwrap_or("no address")
    )
}

pub(crate) fn server(auth: FirebaseAuth) -> Server {
    Server::new("Notes").auth(auth).tool(whoami)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = server(FirebaseAuth::from_env()?);
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
