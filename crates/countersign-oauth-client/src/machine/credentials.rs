//! Tokens for a client itself: RFC 6749 §4.4.

use std::sync::Arc;

use countersign_oauth::Secret;
use countersign_oauth::jose::SigningKey;

use super::Machine;
use super::grant::Grant;
use super::settings::{Proof, Settings, machine_settings};
use crate::error::OAuthError;

/// A client that was registered before, with a secret (RFC 6749 §4.4 and §2.3.1).
///
/// ```no_run
/// use countersign_oauth_client::machine::ClientCredentials;
/// use countersign_oauth_client::{OAuthError, oauth::Secret};
///
/// # fn run(secret: Secret) -> Result<(), OAuthError> {
/// let machine = ClientCredentials::new("https://mcp.example.com/mcp", "report", secret)
///     .issuer("https://auth.example.com")
///     .scopes(["read"])
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until build()"]
pub struct ClientCredentials {
    settings: Settings,
}

machine_settings!(ClientCredentials);

impl ClientCredentials {
    /// The client `client_id` with its `secret`, for the server at `server`, such as
    /// `https://mcp.example.com/mcp`. The secret goes into the header, or into the body
    /// where the authorization server takes it there alone.
    pub fn new(
        server: impl Into<String>,
        client_id: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> Self {
        let proof = Proof::Secret(secret.into());
        Self {
            settings: Settings::new(server.into(), client_id.into(), proof),
        }
    }

    /// An authorizer with these settings. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Configuration`] says what to set.
    pub fn build(self) -> Result<Machine, OAuthError> {
        self.settings.build(Grant::ClientCredentials)
    }
}

/// A client that was registered before, with a private key (RFC 7523 §2.2). Prefer it to a
/// secret: what it sends is for one authorization server and good for a minute.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until build()"]
pub struct PrivateKeyJwt {
    settings: Settings,
}

machine_settings!(PrivateKeyJwt);

impl PrivateKeyJwt {
    /// The client `client_id` with its private `key`, for the server at `server`.
    pub fn new(
        server: impl Into<String>,
        client_id: impl Into<String>,
        key: Arc<SigningKey>,
    ) -> Self {
        Self {
            settings: Settings::new(server.into(), client_id.into(), Proof::Key(key)),
        }
    }

    /// An authorizer with these settings. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Configuration`] says what to set.
    pub fn build(self) -> Result<Machine, OAuthError> {
        self.settings.build(Grant::ClientCredentials)
    }
}
