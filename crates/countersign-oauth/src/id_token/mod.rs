//! ID tokens: OpenID Connect Core 1.0 §2 and §3.1.3.7.
//!
//! An ID token says to a client who logged in. The signature was verified before
//! ([`jose`](crate::jose)), with keys of the issuer and an algorithm of the client's
//! own choice; and the client knows which issuer it expects.
//!
//! Refused, although other libraries accept it:
//!
//! - a second audience without `azp`, and an `azp` that is not the client;
//! - a `nonce` where none was sent;
//! - an `at_hash` that does not fit the access token that came along;
//! - an access token or a refresh token in its place (`typ`, `token_use`);
//! - a token without `iat`.

mod check;
mod error;

pub use check::IdTokenRules;
pub use error::IdTokenError;
