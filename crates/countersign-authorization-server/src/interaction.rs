//! Asking the person: the hook for login and consent.
//!
//! This crate decides what a request may get; who the person is and whether they
//! agree is decided behind this trait. Whatever it does, it can only answer a
//! request that waits, and only with what that request asked for.

use std::fmt;
use std::pin::Pin;

use countersign_oauth::authorization_request::RequestRefusal;
use countersign_oauth::{ClientId, Secret};

use crate::accounts::Accounts;
use crate::authorize::{Approval, PendingAuthorization};
use crate::client::Client;
use crate::exchange::{Answer, Incoming};
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;

/// An answer on its way.
pub type InteractionFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send + 'a>>;

/// A request that waits for its person.
#[derive(Debug)]
#[non_exhaustive]
pub struct Waiting<'a> {
    /// The secret under which the request is found again. Only this browser may
    /// have it.
    pub transaction: &'a Secret,
    /// What is asked for.
    pub authorization: &'a PendingAuthorization,
    /// Who asks.
    pub client: &'a Client,
    /// The request of the browser.
    pub incoming: &'a Incoming,
}

/// What comes next.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth way to go on")]
pub enum Step {
    /// Something is shown to the person, who answers later through
    /// [`AuthorizationServer::approve`] or [`AuthorizationServer::deny`].
    Show(Answer),
    /// The person is known and agrees.
    Approve(Approval),
    /// It cannot go on, such as for `prompt=none` without a login.
    Refuse(RequestRefusal),
}

/// Login and consent.
pub trait Interaction: fmt::Debug + Send + Sync + 'static {
    /// A request begins to wait.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if nothing can be decided; the answer is 503.
    fn begin<'a>(&'a self, waiting: Waiting<'a>) -> InteractionFuture<'a, Step>;

    /// The accounts with which people log in, if it has some of this crate: a server makes
    /// them its own when it is built, so that it notes what administrators do with them,
    /// and ends the grants of whoever is disabled. None unless told.
    fn accounts(&self) -> Option<&Accounts> {
        None
    }

    /// The paths of its own pages and forms, whole, such as `/auth/login`: where
    /// [`Interaction::respond`] is called. None unless told.
    fn paths(&self) -> Vec<String> {
        Vec::new()
    }

    /// A request to one of [`Interaction::paths`]; nothing is answered with 404.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if nothing can be decided; the answer is 503.
    fn respond<'a>(
        &'a self,
        incoming: &'a Incoming,
        server: &'a AuthorizationServer,
    ) -> InteractionFuture<'a, Option<Answer>>;

    /// Whether `subject` may still be issued tokens for `client`: asked at every
    /// redemption and every refresh, so that a disabled account gets none.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if nothing can be decided; the answer is 503.
    fn still_allows<'a>(
        &'a self,
        subject: &'a str,
        client: &'a ClientId,
    ) -> InteractionFuture<'a, bool>;
}
