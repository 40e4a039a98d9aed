//! Client metadata: RFC 7591 §2, OpenID Connect Dynamic Registration §2
//! (`application_type`).
//!
//! What a client says about itself, by registering or in a document under its
//! id. All of it is a claim: names and links are cleaned and shown beside the
//! hosts that were verified, and nothing in it grants anything. Members that are
//! not in [`ClientMetadata`] are dropped, so that what is stored has a bounded
//! size and no member of an administrator can be smuggled in.

mod error;
mod keys;
mod read;
mod registration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client_authentication::TokenEndpointAuthMethod;
use crate::display_text::DisplayText;
use crate::grant_type::GrantType;
use crate::redirect_uri::{ApplicationType, RedirectRules, RedirectUri};
use crate::scope::ScopeSet;
use crate::web_uri::{FetchableUri, PageUri};

pub use error::ClientMetadataError;
pub use keys::MAX_CLIENT_KEYS;
pub use registration::{ClientSecret, RegistrationResponse};

pub(crate) use read::{Source, read};

/// The longest registration request that is read, in bytes.
pub const MAX_REGISTRATION_BYTES: usize = 64 * 1024;

/// The metadata of one client, checked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientMetadata {
    /// Where answers may go; empty for a client without the authorization code grant.
    pub redirect_uris: Vec<RedirectUri>,
    /// How the client authenticates.
    pub token_endpoint_auth_method: TokenEndpointAuthMethod,
    /// What the client may ask the token endpoint for; sorted, each once.
    pub grant_types: Vec<GrantType>,
    /// Where the client runs.
    pub application_type: ApplicationType,
    /// A name for people, cleaned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<DisplayText>,
    /// A page about the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<PageUri>,
    /// A picture. It is never fetched by this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<PageUri>,
    /// Terms of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<PageUri>,
    /// What the client does with data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<PageUri>,
    /// How to reach people responsible for the client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<DisplayText>,
    /// Which scopes the client may ask for; all that this server lets clients
    /// ask for if absent.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "optional_scope"
    )]
    pub scope: Option<ScopeSet>,
    /// The public keys of the client, as a JWK Set without private keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Map<String, Value>>,
    /// Where its public keys are published. Never beside `jwks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<FetchableUri>,
    /// Whether the client always binds its tokens to a key (RFC 9449 §5.2): then it gets no
    /// other tokens.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dpop_bound_access_tokens: bool,
    /// Which software this is an installation of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_id: Option<DisplayText>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_version: Option<DisplayText>,
}

/// What this server accepts of clients that register themselves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientRules {
    /// Redirection URIs.
    pub redirect: RedirectRules,
    /// Grant types. A client that asks for another one of this server is refused.
    pub grant_types: Vec<GrantType>,
    /// Methods of authentication.
    pub auth_methods: Vec<TokenEndpointAuthMethod>,
    /// Scopes; what a client registers besides is dropped.
    pub scopes: ScopeSet,
    /// Whether `jwks_uri` may be on this machine.
    pub loopback: crate::web_uri::LoopbackHosts,
}

impl ClientRules {
    /// The rules for strangers: codes and refresh tokens, every method of
    /// authentication, and `scopes`.
    pub fn new(scopes: ScopeSet) -> Self {
        Self {
            redirect: RedirectRules::default(),
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            auth_methods: TokenEndpointAuthMethod::ALL.to_vec(),
            scopes,
            loopback: crate::web_uri::LoopbackHosts::Refused,
        }
    }
}

impl ClientMetadata {
    /// A public client with the authorization code and refresh token grants that
    /// is answered at `redirect_uris`, as an administrator registers it.
    pub fn public(redirect_uris: Vec<RedirectUri>) -> Self {
        Self {
            application_type: ApplicationType::of(&redirect_uris),
            redirect_uris,
            token_endpoint_auth_method: TokenEndpointAuthMethod::None,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            client_name: None,
            client_uri: None,
            logo_uri: None,
            tos_uri: None,
            policy_uri: None,
            contacts: Vec::new(),
            scope: None,
            jwks: None,
            jwks_uri: None,
            dpop_bound_access_tokens: false,
            software_id: None,
            software_version: None,
        }
    }

    /// Whether the client may use `grant_type`.
    pub fn allows(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// The scopes that the client may ask for, of those that this server has for clients.
    #[must_use]
    pub fn allowed_scopes(&self, of_server: &ScopeSet) -> ScopeSet {
        match &self.scope {
            None => of_server.clone(),
            Some(registered) => registered.intersection(of_server),
        }
    }
}

mod optional_scope {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::scope::ScopeSet;

    #[expect(
        clippy::ref_option,
        reason = "the signature is given by the derive macro"
    )]
    pub(super) fn serialize<S: Serializer>(
        scope: &Option<ScopeSet>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match scope {
            Some(scope) => serializer.collect_str(scope),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<ScopeSet>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| ScopeSet::parse(&text).map_err(D::Error::custom))
            .transpose()
    }
}
