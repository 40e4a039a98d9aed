//! The address that a proof is for: RFC 9449 §4.3, check 9; RFC 3986 §6.2.2 and §6.2.3.

use std::fmt::Write as _;

use thiserror::Error;
use url::Url;

/// The longest address that is looked at, in bytes.
const MAX_BYTES: usize = 2 * 1024;

/// A text that is no address of a request.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("not an http or https address of a request")]
#[non_exhaustive]
pub struct InvalidTarget;

/// An address without query and fragment, in the one spelling that RFC 3986 §6.2.2
/// (syntax) and §6.2.3 (scheme) give to all that mean the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target(String);

impl Target {
    /// Reads an absolute `http` or `https` address; query and fragment are ignored, as
    /// RFC 9449 §4.3 asks for.
    ///
    /// # Errors
    ///
    /// [`InvalidTarget`] if it is none, or if it could be read in two ways.
    pub fn parse(text: &str) -> Result<Self, InvalidTarget> {
        let end = text.find(['?', '#']).unwrap_or(text.len());
        let text = text.get(..end).ok_or(InvalidTarget)?;
        if text.len() > MAX_BYTES || !text.bytes().all(is_of_an_address) {
            return Err(InvalidTarget);
        }
        let url = Url::parse(text).map_err(|_| InvalidTarget)?;
        let (scheme, rest) = text.split_once("://").ok_or(InvalidTarget)?;
        let is_web = matches!(url.scheme(), "http" | "https");
        if !is_web || !url.scheme().eq_ignore_ascii_case(scheme) {
            return Err(InvalidTarget);
        }
        let authority = rest.split('/').next().unwrap_or_default();
        let host = url.host_str().ok_or(InvalidTarget)?;
        // The URL Standard reads more from a host than RFC 3986 does: 127.1, 0x7f.1, %61.
        if !host.eq_ignore_ascii_case(without_port(authority)) {
            return Err(InvalidTarget);
        }
        let mut normal = format!("{}://{host}", url.scheme());
        // Without the default port of the scheme (RFC 3986 §6.2.3).
        if let Some(port) = url.port() {
            write!(normal, ":{port}").map_err(|_| InvalidTarget)?;
        }
        push_path(&mut normal, url.path())?;
        Ok(Self(normal))
    }

    /// The address in its normal spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `unreserved`, `gen-delims` without those of query and fragment and without `@`, and
/// `sub-delims` (RFC 3986 §2), and `%`. A user name has no place in the address of a request.
fn is_of_an_address(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/[]!$&'()*+,;=%@".contains(&byte)
}

/// The host of an authority. Whoever has a user name in it gets a host that is none.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

/// RFC 3986 §6.2.2.1 and §6.2.2.2: upper case in percent-encodings, and none where none is
/// needed. The URL library removed the dot segments (§6.2.2.3), encoded ones too.
fn push_path(normal: &mut String, path: &str) -> Result<(), InvalidTarget> {
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            normal.push(char::from(byte));
            continue;
        }
        let mut digit = || {
            let digit = bytes.next().map(char::from)?;
            u8::try_from(digit.to_digit(16)?).ok()
        };
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(InvalidTarget);
        };
        let encoded = high << 4 | low;
        if encoded.is_ascii_alphanumeric() || b"-._~".contains(&encoded) {
            normal.push(char::from(encoded));
        } else {
            write!(normal, "%{encoded:02X}").map_err(|_| InvalidTarget)?;
        }
    }
    Ok(())
}
