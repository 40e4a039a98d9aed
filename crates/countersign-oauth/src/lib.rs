//! OAuth 2.1, JOSE and protected-resource rules as pure functions.
//!
//! Nothing here does I/O, spawns, reads a clock or draws randomness: time is a
//! [`UnixTime`] argument, so that every rule is deterministic, can be fuzzed,
//! and runs published test vectors in microseconds.

pub mod bearer;
pub mod challenge;
pub mod claims;
pub mod jose;
pub mod json;
pub mod protected_resource;
pub mod scope;
pub mod secret;
pub mod time;
pub mod uri;

pub use bearer::{Credential, MalformedCredential};
pub use challenge::{Challenge, ChallengeErrorCode};
pub use scope::{ScopeSet, ScopeToken};
pub use secret::Secret;
pub use time::{Lifetime, UnixTime};
pub use uri::{Issuer, ResourceUri};
