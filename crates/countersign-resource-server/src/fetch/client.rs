//! The guarded fetcher. This file alone builds an HTTP client.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use countersign_oauth::Lifetime;
use countersign_oauth::uri::is_loopback_host;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue};
use http::{HeaderMap, Request, Response};
use url::{Host, Origin, Url};

use super::connections::{self, MOST_KEPT_OPEN, NotesConnections, Repeatable};
use super::resolver::{GuardedResolver, Lookup, Networks, SystemLookup};
use super::{Fetch, FetchError, Fetching};
use crate::ConfigurationError;

/// At most so many bytes of names and values of the headers of an answer.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// At most so many headers in an answer.
const MAX_HEADERS: usize = 64;

/// Settings of a [`Fetcher`].
pub struct FetcherBuilder {
    timeout: Duration,
    max_body_bytes: usize,
    ports: Vec<u16>,
    any_port: bool,
    networks: Networks,
    root_certificates: Vec<Vec<u8>>,
    only: Option<Origin>,
    lookup: Arc<dyn Lookup>,
}

impl fmt::Debug for FetcherBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetcherBuilder")
            .field("timeout", &self.timeout)
            .field("max_body_bytes", &self.max_body_bytes)
            .field("ports", &self.ports)
            .field("networks", &self.networks)
            .finish_non_exhaustive()
    }
}

impl Default for FetcherBuilder {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            max_body_bytes: 512 * 1024,
            ports: Vec::new(),
            any_port: false,
            networks: Networks::default(),
            root_certificates: Vec::new(),
            only: None,
            lookup: Arc::new(SystemLookup),
        }
    }
}

impl FetcherBuilder {
    /// The time for a whole exchange, from the look-up of the name to the last
    /// byte of the body. Five seconds unless told otherwise.
    #[must_use]
    pub const fn timeout(mut self, timeout: Lifetime) -> Self {
        self.timeout = timeout.as_duration();
        self
    }

    /// The largest body of an answer in bytes. 512 KiB unless told otherwise.
    #[must_use]
    pub const fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Also allows `port`. Without this only 443 is.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.ports.push(port);
        self
    }

    /// Allows every port: for the client of a person, who chose the server and finds its
    /// authorization server wherever it is.
    #[must_use]
    pub const fn any_port(mut self) -> Self {
        self.any_port = true;
        self
    }

    /// Also trusts the certificate authority in `pem`.
    #[must_use]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Allows plain http to this machine, on any port. For development.
    ///
    /// # Security
    ///
    /// Whoever can choose an address that is fetched can then reach every service
    /// that listens on loopback.
    #[must_use]
    pub const fn danger_allow_loopback(mut self) -> Self {
        self.networks.loopback = true;
        self
    }

    /// Allows the private networks of RFC 1918, RFC 4193 and RFC 6598, with https.
    ///
    /// # Security
    ///
    /// Whoever can choose an address that is fetched can then reach the services
    /// of the network the server runs in. Addresses of cloud metadata stay refused.
    #[must_use]
    pub const fn danger_allow_private_networks(mut self) -> Self {
        self.networks.private = true;
        self
    }

    /// Sends to the scheme, host and port of `address` and nowhere else: an operator has
    /// chosen them, so they may be on this machine, then without TLS too, or in a private
    /// network.
    ///
    /// # Errors
    ///
    /// [`FetchError::Target`] if `address` is no absolute URL.
    pub fn only(mut self, address: &str) -> Result<Self, FetchError> {
        let origin = Url::parse(address)
            .map_err(|_| FetchError::Target)?
            .origin();
        if let Origin::Tuple(_, _, port) = &origin {
            self.ports.push(*port);
        }
        self.only = Some(origin);
        Ok(self)
    }

    #[cfg(test)]
    pub(crate) fn lookup(mut self, lookup: impl Lookup) -> Self {
        self.lookup = Arc::new(lookup);
        self
    }

    /// A fetcher with these settings.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if a root certificate cannot be read, or the trust
    /// store of the system cannot be loaded.
    pub fn build(mut self) -> Result<Fetcher, ConfigurationError> {
        if self.networks.loopback {
            tracing::warn!(
                "outbound requests may reach this machine, also without TLS: for development only"
            );
        }
        if self.networks.private {
            tracing::warn!("outbound requests may reach private networks");
        }
        if self.only.is_some() {
            (self.networks.loopback, self.networks.private) = (true, true);
        }
        let mut certificates = Vec::new();
        for pem in &self.root_certificates {
            let parsed = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| {
                ConfigurationError::new(
                    "a root certificate of the fetcher is not PEM: pass the text of a file that \
                     starts with -----BEGIN CERTIFICATE-----",
                )
            })?;
            certificates.extend(parsed);
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "this file owns outbound requests"
        )]
        let client = reqwest::Client::builder()
            .https_only(!self.networks.loopback)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(self.timeout)
            .pool_max_idle_per_host(MOST_KEPT_OPEN)
            .connector_layer(NotesConnections)
            .pool_idle_timeout(Duration::from_secs(30))
            .http1_max_headers(MAX_HEADERS)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .tls_certs_merge(certificates)
            .dns_resolver(GuardedResolver::new(self.networks, self.lookup))
            .build()
            .map_err(|_| {
                ConfigurationError::new(
                    "no HTTPS client can be made: check that the certificate authorities of the \
                     system are installed (package ca-certificates)",
                )
            })?;
        Ok(Fetcher {
            client,
            timeout: self.timeout,
            max_body_bytes: self.max_body_bytes,
            ports: Arc::from(self.ports),
            any_port: self.any_port,
            networks: self.networks,
            only: self.only,
        })
    }
}

/// Sends requests to the public Internet and nowhere else. Cloning is cheap.
#[derive(Clone)]
pub struct Fetcher {
    client: reqwest::Client,
    timeout: Duration,
    max_body_bytes: usize,
    ports: Arc<[u16]>,
    any_port: bool,
    networks: Networks,
    only: Option<Origin>,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher")
            .field("timeout", &self.timeout)
            .field("max_body_bytes", &self.max_body_bytes)
            .field("ports", &self.ports)
            .field("networks", &self.networks)
            .finish_non_exhaustive()
    }
}

impl Fetcher {
    /// Settings of a fetcher.
    pub fn builder() -> FetcherBuilder {
        FetcherBuilder::default()
    }

    /// Judges `target` as far as this is possible without looking up its host.
    ///
    /// # Errors
    ///
    /// [`FetchError`] says which rule it breaks.
    pub fn check(&self, target: &str) -> Result<(), FetchError> {
        self.judge(target).map(|_| ())
    }

    fn judge(&self, target: &str) -> Result<Url, FetchError> {
        let url = Url::parse(target).map_err(|_| FetchError::Target)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Target);
        }
        if self.only.as_ref().is_some_and(|only| *only != url.origin()) {
            return Err(FetchError::Address);
        }
        let loopback = self.networks.loopback && is_loopback_host(&url);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err(FetchError::Scheme),
        }
        let port = url.port_or_known_default().ok_or(FetchError::Port)?;
        if port != 443 && !loopback && !self.any_port && !self.ports.contains(&port) {
            return Err(FetchError::Port);
        }
        // A literal address is never looked up, so it is judged here.
        let permitted = match url.host() {
            Some(Host::Ipv4(address)) => self.networks.permit(address.into()),
            Some(Host::Ipv6(address)) => self.networks.permit(address.into()),
            Some(Host::Domain(name)) => !name.ends_with('.'),
            None => return Err(FetchError::Target),
        };
        if permitted {
            Ok(url)
        } else {
            Err(FetchError::Address)
        }
    }

    /// Sends `request`, over a new connection if those that were kept open had ended and
    /// it may be sent again.
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let (head, body) = request.into_parts();
        let url = self.judge(&head.uri.to_string())?;
        // RFC 9110 §9.2.2.
        let may_repeat =
            head.method.is_idempotent() || head.extensions.get::<Repeatable>().is_some();
        let mut headers = head.headers;
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut stale = 0;
        loop {
            let request = self
                .client
                .request(head.method.clone(), url.clone())
                .headers(headers.clone())
                .body(body.clone());
            let (answer, was_kept_open) = connections::watched(request.send()).await;
            let error = match answer {
                Ok(answer) => return self.read(answer).await,
                Err(error) => error,
            };
            if !was_kept_open || !connections::ended(&error) {
                return Err(classify(&error));
            }
            stale += 1;
            if !may_repeat || stale > MOST_KEPT_OPEN {
                return Err(FetchError::Stale);
            }
        }
    }

    async fn read(&self, mut answer: reqwest::Response) -> Result<Response<Bytes>, FetchError> {
        check_head(answer.headers())?;
        if answer
            .content_length()
            .is_some_and(|length| length > self.max_body_bytes as u64)
        {
            return Err(FetchError::TooLarge);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| classify(&error))? {
            if body.len() + chunk.len() > self.max_body_bytes {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

impl Fetch for Fetcher {
    fn fetch(&self, request: Request<Bytes>) -> Fetching<'_> {
        Box::pin(async move {
            tokio::time::timeout(self.timeout, self.exchange(request))
                .await
                .unwrap_or(Err(FetchError::Timeout))
        })
    }
}

fn check_head(headers: &HeaderMap) -> Result<(), FetchError> {
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if size > MAX_HEAD_BYTES {
        return Err(FetchError::TooLarge);
    }
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(FetchError::Encoding)
        }
        _ => Ok(()),
    }
}

/// The text of a `reqwest` error names the address, so it goes nowhere.
fn classify(error: &reqwest::Error) -> FetchError {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(refused) = cause.downcast_ref::<FetchError>() {
            return *refused;
        }
        if cause.is::<rustls::Error>() {
            return FetchError::Untrusted;
        }
        source = behind(cause);
    }
    if error.is_timeout() {
        FetchError::Timeout
    } else if error.is_connect() {
        FetchError::Connection
    } else {
        FetchError::Exchange
    }
}

/// What is behind `error`. What an [`io::Error`] wraps is not its source.
fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>();
    match wrapped.and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
