//! Authorization server metadata: RFC 8414 §2 and §3, RFC 7662 §4, RFC 7009 §4,
//! RFC 9207 §3, draft-ietf-oauth-client-id-metadata-document §7.
//!
//! The document is built from what is offered; there is no way to advertise
//! something else. Members without a value are left out (RFC 8414 §3.2).

use serde::Serialize;

use crate::client_authentication::TokenEndpointAuthMethod;
use crate::grant_type::GrantType;
use crate::jose::{Algorithm, AlgorithmFamily};
use crate::pkce::S256;
use crate::{Issuer, Lifetime, ScopeSet};

/// The well-known name of RFC 8414 §3.
pub const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

/// The profile of RFC 7523 for identity assertions.
const ID_JAG_PROFILE: &str = "urn:ietf:params:oauth:grant-profile:id-jag";

/// The well-known name of OpenID Connect Discovery §4, which some clients ask alone.
pub const WELL_KNOWN_OPENID: &str = "/.well-known/openid-configuration";

/// What an authorization server offers. An endpoint that is absent does not exist.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerMetadata {
    /// The issuer, byte for byte as in tokens and responses.
    pub issuer: Issuer,
    /// Absolute address of the authorization endpoint.
    pub authorization_endpoint: String,
    /// Absolute address of the token endpoint.
    pub token_endpoint: String,
    /// Absolute address of the public keys; absent if all tokens are opaque.
    pub jwks_uri: Option<String>,
    /// Absolute address of the registration endpoint.
    pub registration_endpoint: Option<String>,
    /// Absolute address of the revocation endpoint.
    pub revocation_endpoint: Option<String>,
    /// Absolute address of the introspection endpoint.
    pub introspection_endpoint: Option<String>,
    /// Scopes that clients may ask for; not necessarily all there are.
    pub scopes_supported: ScopeSet,
    /// Grant types of the token endpoint.
    pub grant_types: Vec<GrantType>,
    /// Whether identity assertions are accepted
    /// (draft-ietf-oauth-identity-assertion-authz-grant, authorization server metadata).
    pub identity_assertions: bool,
    /// How clients authenticate at the token and the revocation endpoint.
    pub auth_methods: Vec<TokenEndpointAuthMethod>,
    /// What assertions may be signed with; symmetric algorithms are left out.
    pub auth_signing_algorithms: Vec<Algorithm>,
    /// What proofs of possession may be signed with; none if tokens are not bound to keys
    /// (RFC 9449 §5.1).
    pub dpop_signing_algorithms: Vec<Algorithm>,
    /// Whether client ids may be addresses of documents.
    pub client_id_documents: bool,
    /// A page for developers.
    pub service_documentation: Option<String>,
    /// How long a revocation may go unnoticed by the resource servers of this server
    /// while it cannot be asked. Not a registered member (RFC 8414 §2 permits others);
    /// in seconds, as `access_token_revocation_bound`.
    pub revocation_bound: Option<Lifetime>,
}

#[derive(Serialize)]
struct Document<'a> {
    issuer: &'a str,
    authorization_endpoint: &'a str,
    token_endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<&'a str>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grant_types_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_grant_profiles_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_documentation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    revocation_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    introspection_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dpop_signing_alg_values_supported: Vec<&'static str>,
    code_challenge_methods_supported: [&'static str; 1],
    authorization_response_iss_parameter_supported: bool,
    #[serde(skip_serializing_if = "is_false")]
    client_id_metadata_document_supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_revocation_bound: Option<u64>,
}

impl ServerMetadata {
    /// A server with the two endpoints that every one has (RFC 8414 §2), the
    /// authorization code and refresh token grants, and public clients alone.
    pub fn new(
        issuer: Issuer,
        authorization_endpoint: impl Into<String>,
        token_endpoint: impl Into<String>,
    ) -> Self {
        Self {
            issuer,
            authorization_endpoint: authorization_endpoint.into(),
            token_endpoint: token_endpoint.into(),
            jwks_uri: None,
            registration_endpoint: None,
            revocation_endpoint: None,
            introspection_endpoint: None,
            scopes_supported: ScopeSet::new(),
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            identity_assertions: false,
            auth_methods: vec![TokenEndpointAuthMethod::None],
            auth_signing_algorithms: Vec::new(),
            dpop_signing_algorithms: Vec::new(),
            client_id_documents: false,
            service_documentation: None,
            revocation_bound: None,
        }
    }

    /// The document, as JSON text.
    pub fn to_json(&self) -> String {
        let methods = || self.auth_methods.iter().map(|method| method.as_str());
        let algorithms = self.signing_algorithms();
        let revokes = self.revocation_endpoint.is_some();
        let introspects = self.introspection_endpoint.is_some();
        let document = Document {
            issuer: self.issuer.as_str(),
            authorization_endpoint: &self.authorization_endpoint,
            token_endpoint: &self.token_endpoint,
            jwks_uri: self.jwks_uri.as_deref(),
            registration_endpoint: self.registration_endpoint.as_deref(),
            scopes_supported: self
                .scopes_supported
                .iter()
                .map(|scope| scope.as_str())
                .collect(),
            response_types_supported: ["code"],
            response_modes_supported: ["query"],
            grant_types_supported: self.grant_types.iter().map(|kind| kind.as_str()).collect(),
            authorization_grant_profiles_supported: only_if(
                self.identity_assertions,
                vec![ID_JAG_PROFILE],
            ),
            token_endpoint_auth_methods_supported: methods().collect(),
            token_endpoint_auth_signing_alg_values_supported: algorithms.clone(),
            service_documentation: self.service_documentation.as_deref(),
            revocation_endpoint: self.revocation_endpoint.as_deref(),
            revocation_endpoint_auth_methods_supported: only_if(revokes, methods().collect()),
            revocation_endpoint_auth_signing_alg_values_supported: only_if(
                revokes,
                algorithms.clone(),
            ),
            introspection_endpoint: self.introspection_endpoint.as_deref(),
            // RFC 7662 §2.1: the caller of introspection must authenticate.
            introspection_endpoint_auth_methods_supported: only_if(
                introspects,
                methods().filter(|method| *method != "none").collect(),
            ),
            introspection_endpoint_auth_signing_alg_values_supported: only_if(
                introspects,
                algorithms,
            ),
            dpop_signing_alg_values_supported: self
                .dpop_signing_algorithms
                .iter()
                .filter(|algorithm| algorithm.family() != AlgorithmFamily::Hmac)
                .map(|algorithm| algorithm.as_str())
                .collect(),
            code_challenge_methods_supported: [S256],
            authorization_response_iss_parameter_supported: true,
            client_id_metadata_document_supported: self.client_id_documents,
            access_token_revocation_bound: self.revocation_bound.map(Lifetime::as_secs),
        };
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// Algorithms are stated where assertions are accepted, and only there (RFC 8414 §2).
    fn signing_algorithms(&self) -> Vec<&'static str> {
        let uses_assertions = self
            .auth_methods
            .contains(&TokenEndpointAuthMethod::PrivateKeyJwt);
        self.auth_signing_algorithms
            .iter()
            .filter(|algorithm| uses_assertions && algorithm.family() != AlgorithmFamily::Hmac)
            .map(|algorithm| algorithm.as_str())
            .collect()
    }

    /// The paths under which clients look for the document, the one of RFC 8414
    /// §3.1 first, each once: inserted before the path of the issuer, at the root,
    /// and both places of OpenID Connect Discovery §4.
    pub fn paths(issuer: &Issuer) -> Vec<String> {
        let path = issuer_path(issuer);
        let mut paths = vec![
            format!("{WELL_KNOWN}{path}"),
            format!("{WELL_KNOWN_OPENID}{path}"),
            format!("{path}{WELL_KNOWN_OPENID}"),
            WELL_KNOWN.to_owned(),
            WELL_KNOWN_OPENID.to_owned(),
        ];
        let mut seen = std::collections::BTreeSet::new();
        paths.retain(|path| seen.insert(path.clone()));
        paths
    }
}

/// The path of an issuer without its last `/` (RFC 8414 §3.1: "any terminating
/// '/' MUST be removed"); empty for a bare origin.
pub fn issuer_path(issuer: &Issuer) -> &str {
    let text = issuer.as_str();
    let authority = text.find("://").map_or(0, |at| at + 3);
    let behind = text.get(authority..).unwrap_or_default();
    let path = behind.find('/').and_then(|at| behind.get(at..));
    let path = path.unwrap_or_default();
    path.strip_suffix('/').unwrap_or(path)
}

fn only_if(offered: bool, values: Vec<&'static str>) -> Vec<&'static str> {
    if offered { values } else { Vec::new() }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is given by the derive macro"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}
