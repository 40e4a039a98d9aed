//! What the front is told by the configuration.

use std::time::Duration;

use countersign_resource_server::ConfigurationError;
use countersign_resource_server::oauth::ResourceUri;

use super::forwarded::Network;
use super::http_sse::{MESSAGES, STREAM};
use super::origin::AllowedNames;

/// Bounds of every request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The longest body of a request, in bytes.
    pub(crate) body: usize,
    /// How long a body may take to arrive.
    pub(crate) body_patience: Duration,
    /// How long a call may take.
    pub(crate) call_patience: Duration,
    /// How often a silent event stream shows that it lives.
    pub(crate) keep_alive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1024 * 1024,
            body_patience: Duration::from_secs(25),
            call_patience: Duration::from_secs(600),
            keep_alive: Duration::from_secs(15),
        }
    }
}

/// Where the server is and who may talk to it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The path of the MCP endpoint.
    pub(crate) path: String,
    /// The identifier of the resource: the URL that clients use.
    pub(crate) resource: ResourceUri,
    /// Its path, which each request is at.
    pub(crate) resource_path: String,
    /// What a proxy takes away from the beginning of the paths that clients use.
    pub(crate) stripped: String,
    /// Hosts and origins that are answered to.
    pub(crate) names: AllowedNames,
    /// Origins whose scripts may read answers.
    pub(crate) cors: Vec<String>,
    /// Proxies that are believed about the address of a client.
    pub(crate) proxies: Vec<Network>,
    pub(crate) limits: Limits,
    /// Whether HTTP with SSE (2024-11-05) is served too.
    pub(crate) sse: bool,
}

impl Place {
    /// A place that answers to loopback names only.
    pub(crate) fn loopback(resource: ResourceUri, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            resource_path: resource.path().to_owned(),
            resource,
            stripped: String::new(),
            names: AllowedNames::loopback(),
            cors: Vec::new(),
            proxies: Vec::new(),
            limits: Limits::default(),
            sse: false,
        }
    }

    /// Every path at which MCP is spoken.
    pub(crate) fn endpoints(&self) -> Vec<&str> {
        let mut paths = vec![self.path.as_str()];
        if self.sse {
            paths.extend([STREAM, MESSAGES]);
        }
        paths
    }

    pub(crate) fn allow_host(&mut self, host: &str) -> Result<(), ConfigurationError> {
        if self.names.add_host(host) {
            return Ok(());
        }
        Err(ConfigurationError::new(format!(
            "`{host}` is not a host: write `name` or `name:port`"
        )))
    }

    pub(crate) fn trust_proxy(&mut self, network: &str) -> Result<(), ConfigurationError> {
        let network = Network::parse(network).ok_or_else(|| {
            ConfigurationError::new(format!(
                "`{network}` is not the address of a proxy: write `10.0.0.7` or `10.0.0.0/8`"
            ))
        })?;
        self.proxies.push(network);
        Ok(())
    }

    pub(crate) fn allow_origin(&mut self, origin: &str) -> Result<(), ConfigurationError> {
        let Some(canonical) = self.names.add_origin(origin) else {
            return Err(ConfigurationError::new(format!(
                "`{origin}` is not an origin: write `https://name` or `https://name:port`"
            )));
        };
        self.cors.push(canonical);
        Ok(())
    }
}
