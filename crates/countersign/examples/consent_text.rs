//! Your own words on the page that asks people whether they agree.
//!
//! `cargo run -p countersign --example consent_text`, then open the link that it prints,
//! and add `http://localhost:8000/mcp` to a client.

use countersign::{EmbeddedAuth, Http, Server, tool};

/// Sends a letter.
#[tool(scopes("letters:send"))]
async fn send_letter(to: String) -> String {
    format!("On its way to {to}")
}

/// Lists letters.
#[tool(scopes("letters"))]
async fn list_letters() -> &'static str {
    "No letters"
}

pub(crate) fn server(auth: EmbeddedAuth) -> Server {
    let auth = auth
        // What each scope permits, in words for people.
        .scope("letters", "See your letters and who wrote them")
        // What a person can leave out.
        .optional_scope("letters:send", "Send letters in your name, at your expense")
        .configure(|server| {
            server.service_name("The Letter Office").pages(|pages| {
                pages.introduction(
                    "Our staff never asks you to connect an application. If somebody does, \
                     say no and tell us.",
                )
            })
        });
    Server::new("Letters")
        .auth(auth)
        .tool(list_letters)
        .tool(send_letter)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = server(EmbeddedAuth::sqlite("letters.db"));
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
