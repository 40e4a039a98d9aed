//! What an OAuth 2.1 resource server does: verify the access token of a request,
//! decide what its bearer may do, and answer with the right challenge.
//!
//! This crate cannot issue a token, and it knows nothing of the Model Context
//! Protocol: a [`Gate`] protects any HTTP service.
//!
//! Two values carry the proof through a request. An [`AccessToken`] exists only
//! after a [`Verifier`] accepted a credential; a [`Permit`](policy::Permit) exists
//! only after every policy agreed. Neither can be made from outside except by
//! [`AccessToken::assertion`], whose callers a reviewer can list.
//!
//! ```
//! use countersign_resource_server::oauth::ResourceUri;
//! use countersign_resource_server::{AuthLayer, Caller, Gate, JwtVerifier};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let gate = Gate::builder()
//!     .verifier(
//!         JwtVerifier::jwks("https://as.example.com/jwks")
//!             .issuer("https://as.example.com")
//!             .audience("https://api.example.com/orders"),
//!     )?
//!     .build(ResourceUri::parse("https://api.example.com/orders")?);
//! // A layer for any tower HTTP service, which finds a `Caller` in the
//! // extensions of each request.
//! let layer = AuthLayer::new(gate);
//! # Ok(())
//! # }
//! ```

pub mod access_token;
pub mod api_key;
pub mod caller;
pub mod clock;
pub mod dpop;
pub mod fetch;
pub mod gate;
pub mod key_source;
pub mod layer;
pub mod limit;
pub mod policy;
pub mod provider;
mod random;
pub mod refusal;
pub mod scope_hierarchy;
pub mod source;
pub mod suspicion;
pub mod verifier;
mod where_in_file;

pub use access_token::{AccessToken, Assertion, Liveness, Principal};
pub use api_key::{
    APIKeyAuth, ApiKeyAuth, ApiKeyOwner, ApiKeyRecord, ApiKeyRefusal, ApiKeyVerifier, ApiKeys,
    FixedKey, KnownApiKeys,
};
pub use caller::Caller;
pub use clock::{Clock, SystemClock};
pub use countersign_oauth as oauth;
pub use dpop::{Dpop, ProofRefusal};
pub use gate::{AtOnce, Gate, GateBuilder, RequestHead, Unverified};
pub use key_source::{IssuerKeys, Keys, ReplaceableKeys};
pub use layer::{Auth, AuthLayer};
pub use limit::{Limits, Quota};
pub use refusal::{Reason, Refusal};
pub use scope_hierarchy::ScopeHierarchy;
pub use source::{InHeader, Presentation, Source, SourceName, SourceRule, WrongSource};
pub use verifier::{
    ConfigurationError, IntoVerifier, IntrospectionVerifier, IntrospectionVerifierBuilder,
    JwtVerifier, JwtVerifierBuilder, PresentedToken, ProviderVerifier, ProviderVerifierBuilder,
    StaticToken, StaticTokenVerifier, StaticTokens, Unavailable, Verification, Verifier,
};
pub use where_in_file::FileError;
