//! The requests with which a program gets a token.

use countersign_oauth::grant_type::GrantType;
use countersign_oauth::parameters::Parameters;
use countersign_oauth::{ScopeSet, Secret};

use super::identity_assertion::IdentityProvider;
use super::settings::Credentials;
use super::source::Once;
use crate::ask::Asker;
use crate::discovery::Discovery;
use crate::error::OAuthError;
use crate::refresh;
use crate::store::StoredTokens;
use crate::token_endpoint::TokenProof;

/// By what a program gets tokens. There is never a second way that is tried.
#[derive(Debug)]
pub(super) enum Grant {
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// draft-ietf-oauth-identity-assertion-authz-grant.
    IdentityAssertion(IdentityProvider),
    /// RFC 7523 §2.1, with a token of the platform.
    Workload(Once),
}

impl Grant {
    const fn grant_type(&self) -> GrantType {
        match self {
            Self::ClientCredentials => GrantType::ClientCredentials,
            Self::IdentityAssertion(_) | Self::Workload(_) => GrantType::JwtBearer,
        }
    }

    /// Whether the authorization server offers it, if it says what it offers.
    pub(super) fn check(&self, discovery: &Discovery) -> Result<(), OAuthError> {
        let wanted = self.grant_type().as_str();
        match &discovery.offer.grant_types {
            Some(offered) if !offered.iter().any(|offered| offered == wanted) => {
                Err(OAuthError::NotPermitted(format!(
                    "the authorization server {} does not offer the grant type {wanted}",
                    discovery.issuer
                )))
            }
            _ => Ok(()),
        }
    }

    /// Asks once for a token that permits `scopes`, with `proof` if it is to be bound.
    pub(super) async fn tokens(
        &self,
        asker: &Asker,
        (discovery, credentials): (&Discovery, &Credentials),
        scopes: &ScopeSet,
        proof: Option<&dyn TokenProof>,
    ) -> Result<StoredTokens, OAuthError> {
        let client = credentials.client_for(discovery)?;
        let endpoint = refresh::endpoint(asker, discovery, &client, proof)?;
        let mut parameters = Parameters::default();
        parameters.set("grant_type", self.grant_type().as_str());
        match self {
            Self::ClientCredentials => {}
            Self::IdentityAssertion(provider) => {
                let assertion = provider.assertion(discovery, scopes, proof).await?;
                parameters.set("assertion", assertion.reveal());
            }
            Self::Workload(source) => {
                let assertion: Secret = source.next(discovery.issuer.as_str()).await?;
                parameters.set("assertion", assertion.reveal());
            }
        }
        if !scopes.is_empty() {
            parameters.set("scope", &scopes.to_string());
        }
        parameters.set("resource", discovery.resource.as_str());
        let received = endpoint.ask(&parameters).await?;
        let mut kept = refresh::kept(&received, scopes, None, asker.now())?;
        // RFC 6749 §4.4.3, RFC 7521 §4.1: whoever can ask again needs none.
        kept.refresh_token = None;
        Ok(kept)
    }
}
