//! What a server takes from outside of code.

#[cfg(feature = "sqlite")]
use std::path::Path;

use countersign_audit::TracingSink;
use countersign_resource_server::ConfigurationError;
use countersign_resource_server::suspicion::Suspicion;

use super::Server;
use crate::Configuration;
#[cfg(feature = "sqlite")]
use crate::configuration::DEFAULT_DATABASE;
use crate::configuration::Mode;

/// Where settings outside of code are from.
#[derive(Debug, Default)]
pub(crate) enum Outside {
    /// The environment of the process.
    #[default]
    Environment,
    /// What was given.
    Given(Box<Configuration>),
    /// There are none.
    Nothing,
}

impl Server {
    /// Takes from `configuration` what is not said in code: whose tokens are accepted,
    /// which scopes every token needs, rules, limits and the audit log.
    ///
    /// Without this call a server takes the same from the environment of the process
    /// when it starts, see [`Configuration::from_env`]; with it, from `configuration`
    /// alone.
    #[must_use]
    pub fn configuration(mut self, configuration: &Configuration) -> Self {
        self.outside = Outside::Given(Box::new(configuration.clone()));
        self
    }

    /// Takes nothing from the environment.
    #[must_use]
    pub fn ignore_environment(mut self) -> Self {
        self.outside = Outside::Nothing;
        self
    }

    /// The server with what is said outside of code.
    pub(crate) fn configured(mut self) -> Result<Self, ConfigurationError> {
        let configuration = match std::mem::take(&mut self.outside) {
            Outside::Environment => Configuration::from_env()?,
            Outside::Given(configuration) => *configuration,
            Outside::Nothing => return Ok(self),
        };
        configuration.apply(self)
    }
}

impl Configuration {
    fn apply(&self, mut server: Server) -> Result<Server, ConfigurationError> {
        if self.is_empty() {
            return Ok(server);
        }
        if server.required_scopes.is_empty() {
            server.required_scopes = self.required_scopes()?;
        }
        if server.rules.is_none()
            && let Some(file) = self.policy_file()
        {
            server = server.rules_file(file);
        }
        if server.limits.is_none() {
            server.limits = self.limits()?;
        }
        if server.audit.is_none()
            && let Some(log) = self.audit_log()?
        {
            server = server.audit(log).audit(TracingSink::new());
            server = server.suspicion(Suspicion::new());
        }
        // What is said in code counts most.
        if server.authenticates() || server.open_to_everybody {
            return Ok(server);
        }
        match self.mode()? {
            Mode::Unsaid => Ok(server),
            Mode::Off => {
                tracing::warn!("authentication is switched off outside of the program");
                Ok(server)
            }
            Mode::Others(keys) => {
                let reloads = &mut server.reloads;
                let verifier =
                    self.verifier(keys, |what, watched, read| reloads.add(what, watched, read))?;
                Ok(server.auth(verifier))
            }
            Mode::Ours => self.issue(server),
        }
    }

    #[cfg(feature = "sqlite")]
    fn issue(&self, server: Server) -> Result<Server, ConfigurationError> {
        let usual = Path::new(DEFAULT_DATABASE);
        let auth = crate::EmbeddedAuth::sqlite(self.database().unwrap_or(usual));
        Ok(match self.auth_settings()? {
            Some(settings) => server.auth(auth.settings(settings)),
            None => server,
        })
    }

    #[cfg(not(feature = "sqlite"))]
    fn issue(&self, _: Server) -> Result<Server, ConfigurationError> {
        Err(ConfigurationError::new(format!(
            "{} says that tokens are issued here, and this program has no database for that: \
             build it with the feature `sqlite` of countersign",
            self.issuing_origin()
        )))
    }
}
