//! Tokens for the token of the platform that a program runs on: RFC 7523 §2.1.

use super::Machine;
use super::grant::Grant;
use super::settings::{Proof, Settings, machine_settings};
use super::source::{Once, TokenSource};
use crate::error::OAuthError;

/// A program for which its platform vouches, such as a job of GitHub Actions or a pod of
/// Kubernetes. It has no secret.
///
/// The token of the platform is sent once, to the authorization server that it is for. A
/// refusal is the answer: it is not sent again, and no other way is tried.
#[derive(Debug)]
#[must_use = "it does nothing until build()"]
pub struct Workload {
    settings: Settings,
    source: Box<dyn TokenSource>,
}

machine_settings!(Workload);

impl Workload {
    /// The client `client_id`, whose tokens of the platform come from `source`, for the
    /// server at `server`: [`FromFile`](super::FromFile),
    /// [`FromEnvironment`](super::FromEnvironment) or [`from_fn`](super::from_fn).
    pub fn new(
        server: impl Into<String>,
        client_id: impl Into<String>,
        source: impl TokenSource,
    ) -> Self {
        Self {
            settings: Settings::new(server.into(), client_id.into(), Proof::None),
            source: Box::new(source),
        }
    }

    /// An authorizer with these settings. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Configuration`] says what to set.
    pub fn build(self) -> Result<Machine, OAuthError> {
        let once = Once::new(self.source);
        self.settings.build(Grant::Workload(once))
    }
}
