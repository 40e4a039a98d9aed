//! Redirection URIs: RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1.
//!
//! A redirection URI stays the bytes it was registered with and is compared
//! byte for byte; the port of a loopback URI alone may differ (RFC 8252 §7.3).
//! The text is judged once, when it is registered, by a grammar narrower than
//! that of RFC 3986: what two parsers may read in two ways is refused.
//!
//! Servers read for this design compared parsed URLs, prefixes or patterns, and
//! sent codes to look-alikes: `@`, backslashes, `%2e%2e`, dots as wildcards.

mod judge;
mod matching;
mod registration;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use matching::{RedirectMismatch, VerifiedRedirect, match_redirect_uri};
pub use registration::{ApplicationType, KNOWN_CLIENT_SCHEMES, MAX_REDIRECT_URIS, RedirectRules};

/// The longest redirection URI, in bytes.
pub const MAX_REDIRECT_URI_BYTES: usize = 1_024;

/// Why a text is not accepted as a redirection URI.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRedirectUri {
    /// Longer than [`MAX_REDIRECT_URI_BYTES`].
    #[error("a redirect URI is longer than 1024 bytes")]
    TooLong,
    /// It has characters that RFC 3986 does not allow, or `*`.
    #[error("a redirect URI has blanks, controls, wildcards or characters outside RFC 3986")]
    Characters,
    /// A `%` without two digits, or one that hides a dot, a slash or a control.
    #[error("a redirect URI has percent-encoding that is malformed or hides a delimiter")]
    PercentEncoding,
    /// No scheme, or one that is not in lower case.
    #[error("a redirect URI must be absolute, with its scheme in lower case")]
    NotAbsolute,
    /// `javascript`, `data` and other schemes that do more than hand over an answer.
    #[error("a redirect URI has a scheme that is never accepted")]
    ForbiddenScheme,
    /// `http` to another host than a loopback one (RFC 8252 §7.3).
    #[error("a redirect URI must use https; http is only for 127.0.0.1, [::1] and localhost")]
    PlainHttp,
    /// A fragment (RFC 6749 §3.1.2: "MUST NOT include a fragment component").
    #[error("a redirect URI has a fragment")]
    Fragment,
    /// A user name or password.
    #[error("a redirect URI has a user name or password")]
    UserInfo,
    /// The host is missing or not in the form every parser gives it.
    #[error("a redirect URI has no host, or a host that is not written canonically")]
    Host,
    /// The port is empty, zero, has leading zeros or is above 65535.
    #[error("a redirect URI has a port that is not a number from 1 to 65535")]
    Port,
    /// `.` or `..` as a segment of the path.
    #[error("a redirect URI has dot segments in its path")]
    DotSegments,
    /// A loopback host or private-use scheme of a web application.
    #[error("a web application must redirect to https hosts, not to loopback or private schemes")]
    NotForWeb,
    /// A private-use scheme without a dot that is not on the list (RFC 8252 §7.1).
    #[error("a private-use scheme must be a reversed domain name or on the list of this server")]
    UnknownScheme,
    /// No redirection URI where one is needed.
    #[error("redirect_uris is missing or empty")]
    Missing,
    /// More than [`MAX_REDIRECT_URIS`], or one of them twice.
    #[error("there are too many redirect URIs, or one of them twice")]
    TooMany,
    /// An entry of `redirect_uris` is no text, or it is no array.
    #[error("redirect_uris must be an array of texts")]
    NotText,
}

/// What kind of address a redirection URI is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "consent must say something about each kind"
)]
pub enum RedirectKind {
    /// `https` to a host that is not this machine.
    Web,
    /// `127.0.0.1`, `[::1]` or `localhost` (RFC 8252 §7.3): any program of the
    /// machine may listen there.
    Loopback,
    /// A scheme that an application registered with the system (RFC 8252 §7.1).
    PrivateUse,
}

/// A redirection URI that fits the grammar; it keeps its bytes.
///
/// Which of them a client may register is decided by [`RedirectRules`]; to
/// which of them an answer may go, by [`match_redirect_uri`].
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri {
    text: Arc<str>,
    parts: Parts,
}

/// Where the parts of the text end, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Parts {
    scheme_end: usize,
    /// Start and end of the host; empty for private-use schemes.
    host: (usize, usize),
    /// The end of the port, which is that of the host if there is none.
    authority_end: usize,
}

impl RedirectUri {
    /// Judges `text` and keeps it unchanged.
    ///
    /// # Errors
    ///
    /// [`InvalidRedirectUri`] says which rule is broken.
    pub fn parse(text: &str) -> Result<Self, InvalidRedirectUri> {
        Ok(Self {
            parts: judge::judge(text)?,
            text: Arc::from(text),
        })
    }

    /// The URI as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme, in lower case.
    pub fn scheme(&self) -> &str {
        self.slice(0, self.parts.scheme_end)
    }

    /// The host as it is written, to be shown at consent; nothing for
    /// private-use schemes, whose [`RedirectUri::scheme`] is shown instead.
    pub fn host(&self) -> Option<&str> {
        let (start, end) = self.parts.host;
        (start < end).then(|| self.slice(start, end))
    }

    /// The host with its port, if it names one; nothing for private-use schemes.
    pub fn authority(&self) -> Option<&str> {
        let (start, end) = self.parts.host;
        (start < end).then(|| self.slice(start, self.parts.authority_end))
    }

    /// What kind of address this is.
    pub fn kind(&self) -> RedirectKind {
        match self.host() {
            None => RedirectKind::PrivateUse,
            Some(host) if is_loopback(host) => RedirectKind::Loopback,
            Some(_) => RedirectKind::Web,
        }
    }

    /// The text without its port.
    fn without_port(&self) -> (&str, &str) {
        let (before, after) = (self.parts.host.1, self.parts.authority_end);
        (self.slice(0, before), self.slice(after, self.text.len()))
    }

    fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }
}

/// The loopback hosts of RFC 8252 §7.3, and `localhost`, which §8.3 discourages
/// and most clients use. Other addresses of 127.0.0.0/8 are not among them.
fn is_loopback(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "[::1]" | "localhost")
}

impl TryFrom<String> for RedirectUri {
    type Error = InvalidRedirectUri;

    fn try_from(text: String) -> Result<Self, InvalidRedirectUri> {
        Self::parse(&text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.text.as_ref().to_owned()
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}
