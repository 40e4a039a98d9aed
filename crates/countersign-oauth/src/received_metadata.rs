//! The metadata of another authorization server: RFC 8414 §3.2 and §3.3, OpenID Connect
//! Discovery 1.0 §4.2 and §4.3.
//!
//! The document is fetched by whoever has a network. Here goes what it must say: the
//! issuer that was asked for, byte for byte, and endpoints that credentials can be sent
//! to. Members that nobody asks for are not looked at.

use serde_json::{Map, Value};
use thiserror::Error;
use url::Url;

use crate::json::{self, JsonError};
use crate::uri::is_loopback_host;
use crate::web_uri::LoopbackHosts;

/// The longest address, in bytes.
const MAX_ADDRESS_BYTES: usize = 2_048;

/// Why a document is refused. The text never contains a part of it.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataError {
    /// It is no strict JSON object.
    #[error("the metadata document cannot be read: {0}")]
    Json(#[from] JsonError),
    /// `issuer` is absent or not the expected one (RFC 8414 §3.3: "If these values are not
    /// identical, the data contained in the response MUST NOT be used.").
    #[error("the metadata document is that of another issuer")]
    Issuer,
    /// A member has the wrong type.
    #[error("the member {0} of the metadata document has the wrong type")]
    Type(&'static str),
    /// An address is not https, or has a user name or a fragment.
    #[error("the member {0} of the metadata document is no acceptable address")]
    Address(&'static str),
}

/// What another authorization server says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ReceivedMetadata {
    /// The issuer, as written.
    pub issuer: String,
    /// Where people log in.
    pub authorization_endpoint: Option<String>,
    /// Where codes become tokens.
    pub token_endpoint: Option<String>,
    /// Where tokens are revoked.
    pub revocation_endpoint: Option<String>,
    /// Where it is said whom an access token is about.
    pub userinfo_endpoint: Option<String>,
    /// Where tokens are introspected.
    pub introspection_endpoint: Option<String>,
    /// The keys of its signatures.
    pub jwks_uri: Option<String>,
    /// Whether each authorization response names the issuer (RFC 9207 §3).
    pub sends_iss: bool,
}

impl ReceivedMetadata {
    /// What is known of `issuer` if it publishes nothing.
    pub fn unpublished(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            authorization_endpoint: None,
            token_endpoint: None,
            revocation_endpoint: None,
            userinfo_endpoint: None,
            introspection_endpoint: None,
            jwks_uri: None,
            sends_iss: false,
        }
    }

    /// Reads a document whose issuer must be `expected`, byte for byte. `loopback` says whether
    /// an endpoint may be on this machine, and without TLS then.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] says what is wrong.
    pub fn parse(
        body: &[u8],
        expected: &str,
        loopback: LoopbackHosts,
    ) -> Result<Self, MetadataError> {
        let document = json::parse_object(body)?;
        let issuer = document.get("issuer").and_then(Value::as_str);
        let issuer = issuer.filter(|issuer| *issuer == expected);
        let issuer = issuer.ok_or(MetadataError::Issuer)?.to_owned();
        let address = |name| address(&document, name, loopback);
        Ok(Self {
            issuer,
            authorization_endpoint: address("authorization_endpoint")?,
            token_endpoint: address("token_endpoint")?,
            revocation_endpoint: address("revocation_endpoint")?,
            userinfo_endpoint: address("userinfo_endpoint")?,
            introspection_endpoint: address("introspection_endpoint")?,
            jwks_uri: address("jwks_uri")?,
            sends_iss: sends_iss(&document)?,
        })
    }
}

/// Whether `text` is an address that credentials may be sent to.
pub fn is_endpoint(text: &str, loopback: LoopbackHosts) -> bool {
    let plain = |byte: u8| (0x21..0x7F).contains(&byte) && !b"\"<>\\^`{|}".contains(&byte);
    if text.len() > MAX_ADDRESS_BYTES || !text.bytes().all(plain) {
        return false;
    }
    // A URL library repairs other spellings, each in its own way.
    let authority = text
        .strip_prefix("https://")
        .or(text.strip_prefix("http://"));
    if authority.is_none_or(|authority| authority.starts_with('/')) {
        return false;
    }
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let is_protected = match url.scheme() {
        "https" => true,
        "http" => loopback == LoopbackHosts::Allowed && is_loopback_host(&url),
        _ => false,
    };
    is_bare && is_protected && url.has_host()
}

pub(crate) fn address(
    document: &Map<String, Value>,
    name: &'static str,
    loopback: LoopbackHosts,
) -> Result<Option<String>, MetadataError> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if is_endpoint(text, loopback) => Ok(Some(text.clone())),
        Some(Value::String(_)) => Err(MetadataError::Address(name)),
        Some(_) => Err(MetadataError::Type(name)),
    }
}

fn sends_iss(document: &Map<String, Value>) -> Result<bool, MetadataError> {
    let name = "authorization_response_iss_parameter_supported";
    match document.get(name) {
        None => Ok(false),
        Some(Value::Bool(sends)) => Ok(*sends),
        Some(_) => Err(MetadataError::Type(name)),
    }
}
