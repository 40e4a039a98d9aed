//! Named ways to authenticate at one server.
//!
//! A source is a name, a place in the request where its credentials are, and the
//! verifiers that judge them. Components say by name from which sources they accept
//! callers ([`SourceRule`]); a credential of one source never counts for another.

mod in_header;
mod rule;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::HeaderName;

use crate::ConfigurationError;
pub use in_header::{HeaderVerifier, InHeader};
pub use rule::{SourceRule, WrongSource};

/// The longest name, in bytes.
const LONGEST: usize = 64;

/// The name of a source: 1 to 64 characters of `a-z 0-9 _ -`. Cloning is cheap.
#[derive(Clone)]
pub struct SourceName(Text);

#[derive(Clone)]
enum Text {
    Fixed(&'static str),
    Made(Arc<str>),
}

impl SourceName {
    /// What verifiers of tokens are called unless they are named otherwise.
    pub const OAUTH: Self = Self(Text::Fixed("oauth"));

    /// What API keys are called unless they are named otherwise.
    pub const API_KEY: Self = Self(Text::Fixed("api_key"));

    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if it is none.
    pub fn parse(text: &str) -> Result<Self, ConfigurationError> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = |byte: u8| legal(byte) || byte == b'_' || byte == b'-';
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(is_name) {
            let shown: String = text.chars().take(80).collect();
            return Err(ConfigurationError::new(format!(
                "`{}` is not the name of a source: write 1 to {LONGEST} characters of a-z 0-9 _ -",
                shown.escape_default()
            )));
        }
        Ok(Self(Text::Made(text.into())))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Fixed(text) => text,
            Text::Made(text) => text,
        }
    }
}

impl PartialEq for SourceName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for SourceName {}

impl Hash for SourceName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialEq<str> for SourceName {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for SourceName {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Where in a request a credential is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a third place would have to be read by every gate"
)]
pub enum Presentation {
    /// `Authorization: Bearer …` (RFC 6750 §2.1).
    Bearer,
    /// `Authorization: DPoP …` with a proof (RFC 9449 §7.1): the other way to present what
    /// sources say they take as [`Self::Bearer`].
    Dpop,
    /// The whole value of a header of its own.
    Header(HeaderName),
}

/// A named way to authenticate: what a [`Verifier`](crate::Verifier) says about the
/// credentials it judges.
#[derive(Clone, Debug)]
pub struct Source {
    name: SourceName,
    presentation: Presentation,
    /// The header as it was written: its name is the same in small and capital letters
    /// (RFC 9110 §5.1), and people find it by how it looks.
    spelling: Option<Arc<str>>,
    realm: Option<Arc<str>>,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.presentation == other.presentation
            && self.realm == other.realm
    }
}

impl Eq for Source {}

/// Access tokens as Bearer credentials, under the name `oauth`.
impl Default for Source {
    fn default() -> Self {
        Self::bearer(SourceName::OAUTH)
    }
}

impl Source {
    /// Credentials that come as `Authorization: Bearer …`.
    pub const fn bearer(name: SourceName) -> Self {
        Self {
            name,
            presentation: Presentation::Bearer,
            spelling: None,
            realm: None,
        }
    }

    /// Credentials that are the whole value of the header `header`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if it is no name of a header, or one that means
    /// something else.
    pub fn header(name: SourceName, header: &str) -> Result<Self, ConfigurationError> {
        Ok(Self {
            name,
            presentation: Presentation::Header(credential_header(header)?),
            spelling: Some(header.into()),
            realm: None,
        })
    }

    /// The challenge says this name instead of where to get a token: for credentials
    /// that no authorization server issues.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<Arc<str>>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// The same under another name.
    #[must_use]
    pub fn named(mut self, name: SourceName) -> Self {
        self.name = name;
        self
    }

    /// The name.
    pub const fn name(&self) -> &SourceName {
        &self.name
    }

    /// Where its credentials are.
    pub const fn presentation(&self) -> &Presentation {
        &self.presentation
    }

    /// What its challenge calls it, if it is not one of RFC 6750 with the address of
    /// the metadata.
    pub(crate) fn realm_text(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// The same, presented in `header` instead.
    ///
    /// # Errors
    ///
    /// As [`Self::header`].
    pub(crate) fn presented_in(mut self, header: &str) -> Result<Self, ConfigurationError> {
        self.presentation = Presentation::Header(credential_header(header)?);
        self.spelling = Some(header.into());
        Ok(self)
    }

    /// The header that its credentials are in, as it was written.
    pub(crate) fn header_text(&self) -> Option<&str> {
        match &self.presentation {
            Presentation::Header(header) => {
                Some(self.spelling.as_deref().unwrap_or(header.as_str()))
            }
            Presentation::Bearer | Presentation::Dpop => None,
        }
    }
}

/// Headers that already mean something to a server or to what is in front of it.
const TAKEN: [&str; 14] = [
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "last-event-id",
    "origin",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
];
const TAKEN_BEGINNINGS: [&str; 4] = ["access-control-", "mcp-", "sec-", "x-forwarded-"];

/// A header that can carry credentials.
fn credential_header(name: &str) -> Result<HeaderName, ConfigurationError> {
    let shown: String = name.chars().take(80).collect();
    let shown = shown.escape_default();
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        ConfigurationError::new(format!(
            "`{shown}` is not the name of a header: write one such as `X-API-Key`"
        ))
    })?;
    if header == http::header::AUTHORIZATION {
        return Err(ConfigurationError::new(
            "credentials in the header `Authorization` are bearer credentials: say .bearer(), or \
             choose a header of their own such as `X-API-Key`",
        ));
    }
    let lower = header.as_str();
    let begins = |start: &&str| lower.starts_with(*start);
    if TAKEN.contains(&lower) || TAKEN_BEGINNINGS.iter().any(begins) {
        return Err(ConfigurationError::new(format!(
            "the header `{shown}` means something else: choose one of its own for credentials, \
             such as `X-API-Key`"
        )));
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sources_are_short_and_plain() {
        for name in ["oauth", "api_key", "a", "0", "team-b", &"x".repeat(64)] {
            assert_eq!(SourceName::parse(name).unwrap(), name);
        }
        for name in [
            "",
            "OAuth",
            "api key",
            "ключ",
            "a,b",
            "a\n",
            "a\"",
            &"x".repeat(65),
        ] {
            let error = SourceName::parse(name).unwrap_err().to_string();
            assert!(error.contains("is not the name of a source"), "{name:?}");
            assert!(!error.contains('\n'), "{name:?}");
        }
        let parsed = SourceName::parse("oauth").unwrap();
        assert_eq!(parsed, SourceName::OAUTH);
        assert_eq!(format!("{parsed} {parsed:?}"), "oauth \"oauth\"");
    }

    #[test]
    fn headers_that_mean_something_else_carry_no_credentials() {
        for header in [
            "Authorization",
            "authorization",
            "Cookie",
            "Host",
            "Mcp-Session-Id",
            "Mcp-Param-Region",
            "X-Forwarded-For",
            "Sec-Fetch-Site",
            "Content-Type",
            "",
            "a b",
            "X-Key:",
            "X-Key\r\nX-Other",
        ] {
            assert!(
                Source::header(SourceName::API_KEY, header).is_err(),
                "{header:?}"
            );
        }
        for header in [
            "X-API-Key",
            "Cf-Access-Jwt-Assertion",
            "X-Goog-Iap-Jwt-Assertion",
        ] {
            assert!(
                Source::header(SourceName::API_KEY, header).is_ok(),
                "{header}"
            );
        }
    }
}
