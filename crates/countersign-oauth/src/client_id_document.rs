//! Client ID metadata documents: draft-ietf-oauth-client-id-metadata-document §3 to §6.
//!
//! The id of such a client is an https URL, and the document under it says what
//! the client is. Nothing about it is registered: the document is fetched when
//! it is needed, by whoever guards outbound requests, and judged here.

use serde_json::Value;
use thiserror::Error;

use crate::ClientId;
use crate::client_metadata::{ClientMetadata, ClientMetadataError, ClientRules, Source, read};
use crate::json::{self, JsonError};
use crate::redirect_uri::InvalidRedirectUri;
use crate::web_uri::{FetchableUri, InvalidWebUri, LoopbackHosts};

/// The largest document that is read, in bytes (§6.6 recommends 5 kilobytes).
pub const MAX_DOCUMENT_BYTES: usize = 5 * 1024;

/// A client id that is the address of a document (§3).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ClientIdUrl(FetchableUri);

/// Why a document is refused. The person sees a page; nothing is redirected.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentError {
    /// The answer was not 200 (§5: "MUST NOT automatically follow HTTP redirects").
    #[error("the client metadata document was not answered with 200")]
    Status,
    /// The answer is not JSON (§4).
    #[error("the client metadata document is not application/json")]
    MediaType,
    /// Larger than [`MAX_DOCUMENT_BYTES`].
    #[error("the client metadata document is larger than 5 KiB")]
    TooLarge,
    /// No strict JSON object (§4).
    #[error("the client metadata document cannot be read: {0}")]
    Json(#[from] JsonError),
    /// `client_id` is not the address, byte for byte (§4).
    #[error("the client_id in the document is not the address of the document")]
    ClientId,
    /// `client_name` is missing (MCP authorization: it MUST be included).
    #[error("the client metadata document has no client_name")]
    NameMissing,
    /// `client_secret` or `client_secret_expires_at` is present (§4.1).
    #[error("the client metadata document has a client secret")]
    Secret,
    /// Another member is missing or refused.
    #[error(transparent)]
    Metadata(#[from] ClientMetadataError),
}

impl ClientIdUrl {
    /// The address that `id` is, if it is one that may be fetched: https, a named
    /// host, a path that is not `/`, no fragment, user name or dot segments (§3).
    ///
    /// # Errors
    ///
    /// [`InvalidWebUri`] for every other id; nothing may be fetched then.
    pub fn parse(id: &ClientId, loopback: LoopbackHosts) -> Result<Self, InvalidWebUri> {
        let uri = FetchableUri::parse(id.as_str(), loopback)?;
        if matches!(uri.path(), "" | "/") {
            return Err(InvalidWebUri);
        }
        Ok(Self(uri))
    }

    /// Whether `id` is written as an address, so that it is no id of a registration
    /// here, whatever [`ClientIdUrl::parse`] says about it.
    pub fn is_meant(id: &ClientId) -> bool {
        id.as_str().contains(':')
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host that vouches for the client, to be shown at consent.
    pub fn host(&self) -> &str {
        self.0.host()
    }
}

/// Judges the status and `Content-Type` of an answer, before its body is read (§4, §5).
///
/// # Errors
///
/// [`DocumentError::Status`] or [`DocumentError::MediaType`].
pub fn check_answer(status: u16, content_type: Option<&str>) -> Result<(), DocumentError> {
    if status != 200 {
        return Err(DocumentError::Status);
    }
    let media_type = content_type.and_then(|value| value.split(';').next());
    let media_type = media_type.unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    is_json.then_some(()).ok_or(DocumentError::MediaType)
}

/// Reads the document `body` that was fetched from `url`.
///
/// # Errors
///
/// [`DocumentError`] says what is wrong with it.
pub fn parse(
    url: &ClientIdUrl,
    body: &[u8],
    rules: &ClientRules,
) -> Result<ClientMetadata, DocumentError> {
    if body.len() > MAX_DOCUMENT_BYTES {
        return Err(DocumentError::TooLarge);
    }
    let members = json::parse_object(body)?;
    // §4: "MUST contain a client_id property whose value MUST match the URL of
    // the document using simple string comparison".
    if members.get("client_id").and_then(Value::as_str) != Some(url.as_str()) {
        return Err(DocumentError::ClientId);
    }
    if members.contains_key("client_secret") || members.contains_key("client_secret_expires_at") {
        return Err(DocumentError::Secret);
    }
    let metadata = read(&members, Source::Document, rules)?;
    if metadata.client_name.is_none() {
        return Err(DocumentError::NameMissing);
    }
    if metadata.redirect_uris.is_empty() {
        return Err(ClientMetadataError::from(InvalidRedirectUri::Missing).into());
    }
    Ok(metadata)
}
