//! Opaque access tokens of your own making.
//!
//! A [`TokenManager`] decides what the text of an access token is, may refuse a token
//! that it no longer wants, and hears of revocations. It cannot let a token live: each
//! is recorded here as well, under the hash of its text, and is good only as long as
//! its record is (RFC 6749 §1.4, §10.3).

use std::fmt;
use std::pin::Pin;

use countersign_oauth::Secret;
use countersign_oauth::introspection::ActiveToken;
use countersign_store::GrantId;

use crate::unavailable::Unavailable;

/// The shortest and the longest text, in bytes: 128 bits in base64url need 22.
const SHORTEST: usize = 22;
const LONGEST: usize = 512;

/// Makes, validates and revokes opaque access tokens.
pub trait TokenManager: fmt::Debug + Send + Sync + 'static {
    /// The text of a new token that says what `token` says, and ends with `grant` at the
    /// latest: 22 to 512 letters, digits and `-._~+/`. The server records it afterwards;
    /// if that fails, it is never used.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if there is none; the answer is 503.
    ///
    /// # Security
    ///
    /// Whoever guesses the text has the token: it needs 128 bits of a cryptographic
    /// generator (RFC 6749 §10.10), and must never be given out twice.
    fn generate_access_token(
        &self,
        token: &ActiveToken,
        grant: &GrantId,
    ) -> impl Future<Output = Result<Secret, Unavailable>> + Send;

    /// Whether the token with this text, whose record says what `token` says, is still
    /// good. It is asked each time that a token of this server is looked up and was
    /// found good otherwise. Yes unless told otherwise.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if it cannot be found out; the answer is 503.
    fn validate_token(
        &self,
        text: &Secret,
        token: &ActiveToken,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send {
        let _ = (text, token);
        std::future::ready(Ok(true))
    }

    /// Hears that a client revoked the token with this text (RFC 7009 §2.1). It is not
    /// good any more, whatever is answered here. Tokens that end with their grant are
    /// announced by [`TokenManager::end_grant`].
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if it cannot be noted; the answer is 503, and the client may
    /// repeat it.
    fn revoke_token(&self, text: &Secret) -> impl Future<Output = Result<(), Unavailable>> + Send {
        let _ = text;
        std::future::ready(Ok(()))
    }

    /// Hears that `grant` was revoked, by the person, its client, an administrator or
    /// because something of it was used twice, and with it every token that was made
    /// for it: none of them is good any more, whatever is answered here. It may be told
    /// more than once. Of what ends at its time nothing is said.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if it cannot be noted; the answer is 503, and whoever revoked can
    /// do it again.
    fn end_grant(&self, grant: &GrantId) -> impl Future<Output = Result<(), Unavailable>> + Send {
        let _ = grant;
        std::future::ready(Ok(()))
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send + 'a>>;

/// [`TokenManager`] behind a pointer.
pub(crate) trait DynTokenManager: Send + Sync + 'static {
    fn generate<'a>(&'a self, token: &'a ActiveToken, grant: &'a GrantId) -> Answer<'a, Secret>;
    fn validate<'a>(&'a self, text: &'a Secret, token: &'a ActiveToken) -> Answer<'a, bool>;
    fn revoke<'a>(&'a self, text: &'a Secret) -> Answer<'a, ()>;
    fn end_grant<'a>(&'a self, grant: &'a GrantId) -> Answer<'a, ()>;
}

impl<M: TokenManager> DynTokenManager for M {
    fn generate<'a>(&'a self, token: &'a ActiveToken, grant: &'a GrantId) -> Answer<'a, Secret> {
        Box::pin(async move {
            let text = self.generate_access_token(token, grant).await?;
            if is_usable(text.reveal()) {
                return Ok(text);
            }
            Err(Unavailable::TokenManager(
                "the text of a token is too short, too long, or has characters that a header has \
                 not",
            ))
        })
    }

    fn validate<'a>(&'a self, text: &'a Secret, token: &'a ActiveToken) -> Answer<'a, bool> {
        Box::pin(self.validate_token(text, token))
    }

    fn revoke<'a>(&'a self, text: &'a Secret) -> Answer<'a, ()> {
        Box::pin(self.revoke_token(text))
    }

    fn end_grant<'a>(&'a self, grant: &'a GrantId) -> Answer<'a, ()> {
        Box::pin(TokenManager::end_grant(self, grant))
    }
}

/// RFC 6750 §2.1, `b64token` without padding.
fn is_usable(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    (SHORTEST..=LONGEST).contains(&text.len()) && text.bytes().all(fits)
}
