//! Firebase: ID tokens of an application's own sign-in, as access tokens.
//!
//! <https://firebase.google.com/docs/auth/admin/verify-id-tokens> says what to check; the
//! preset `firebase` does: a signature by one of Google's keys, RS256, the issuer
//! `https://securetoken.google.com/PROJECT`, the audience `PROJECT`, a subject, `exp` and
//! `iat`, and an `auth_time` that has passed.

use countersign_resource_server::ConfigurationError;

use super::{RemoteAuth, Source};
use crate::authentication::Authentication;
use crate::environment::{Environment, OfProcess};
use crate::server::Server;

const PROJECT: &str = "FIREBASE_PROJECT_ID";

/// Lets in whoever has an ID token of a Firebase project: give it to [`Server::auth`].
///
/// ```
/// use countersign::{FirebaseAuth, Server};
///
/// let server = Server::new("Notes").auth(FirebaseAuth::new("my-project"));
/// ```
///
/// # Security
///
/// Whoever can sign in at the project is let in, which is everybody unless the project
/// says otherwise; decide with a [`policy`](crate::policy) who may do what.
#[derive(Debug)]
pub struct FirebaseAuth(RemoteAuth);

impl FirebaseAuth {
    /// Accepts ID tokens of the project `project_id`.
    pub fn new(project_id: impl Into<String>) -> Self {
        Self(RemoteAuth::preset("firebase").set("project_id", project_id))
    }

    /// Accepts ID tokens of the project `FIREBASE_PROJECT_ID`.
    ///
    /// Tokens are verified with public keys: `FIREBASE_PRIVATE_KEY` and
    /// `FIREBASE_CLIENT_EMAIL`, a service account, are for calling Firebase, which this
    /// server never does. They are not read, and it is noted if one of them is there.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if the variable is missing.
    pub fn from_env() -> Result<Self, ConfigurationError> {
        Self::from_environment(&OfProcess)
    }

    pub(crate) fn from_environment(
        environment: &impl Environment,
    ) -> Result<Self, ConfigurationError> {
        let project = environment.required(PROJECT)?;
        let auth = Self::new(project.trim());
        if let Source::Preset(Ok(preset)) = &auth.0.source {
            let judged = preset.check_value("project_id", project.trim());
            judged.map_err(|error| ConfigurationError::new(format!("{PROJECT} is {error}")))?;
        }
        for key in ["FIREBASE_PRIVATE_KEY", "FIREBASE_CLIENT_EMAIL"] {
            if environment.value(key)?.is_some() {
                tracing::warn!(
                    "{key} is set and not needed: ID tokens are verified with public keys; keep a \
                     service account away from servers that do not use it"
                );
            }
        }
        Ok(auth)
    }

    /// Says more about the provider, such as a fetcher.
    #[must_use]
    pub fn configure(self, change: impl FnOnce(RemoteAuth) -> RemoteAuth) -> Self {
        Self(change(self.0))
    }
}

impl Authentication for FirebaseAuth {
    fn add_to(self, server: Server) -> Server {
        self.0.add_to(server)
    }
}

#[cfg(test)]
mod tests {
    use crate::environment::tests::Variables;

    use super::*;

    #[test]
    fn m_51_the_project_is_read_and_a_missing_one_is_named() {
        let missing = FirebaseAuth::from_environment(&Variables::default());
        assert_eq!(
            missing.unwrap_err().to_string(),
            "Required secret not configured: FIREBASE_PROJECT_ID. Set FIREBASE_PROJECT_ID \
             environment variable."
        );
        let variables = Variables::of(&[
            ("FIREBASE_PROJECT_ID", "notes-1"),
            ("FIREBASE_PRIVATE_KEY", "-----BEGIN"),
        ]);
        let read = FirebaseAuth::from_environment(&variables).unwrap();
        assert_eq!(read.0.values["project_id"], "notes-1");
        assert!(!format!("{read:?}").contains("BEGIN"));
    }
}
