//! Addresses of the web in client metadata: RFC 7591 §2, RFC 7591 §5.
//!
//! Two kinds, because they do different harm: a [`PageUri`] is shown to a
//! person as a link, a [`FetchableUri`] is fetched by this server. Which
//! *addresses* may be fetched is decided after the name is resolved, by whoever
//! fetches; here goes what the text alone shows.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::{Host, Url};

use crate::redirect_uri::{RedirectKind, RedirectUri};

/// A text that is no acceptable address.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("not an acceptable address of the web")]
#[non_exhaustive]
pub struct InvalidWebUri;

/// Whether the hosts of this machine are acceptable: only while the server
/// itself runs on one, for development.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "they are or they are not")]
pub enum LoopbackHosts {
    /// They are not.
    Refused,
    /// `127.0.0.1`, `[::1]` and `localhost` are.
    Allowed,
}

/// The longest address of a page, in bytes.
const MAX_PAGE_BYTES: usize = 1_024;

/// An http or https address that may be shown as a link, never fetched.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PageUri(Arc<str>);

impl PageUri {
    /// Judges and keeps `text` unchanged.
    ///
    /// # Errors
    ///
    /// [`InvalidWebUri`] for other schemes, user names, and characters that could
    /// end an attribute or a line.
    pub fn parse(text: &str) -> Result<Self, InvalidWebUri> {
        let harmless = |byte: u8| (0x21..0x7F).contains(&byte) && !b"\"'<>\\^`{|}".contains(&byte);
        if text.len() > MAX_PAGE_BYTES || !text.bytes().all(harmless) {
            return Err(InvalidWebUri);
        }
        let has_scheme = text.starts_with("https://") || text.starts_with("http://");
        let url = Url::parse(text).map_err(|_| InvalidWebUri)?;
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        if !has_scheme || !url.has_host() || !is_anonymous {
            return Err(InvalidWebUri);
        }
        Ok(Self(Arc::from(text)))
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An https address of a named host that this server may try to fetch.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FetchableUri(RedirectUri);

impl FetchableUri {
    /// Judges and keeps `text` unchanged: the narrow grammar of
    /// [`redirect_uri`](crate::redirect_uri), https, and a host with a name that
    /// has a dot, no address literal.
    ///
    /// # Errors
    ///
    /// [`InvalidWebUri`] for every other text.
    pub fn parse(text: &str, loopback: LoopbackHosts) -> Result<Self, InvalidWebUri> {
        let uri = RedirectUri::parse(text).map_err(|_| InvalidWebUri)?;
        let url = Url::parse(text).map_err(|_| InvalidWebUri)?;
        let is_named =
            matches!(url.host(), Some(Host::Domain(name)) if name.contains('.') && !is_local(name));
        let is_allowed = match uri.kind() {
            RedirectKind::Web => is_named,
            RedirectKind::Loopback => loopback == LoopbackHosts::Allowed,
            RedirectKind::PrivateUse => false,
        };
        if uri.scheme() != "https" || !is_allowed {
            return Err(InvalidWebUri);
        }
        Ok(Self(uri))
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host, in lower case.
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    /// The path as it was written, without the query; may be empty.
    pub fn path(&self) -> &str {
        let text = self.as_str();
        let authority = text.find("://").map_or(0, |at| at + 3);
        let behind = text.get(authority..).unwrap_or_default();
        let path = behind.find('/').and_then(|at| behind.get(at..));
        path.unwrap_or_default()
            .split('?')
            .next()
            .unwrap_or_default()
    }
}

/// Names that by RFC 6761 and RFC 6762 lead to this machine or this network.
fn is_local(name: &str) -> bool {
    [".localhost", ".local", ".internal", ".home.arpa"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
}

impl TryFrom<String> for PageUri {
    type Error = InvalidWebUri;

    fn try_from(text: String) -> Result<Self, InvalidWebUri> {
        Self::parse(&text)
    }
}

impl TryFrom<String> for FetchableUri {
    type Error = InvalidWebUri;

    /// Reads what was judged before it was stored.
    fn try_from(text: String) -> Result<Self, InvalidWebUri> {
        Self::parse(&text, LoopbackHosts::Allowed)
    }
}

macro_rules! shown_as_text {
    ($($name:ident),*) => {$(
        impl From<$name> for String {
            fn from(uri: $name) -> Self {
                uri.as_str().to_owned()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
    )*};
}
shown_as_text!(PageUri, FetchableUri);
