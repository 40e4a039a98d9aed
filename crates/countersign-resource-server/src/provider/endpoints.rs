//! The addresses of a provider.

use serde::Deserialize;

use super::fill::Filler;
use crate::where_in_file::Fault;

/// The addresses of a provider that its file names; the metadata document has the
/// others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Endpoints {
    /// The issuer identifier, byte for byte as the provider writes it: in its metadata
    /// document, in `iss` of its answers and tokens (RFC 8414 §2). Some providers write
    /// a template here, such as `https://login.microsoftonline.com/{tenantid}/v2.0`.
    pub issuer: Option<String>,
    /// Where people log in (RFC 6749 §3.1).
    pub authorization: Option<String>,
    /// Where codes become tokens (RFC 6749 §3.2).
    pub token: Option<String>,
    /// Where tokens are revoked (RFC 7009 §2).
    pub revocation: Option<String>,
    /// Who an access token is about (OpenID Connect Core 1.0 §5.3), or whatever the
    /// provider has instead: asked with GET and the token as Bearer.
    pub userinfo: Option<String>,
    /// Where tokens are introspected (RFC 7662 §2).
    pub introspection: Option<String>,
    /// The keys that ID tokens and access tokens are signed with (RFC 7517 §5).
    pub jwks: Option<String>,
}

impl Endpoints {
    /// Each endpoint that is an address to ask, with the name of its field.
    pub(super) fn named(&self) -> [(&'static str, Option<&str>); 6] {
        [
            ("endpoints.authorization", self.authorization.as_deref()),
            ("endpoints.token", self.token.as_deref()),
            ("endpoints.revocation", self.revocation.as_deref()),
            ("endpoints.userinfo", self.userinfo.as_deref()),
            ("endpoints.introspection", self.introspection.as_deref()),
            ("endpoints.jwks", self.jwks.as_deref()),
        ]
    }

    pub(super) fn fill(&mut self, filler: &Filler<'_>) -> Result<(), Fault> {
        for (field, address) in [
            ("endpoints.issuer", &mut self.issuer),
            ("endpoints.authorization", &mut self.authorization),
            ("endpoints.token", &mut self.token),
            ("endpoints.revocation", &mut self.revocation),
            ("endpoints.userinfo", &mut self.userinfo),
            ("endpoints.introspection", &mut self.introspection),
            ("endpoints.jwks", &mut self.jwks),
        ] {
            filler.optional_url(field, address)?;
        }
        Ok(())
    }
}
