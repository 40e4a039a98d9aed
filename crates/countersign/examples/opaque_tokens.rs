//! Opaque tokens from a manager of your own, which hands them out and verifies them. For
//! those that an embedded authorization server issues, see `token_manager`.
//!
//! `cargo run -p countersign --example opaque_tokens`, then call with the token that it
//! prints: `cargo run -- call http://localhost:8000/mcp secure_operation --token …`

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::keys::{SecureRandom, SystemRandom};
use countersign::oauth::{Lifetime, ScopeSet, Secret, UnixTime};
use countersign::verifier::{PresentedToken, Unavailable};
use countersign::{
    AccessToken, Assertion, Clock, Http, Reason, Server, SystemClock, Verification, Verifier, tool,
};

/// What a token begins with, so that others are left to other verifiers.
const PREFIX: &str = "notes_";

/// Who has which token. Clones share it. Use a database where it must outlive the
/// process; it sees digests of the tokens alone.
#[derive(Clone, Default)]
pub(crate) struct TokenManager(Arc<Mutex<HashMap<Vec<u8>, Assertion>>>);

impl TokenManager {
    /// A token of 256 random bits for `user_id`, good for an hour.
    pub(crate) fn generate_access_token(
        &self,
        user_id: &str,
        scopes: ScopeSet,
        now: UnixTime,
    ) -> Result<Secret> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes)?;
        let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let issued = Assertion::new("https://notes.example.com", user_id)
            .scopes(scopes)
            .issued_at(now)
            .expires_at(now.saturating_add(Lifetime::from_hours(1)));
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(digest_of(&token), issued);
        Ok(Secret::new(token))
    }
}

fn digest_of(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

impl Verifier for TokenManager {
    async fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<Verification, Unavailable> {
        if !token.reveal().starts_with(PREFIX) {
            return Ok(Verification::NotMine);
        }
        let digest = digest_of(token.reveal());
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(issued) = tokens.get(&digest).cloned() else {
            return Ok(Verification::Rejected(Reason::UnknownToken));
        };
        let token = AccessToken::assertion(issued);
        if token.exp().is_some_and(|end| end <= now) {
            tokens.remove(&digest);
            return Ok(Verification::Rejected(Reason::Expired));
        }
        Ok(Verification::Accepted(token))
    }
}

/// Does something that only administrators may do.
#[tool(scopes("admin"))]
async fn secure_operation(token: AccessToken) -> String {
    format!("Secure operation completed for user {}", token.sub())
}

pub(crate) fn server(tokens: TokenManager) -> Server {
    Server::new("With tokens of its own")
        .auth(tokens)
        .tool(secure_operation)
}

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, reason = "it talks to whoever runs it")
)]
#[tokio::main]
async fn main() -> Result<()> {
    let tokens = TokenManager::default();
    let now = SystemClock::default().now();
    let token = tokens.generate_access_token("ada", ScopeSet::parse("admin")?, now)?;
    println!("{}", token.reveal());
    Ok(server(tokens).serve(Http::bind("127.0.0.1:8000")).await?)
}
