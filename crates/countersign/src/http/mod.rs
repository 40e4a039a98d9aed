//! Serving over HTTP: addresses, bounds, TLS, start and stop.

mod connection;
mod crowd;
mod exchanges;
mod framing;
mod judged;
mod listener;
mod running;
mod tls;
mod wire;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_resource_server::ConfigurationError;
use countersign_resource_server::oauth::ResourceUri;
use thiserror::Error;

use connection::Patience;
pub use running::RunningServer;

use crate::front::http_sse::{MESSAGES, STREAM};
use crate::front::{App, Limits, Place};
use crate::server::{Reach, Server, Surroundings};

/// Why a server does not serve.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Something is missing or contradicts itself; the sentence says what to set.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address as it was configured.
        address: String,
        /// Why.
        reason: String,
    },
    /// The certificate or the key cannot be used.
    #[error("TLS: {0}")]
    Tls(String),
    /// Standard input or output broke.
    #[error("stdio: {0}")]
    Stdio(String),
}

/// How a server is reached over HTTP.
#[derive(Clone, Debug)]
pub struct Http {
    address: String,
    path: String,
    public_url: Option<String>,
    stripped: String,
    allowed_hosts: Vec<String>,
    allowed_origins: Vec<String>,
    trusted_proxies: Vec<String>,
    limits: Limits,
    sse: bool,
    patience: Patience,
    max_connections: usize,
    tls: Option<(PathBuf, PathBuf)>,
}

impl Http {
    /// Listens on `address`, written `host:port`; port 0 takes a free one.
    pub fn bind(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            path: "/mcp".to_owned(),
            public_url: None,
            stripped: String::new(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
            sse: false,
            patience: Patience::default(),
            max_connections: 10_000,
            tls: None,
        }
    }

    /// The path of the MCP endpoint; `/mcp` unless set.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Serves HTTP with SSE too, the transport of protocol version 2024-11-05, for
    /// clients that know no other: a GET of `/sse` opens the stream of a session, and
    /// its first event names where to post, at `/messages`. Off unless this was said.
    ///
    /// Each stream counts as a session of its caller and ends with its connection.
    #[must_use]
    pub const fn http_with_sse(mut self) -> Self {
        self.sse = true;
        self
    }

    /// The URL that clients use, path included, for example `https://mcp.example.com/mcp`.
    /// It is the identifier of the resource (RFC 9728 §1.2), and its host is answered to.
    #[must_use]
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Says that a proxy in front takes `path`, such as `/app`, away from the beginning of
    /// the paths of requests. The [public URL](Http::public_url) has it before the
    /// [path](Http::path), and an embedded authorization server has it in its issuer.
    ///
    /// The proxy must hand on as they are the requests for the metadata, which RFC 8414 §3.1
    /// and RFC 9728 §3.1 put at the root of the host: `/.well-known/…/app` and
    /// `/.well-known/…/app/mcp`.
    #[must_use]
    pub fn stripped_path(mut self, path: impl Into<String>) -> Self {
        self.stripped = path.into();
        self
    }

    /// Answers to this host too, written `name` or `name:port`.
    #[must_use]
    pub fn allowed_host(mut self, host: impl Into<String>) -> Self {
        self.allowed_hosts.push(host.into());
        self
    }

    /// Lets pages of this origin call the server and read its answers (CORS).
    #[must_use]
    pub fn allowed_origin(mut self, origin: impl Into<String>) -> Self {
        self.allowed_origins.push(origin.into());
        self
    }

    /// Believes the proxy at this address, or in this network such as `10.0.0.0/8`, about
    /// the addresses of clients: it must append each to `X-Forwarded-For`. Without it all
    /// clients behind a proxy are counted as one wherever addresses are limited.
    #[must_use]
    pub fn trusted_proxy(mut self, network: impl Into<String>) -> Self {
        self.trusted_proxies.push(network.into());
        self
    }

    /// The longest body of a request, in bytes; 1 MiB unless set. It binds the routes
    /// of the application too.
    #[must_use]
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.limits.body = bytes;
        self
    }

    /// The longest time a call may take, with and without a session; ten minutes
    /// unless set. A call that answers as a stream ends with the caller's token, if
    /// that is earlier.
    #[must_use]
    pub const fn request_timeout(mut self, time: Duration) -> Self {
        self.limits.call_patience = time;
        self
    }

    /// How long a client may take for the TLS handshake; ten seconds unless set.
    #[must_use]
    pub const fn handshake_timeout(mut self, time: Duration) -> Self {
        self.patience.handshake = time;
        self
    }

    /// How long a client may take to send the head of a request, counted from the
    /// end of the request before; 20 seconds unless set. A connection that has no
    /// request for that long is closed.
    #[must_use]
    pub const fn head_timeout(mut self, time: Duration) -> Self {
        self.patience.head = time;
        self
    }

    /// How long a client may take to send the body of a request; 25 seconds unless
    /// set. Later the answer is 408.
    #[must_use]
    pub const fn body_timeout(mut self, time: Duration) -> Self {
        self.limits.body_patience = time;
        self
    }

    /// How long a client may leave the next piece of an answer (16 KiB at most)
    /// unread; 25 seconds unless set. Later its connection is closed.
    #[must_use]
    pub const fn stall_timeout(mut self, time: Duration) -> Self {
        self.patience.stall = time;
        self
    }

    /// How long running requests may go on after the stop; ten seconds unless set.
    #[must_use]
    pub const fn shutdown_timeout(mut self, time: Duration) -> Self {
        self.patience.farewell = time;
        self
    }

    /// How many connections are open at the same time; 10,000 unless set. More
    /// wait, and connections without a request are closed for them, the longest
    /// idle first.
    #[must_use]
    pub const fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Serves TLS with the certificate chain and the private key in these PEM
    /// files. They are read again when they change.
    #[must_use]
    pub fn tls(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls = Some((certificate.into(), key.into()));
        self
    }

    /// Where the server is, once `local` is known.
    fn place(&self, local: SocketAddr) -> Result<Place, ConfigurationError> {
        if !self.path.starts_with('/') || self.path.contains(['?', '#', '%']) {
            return Err(ConfigurationError::new(format!(
                "the path `{}` must start with / and have no ?, # or %",
                self.path
            )));
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let loopback = local.ip().is_loopback();
        if !loopback && self.public_url.is_none() && self.allowed_hosts.is_empty() {
            return Err(ConfigurationError::new(format!(
                "{} is not a loopback address: set the public URL that clients use, so that \
                 requests for other hosts can be refused",
                local.ip()
            )));
        }
        let resource = match &self.public_url {
            Some(url) => parse_public_url(url)?,
            None => {
                let host = if loopback {
                    "localhost".to_owned()
                } else {
                    shown(local.ip())
                };
                let text = format!("{scheme}://{host}:{}{}", local.port(), self.path);
                ResourceUri::parse(&text).map_err(|error| {
                    ConfigurationError::new(format!(
                        "`{text}` cannot identify this server ({error}): set the public URL"
                    ))
                })?
            }
        };
        let mut place = Place::loopback(resource, &self.path);
        self.check_stripped(&place)?;
        place.stripped.clone_from(&self.stripped);
        place.limits = self.limits;
        place.sse = self.sse;
        if self.sse && [STREAM, MESSAGES].contains(&self.path.as_str()) {
            return Err(ConfigurationError::new(format!(
                "HTTP with SSE is at `{}`: choose another path for the MCP endpoint",
                self.path
            )));
        }
        if !loopback {
            place.names = Default::default();
        }
        if self.public_url.is_some() {
            if place.resource.path() != self.path && self.stripped.is_empty() {
                tracing::warn!(
                    public = place.resource.as_str(),
                    path = self.path,
                    "the path of the public URL is not that of the endpoint: right only if a \
                     proxy in front rewrites it; if it takes away the beginning of all paths, say \
                     so with Http::stripped_path"
                );
            }
            let origin = place.resource.origin().to_owned();
            let host = origin
                .split_once("://")
                .map_or("", |(_, host)| host)
                .to_owned();
            place.allow_host(&host)?;
            place.names.add_origin(&origin);
        }
        for host in &self.allowed_hosts {
            place.allow_host(host)?;
        }
        for network in &self.trusted_proxies {
            place.trust_proxy(network)?;
        }
        for origin in &self.allowed_origins {
            place.allow_origin(origin)?;
        }
        Ok(place)
    }

    /// What the proxy takes away is what the public URL has before the path.
    fn check_stripped(&self, place: &Place) -> Result<(), ConfigurationError> {
        let stripped = self.stripped.as_str();
        let is_path = stripped.starts_with('/') && !stripped.ends_with('/');
        let public = place.resource.path();
        let fits = is_path && public.strip_prefix(stripped) == Some(self.path.as_str());
        if stripped.is_empty() || (fits && self.public_url.is_some()) {
            return Ok(());
        }
        Err(ConfigurationError::new(format!(
            "a proxy takes `{stripped}` away, and the endpoint is at `{}` behind it: set the \
             public URL that clients use, whose path is then `{stripped}{}`",
            self.path, self.path
        )))
    }
}

fn parse_public_url(url: &str) -> Result<ResourceUri, ConfigurationError> {
    ResourceUri::parse(url).map_err(|error| {
        ConfigurationError::new(format!("the public URL `{url}` cannot be used: {error}"))
    })
}

fn shown(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

impl Server {
    /// Serves until the process is told to stop (Ctrl-C, SIGTERM), then lets running
    /// requests end, see [`Http::shutdown_timeout`].
    ///
    /// # Errors
    ///
    /// [`ServeError`] if the server does not start.
    pub async fn serve(self, http: Http) -> Result<(), ServeError> {
        self.start(http).await?.serve_until_stopped().await;
        Ok(())
    }

    /// Starts to serve and returns; the server stops when the handle is dropped.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if the server does not start.
    pub async fn start(self, http: Http) -> Result<RunningServer, ServeError> {
        let mut server = self.configured()?;
        let tls = match &http.tls {
            Some((certificate, key)) => Some(tls::Acceptor::load(certificate, key)?),
            None => None,
        };
        let listener = listener::listen(&http.address).await?;
        let local = listener.local_addr().map_err(|error| ServeError::Listen {
            address: http.address.clone(),
            reason: error.to_string(),
        })?;
        if !local.ip().is_loopback() && tls.is_none() {
            tracing::warn!(
                "serving plain HTTP off loopback: tokens travel unprotected unless a proxy in front adds TLS"
            );
        }
        let place = http.place(local)?;
        server.check(local.ip(), &place)?;
        let metrics_at = server.metrics_at.take();
        let reloads = std::mem::take(&mut server.reloads);
        let judged = server.judged(place, local)?;
        let metrics = match metrics_at {
            Some((metrics, address)) => {
                let running = metrics.starting(Http::bind(address)).await?;
                tracing::info!("metrics at http://{}/metrics", running.address());
                Some(Box::new(running))
            }
            None => None,
        };
        let app = Box::pin(judged.opened()).await?.app()?;
        if let Some(issuing) = &app.0.issuing {
            issuing.begin().await?;
        }
        Ok(RunningServer::start(
            app,
            listener,
            local,
            tls,
            reloads,
            http.max_connections,
            http.patience,
        )
        .beside(metrics))
    }

    /// The server as a tower service, for a listener of your own. `http` says how it
    /// is reached; nothing is bound.
    ///
    /// Nothing is done but answering. Whoever embeds an authorization server opens its
    /// database before (`EmbeddedAuth::storage`), and does with
    /// `App::authorization_server` what [`Server::start`] does besides:
    /// `check_seals` at first, `people().setup_link()` for the first account, and
    /// `keep_house` every quarter of an hour.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if something is missing or contradicts itself.
    pub fn into_app(self, http: &Http) -> Result<App, ServeError> {
        let local = http.address.parse().map_err(|_| {
            ConfigurationError::new(format!(
                "`{}` is not an address: write `127.0.0.1:8000`",
                http.address
            ))
        })?;
        let place = http.place(local)?;
        let mut server = self.configured()?;
        if let Some((_, address)) = server.metrics_at.take() {
            return Err(ConfigurationError::new(format!(
                "metrics are to be served at {address}, and Server::into_app binds nothing: start \
                 the server with Server::start, or serve them with Metrics::start"
            ))
            .into());
        }
        server.check(local.ip(), &place)?;
        server.judged(place, local)?.opened_at_once()?.app()
    }

    /// What can be said without opening anything.
    fn check(&mut self, address: IpAddr, place: &Place) -> Result<(), ServeError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault.into());
        }
        self.check_authentication(address, place)?;
        if !self.authenticates() {
            self.check_sources(&[], false)?;
        }
        self.routes
            .check(&place.endpoints(), self.authenticates())?;
        // A provider that cannot be one stops the start here.
        let admission = std::mem::take(&mut self.admission);
        let (admission, takes_tokens) = admission.settled(&place.resource)?;
        self.admission = admission;
        self.check_dpop(takes_tokens || self.embedded.is_some())?;
        Ok(())
    }

    /// What an authorization server in it is told.
    fn surroundings<'a>(&self, address: IpAddr, place: &'a Place) -> Surroundings<'a> {
        let reach = if address.is_loopback() && place.names.are_loopback() {
            Reach::ThisMachine
        } else {
            Reach::Others
        };
        Surroundings {
            scopes: self.offered_scopes(),
            place,
            reach,
            clock: Arc::clone(&self.clock),
            dpop: self.dpop.clone(),
            audit: self.audit.clone(),
        }
    }

    /// Nothing configured means nothing allowed.
    fn check_authentication(
        &self,
        address: IpAddr,
        place: &Place,
    ) -> Result<(), ConfigurationError> {
        if self.authenticates() {
            return Ok(());
        }
        if self.asks_for_scopes() {
            return Err(ConfigurationError::new(
                "scopes or rules ask who is calling, and nobody can say it: add a verifier with \
                 .auth(…)",
            ));
        }
        if self.optional {
            return Err(ConfigurationError::new(
                "authentication is optional and there is none: add a verifier with .auth(…)",
            ));
        }
        if !address.is_loopback() && !self.open_to_everybody {
            return Err(ConfigurationError::new(format!(
                "{address} is not a loopback address and there is no authentication: add a verifier with \
                 .auth(…), or say .danger_without_authentication() if everybody may call everything"
            )));
        }
        if !place.names.are_loopback() && !self.open_to_everybody {
            return Err(ConfigurationError::new(
                "others reach this server by its public name and there is no authentication: add a \
                 verifier with .auth(…), or say .danger_without_authentication() if everybody may \
                 call everything",
            ));
        }
        Ok(())
    }
}
