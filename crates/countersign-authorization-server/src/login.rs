//! Your own login step, in front of our consent.
//!
//! RFC 6749 §3.1: "The authorization server MUST first verify the identity of the
//! resource owner." A [`Login`] does that its own way, such as by the session cookie of
//! the application that the server belongs to. What the person is asked afterwards, and
//! what is done with the answer, stays here; a login can neither consent nor skip it.
//! Whoever wants to decide about that too implements
//! [`Interaction`](crate::Interaction).

use std::fmt;
use std::pin::Pin;

use countersign_oauth::ClientId;
use countersign_oauth::form::encode;

use crate::exchange::Incoming;
use crate::unavailable::Unavailable;

/// Finds out who is in front of the browser.
pub trait Login: fmt::Debug + Send + Sync + 'static {
    /// Who sends the request of `visitor`: asked when an application asks for access,
    /// again when the person has answered, and on the page that lists what is
    /// connected. A person who is known then and now must have the same subject.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if it cannot be found out; the answer is 503.
    fn log_in(
        &self,
        visitor: Visitor<'_>,
    ) -> impl Future<Output = Result<LoginStep, Unavailable>> + Send;

    /// Whether `subject` may still be issued tokens for `client`: asked at every
    /// redemption and every refresh. Yes unless told otherwise; say no for whoever has
    /// left or is locked out.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if it cannot be found out; the answer is 503.
    fn still_allows(
        &self,
        subject: &str,
        client: &ClientId,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send {
        let _ = (subject, client);
        std::future::ready(Ok(true))
    }
}

/// A browser whose person is to be known.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Visitor<'a> {
    /// Its request.
    pub incoming: &'a Incoming,
    /// Whether somebody who is logged in will do.
    pub freshness: Freshness,
    pub(crate) return_to: &'a str,
}

/// Whether somebody who is logged in will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Freshness {
    /// Yes.
    Any,
    /// No: the application wants the person to log in again, or to choose somebody
    /// else. Send the browser to your login page even if you know the person; it will
    /// come back without this wish.
    Anew,
}

impl<'a> Visitor<'a> {
    /// Where the browser has to come back to, from the first `/` on: a path of this
    /// server with a query.
    pub const fn return_to(&self) -> &'a str {
        self.return_to
    }

    /// The cookie `name`, if there is exactly one.
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        let lines = self.incoming.headers.get_all(http::header::COOKIE).iter();
        let mut values = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// Sends the browser to `page`, your login page, an absolute URL or a path. It
    /// finds [`Visitor::return_to`] in its parameter `return_to`, and leads there when
    /// the person has logged in.
    ///
    /// # Security
    ///
    /// Anybody can write a link to your page with another `return_to`. Lead on only to
    /// what begins with a single `/`.
    pub fn go_to(&self, page: &str) -> LoginStep {
        let separator = if page.contains('?') { '&' } else { '?' };
        let return_to = encode(self.return_to);
        LoginStep::GoTo(format!("{page}{separator}return_to={return_to}"))
    }
}

/// What is known about the person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever asks must decide about each"
)]
pub enum LoginStep {
    /// Who it is.
    Known(Person),
    /// Nothing yet: the browser is sent to this address; see [`Visitor::go_to`].
    GoTo(String),
    /// This person gets nothing. The application is told `access_denied`.
    Refuse,
}

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Person {
    /// Who it is, in tokens and grants. It must never be given to anybody else, so it
    /// is not an address or a name that can change hands.
    pub subject: String,
    /// What the pages call the person.
    pub name: String,
}

impl Person {
    /// The person with the subject `subject`, who is called `name`.
    pub fn new(subject: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            name: name.into(),
        }
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send + 'a>>;

/// [`Login`] behind a pointer.
pub(crate) trait DynLogin: fmt::Debug + Send + Sync + 'static {
    fn log_in<'a>(&'a self, visitor: Visitor<'a>) -> Answer<'a, LoginStep>;
    fn still_allows<'a>(&'a self, subject: &'a str, client: &'a ClientId) -> Answer<'a, bool>;
}

impl<L: Login> DynLogin for L {
    fn log_in<'a>(&'a self, visitor: Visitor<'a>) -> Answer<'a, LoginStep> {
        Box::pin(Login::log_in(self, visitor))
    }

    fn still_allows<'a>(&'a self, subject: &'a str, client: &'a ClientId) -> Answer<'a, bool> {
        Box::pin(Login::still_allows(self, subject, client))
    }
}
