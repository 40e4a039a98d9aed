//! Access tokens of an identity provider, accepted directly: judged as its preset says
//! ([`TokenProfile`](crate::provider::TokenProfile)).
//!
//! Three kinds of providers are told apart: those whose tokens are JWTs, those that are
//! asked about a token (RFC 7662, or what they have instead), and those whose userinfo
//! endpoint is asked with it. Whichever it is, a token must be for us: by its audience,
//! or by the application that it was issued to. A provider that says neither is refused
//! when the server starts.

mod asked;
mod builder;
mod endpoint;
mod judge;
mod signed;

use countersign_oauth::{Issuer, ScopeSet, ScopeToken, UnixTime};

pub use builder::ProviderVerifierBuilder;

use super::{PresentedToken, Unavailable, Verification, Verifier};
use crate::provider::{LoginProfile, Provider};
use asked::Asked;
use signed::Signed;

/// Verifies access tokens of an identity provider.
///
/// ```
/// use std::collections::BTreeMap;
/// use countersign_resource_server::ProviderVerifier;
/// use countersign_resource_server::provider::Preset;
///
/// let preset = Preset::named("oidc").ok_or("it is built in")?;
/// let values = BTreeMap::from([
///     ("client_id".to_owned(), "mcp".to_owned()),
///     ("issuer".to_owned(), "https://login.example.com".to_owned()),
///     ("audience".to_owned(), "https://mcp.example.com/mcp".to_owned()),
/// ]);
/// let verifier = ProviderVerifier::of(preset.fill(&values)?).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # In a chain
///
/// Where tokens are JWTs, *not mine* is a token that is no JWS and one of another issuer.
/// A provider that is asked about its tokens is asked about every token, so that it
/// comes last in a chain.
#[derive(Debug)]
pub struct ProviderVerifier {
    way: Way,
    required_scopes: ScopeSet,
    authorization_server: Issuer,
    /// How its scopes are asked for.
    login: Option<LoginProfile>,
}

/// Who says what a token is good for.
#[derive(Debug)]
enum Way {
    Signed(Box<Signed>),
    Asked(Box<Asked>),
}

impl ProviderVerifier {
    /// Accepts tokens of `provider`.
    pub const fn of(provider: Provider) -> ProviderVerifierBuilder {
        ProviderVerifierBuilder::new(provider)
    }
}

impl Verifier for ProviderVerifier {
    async fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<Verification, Unavailable> {
        match &self.way {
            Way::Signed(signed) => signed.verify(token, now).await,
            Way::Asked(asked) => asked.verify(token, now).await,
        }
    }

    fn authorization_servers(&self) -> Vec<Issuer> {
        vec![self.authorization_server.clone()]
    }

    fn required_scopes(&self) -> ScopeSet {
        self.required_scopes.clone()
    }

    fn asked_as(&self, scope: &ScopeToken) -> ScopeToken {
        let login = self.login.as_ref();
        let asked = login.map(|login| login.scope_on_the_wire(scope.as_str()));
        // A prefix that makes no scope of it stops the preset (`provider/rules.rs`).
        let asked = asked.and_then(|asked| ScopeToken::parse(&asked).ok());
        asked.unwrap_or_else(|| scope.clone())
    }
}
