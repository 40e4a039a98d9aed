//! Where the endpoints of a provider are: what its file names, else its metadata.

use std::sync::Arc;

use countersign_oauth::UnixTime;
use countersign_oauth::received_metadata::ReceivedMetadata;
use countersign_resource_server::provider::{AssertionAudience, Endpoints, IssuerRule};

use super::Upstream;
use super::error::UpstreamError;

/// An address of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Authorization,
    Token,
    Revocation,
    Userinfo,
    Introspection,
    Jwks,
}

impl Endpoint {
    /// What it is called in a sentence.
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Authorization => "the authorization endpoint of the provider",
            Self::Token => "the token endpoint of the provider",
            Self::Revocation => "the revocation endpoint of the provider",
            Self::Userinfo => "the userinfo endpoint of the provider",
            Self::Introspection => "the introspection endpoint of the provider",
            Self::Jwks => "the key set of the provider",
        }
    }

    pub(super) fn configured(self, endpoints: &Endpoints) -> Option<&str> {
        match self {
            Self::Authorization => &endpoints.authorization,
            Self::Token => &endpoints.token,
            Self::Revocation => &endpoints.revocation,
            Self::Userinfo => &endpoints.userinfo,
            Self::Introspection => &endpoints.introspection,
            Self::Jwks => &endpoints.jwks,
        }
        .as_deref()
    }

    fn published(self, metadata: &ReceivedMetadata) -> Option<&str> {
        match self {
            Self::Authorization => &metadata.authorization_endpoint,
            Self::Token => &metadata.token_endpoint,
            Self::Revocation => &metadata.revocation_endpoint,
            Self::Userinfo => &metadata.userinfo_endpoint,
            Self::Introspection => &metadata.introspection_endpoint,
            Self::Jwks => &metadata.jwks_uri,
        }
        .as_deref()
    }
}

impl Upstream {
    /// Where `endpoint` is; nothing if the provider has none.
    pub(super) async fn endpoint(
        &self,
        endpoint: Endpoint,
        now: UnixTime,
    ) -> Result<Option<String>, UpstreamError> {
        if let Some(address) = endpoint.configured(&self.0.provider.endpoints) {
            return Ok(Some(address.to_owned()));
        }
        let metadata = self.metadata(now).await?;
        let published = metadata.as_deref().and_then(|one| endpoint.published(one));
        Ok(published.map(str::to_owned))
    }

    /// Where `endpoint` is, which nothing works without.
    pub(super) async fn needed(
        &self,
        endpoint: Endpoint,
        now: UnixTime,
    ) -> Result<String, UpstreamError> {
        self.endpoint(endpoint, now).await?.ok_or_else(|| {
            let what = endpoint.what();
            let sentence = format!("the metadata document of the provider does not name {what}");
            self.0.asker.bad_answer(&sentence)
        })
    }

    /// What the provider publishes about itself; nothing if nothing is published.
    pub(super) async fn metadata(
        &self,
        now: UnixTime,
    ) -> Result<Option<Arc<ReceivedMetadata>>, UpstreamError> {
        match &self.0.discovery {
            Some(discovery) => discovery.current(&self.0.asker, now).await.map(Some),
            None => Ok(None),
        }
    }

    /// The issuer identifier of the provider, as configured or published.
    pub(super) async fn issuer(&self, now: UnixTime) -> Result<Option<String>, UpstreamError> {
        if let Some(issuer) = &self.0.provider.endpoints.issuer {
            return Ok(Some(issuer.clone()));
        }
        let metadata = self.metadata(now).await?;
        Ok(metadata.map(|metadata| metadata.issuer.clone()))
    }

    /// The issuer that signs: the name of an unsigned source is none.
    fn signing_issuer(&self) -> Option<&str> {
        let identity = &self.0.login.identity;
        match &identity.issuer {
            IssuerRule::Fixed(issuer) if identity.source.is_signed() => Some(issuer),
            IssuerRule::Fixed(_) | IssuerRule::OfMetadata | IssuerRule::Template(_) => None,
        }
    }

    /// `aud` of assertions; empty if none are made.
    pub(super) async fn assertion_audience(&self, now: UnixTime) -> Result<String, UpstreamError> {
        match self.0.credentials.assertion_audience() {
            None => Ok(String::new()),
            Some(AssertionAudience::TokenEndpoint) => self.needed(Endpoint::Token, now).await,
            Some(AssertionAudience::Issuer) => {
                let issuer = self.issuer(now).await?;
                issuer
                    .or_else(|| self.signing_issuer().map(str::to_owned))
                    .ok_or_else(|| {
                        let sentence = "the provider has no issuer that an assertion could be for";
                        self.0.asker.bad_answer(sentence)
                    })
            }
        }
    }

    /// Whether an authorization response that names `iss` comes from this provider
    /// (RFC 9207 §2.4: "If the value does not match the expected issuer identifier,
    /// clients MUST reject the authorization response").
    ///
    /// It is asked before the attempt is used up and the code is sent anywhere.
    ///
    /// # Errors
    ///
    /// [`UpstreamError::Identity`] if it does not; [`UpstreamError::Unavailable`] if the
    /// issuer cannot be found out.
    pub(crate) async fn check_issuer(
        &self,
        iss: Option<&str>,
        now: UnixTime,
    ) -> Result<(), UpstreamError> {
        let Some(iss) = iss else {
            let always = self.0.login.sends_iss
                || self.metadata(now).await?.is_some_and(|one| one.sends_iss);
            return if always {
                Err(UpstreamError::Identity(
                    "the answer does not say which provider it comes from".to_owned(),
                ))
            } else {
                Ok(())
            };
        };
        let issuer = self.issuer(now).await?;
        let expected = issuer.as_deref().or_else(|| self.signing_issuer());
        if expected.is_none_or(|expected| is_issuer(iss, expected)) {
            Ok(())
        } else {
            Err(UpstreamError::Identity(
                "the answer comes from another provider".to_owned(),
            ))
        }
    }
}

/// Byte for byte; or, where a provider writes `{…}` for the tenant into its own metadata,
/// with any plain name there.
pub(super) fn is_issuer(iss: &str, expected: &str) -> bool {
    let parts = expected
        .split_once('{')
        .and_then(|(before, rest)| Some((before, rest.split_once('}')?.1)));
    let Some((before, behind)) = parts else {
        return iss == expected;
    };
    let tenant = iss
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(behind));
    tenant.is_some_and(|tenant| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !tenant.is_empty() && tenant.bytes().all(plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x21_an_issuer_is_compared_byte_for_byte_and_a_tenant_is_a_plain_name() {
        for (iss, expected, fits) in [
            ("https://a.example", "https://a.example", true),
            ("https://a.example/", "https://a.example", false),
            ("https://A.example", "https://a.example", false),
            ("https://a.example/t-1/v2", "https://a.example/{t}/v2", true),
            (
                "https://a.example/{t}/v2",
                "https://a.example/{t}/v2",
                false,
            ),
            ("https://a.example//v2", "https://a.example/{t}/v2", false),
            (
                "https://a.example/x/y/v2",
                "https://a.example/{t}/v2",
                false,
            ),
            ("https://a.example/t/v1", "https://a.example/{t}/v2", false),
        ] {
            assert_eq!(is_issuer(iss, expected), fits, "{iss}");
        }
    }
}
