//! A verifier for tokens of your own: badges that were handed out at the door.
//!
//! `cargo run -p countersign --example custom_verifier`, then
//! `cargo run -- call http://localhost:8000/mcp greet name=World --token badge-4711`

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use countersign::oauth::UnixTime;
use countersign::verifier::{PresentedToken, Unavailable};
use countersign::{AccessToken, Assertion, Http, Reason, Server, Verification, Verifier, tool};

/// Greets the caller by name.
#[tool]
async fn greet(name: String, token: AccessToken) -> String {
    format!("Hello, {name}! Your userid is {}.", token.sub())
}

/// Who has which badge. Only digests of the badges are kept.
#[derive(Default)]
pub(crate) struct Badges(HashMap<Vec<u8>, &'static str>);

impl Badges {
    pub(crate) fn hand_out(mut self, badge: &str, name: &'static str) -> Self {
        let digest = digest(&SHA256, badge.as_bytes());
        self.0.insert(digest.as_ref().to_vec(), name);
        self
    }
}

impl Verifier for Badges {
    async fn verify(
        &self,
        token: PresentedToken<'_>,
        _now: UnixTime,
    ) -> Result<Verification, Unavailable> {
        if !token.reveal().starts_with("badge-") {
            // Another verifier may know it.
            return Ok(Verification::NotMine);
        }
        let digest = digest(&SHA256, token.reveal().as_bytes());
        Ok(match self.0.get(digest.as_ref()) {
            Some(name) => {
                let visitor = Assertion::new("https://door.example.com", *name);
                Verification::Accepted(AccessToken::assertion(visitor))
            }
            None => Verification::Rejected(Reason::UnknownToken),
        })
    }
}

pub(crate) fn server(badges: Badges) -> Server {
    Server::new("Behind the door").auth(badges).tool(greet)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let badges = Badges::default().hand_out("badge-4711", "ada");
    Ok(server(badges).serve(Http::bind("127.0.0.1:8000")).await?)
}
