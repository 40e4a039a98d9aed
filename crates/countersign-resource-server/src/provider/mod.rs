//! Identity providers as data: what is peculiar about each, in a file.
//!
//! A [`Preset`] is such a file, read and checked; `docs/providers/format.md` lists its
//! fields. Filled with the values of one installation (a domain, a tenant, a client
//! id) it is a [`Provider`], which says how people log in there ([`LoginProfile`]),
//! how its access tokens are judged if they are accepted directly ([`TokenProfile`]),
//! and what to beware of ([`Safety`]).
//!
//! Nothing here talks to anybody. A file of one's own is as good as a built-in one:
//!
//! ```
//! use std::collections::BTreeMap;
//! use countersign_resource_server::provider::Preset;
//!
//! let preset = Preset::named("oidc").ok_or("it is built in")?;
//! let values = BTreeMap::from([
//!     ("issuer".to_owned(), "https://login.example.com".to_owned()),
//!     ("client_id".to_owned(), "mcp".to_owned()),
//! ]);
//! let provider = preset.fill(&values)?;
//! assert_eq!(
//!     provider.discovery.as_deref(),
//!     Some("https://login.example.com/.well-known/openid-configuration")
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod api;
mod built_in;
mod endpoints;
mod fill;
mod identity;
mod login;
mod place;
mod pointer;
mod preset;
mod rules;
mod template;
mod token_request;
mod tokens;
mod variable;

pub use api::{ApiOrigin, ApiProfile};
pub use endpoints::Endpoints;
pub use identity::{ApplicationPin, IdentityProfile, IdentitySource, IssuerRule, ListProfile};
pub use login::{
    AssertionAudience, LoginProfile, PromptProfile, ResourceParameter, TokenResponseProfile,
};
pub use pointer::{InvalidPointer, Pointer};
pub use preset::Preset;
pub use token_request::{
    EndpointAuthentication, IntrospectionProfile, RevocationProfile, RevokedToken, TokenPlacement,
    TokenRequest,
};
pub use tokens::{AudienceRule, ScopeSource, TokenKind, TokenProfile};
pub use variable::{Variable, VariableKind};

use serde::Deserialize;

/// A provider as one installation uses it: a [`Preset`] with its variables filled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Provider {
    /// The name of the preset: lower-case letters, digits and hyphens. It is part of
    /// the address that people come back to.
    pub name: String,
    /// What people know it as.
    pub display_name: String,
    /// The page of the provider's own documentation that the file was written from.
    pub documentation: String,
    /// The client id that `{client_id}` stood for, if one was given.
    pub client_id: Option<String>,
    /// The metadata document (RFC 8414 §3, OpenID Connect Discovery 1.0 §4); what
    /// [`endpoints`](Self::endpoints) names wins over it.
    pub discovery: Option<String>,
    /// The addresses that are known without the metadata document.
    pub endpoints: Endpoints,
    /// How a token is shown to the introspection endpoint.
    pub introspection: IntrospectionProfile,
    /// How people log in; nothing if they cannot log in by an authorization code.
    pub login: Option<LoginProfile>,
    /// How its access tokens are judged; nothing if they are not accepted directly.
    pub tokens: Option<TokenProfile>,
    /// Where its access tokens may be sent.
    pub api: ApiProfile,
    /// What to beware of.
    pub safety: Safety,
}

/// What to beware of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Safety {
    /// Access tokens name the service they are for, and it is compared. Without this
    /// a token that somebody gave to any other application would be accepted too, so
    /// the provider is a login and no issuer of tokens that are accepted directly,
    /// unless each token names its application ([`TokenProfile::application`]).
    pub audience_bound: bool,
    /// Anybody in the world can have an account there: it has to be said who may in.
    pub open_registration: bool,
}
