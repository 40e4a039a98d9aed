//! Protected resource metadata, read by a client: RFC 9728 §3.2 and §3.3.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::json::{self, JsonError};
use crate::protected_resource::ProtectedResourceMetadata;
use crate::resource_indicator::is_same;
use crate::{Issuer, ResourceUri, ScopeSet};

/// More authorization servers than this are not looked at.
const MAX_SERVERS: usize = 16;

/// Nor more algorithms.
const MAX_ALGORITHMS: usize = 64;

/// Why a document is refused. The text never contains a part of it.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceMetadataError {
    /// It is no strict JSON object.
    #[error("the metadata of the server cannot be read: {0}")]
    Json(#[from] JsonError),
    /// `resource` is absent or another than was asked about (RFC 9728 §3.3: "If these
    /// values are not identical, the data contained in the response MUST NOT be used.").
    #[error("the metadata of the server is about another resource than the one that is called")]
    Resource,
    /// A member has the wrong type.
    #[error("the member {0} of the metadata of the server has the wrong type")]
    Type(&'static str),
    /// No authorization server is named.
    #[error("the metadata of the server names no authorization server")]
    NoServer,
}

/// What a protected resource says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ReceivedResource {
    /// The identifier, as the document writes it: that is what goes into requests for
    /// tokens (RFC 8707 §2).
    pub resource: ResourceUri,
    /// The issuers whose tokens it accepts, at least one. Those that are no issuers are
    /// left out.
    pub authorization_servers: Vec<Issuer>,
    /// The scopes that a client asks for first; nothing if they are not said.
    pub scopes_supported: Option<ScopeSet>,
    /// Whether tokens must be bound to a key (RFC 9728 §2).
    pub dpop_bound_access_tokens_required: bool,
    /// What proofs of possession may be signed with (RFC 9728 §2); nothing if they are not
    /// accepted.
    pub dpop_algorithms: Vec<String>,
}

impl ReceivedResource {
    /// Reads the document that was fetched from `address`, about the resource that is
    /// called as `server`.
    ///
    /// It is about this resource if it says so, byte for byte but for the spelling of
    /// the host. It is also if it comes from the well-known place of a resource above it
    /// on the same host, and is about that (RFC 9728 §3.3): whoever publishes there
    /// speaks for what is below.
    ///
    /// # Errors
    ///
    /// [`ResourceMetadataError`] says what is wrong.
    pub fn parse(
        body: &[u8],
        server: &ResourceUri,
        address: &str,
    ) -> Result<Self, ResourceMetadataError> {
        let document = json::parse_object(body)?;
        let resource = document.get("resource").and_then(Value::as_str);
        let resource = resource.and_then(|text| ResourceUri::parse(text).ok());
        let resource = resource
            .filter(|resource| is_about(resource, server, address))
            .ok_or(ResourceMetadataError::Resource)?;
        let servers = texts(&document, "authorization_servers")?.unwrap_or_default();
        let servers: Vec<Issuer> = servers
            .into_iter()
            .filter_map(|text| Issuer::parse(text).ok())
            .take(MAX_SERVERS)
            .collect();
        if servers.is_empty() {
            return Err(ResourceMetadataError::NoServer);
        }
        let scopes = texts(&document, "scopes_supported")?;
        let scopes = scopes.map(ScopeSet::from_names).transpose();
        Ok(Self {
            resource,
            authorization_servers: servers,
            scopes_supported: scopes
                .map_err(|_| ResourceMetadataError::Type("scopes_supported"))?
                .filter(|scopes| !scopes.is_empty()),
            dpop_bound_access_tokens_required: flag(
                &document,
                "dpop_bound_access_tokens_required",
            )?,
            // Nothing else hangs on it: what cannot be read offers nothing.
            dpop_algorithms: texts(&document, "dpop_signing_alg_values_supported")
                .ok()
                .flatten()
                .unwrap_or_default()
                .into_iter()
                .take(MAX_ALGORITHMS)
                .map(str::to_owned)
                .collect(),
        })
    }
}

fn is_about(resource: &ResourceUri, server: &ResourceUri, address: &str) -> bool {
    if is_same(resource, server) {
        return true;
    }
    let is_on_host = resource.origin().eq_ignore_ascii_case(server.origin());
    let above = resource.path().trim_end_matches('/');
    let below = server.path().strip_prefix(above);
    let is_above = below.is_some_and(|below| below.starts_with('/'));
    let has_query = resource.as_str().contains('?');
    let place = ProtectedResourceMetadata::new(resource.clone()).address();
    is_on_host && is_above && !has_query && place == address
}

fn texts<'a>(
    document: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<Vec<&'a str>>, ResourceMetadataError> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(values)) => {
            let texts = values.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
            texts.map(Some).ok_or(ResourceMetadataError::Type(name))
        }
        Some(_) => Err(ResourceMetadataError::Type(name)),
    }
}

fn flag(document: &Map<String, Value>, name: &'static str) -> Result<bool, ResourceMetadataError> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(ResourceMetadataError::Type(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "https://rs.test/tenant/mcp";

    fn read(resource: &str, address: &str) -> Result<ReceivedResource, ResourceMetadataError> {
        let document = serde_json::json!({
            "resource": resource,
            "authorization_servers": ["https://as.test"],
        });
        let server = ResourceUri::parse(SERVER).unwrap();
        ReceivedResource::parse(document.to_string().as_bytes(), &server, address)
    }

    #[test]
    fn i2_cl_04_metadata_about_another_resource_is_refused() {
        let own = "https://rs.test/.well-known/oauth-protected-resource/tenant/mcp";
        let root = "https://rs.test/.well-known/oauth-protected-resource";
        for (resource, address) in [
            ("https://other.test/tenant/mcp", own),
            ("https://rs.test:8443/tenant/mcp", own),
            ("https://rs.test/tenant/mcp/", own),
            ("https://rs.test/tenant/mcp/deeper", own),
            ("https://rs.test/tenant/MCP", own),
            ("https://rs.test/other", own),
            (
                "https://rs.test/ten",
                "https://rs.test/.well-known/oauth-protected-resource/ten",
            ),
            // What is above speaks at its own place alone.
            ("https://rs.test", own),
            ("https://rs.test/", "https://rs.test/tenant/metadata.json"),
            ("https://rs.test/?x=1", root),
            ("https://rs.test/tenant", root),
            ("http://rs.test/tenant/mcp", own),
            ("", own),
        ] {
            assert_eq!(
                read(resource, address),
                Err(ResourceMetadataError::Resource),
                "{resource} from {address}"
            );
        }
    }

    #[test]
    fn cl_24_the_identifier_stays_as_it_is_published() {
        let own = "https://rs.test/.well-known/oauth-protected-resource/tenant/mcp";
        let root = "https://rs.test/.well-known/oauth-protected-resource";
        for (resource, address) in [
            (SERVER, own),
            (SERVER, "https://rs.test/anywhere.json"),
            ("https://RS.test/tenant/mcp", own),
            ("https://rs.test", root),
            ("https://rs.test/", root),
            (
                "https://rs.test/tenant",
                "https://rs.test/.well-known/oauth-protected-resource/tenant",
            ),
        ] {
            assert_eq!(read(resource, address).unwrap().resource.as_str(), resource);
        }
    }

    #[test]
    fn cl_01_a_document_without_usable_servers_or_of_wrong_types_is_refused() {
        let server = ResourceUri::parse(SERVER).unwrap();
        for (servers, expected) in [
            ("[]", ResourceMetadataError::NoServer),
            (
                "[\"ftp://as.test\", \"https://as.test#x\"]",
                ResourceMetadataError::NoServer,
            ),
            (
                "\"https://as.test\"",
                ResourceMetadataError::Type("authorization_servers"),
            ),
            ("[1]", ResourceMetadataError::Type("authorization_servers")),
        ] {
            let body = format!(r#"{{"resource":"{SERVER}","authorization_servers":{servers}}}"#);
            let read = ReceivedResource::parse(body.as_bytes(), &server, SERVER);
            assert_eq!(read, Err(expected), "{servers}");
        }
    }
}
