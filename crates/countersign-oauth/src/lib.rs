//! OAuth 2.1, JOSE and protected-resource rules as pure functions.
//!
//! Nothing here does I/O, spawns, reads a clock or draws randomness: time is a
//! [`UnixTime`] argument, so that every rule is deterministic, can be fuzzed,
//! and runs published test vectors in microseconds.

pub mod authorization_error;
pub mod authorization_request;
pub mod authorization_response;
pub mod bearer;
pub mod challenge;
pub mod claims;
pub mod client_id;
pub mod form;
pub mod jose;
pub mod json;
pub mod pkce;
pub mod protected_resource;
pub mod redirect_uri;
pub mod registration_error;
pub mod requested_scope;
pub mod resource_indicator;
pub mod scope;
pub mod secret;
pub mod time;
pub mod token_error;
pub mod uri;

pub use bearer::{Credential, MalformedCredential};
pub use challenge::{Challenge, ChallengeErrorCode};
pub use client_id::{ClientId, InvalidClientId};
pub use redirect_uri::RedirectUri;
pub use scope::{ScopeSet, ScopeToken};
pub use secret::Secret;
pub use time::{Lifetime, UnixTime};
pub use uri::{Issuer, ResourceUri};
