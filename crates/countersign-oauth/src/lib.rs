//! OAuth 2.1, JOSE and protected-resource rules as pure functions.
//!
//! Nothing here does I/O, spawns, reads a clock or draws randomness: time is a
//! [`UnixTime`] argument, so that every rule is deterministic, can be fuzzed,
//! and runs published test vectors in microseconds.
//!
//! Untrusted text is parsed into types that carry what was established; what they
//! print is the wire:
//!
//! ```
//! use countersign_oauth::{Challenge, ChallengeErrorCode, ScopeSet};
//!
//! let needed = ScopeSet::parse("notes notes:delete")?;
//! let granted = ScopeSet::parse("notes")?;
//! assert!(!granted.is_superset(&needed));
//! let challenge = Challenge::failed(ChallengeErrorCode::InsufficientScope)
//!     .scope(&needed)
//!     .resource_metadata("https://rs.test/.well-known/oauth-protected-resource");
//! assert_eq!(
//!     challenge.to_string(),
//!     "Bearer error=\"insufficient_scope\", scope=\"notes notes:delete\", \
//!      resource_metadata=\"https://rs.test/.well-known/oauth-protected-resource\""
//! );
//! # Ok::<(), countersign_oauth::scope::InvalidScope>(())
//! ```

pub mod access_token_claims;
pub mod actor;
pub mod api_key;
pub mod assertion_grant;
pub mod authorization_error;
pub mod authorization_request;
pub mod authorization_response;
pub mod bearer;
pub mod challenge;
pub mod claims;
pub mod client_authentication;
pub mod client_id;
pub mod client_id_document;
pub mod client_metadata;
pub mod display_text;
pub mod dpop;
pub mod form;
pub mod grant;
pub mod grant_type;
pub mod id_token;
pub mod introspection;
pub mod jose;
pub mod json;
pub mod key_header;
pub mod parameters;
pub mod pkce;
pub mod protected_resource;
pub mod received_challenge;
pub mod received_metadata;
pub mod received_offer;
pub mod received_resource;
pub mod received_tokens;
pub mod redirect_uri;
pub mod registration_error;
pub mod requested_scope;
pub mod resource_indicator;
pub mod revocation_request;
pub mod scope;
pub mod secret;
pub mod server_metadata;
pub mod time;
pub mod token_error;
pub mod token_exchange;
pub mod token_request;
pub mod token_response;
pub mod uri;
pub mod web_uri;

pub use api_key::{ApiKeyDigest, ApiKeyFormat, ApiKeyId};
pub use bearer::{Credential, MalformedCredential, Scheme};
pub use challenge::{Challenge, ChallengeErrorCode};
pub use client_id::{ClientId, InvalidClientId};
pub use redirect_uri::RedirectUri;
pub use scope::{ScopeSet, ScopeToken};
pub use secret::Secret;
pub use time::{Lifetime, UnixTime};
pub use uri::{Issuer, ResourceUri};
