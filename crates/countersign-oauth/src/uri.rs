//! Identifiers that are URIs and stay the string they were written as.
//!
//! RFC 8414, RFC 9207 and RFC 9728 compare identifiers as strings
//! (RFC 3986 §6.2.1). A URL library would append `/` to a bare origin and break
//! the comparison, so the text is parsed only to be judged and then kept.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use url::Url;

/// Why a text is not accepted as an identifier.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
#[non_exhaustive]
pub enum InvalidIdentifier {
    /// Not an absolute URI.
    #[error("not an absolute URL")]
    NotAbsolute,
    /// Neither `https` nor `http` on a loopback host.
    #[error("the scheme must be https (http only for loopback hosts)")]
    Scheme,
    /// It has a fragment.
    #[error("a fragment (#…) is not allowed")]
    Fragment,
    /// It has a query.
    #[error("a query (?…) is not allowed")]
    Query,
    /// It has a user name or a password.
    #[error("a user name or password is not allowed")]
    UserInfo,
    /// It has blanks or control characters.
    #[error("blanks and control characters are not allowed")]
    Characters,
}

fn judge(text: &str, query_allowed: bool) -> Result<(), InvalidIdentifier> {
    if text
        .bytes()
        .any(|byte| byte <= 0x20 || byte >= 0x7F || byte == b'"' || byte == b'\\')
    {
        return Err(InvalidIdentifier::Characters);
    }
    let url = Url::parse(text).map_err(|_| InvalidIdentifier::NotAbsolute)?;
    if !url.has_host() {
        return Err(InvalidIdentifier::NotAbsolute);
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback_host(&url) => {}
        _ => return Err(InvalidIdentifier::Scheme),
    }
    if url.fragment().is_some() {
        return Err(InvalidIdentifier::Fragment);
    }
    if !query_allowed && url.query().is_some() {
        return Err(InvalidIdentifier::Query);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidIdentifier::UserInfo);
    }
    Ok(())
}

/// Whether the host of `url` is `localhost` or a loopback address literal.
pub fn is_loopback_host(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// An issuer identifier (RFC 8414 §2): https, no query, no fragment; compared byte for byte.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Issuer(Arc<str>);

impl Issuer {
    /// Judges and keeps `text` unchanged.
    ///
    /// # Errors
    ///
    /// [`InvalidIdentifier`] says which rule of RFC 8414 §2 is broken.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        judge(text, false)?;
        Ok(Self(Arc::from(text)))
    }

    /// The identifier as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A resource identifier (RFC 8707 §2, RFC 9728 §1.2): https, no fragment; compared byte for byte.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceUri(Arc<str>);

impl ResourceUri {
    /// Judges and keeps `text` unchanged.
    ///
    /// # Errors
    ///
    /// [`InvalidIdentifier`] says which rule of RFC 8707 §2 is broken.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        judge(text, true)?;
        Ok(Self(Arc::from(text)))
    }

    /// The identifier as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme and authority, as written: `https://host:port`.
    pub fn origin(&self) -> &str {
        let after_scheme = self.0.find("://").map_or(0, |at| at + 3);
        let rest = self.0.get(after_scheme..).unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        self.0.get(..after_scheme + end).unwrap_or(&self.0)
    }

    /// The path, as written; empty for a bare origin.
    pub fn path(&self) -> &str {
        let rest = self.0.get(self.origin().len()..).unwrap_or_default();
        rest.split('?').next().unwrap_or_default()
    }
}

macro_rules! shown_as_text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    )*};
}
shown_as_text!(Issuer, ResourceUri);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_keeps_its_spelling() {
        for text in [
            "https://as.test",
            "https://as.test/",
            "https://AS.test/tenant",
        ] {
            assert_eq!(Issuer::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn the_parts_of_a_resource_are_slices_of_it() {
        let resource = ResourceUri::parse("https://rs.test:8443/mcp?x=1").unwrap();
        assert_eq!(resource.origin(), "https://rs.test:8443");
        assert_eq!(resource.path(), "/mcp");
        assert_eq!(ResourceUri::parse("https://rs.test").unwrap().path(), "");
    }

    #[test]
    fn rs_06_a_resource_that_is_not_https_or_has_a_fragment_is_refused() {
        use InvalidIdentifier::{Fragment, NotAbsolute, Scheme, UserInfo};
        for (text, reason) in [
            ("http://rs.test/mcp", Scheme),
            ("https://rs.test/mcp#x", Fragment),
            ("/mcp", NotAbsolute),
            ("https://user@rs.test/mcp", UserInfo),
        ] {
            assert_eq!(ResourceUri::parse(text), Err(reason), "{text}");
        }
        assert!(ResourceUri::parse("http://localhost:8000/mcp").is_ok());
    }
}
