//! Credentials of any kind in a header of their own.

use countersign_oauth::{Issuer, ScopeSet, UnixTime};

use super::{Source, SourceName};
use crate::{
    ConfigurationError, IntoVerifier, PresentedToken, Unavailable, Verification, Verifier,
};

/// Reads the credentials of another verifier from a header of their own, such as the
/// signed assertion of a proxy or a gateway.
///
/// ```
/// use countersign_resource_server::{InHeader, JwtVerifier};
///
/// let gateway = JwtVerifier::jwks("https://team.example.com/cdn-cgi/access/certs")
///     .issuer("https://team.example.com")
///     .audience("32eafc7626e737085824ab13aa");
/// let verifier = InHeader::new("Cf-Access-Jwt-Assertion", gateway);
/// # let _ = verifier;
/// ```
#[derive(Clone, Debug)]
pub struct InHeader<V> {
    header: String,
    verifier: V,
}

impl<V: IntoVerifier> InHeader<V> {
    /// The credentials of `verifier` are the whole value of the header `header`. The
    /// header can be given once, and the query is never read.
    pub fn new(header: impl Into<String>, verifier: V) -> Self {
        Self {
            header: header.into(),
            verifier,
        }
    }
}

impl<V: IntoVerifier> IntoVerifier for InHeader<V> {
    type Verifier = HeaderVerifier<V::Verifier>;

    fn into_verifier(self) -> Result<Self::Verifier, ConfigurationError> {
        let verifier = self.verifier.into_verifier()?;
        let source = Verifier::source(&verifier).presented_in(&self.header)?;
        Ok(HeaderVerifier { source, verifier })
    }
}

/// The verifier of [`InHeader`].
#[derive(Clone, Debug)]
pub struct HeaderVerifier<V> {
    source: Source,
    verifier: V,
}

impl<V: Verifier> Verifier for HeaderVerifier<V> {
    async fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<Verification, Unavailable> {
        self.verifier.verify(token, now).await
    }

    /// None: a client cannot present what they issue as a bearer token.
    fn authorization_servers(&self) -> Vec<Issuer> {
        Vec::new()
    }

    fn required_scopes(&self) -> ScopeSet {
        self.verifier.required_scopes()
    }

    fn source(&self) -> Source {
        self.source.clone()
    }
}

impl<V> HeaderVerifier<V> {
    /// The name of the source unless it is named otherwise.
    pub const fn name(&self) -> &SourceName {
        self.source.name()
    }
}
