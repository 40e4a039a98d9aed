//! Where a remote key set is: at a known address, or where the metadata of its issuer
//! says (RFC 8414 §2 and §3, OpenID Connect Discovery 1.0 §3 and §4).
//!
//! The metadata is read again whenever the set is: an issuer that moves its keys is
//! followed. What it says is as good as the connection that it came over, so a key set
//! elsewhere than behind https is refused, as is metadata of another issuer.

use countersign_oauth::received_metadata::{MetadataError, ReceivedMetadata};
use countersign_oauth::uri::is_loopback_host;
use countersign_oauth::web_uri::LoopbackHosts;
use http::Uri;
use thiserror::Error;
use url::Url;

use crate::ConfigurationError;

/// Where a key set is.
pub(crate) enum Location {
    /// At this address.
    Known(Uri),
    /// Where the metadata says.
    Published(Metadata),
}

impl Location {
    /// The host that is named by the configuration, for the log.
    pub(super) fn host(&self) -> Option<&str> {
        match self {
            Self::Known(address) => address.host(),
            Self::Published(metadata) => metadata.document.host(),
        }
    }
}

/// The metadata document of an issuer.
pub(crate) struct Metadata {
    /// Its address.
    pub(super) document: Uri,
    /// Whose it has to be.
    pub(super) issuer: String,
    /// Whether the addresses in it may be on this machine, as its own is.
    pub(super) loopback: LoopbackHosts,
}

/// What is wrong with a metadata document. For the log.
#[derive(Clone, Copy, Debug, Error)]
pub(crate) enum MetadataFault {
    #[error(transparent)]
    Document(#[from] MetadataError),
    #[error("it names no key set")]
    NoKeySet,
}

impl Metadata {
    /// The address of the key set, as the document `body` says.
    pub(super) fn key_set(&self, body: &[u8]) -> Result<Uri, MetadataFault> {
        let metadata = ReceivedMetadata::parse(body, &self.issuer, self.loopback)?;
        let address = metadata.jwks_uri.and_then(|address| address.parse().ok());
        address.ok_or(MetadataFault::NoKeySet)
    }
}

/// `address`, if `what`, which it is the address of, may be fetched from there.
pub(crate) fn check_address(
    what: &str,
    address: &str,
    loopback: LoopbackHosts,
) -> Result<Uri, ConfigurationError> {
    let no_url = || ConfigurationError::new(format!("the {what} is not a URL: {address:?}"));
    let parsed = Url::parse(address).map_err(|_| no_url())?;
    let local = parsed.scheme() == "http" && is_loopback_host(&parsed);
    if local && loopback == LoopbackHosts::Refused {
        return Err(ConfigurationError::new(format!(
            "the {what} {address:?} has no TLS: use https, or call danger_allow_loopback() \
             while developing"
        )));
    }
    if parsed.scheme() != "https" && !local {
        return Err(ConfigurationError::new(format!(
            "the {what} {address:?} must start with https://, because whoever can change the \
             keys on their way can issue tokens"
        )));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(ConfigurationError::new(format!(
            "the {what} has a user name or a password: remove it"
        )));
    }
    parsed.as_str().parse().map_err(|_| no_url())
}
