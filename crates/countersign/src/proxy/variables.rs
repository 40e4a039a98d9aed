//! Providers from variables of the environment.

use countersign_resource_server::ConfigurationError;

use super::{Auth0Provider, CLIENT_ID, GitHubOAuthProvider, GoogleOAuthProvider, ProviderLogin};
use crate::embedded::Registered;
use crate::environment::{Environment, OfProcess};

const ID: &str = "OAUTH_CLIENT_ID";
const SECRET: &str = "OAUTH_CLIENT_SECRET";
const REDIRECT_URI: &str = "OAUTH_REDIRECT_URI";

impl<Kind> ProviderLogin<Kind> {
    /// Whether `value`, which the variable `key` of the environment has, can be that of
    /// `variable` of the preset.
    fn check_variable(
        &self,
        variable: &str,
        value: &str,
        key: &str,
    ) -> Result<(), ConfigurationError> {
        match &self.preset {
            Ok(preset) => preset
                .check_value(variable, value)
                .map_err(|error| ConfigurationError::new(format!("{key} is {error}"))),
            // Told when it is used.
            Err(_) => Ok(()),
        }
    }

    /// The id and the secret of our application are `OAUTH_CLIENT_ID` and
    /// `OAUTH_CLIENT_SECRET`; what is registered as redirect URI is `OAUTH_REDIRECT_URI`,
    /// if it is set.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the variable that is missing.
    pub fn client_from_env(self) -> Result<Self, ConfigurationError> {
        self.client_from(&OfProcess)
    }

    fn client_from(self, environment: &impl Environment) -> Result<Self, ConfigurationError> {
        let id = environment.credential(ID)?;
        let secret = environment.credential(SECRET)?;
        let mut this = self.client(id.reveal(), secret.reveal());
        this.check_variable(CLIENT_ID, id.reveal(), ID)?;
        if let Some(uri) = environment.value(REDIRECT_URI)? {
            let uri = uri.trim();
            // A secret in the wrong variable is not repeated.
            if !(uri.starts_with("https://") || uri.starts_with("http://")) {
                return Err(ConfigurationError::new(format!(
                    "{REDIRECT_URI} is not an address that begins with https:// or http://: set \
                     it to what is registered at the provider, or take it away"
                )));
            }
            this.redirect_uri = Some(Registered::new(uri, REDIRECT_URI));
        }
        Ok(this)
    }
}

impl GitHubOAuthProvider {
    /// Our OAuth app at GitHub, as [`ProviderLogin::client_from_env`] finds it.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the variable that is missing.
    pub fn from_env() -> Result<Self, ConfigurationError> {
        Self::of_preset("github").client_from_env()
    }
}

impl GoogleOAuthProvider {
    /// Our application at Google, as [`ProviderLogin::client_from_env`] finds it.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the variable that is missing.
    pub fn from_env() -> Result<Self, ConfigurationError> {
        Self::of_preset("google").client_from_env()
    }
}

impl Auth0Provider {
    /// Our application at Auth0: `AUTH0_DOMAIN`, `AUTH0_CLIENT_ID` and
    /// `AUTH0_CLIENT_SECRET`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the variable that is missing.
    pub fn from_env() -> Result<Self, ConfigurationError> {
        Self::from_environment(&OfProcess)
    }

    fn from_environment(environment: &impl Environment) -> Result<Self, ConfigurationError> {
        let domain = environment.required("AUTH0_DOMAIN")?;
        let id = environment.credential("AUTH0_CLIENT_ID")?;
        let secret = environment.credential("AUTH0_CLIENT_SECRET")?;
        let this = Self::new(domain.trim(), id.reveal(), secret.reveal());
        this.check_variable("domain", domain.trim(), "AUTH0_DOMAIN")?;
        this.check_variable(CLIENT_ID, id.reveal(), "AUTH0_CLIENT_ID")?;
        Ok(this)
    }
}

#[cfg(test)]
mod tests {
    use crate::environment::tests::Variables;

    use super::super::Proof;
    use super::*;

    fn missing(key: &str) -> String {
        format!("Required secret not configured: {key}. Set {key} environment variable.")
    }

    #[test]
    fn m_51_an_application_is_read_and_whatever_is_missing_is_named() {
        let all = Variables::of(&[
            (ID, "app-1"),
            (SECRET, "s3cr3t"),
            (REDIRECT_URI, "https://a"),
        ]);
        for key in [ID, SECRET] {
            let told =
                GitHubOAuthProvider::of_preset("github").client_from(&all.clone().without(key));
            assert_eq!(told.unwrap_err().to_string(), missing(key));
        }
        let read = GitHubOAuthProvider::of_preset("github")
            .client_from(&all)
            .unwrap();
        assert_eq!(read.client_id, "app-1");
        assert!(matches!(&read.proof, Proof::Secret(secret) if secret.reveal() == "s3cr3t"));
        assert_eq!(read.redirect_uri.as_ref().unwrap().uri, "https://a");
        assert!(!format!("{read:?}").contains("s3cr3t"));
        let without = all.without(REDIRECT_URI);
        let read = GoogleOAuthProvider::of_preset("google")
            .client_from(&without)
            .unwrap();
        assert!(read.redirect_uri.is_none());
    }

    #[test]
    fn m_51_auth0_is_read_and_whatever_is_missing_is_named() {
        let keys = ["AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET"];
        let all = Variables::of(&[
            (keys[0], "a.auth0.com"),
            (keys[1], "app-1"),
            (keys[2], "s3cr3t"),
        ]);
        for key in keys {
            let told = Auth0Provider::from_environment(&all.clone().without(key));
            assert_eq!(told.unwrap_err().to_string(), missing(key));
        }
        let read = Auth0Provider::from_environment(&all).unwrap();
        assert_eq!(read.values["domain"], "a.auth0.com");
        assert_eq!(read.client_id, "app-1");
        assert!(matches!(&read.proof, Proof::Secret(secret) if secret.reveal() == "s3cr3t"));
    }
}
