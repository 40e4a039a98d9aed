//! Protected resource metadata: RFC 9728 §2.

use serde::Serialize;

use crate::jose::Algorithm;
use crate::{Issuer, ResourceUri, ScopeSet};

/// The document a protected resource publishes about itself (RFC 9728 §2).
/// Members without a value are left out (RFC 9728 §3.2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProtectedResourceMetadata {
    /// The identifier of this resource; clients compare it with the URL they call.
    pub resource: ResourceUri,
    /// Issuers whose tokens are accepted here.
    pub authorization_servers: Vec<Issuer>,
    /// The scopes a client asks for first: the minimal set, never `offline_access`.
    pub scopes_supported: ScopeSet,
    /// A name for people.
    pub resource_name: Option<String>,
    /// Address of the documentation for developers.
    pub resource_documentation: Option<String>,
    /// What proofs of possession may be signed with; none if they are not accepted
    /// (RFC 9449 §5.1).
    pub dpop_signing_algorithms: Vec<Algorithm>,
    /// Whether every access token has to be bound to a key.
    pub dpop_bound_access_tokens_required: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    resource: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_servers: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<&'a str>,
    bearer_methods_supported: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dpop_signing_alg_values_supported: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dpop_bound_access_tokens_required: Option<bool>,
}

/// The path under which RFC 9728 §3 publishes the document.
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

impl ProtectedResourceMetadata {
    /// Metadata of `resource` that names nothing else yet.
    pub const fn new(resource: ResourceUri) -> Self {
        Self {
            resource,
            authorization_servers: Vec::new(),
            scopes_supported: ScopeSet::new(),
            resource_name: None,
            resource_documentation: None,
            dpop_signing_algorithms: Vec::new(),
            dpop_bound_access_tokens_required: false,
        }
    }

    /// The address of the document: the well-known path inserted between origin
    /// and path of the resource, whose query stays behind it (RFC 9728 §3.1).
    pub fn address(&self) -> String {
        let origin = self.resource.origin();
        let behind = self
            .resource
            .as_str()
            .get(origin.len()..)
            .unwrap_or_default();
        // "any terminating slash (/) following the host component MUST be removed".
        let behind = match behind.strip_prefix('/') {
            Some(rest) if rest.is_empty() || rest.starts_with('?') => rest,
            _ => behind,
        };
        format!("{origin}{WELL_KNOWN}{behind}")
    }

    /// The document as JSON text.
    pub fn to_json(&self) -> String {
        let asked_for = self.scopes_supported.without_offline_access();
        let document = Document {
            resource: self.resource.as_str(),
            authorization_servers: self
                .authorization_servers
                .iter()
                .map(Issuer::as_str)
                .collect(),
            scopes_supported: asked_for.iter().map(|scope| scope.as_str()).collect(),
            bearer_methods_supported: ["header"],
            resource_name: self.resource_name.as_deref(),
            resource_documentation: self.resource_documentation.as_deref(),
            dpop_signing_alg_values_supported: self
                .dpop_signing_algorithms
                .iter()
                .map(|algorithm| algorithm.as_str())
                .collect(),
            // RFC 9728 §2: "If omitted, the default value is false."
            dpop_bound_access_tokens_required: self
                .dpop_bound_access_tokens_required
                .then_some(true),
        };
        serde_json::to_string(&document).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rs_04_the_well_known_path_is_inserted_before_the_path_of_the_resource() {
        for (resource, address) in [
            (
                "https://rs.test/mcp",
                "https://rs.test/.well-known/oauth-protected-resource/mcp",
            ),
            (
                "https://rs.test",
                "https://rs.test/.well-known/oauth-protected-resource",
            ),
            (
                "https://rs.test/",
                "https://rs.test/.well-known/oauth-protected-resource",
            ),
            (
                "https://rs.test/mcp?tenant=1",
                "https://rs.test/.well-known/oauth-protected-resource/mcp?tenant=1",
            ),
            (
                "https://rs.test/?tenant=1",
                "https://rs.test/.well-known/oauth-protected-resource?tenant=1",
            ),
        ] {
            let metadata = ProtectedResourceMetadata::new(ResourceUri::parse(resource).unwrap());
            assert_eq!(metadata.address(), address);
        }
    }

    #[test]
    fn rs_05_rs_08_empty_arrays_and_offline_access_are_left_out() {
        let mut metadata =
            ProtectedResourceMetadata::new(ResourceUri::parse("https://rs.test/mcp").unwrap());
        assert_eq!(
            metadata.to_json(),
            r#"{"resource":"https://rs.test/mcp","bearer_methods_supported":["header"]}"#
        );
        metadata.scopes_supported = ScopeSet::parse("offline_access read").unwrap();
        assert!(
            metadata
                .to_json()
                .contains(r#""scopes_supported":["read"]"#)
        );
    }
}
