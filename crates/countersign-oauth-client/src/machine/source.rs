//! Where tokens of others come from: a file, the environment, code.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest;
use countersign_oauth::Secret;
use countersign_oauth::received_tokens::is_token;

use super::settings::{fault, printable};
use crate::error::OAuthError;

/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A token on its way.
pub type Obtaining<'a> = Pin<Box<dyn Future<Output = Result<Secret, OAuthError>> + Send + 'a>>;

/// Where the token of somebody else comes from, each time anew.
pub trait TokenSource: fmt::Debug + Send + Sync + 'static {
    /// The newest token, made for `audience` if its maker lets one say that: the issuer of
    /// the authorization server that it will be sent to.
    ///
    /// # Errors
    ///
    /// [`OAuthError`] if there is none.
    fn token<'a>(&'a self, audience: &'a str) -> Obtaining<'a>;
}

/// Reads the token from a file, which the platform replaces before it ends.
#[derive(Clone, Debug)]
pub struct FromFile(PathBuf);

impl FromFile {
    /// The file at `path`, such as
    /// `/var/run/secrets/tokens/mcp`; its text is the token, with or without a line end.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl TokenSource for FromFile {
    fn token<'a>(&'a self, _audience: &'a str) -> Obtaining<'a> {
        Box::pin(async move {
            let path = self.0.clone();
            let read = tokio::task::spawn_blocking(move || {
                use std::io::Read as _;
                let mut text = String::new();
                let file = std::fs::File::open(&path)?;
                file.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
                Ok::<_, std::io::Error>(Secret::new(text))
            });
            let text = read.await.map_err(|_| fault("the file of the token"))?;
            let text = text.map_err(|error| {
                fault(&format!(
                    "the token cannot be read from {}: {}",
                    self.0.display(),
                    error.kind()
                ))
            })?;
            usable(&text, "the file of the token has none in it")
        })
    }
}

/// Reads the token from the environment.
#[derive(Clone, Debug)]
pub struct FromEnvironment(String);

impl FromEnvironment {
    /// The variable `name`, such as `MCP_TOKEN`.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl TokenSource for FromEnvironment {
    fn token<'a>(&'a self, _audience: &'a str) -> Obtaining<'a> {
        Box::pin(async move {
            #[expect(
                clippy::disallowed_methods,
                reason = "the variable is one that the caller named for this"
            )]
            let text = std::env::var(&self.0).map_err(|_| {
                let name = printable(&self.0);
                fault(&format!("there is no token in the variable {name}"))
            })?;
            usable(
                &Secret::new(text),
                "the variable for the token has none in it",
            )
        })
    }
}

/// Asks `obtain` for the token, with the audience that it is for.
pub fn from_fn<F, A>(obtain: F) -> impl TokenSource
where
    F: Fn(String) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Secret, OAuthError>> + Send + 'static,
{
    Obtain(obtain)
}

struct Obtain<F>(F);

impl<F> fmt::Debug for Obtain<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Obtain")
    }
}

impl<F, A> TokenSource for Obtain<F>
where
    F: Fn(String) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Secret, OAuthError>> + Send + 'static,
{
    fn token<'a>(&'a self, audience: &'a str) -> Obtaining<'a> {
        Box::pin((self.0)(audience.to_owned()))
    }
}

fn usable(text: &Secret, otherwise: &str) -> Result<Secret, OAuthError> {
    let token = text.reveal().trim();
    is_token(token)
        .then(|| Secret::new(token))
        .ok_or_else(|| fault(otherwise))
}

/// A source of which no token is sent twice: authorization servers take each once
/// (RFC 7523 §3, 7), and one that was refused would be refused again.
#[derive(Debug)]
pub(super) struct Once {
    source: Box<dyn TokenSource>,
    /// The digest of what was sent last.
    sent: Mutex<Option<[u8; 32]>>,
}

impl Once {
    pub(super) fn new(source: Box<dyn TokenSource>) -> Self {
        Self {
            source,
            sent: Mutex::default(),
        }
    }

    /// The next token for `audience`.
    pub(super) async fn next(&self, audience: &str) -> Result<Secret, OAuthError> {
        let token = self.source.token(audience).await?;
        if !is_token(token.reveal()) {
            return Err(fault("what the platform gave is no token"));
        }
        let mut seen = [0; 32];
        let digest = digest::digest(&digest::SHA256, token.reveal().as_bytes());
        seen.copy_from_slice(digest.as_ref());
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.replace(seen) == Some(seen) {
            return Err(fault(
                "the platform still has the token that was sent before, and each is sent once",
            ));
        }
        Ok(token)
    }
}
