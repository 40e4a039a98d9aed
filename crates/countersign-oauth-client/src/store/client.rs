//! Registered clients as they are kept: RFC 7591 §3.2.1, RFC 7592 §3.

use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_oauth::{ClientId, Issuer, Secret, UnixTime};

/// A client that was registered dynamically. It belongs to one issuer and is never
/// shown to another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredClient {
    /// With whom it is registered.
    pub issuer: Issuer,
    /// The id that it got.
    pub client_id: ClientId,
    /// The secret that it got.
    pub client_secret: Option<Secret>,
    /// When the secret ends; never if absent.
    pub secret_expires_at: Option<UnixTime>,
    /// How it authenticates at the token endpoint.
    pub token_endpoint_auth_method: TokenEndpointAuthMethod,
    /// The redirect URIs that were registered.
    pub redirect_uris: Vec<String>,
    /// Where the registration is read and ended (RFC 7592 §3).
    pub registration_client_uri: Option<String>,
    /// The token for that (RFC 7592 §3).
    pub registration_access_token: Option<Secret>,
}

impl StoredClient {
    /// The public client `client_id` of `issuer`, with `redirect_uris`.
    pub const fn new(issuer: Issuer, client_id: ClientId, redirect_uris: Vec<String>) -> Self {
        Self {
            issuer,
            client_id,
            client_secret: None,
            secret_expires_at: None,
            token_endpoint_auth_method: TokenEndpointAuthMethod::None,
            redirect_uris,
            registration_client_uri: None,
            registration_access_token: None,
        }
    }
}
