//! API keys as credentials: long-lived, for programs, in a header of their own or as
//! Bearer credentials.
//!
//! What a key looks like is in [`countersign_oauth::api_key`]; here one is verified. A
//! text that is no key fails by its checksum, without a look-up. A key of ours is found by
//! its id, and its digest compared in constant time; an id that nobody has costs the same
//! as a wrong secret, and is answered alike. Nothing is remembered: what is revoked is
//! refused from the next request on.

mod auth;
mod fixed;
mod keys;
mod verifier;

pub use auth::ApiKeyAuth;
pub use fixed::FixedKey;
pub use keys::{ApiKeyOwner, ApiKeyRecord, ApiKeys, InvalidServiceName, KnownApiKeys};
pub use verifier::{ApiKeyRefusal, ApiKeyVerifier};

/// [`ApiKeyAuth`] as other languages write it.
pub type APIKeyAuth = ApiKeyAuth;
