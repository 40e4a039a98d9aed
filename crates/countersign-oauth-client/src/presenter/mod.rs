//! Shows a person where to log in, and brings back what came of it: RFC 8252.

mod browser;
mod headless;
mod loopback;
mod opening;
mod page;
mod request;
#[cfg(test)]
mod tests;

use std::fmt::{self, Debug};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use countersign_oauth::Secret;
use thiserror::Error;
use url::Url;

pub use browser::Browser;
pub use headless::Headless;
pub use opening::openable;

/// An answer of a [`Presenter`] on its way.
pub type Presenting<'a, T> = Pin<Box<dyn Future<Output = Result<T, PresenterError>> + Send + 'a>>;

/// Shows authorization requests to a person.
pub trait Presenter: Debug + Send + Sync + 'static {
    /// Gets ready for one answer: the redirect URI must be known before the
    /// authorization request is made.
    ///
    /// # Errors
    ///
    /// [`PresenterError`] if no answer could be received.
    fn open(&self) -> Presenting<'_, Box<dyn Waiting>>;

    /// Tells the person something in one sentence, such as the code of a device
    /// (RFC 8628 §3.3). It is shown to nobody unless a presenter can.
    fn tell(&self, sentence: &str) {
        let _ = sentence;
    }

    /// How long the person may take for a login on another device; as long as the server
    /// permits, unless a presenter says otherwise.
    fn max_wait(&self) -> Option<Duration> {
        None
    }
}

/// Ready for the answer to one authorization request. Dropped, it stops waiting.
pub trait Waiting: Send {
    /// The redirect URI of the request (RFC 6749 §3.1.2), such as
    /// `http://127.0.0.1:49152/callback`.
    fn redirect_uri(&self) -> &str;

    /// Shows `url`, an authorization request with `redirect_uri` and `state`, and waits
    /// for the answer. Answers with another `state` are refused and waited on.
    ///
    /// # Errors
    ///
    /// [`PresenterError`] if there is none.
    fn present<'a>(self: Box<Self>, url: &'a Url) -> Presenting<'a, CallbackParameters>;
}

/// The parameters of an authorization response (RFC 6749 §4.1.2), as they came: the
/// query, without `?`, still encoded. They may carry a code, so nobody prints them.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackParameters(Secret);

impl CallbackParameters {
    /// The parameters in `query`.
    pub fn new(query: impl Into<String>) -> Self {
        Self(Secret::new(query))
    }

    /// The query.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// Whether there is a code.
    fn has_code(&self) -> bool {
        request::only(self.reveal(), "code").is_some()
    }
}

impl Debug for CallbackParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackParameters(redacted)")
    }
}

/// Why there is no answer of a person, as one sentence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PresenterError {
    /// The address is none that may be opened.
    #[error(
        "the server named an authorization endpoint that is not opened: it must be https, or \
         http on this machine"
    )]
    Address,
    /// The request has no `state`, so that no answer could be told from a forged one.
    #[error("the authorization request has no state")]
    State,
    /// No answer can be received.
    #[error("nothing can be received on the loopback interface: {0}")]
    Listener(String),
    /// There is neither a browser nor a terminal.
    #[error("there is nobody to log in: no browser and no terminal")]
    Nobody,
    /// The person did not answer.
    #[error("nobody finished the login within {seconds} seconds; run it again")]
    Timeout {
        /// How long was waited.
        seconds: u64,
    },
    /// The person gave up, or the terminal is closed.
    #[error("the login was given up; run it again to log in")]
    GivenUp,
}
