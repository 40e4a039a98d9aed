//! What a server takes from outside of code.

#[cfg(feature = "sqlite")]
use std::path::Path;

use countersign_audit::TracingSink;
#[cfg(feature = "authorization-server")]
use countersign_resource_server::ApiKeyAuth;
use countersign_resource_server::ConfigurationError;
use countersign_resource_server::suspicion::Suspicion;

use super::Server;
use crate::Configuration;
#[cfg(feature = "sqlite")]
use crate::configuration::DEFAULT_DATABASE;
use crate::configuration::{API_KEYS, AUDIT_STORE, Mode};
#[cfg(feature = "authorization-server")]
use crate::configuration::{ISSUER_URL, Reread};
use crate::metrics::Metrics;

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
    /// which scopes every token needs, API keys, rules, limits, the audit log and where
    /// metrics are served.
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
        let notes = server.notes;
        if !notes && let Some(log) = self.audit_log()? {
            server = server.audit_in(log).audit(TracingSink::new());
            server = server.suspicion(Suspicion::new());
        }
        if server.metrics.is_none()
            && let Some(address) = self.metrics_address()?
        {
            let metrics = Metrics::new();
            server = server.metrics(&metrics);
            server.metrics_at = Some((metrics, address.to_owned()));
        }
        if server.dpop.is_none() {
            server.dpop = self.dpop()?;
            server.unbound = server.dpop.as_ref().map(|_| self.nothing_to_bind());
        }
        let server = self.authenticated(server)?;
        let server = self.with_machines(server)?;
        let server = self.with_api_keys(server)?;
        match !notes && self.audit_store() {
            true => self.noting_in_store(server),
            false => Ok(server),
        }
    }

    /// `server`, with whose tokens are accepted if code does not say that.
    fn authenticated(&self, mut server: Server) -> Result<Server, ConfigurationError> {
        // What is said in code counts most.
        if server.authenticates() || server.open_to_everybody {
            return Ok(server);
        }
        match self.mode()? {
            Mode::Unsaid => match self.beside_issuing() {
                Some(beside) => Err(self.nobody_issues(beside)),
                None => Ok(server),
            },
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
        let Some(settings) = self.auth_settings()? else {
            return Ok(server);
        };
        let mut auth = auth.settings(settings);
        if let Some(upstream) = self.login()? {
            auth = auth.upstream(upstream);
        }
        if self.local_accounts() {
            auth = auth.with_local_accounts();
        }
        Ok(server.auth(auth))
    }

    /// `server`, which accepts API keys as well if that is said.
    #[cfg(feature = "authorization-server")]
    fn with_api_keys(&self, mut server: Server) -> Result<Server, ConfigurationError> {
        let Some(header) = self.api_keys_header()? else {
            return Ok(server);
        };
        let Some(auth) = server.embedded.take() else {
            return Err(self.nobody_issues(API_KEYS));
        };
        // What is said in code counts most.
        server.embedded = Some(match (auth.takes_api_keys(), self.api_keys_for_people()) {
            (true, _) => auth,
            (false, []) => auth.api_keys(ApiKeyAuth::header(header)),
            (false, scopes) => {
                let scopes = scopes.to_vec();
                auth.api_keys(ApiKeyAuth::header(header))
                    .configure(|server| server.api_keys_for_people(scopes))
            }
        });
        Ok(server)
    }

    /// `server`, whose authorization server issues tokens to programs besides those that
    /// code names.
    #[cfg(feature = "authorization-server")]
    fn with_machines(&self, mut server: Server) -> Result<Server, ConfigurationError> {
        let reloads = &mut server.reloads;
        let mut again = |what, watched, read: Reread| reloads.add(what, watched, read);
        let Some(machines) = self.machines(&mut again)? else {
            return Ok(server);
        };
        let Some(auth) = server.embedded.take() else {
            return Err(self.nobody_issues(self.beside_issuing().unwrap_or(ISSUER_URL)));
        };
        server.embedded = Some(auth.configure(|builder| machines.put_into(builder)));
        Ok(server)
    }

    #[cfg(not(feature = "authorization-server"))]
    fn with_machines(&self, server: Server) -> Result<Server, ConfigurationError> {
        match self.machines_origin() {
            Some(beside) => Err(self.nobody_issues(beside)),
            None => Ok(server),
        }
    }

    /// `server`, whose decisions are noted in the database of the authorization server.
    #[cfg(feature = "authorization-server")]
    fn noting_in_store(&self, mut server: Server) -> Result<Server, ConfigurationError> {
        let Some(auth) = server.embedded.take() else {
            return Err(self.nobody_issues(AUDIT_STORE));
        };
        let kept = crate::AuditInStore::new().on_full(self.on_full()?);
        let auth = auth.audit_in_store(kept);
        let log = auth.log().cloned();
        server.embedded = Some(auth);
        if server.suspicion.is_none() {
            server = server.suspicion(Suspicion::new());
        }
        Ok(log.into_iter().fold(server, Server::audit))
    }

    #[cfg(not(feature = "authorization-server"))]
    fn noting_in_store(&self, _: Server) -> Result<Server, ConfigurationError> {
        Err(self.nobody_issues(AUDIT_STORE))
    }

    #[cfg(not(feature = "authorization-server"))]
    fn with_api_keys(&self, server: Server) -> Result<Server, ConfigurationError> {
        match self.api_keys_header()? {
            Some(_) => Err(self.nobody_issues(API_KEYS)),
            None => Ok(server),
        }
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
