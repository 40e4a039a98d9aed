//! Providers that answer in time, in form, and wrongly (rows X20, X21, X23, X30
//! and A79 of the attack corpus).

use serde_json::Value;

use super::behaviour::Endpoint;

/// One way of being wrong. Several can be at work at once.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// The ID token has another nonce than the request.
    WrongNonce,
    /// The ID token has no nonce.
    NoNonce,
    /// The ID token is for another application.
    WrongAudience,
    /// The ID token names several audiences, and another application as `azp`.
    WrongAuthorizedParty,
    /// The ID token names another issuer, with the right keys.
    WrongIssuer,
    /// The ID token is not signed (`alg` none).
    Unsigned,
    /// The ID token is signed with a stranger's key under a known `kid`.
    StrangersKey,
    /// The ID token is signed with HS256 and the client secret as key.
    SignedWithClientSecret,
    /// The ID token expired an hour ago.
    Expired,
    /// The ID token is of the future: issued in an hour.
    NotYetValid,
    /// The ID token is of another tenant of the same provider, in issuer and `tid`.
    OtherTenant,
    /// The keys are said to be those of another tenant. Keys are kept by those who
    /// fetched them: to be set before the first login.
    KeysOfOtherTenant,
    /// `at_hash` in the ID token is that of another access token.
    WrongAccessTokenHash,
    /// Everything that names the application of a token names another one: the
    /// token was issued to somebody else (row A79).
    OtherApplication,
    /// A member of the answer of an endpoint is set, or removed by `None`. The path
    /// is as in a shape: `/` leads into an object within.
    Member(Endpoint, &'static str, Option<Value>),
    /// A claim of the ID token is set, or removed by `None`.
    Claim(&'static str, Option<Value>),
    /// The answer to the redirect URI is this error instead, with or without a
    /// description, whatever the person presses.
    AuthorizationError(&'static str, Option<&'static str>),
    /// The answer to the redirect URI names another issuer (RFC 9207).
    AnswerOfOtherIssuer,
    /// The answer to the redirect URI carries this parameter in addition, also if
    /// it has one of that name already.
    AnswerParameter(&'static str, &'static str),
    /// The answer to the redirect URI lacks this parameter.
    AnswerWithout(&'static str),
}

/// The application that wrong answers name.
pub const OTHER_CLIENT_ID: &str = "application-of-somebody-else";

/// The issuer that wrong answers name.
pub const OTHER_ISSUER: &str = "https://other-issuer.test";
