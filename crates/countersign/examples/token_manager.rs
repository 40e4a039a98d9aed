//! An embedded server whose access tokens are of your own making: opaque, with a
//! beginning by which scanners find them where they do not belong, and with a switch
//! that stops all of them at once.
//!
//! `cargo run -p countersign --example token_manager`, then open the link that it prints,
//! and add `http://localhost:8000/mcp` to a client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::authorization_server::store::GrantId;
use countersign::authorization_server::{TokenManager, Unavailable};
use countersign::keys::{SecureRandom, SystemRandom};
use countersign::oauth::Secret;
use countersign::oauth::introspection::ActiveToken;
use countersign::{AccessToken, EmbeddedAuth, Http, Server, tool};

/// Makes the tokens. What each of them permits, for whom and until when, is recorded by
/// the authorization server, under the hash of the token.
#[derive(Clone, Debug, Default)]
pub(crate) struct NotesTokens {
    stopped: Arc<AtomicBool>,
}

impl NotesTokens {
    /// Refuses every token until it is called again with `false`.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for whoever watches over the server")
    )]
    pub(crate) fn stop(&self, stopped: bool) {
        self.stopped.store(stopped, Ordering::SeqCst);
    }
}

impl TokenManager for NotesTokens {
    async fn generate_access_token(
        &self,
        _token: &ActiveToken,
        _grant: &GrantId,
    ) -> Result<Secret, Unavailable> {
        let mut bytes = [0; 32];
        let drawn = SystemRandom::new().fill(&mut bytes);
        drawn.map_err(|_| Unavailable::Random)?;
        let text = format!("notes_{}", URL_SAFE_NO_PAD.encode(bytes));
        Ok(Secret::new(text))
    }

    async fn validate_token(
        &self,
        _text: &Secret,
        _token: &ActiveToken,
    ) -> Result<bool, Unavailable> {
        Ok(!self.stopped.load(Ordering::SeqCst))
    }
}

/// Says who is calling.
#[tool(scopes("notes"))]
async fn whoami(token: AccessToken) -> String {
    format!("Your userid is {}.", token.sub())
}

pub(crate) fn server(auth: EmbeddedAuth, tokens: NotesTokens) -> Server {
    let auth = auth
        .scope("notes", "Read your notes")
        .configure(|server| server.token_manager(tokens));
    Server::new("Notes")
        .auth(auth)
        .challenge_scopes(["notes"])
        .tool(whoami)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = server(EmbeddedAuth::sqlite("notes.db"), NotesTokens::default());
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
