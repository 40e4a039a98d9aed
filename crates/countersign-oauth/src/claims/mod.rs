//! What an access token says, and whether that is acceptable: RFC 7519 §4,
//! RFC 9068 §4, RFC 8725 §3.
//!
//! The signature was verified before ([`jose`](crate::jose)). Whether a token
//! was revoked or used elsewhere is not judged here.
//!
//! Refused, although other libraries accept it:
//!
//! - a claim of the wrong type, which they treat as absent: `exp`, `nbf`, `iat`,
//!   `iss`, `aud`, `sub`, `client_id`, `azp`, `jti` and the scopes;
//! - an `iss` array that contains the issuer, and an empty `aud` array;
//! - a token without `exp` or `sub`;
//! - dates after the year 9999 (often milliseconds), `iat` in the future or
//!   after `exp`;
//! - a `typ` that names another kind of token;
//! - a token that is bound to a key (`cnf`), presented as a bearer token;
//! - scopes separated by anything but one space, and scope names outside
//!   RFC 6749 §3.3: the token is refused, not only the scope.
//!
//! An **ID token** is refused by its audience, which is the client and not this
//! server. Where no audience is configured, those with `at_hash` or `c_hash`,
//! or with `token_use` or `typ` claims that say so, are still recognised; others
//! are not, which is why an audience should be configured.

mod check;
mod error;
pub(crate) mod numeric_date;
mod policy;

pub use check::{Claims, MAX_SUBJECT_BYTES};
pub use error::{ClaimsError, ConfigError};
pub use policy::{ClaimsPolicy, ClaimsPolicyBuilder, MAX_LEEWAY, TypPolicy};
