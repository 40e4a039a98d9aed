//! What another authorization server offers to its clients: RFC 8414 §2, RFC 8628 §4,
//! RFC 9449 §5.1, draft-ietf-oauth-client-id-metadata-document §7.
//!
//! Addresses that no client may use are refused; a list that is none is treated as
//! absent, because what is not offered is not used.

use serde_json::{Map, Value};

use crate::ScopeSet;
use crate::client_authentication::TokenEndpointAuthMethod;
use crate::json;
use crate::pkce::S256;
use crate::received_metadata::{MetadataError, address};
use crate::web_uri::LoopbackHosts;

/// What an authorization server offers to its clients.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ReceivedOffer {
    /// Where clients register (RFC 7591 §3).
    pub registration_endpoint: Option<String>,
    /// Where devices ask (RFC 8628 §4).
    pub device_authorization_endpoint: Option<String>,
    /// The scopes that it knows, as far as it says so.
    pub scopes_supported: ScopeSet,
    /// Methods of proof keys (RFC 7636 §6.2); nothing if it does not say.
    pub code_challenge_methods: Option<Vec<String>>,
    /// Grant types; nothing if it does not say.
    pub grant_types: Option<Vec<String>>,
    /// Methods of client authentication that we know; nothing if it does not say, which
    /// means `client_secret_basic` (RFC 8414 §2).
    pub auth_methods: Option<Vec<TokenEndpointAuthMethod>>,
    /// Algorithms of client assertions; nothing if it does not say.
    pub auth_signing_algorithms: Option<Vec<String>>,
    /// Whether the id of a client may be the address of a document about it.
    pub client_id_documents: bool,
    /// Algorithms of proofs of possession (RFC 9449 §5.1); nothing if it does not say.
    pub dpop_algorithms: Option<Vec<String>>,
}

impl ReceivedOffer {
    /// Reads a metadata document. Whose it is is judged by
    /// [`ReceivedMetadata`](crate::received_metadata::ReceivedMetadata).
    ///
    /// # Errors
    ///
    /// [`MetadataError`] says what is wrong.
    pub fn parse(body: &[u8], loopback: LoopbackHosts) -> Result<Self, MetadataError> {
        let document = json::parse_object(body)?;
        let scopes = texts(&document, "scopes_supported").unwrap_or_default();
        let methods = texts(&document, "token_endpoint_auth_methods_supported");
        let methods = methods.map(|methods| {
            let known = methods.iter();
            known
                .filter_map(|method| TokenEndpointAuthMethod::parse(method))
                .collect()
        });
        let documents = document.get("client_id_metadata_document_supported");
        Ok(Self {
            registration_endpoint: address(&document, "registration_endpoint", loopback)?,
            device_authorization_endpoint: address(
                &document,
                "device_authorization_endpoint",
                loopback,
            )?,
            scopes_supported: ScopeSet::from_names(scopes).unwrap_or_default(),
            code_challenge_methods: texts(&document, "code_challenge_methods_supported"),
            grant_types: texts(&document, "grant_types_supported"),
            auth_methods: methods,
            auth_signing_algorithms: texts(
                &document,
                "token_endpoint_auth_signing_alg_values_supported",
            ),
            client_id_documents: documents == Some(&Value::Bool(true)),
            dpop_algorithms: texts(&document, "dpop_signing_alg_values_supported"),
        })
    }

    /// Whether proof keys with `S256` are assured. A server that does not say so may
    /// ignore them, and then they protect nothing.
    pub fn has_s256(&self) -> bool {
        let methods = self.code_challenge_methods.as_ref();
        methods.is_some_and(|methods| methods.iter().any(|method| method == S256))
    }
}

fn texts(document: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let values = document.get(name)?.as_array()?.iter();
    let texts = values.map(|value| value.as_str().map(str::to_owned));
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i8_cl_18_only_a_list_with_s256_assures_proof_keys() {
        for (methods, assured) in [
            ("null", false),
            ("[]", false),
            (r#"["plain"]"#, false),
            (r#"["s256"]"#, false),
            (r#""S256""#, false),
            (r#"["S256", 1]"#, false),
            (r#"["plain","S256"]"#, true),
        ] {
            let body = format!(r#"{{"code_challenge_methods_supported":{methods}}}"#);
            let offer = ReceivedOffer::parse(body.as_bytes(), LoopbackHosts::Refused).unwrap();
            assert_eq!(offer.has_s256(), assured, "{methods}");
        }
        let offer = ReceivedOffer::parse(b"{}", LoopbackHosts::Refused).unwrap();
        assert!(!offer.has_s256());
    }

    #[test]
    fn i3_an_endpoint_that_is_no_https_address_is_refused() {
        for address in [
            "http://as.test/register",
            "javascript:x",
            "https://u@as.test/r",
        ] {
            let body = format!(r#"{{"registration_endpoint":"{address}"}}"#);
            assert_eq!(
                ReceivedOffer::parse(body.as_bytes(), LoopbackHosts::Refused),
                Err(MetadataError::Address("registration_endpoint")),
                "{address}"
            );
        }
    }
}
