//! A server that issues the tokens itself. A client needs its address and nothing else;
//! people make an account, log in and consent in their browser.
//!
//! `cargo run -p countersign --example embedded_server`, then open the link that it
//! prints, and add `http://localhost:8000/mcp` to a client.

use countersign::{AccessToken, EmbeddedAuth, Http, Server, tool};

/// Says who is calling.
#[tool]
async fn whoami(token: AccessToken) -> String {
    format!("Your userid is {}.", token.sub())
}

/// Writes a note.
#[tool(scopes("notes:write"))]
async fn write_note(text: String) -> String {
    format!("Written: {text}")
}

pub(crate) fn server(auth: EmbeddedAuth) -> Server {
    let auth = auth
        .scope("notes", "Read your notes")
        .optional_scope("notes:write", "Change your notes");
    Server::new("Notes")
        .auth(auth)
        .required_scopes(["notes"])
        // Clients that ask for what the first answer names get along without a second login.
        .challenge_scopes(["notes:write"])
        .tool(whoami)
        .tool(write_note)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = server(EmbeddedAuth::sqlite("notes.db"));
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
