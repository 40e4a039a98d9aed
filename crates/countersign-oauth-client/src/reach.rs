//! Which addresses may be asked: RFC 9728 §7.7.
//!
//! Whoever runs a protected resource chooses the addresses that its clients fetch next.
//! So a resource on the public Internet can name addresses there alone, with TLS; one on
//! this machine, which a person started, can name others on this machine. Names are
//! judged by the addresses they resolve to, where the connection is made
//! ([`Fetcher`]).

use countersign_oauth::Lifetime;
use countersign_oauth::received_metadata::is_endpoint;
use countersign_oauth::uri::is_loopback_host;
use countersign_oauth::web_uri::LoopbackHosts;
use countersign_resource_server::fetch::{FetchError, Fetcher};
use url::Url;

use crate::error::{NoAnswer, OAuthError};

/// The time for one request, unless told otherwise. A person waits, so it is longer than
/// that of a server.
const TIMEOUT: Lifetime = Lifetime::from_secs(20);

/// Which addresses may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reach {
    loopback: LoopbackHosts,
    private: bool,
}

impl Reach {
    /// What may be asked on behalf of the resource at `server`: this machine only if the
    /// resource is there.
    pub fn of(server: &Url) -> Self {
        let loopback = if is_loopback_host(server) {
            LoopbackHosts::Allowed
        } else {
            LoopbackHosts::Refused
        };
        Self {
            loopback,
            private: false,
        }
    }

    /// Also the private networks of RFC 1918, RFC 4193 and RFC 6598, with https.
    ///
    /// # Security
    ///
    /// A resource can then make this client send requests to the services of the network
    /// that it runs in. Addresses of cloud metadata stay refused.
    #[must_use]
    pub const fn danger_allow_private_networks(mut self) -> Self {
        self.private = true;
        self
    }

    /// Whether addresses may be on this machine.
    pub const fn loopback(self) -> LoopbackHosts {
        self.loopback
    }

    /// A fetcher that reaches what may be asked and nothing else.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Configuration`] if the trust store of the system cannot be loaded.
    pub fn fetcher(self) -> Result<Fetcher, OAuthError> {
        self.fetcher_within(TIMEOUT)
    }

    /// The same, with `timeout` for each exchange; [`fetcher`](Self::fetcher) has 20
    /// seconds.
    ///
    /// # Errors
    ///
    /// As [`fetcher`](Self::fetcher).
    pub fn fetcher_within(self, timeout: Lifetime) -> Result<Fetcher, OAuthError> {
        let mut builder = Fetcher::builder().any_port().timeout(timeout);
        if self.loopback == LoopbackHosts::Allowed {
            builder = builder.danger_allow_loopback();
        }
        if self.private {
            builder = builder.danger_allow_private_networks();
        }
        builder
            .build()
            .map_err(|error| OAuthError::Configuration(error.to_string()))
    }

    /// Judges the text of an `address` that a server named as `what`.
    ///
    /// # Errors
    ///
    /// [`OAuthError::NotPermitted`] says what is not done.
    pub fn judge(self, what: &str, address: &str) -> Result<(), OAuthError> {
        if is_endpoint(address, self.loopback) {
            return Ok(());
        }
        let is_local = Url::parse(address).is_ok_and(|url| is_loopback_host(&url));
        Err(OAuthError::NotPermitted(if is_local {
            format!(
                "{what} is said to be on this machine, and the server is not: nothing is asked there"
            )
        } else {
            format!("the address of {what} is no plain https address: nothing is asked there")
        }))
    }
}

/// The sentence for a request to `what` that did not go out or was not answered.
pub(crate) fn explain(what: &str, host: &str, error: FetchError) -> OAuthError {
    let unreachable = |why| OAuthError::unreachable(what, Some(host), why);
    match error {
        FetchError::Unresolved => unreachable(NoAnswer::Unresolved),
        FetchError::Connection => unreachable(NoAnswer::NoConnection),
        FetchError::Untrusted => unreachable(NoAnswer::Untrusted),
        FetchError::Timeout => unreachable(NoAnswer::TooSlow),
        FetchError::Exchange | FetchError::Stale => unreachable(NoAnswer::BrokenOff),
        FetchError::Address => OAuthError::NotPermitted(format!(
            "{what} is not on the public Internet, and servers may not point into other \
             networks: if this one may, allow it with danger_allow_private_networks()"
        )),
        FetchError::TooLarge => OAuthError::BadAnswer(format!("the answer of {what} is too large")),
        _ => OAuthError::NotPermitted(format!("{what} cannot be used: {error}")),
    }
}
