//! An API key from the environment.

use countersign_resource_server::oauth::{ScopeSet, Secret};
use countersign_resource_server::{ApiKeyAuth, ConfigurationError, FixedKey, IntoVerifier as _};

use crate::environment::{Environment, OfProcess};

/// What can be made of the variables of the environment alone.
pub trait FromEnvironment: Sized {
    /// Reads the variables that the implementation names.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the variable to set.
    fn from_env() -> Result<Self, ConfigurationError>;
}

/// `API_KEY` is the key: 16 to 512 letters, digits and `- . _ ~ + / =`, as random as the
/// output of `openssl rand -hex 32`. It is presented in the header `X-API-Key`, and whoever
/// does is the service `environment`. `API_KEY_SCOPES` says what it may do: names of scopes
/// with blanks or commas between them; nothing that needs a scope if it is not set.
impl FromEnvironment for ApiKeyAuth {
    fn from_env() -> Result<Self, ConfigurationError> {
        read(&OfProcess)
    }
}

fn read(environment: &impl Environment) -> Result<ApiKeyAuth, ConfigurationError> {
    let key = environment.required("API_KEY").map(Secret::new)?;
    let scopes = environment.value("API_KEY_SCOPES")?.unwrap_or_default();
    let names = scopes.split([' ', ',']).filter(|name| !name.is_empty());
    let scopes = ScopeSet::from_names(names)
        .map_err(|error| ConfigurationError::new(format!("API_KEY_SCOPES: {error}")))?;
    let opens = FixedKey::service("environment").scopes(scopes);
    let auth = ApiKeyAuth::header("X-API-Key").key(key, opens);
    // Judged here as well, where the name of the variable is known.
    match auth.clone().into_verifier() {
        Ok(_) => Ok(auth),
        Err(error) => Err(ConfigurationError::new(format!("API_KEY: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use countersign_resource_server::oauth::UnixTime;
    use countersign_resource_server::{PresentedToken, Verification, Verifier};

    use super::*;
    use crate::environment::tests::Variables;

    const KEY: &str = "0123456789abcdef";

    fn fault(variables: &[(&str, &str)]) -> String {
        let read = read(&Variables::of(variables)).and_then(ApiKeyAuth::into_verifier);
        read.err().unwrap().to_string()
    }

    #[test]
    fn m_51_an_api_key_that_is_missing_or_of_no_use_is_named() {
        assert_eq!(
            fault(&[]),
            "Required secret not configured: API_KEY. Set API_KEY environment variable."
        );
        let short = fault(&[("API_KEY", "short-one")]);
        assert!(short.starts_with("API_KEY: "), "{short}");
        assert!(short.contains("16 to 512"), "{short}");
        assert!(!short.contains("short-one"), "{short}");
        let scopes = fault(&[("API_KEY", KEY), ("API_KEY_SCOPES", "a\"b")]);
        assert!(scopes.starts_with("API_KEY_SCOPES: "), "{scopes}");
    }

    #[tokio::test]
    async fn m_51_the_api_key_of_the_environment_opens_what_its_scopes_say() {
        let variables = [("API_KEY", KEY), ("API_KEY_SCOPES", "stats:read, notes")];
        let verifier = read(&Variables::of(&variables)).unwrap();
        let verifier = verifier.into_verifier().unwrap();
        let now = UnixTime::from_secs(0);
        let judged = verifier.verify(PresentedToken::new(KEY), now).await;
        let Ok(Verification::Accepted(token)) = judged else {
            panic!("{judged:?}");
        };
        assert_eq!(token.sub(), "service:environment");
        assert_eq!(token.scopes().to_string(), "notes stats:read");
        let other = PresentedToken::new("0123456789abcdeg");
        let judged = verifier.verify(other, now).await;
        assert!(matches!(judged, Ok(Verification::NotMine)));
    }
}
