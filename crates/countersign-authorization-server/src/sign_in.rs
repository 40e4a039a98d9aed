//! A page of your own on which people sign in elsewhere, with the scripts of a provider
//! such as Firebase, and which posts the ID token that it gets.
//!
//! The page, and what an ID token has to be like, are behind [`SignInPage`]. Everything
//! else is that of every login: the identity gets an account with a subject of this
//! server, which is listed, can be disabled and deleted; the login is a session of this
//! server; consent is asked afterwards, and what happens is noted. The token comes by POST
//! (OpenID Connect Core 1.0 §3.1.3.7 says what it proves), from the browser that was given
//! the page, for the request that waits; in an address it is refused.

use std::fmt;

use countersign_oauth::{Secret, UnixTime};

use crate::interaction::InteractionFuture;
use crate::upstream::UpstreamIdentity;

/// A sign-in page, and who may come in by it.
pub trait SignInPage: fmt::Debug + Send + Sync + 'static {
    /// What the provider is called in the names of accounts, such as `firebase` in
    /// `firebase:x1y2`: 1 to 32 small letters, digits and hyphens. It must stay the same.
    fn provider(&self) -> &str;

    /// What people call it, such as `Firebase`.
    fn display_name(&self) -> &str;

    /// Where the page is, after the prefix of the server: such as `/sign-in`.
    fn path(&self) -> &str;

    /// The page: HTML with what `form` says in it.
    fn html(&self, form: &SignIn<'_>) -> String;

    /// Who `posted` is about.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::Unavailable) if it cannot be found out, for example because
    /// the keys of the issuer cannot be had; the answer is 503.
    fn judge<'a>(&'a self, posted: PostedToken<'a>) -> InteractionFuture<'a, Judgement>;
}

/// What the page has to send along.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SignIn<'a> {
    /// Where the ID token is posted, as `application/x-www-form-urlencoded` with the
    /// fields `id_token` and `forgery_token`. A path of this server, to be written into
    /// the attribute `action` of a form as it is.
    pub action: &'a str,
    /// The value of the field `forgery_token`: letters, digits, `-` and `_`.
    pub forgery_token: &'a str,
    /// What the provider has to put into the ID token as `nonce`, where it can (Auth0);
    /// letters, digits, `-` and `_`.
    pub nonce: &'a str,
    /// What to say about the last attempt, if there was one.
    pub trouble: Option<&'a str>,
}

/// An ID token that the page of this browser posted.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PostedToken<'a> {
    /// The token: nothing of it was looked at.
    pub id_token: &'a Secret,
    /// What the page was given as [`SignIn::nonce`].
    pub nonce: &'a Secret,
    /// The time.
    pub now: UnixTime,
}

/// What is known about an ID token. The reasons are for the audit log; people are told
/// that it did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever judges says one of these")]
pub enum Judgement {
    /// It proves who this is until that time, when the login ends.
    Known(UpstreamIdentity, UnixTime),
    /// It proves who it is, and they may not log in, for this reason.
    NotAllowed(String),
    /// It proves nothing, for this reason.
    Refused(String),
}
