//! Settings of an authorization server from variables of the environment.

use countersign_resource_server::ConfigurationError;
use countersign_resource_server::oauth::Lifetime;

use super::EmbeddedAuth;
use crate::environment::{Environment, OfProcess};

impl EmbeddedAuth {
    /// Access tokens are valid for the number of hours in `TOKEN_EXPIRY_HOURS`, from 1 to
    /// 24; for one hour if it is not set.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if it is something else.
    pub fn token_expiry_from_env(self) -> Result<Self, ConfigurationError> {
        self.token_expiry_from(&OfProcess)
    }

    fn token_expiry_from(self, environment: &impl Environment) -> Result<Self, ConfigurationError> {
        const HOURS: &str = "TOKEN_EXPIRY_HOURS";
        let Some(text) = environment.value(HOURS)? else {
            return Ok(self);
        };
        let hours = text
            .trim()
            .parse()
            .ok()
            .filter(|hours| (1..=24).contains(hours));
        let lifetime = hours.map(Lifetime::from_hours).ok_or_else(|| {
            ConfigurationError::new(format!(
                "{HOURS} is not a whole number of hours from 1 to 24: what lives longer is of use \
                 to whoever finds it, and clients get new tokens by themselves"
            ))
        })?;
        Ok(self.configure(move |server| {
            server.settings(|settings| settings.lifetimes.access_token = lifetime)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::Variables;

    #[test]
    fn m_51_the_lifetime_of_tokens_is_read_and_a_wrong_one_is_named() {
        for wrong in ["0", "25", "-1", "1.5", "a day", "24h"] {
            let variables = Variables::of(&[("TOKEN_EXPIRY_HOURS", wrong)]);
            let told = EmbeddedAuth::in_memory().token_expiry_from(&variables);
            let told = told.unwrap_err().to_string();
            assert!(
                told.starts_with("TOKEN_EXPIRY_HOURS is not"),
                "{wrong}: {told}"
            );
        }
        let variables = Variables::of(&[("TOKEN_EXPIRY_HOURS", "24")]);
        let read = EmbeddedAuth::in_memory()
            .token_expiry_from(&variables)
            .unwrap();
        assert_eq!(read.changes.len(), 1);
        let unset = EmbeddedAuth::in_memory().token_expiry_from(&Variables::default());
        assert!(unset.unwrap().changes.is_empty());
    }
}
