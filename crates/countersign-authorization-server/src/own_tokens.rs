//! Verifying the tokens of this server in its own process: RFC 9068 §4, RFC 7009 §3.
//!
//! Every token is looked up in the store each time, so that a revocation counts from
//! the next request on. A signed token must pass all that another resource server
//! would check as well.

use countersign_oauth::claims::{ClaimsPolicy, TypPolicy};
use countersign_oauth::introspection::ActiveToken;
use countersign_oauth::jose::{Algorithm, AlgorithmFamily, decode_unverified, verify_compact};
use countersign_oauth::{Issuer, Lifetime, ResourceUri, Secret, UnixTime, json};
use countersign_resource_server::verifier::Unavailable as VerifierUnavailable;
use countersign_resource_server::{
    AccessToken, Assertion, PresentedToken, Reason, Verification, Verifier,
};
use serde_json::{Map, Value};

use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;

/// Accepts the tokens that a server in this process issued for one resource.
#[derive(Clone, Debug)]
pub struct OwnTokens {
    server: AuthorizationServer,
    resource: ResourceUri,
    policy: ClaimsPolicy,
}

impl AuthorizationServer {
    /// A verifier of the tokens that this server issues for `resource`.
    ///
    /// # Errors
    ///
    /// The [`ConfigError`](countersign_oauth::claims::ConfigError) of a policy that
    /// would accept nothing.
    pub fn own_tokens(
        &self,
        resource: ResourceUri,
    ) -> Result<OwnTokens, countersign_oauth::claims::ConfigError> {
        let settings = self.settings();
        let policy = ClaimsPolicy::builder()
            .issuer(settings.issuer.as_str())
            .audience(resource.as_str())
            .refuse_other_audiences()
            .typ(TypPolicy::AccessToken)
            .leeway(Lifetime::ZERO)
            .build()?;
        Ok(OwnTokens {
            server: self.clone(),
            resource,
            policy,
        })
    }
}

impl Verifier for OwnTokens {
    async fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<Verification, VerifierUnavailable> {
        self.judge(&Secret::new(token.reveal()), now)
            .await
            .map_err(|error| VerifierUnavailable::new(error.to_string(), Lifetime::from_secs(5)))
    }

    fn authorization_servers(&self) -> Vec<Issuer> {
        vec![self.server.settings().issuer.clone()]
    }
}

impl OwnTokens {
    async fn judge(&self, token: &Secret, now: UnixTime) -> Result<Verification, Unavailable> {
        let is_signed = match issuer_of(token) {
            Some(issuer) if issuer == self.server.settings().issuer.as_str() => true,
            // Another issuer made it; another verifier may know it.
            Some(_) => return Ok(Verification::NotMine),
            None => false,
        };
        let mut claims = Map::new();
        if is_signed {
            claims = match self.check_signed(token, now).await? {
                Ok(claims) => claims,
                Err(reason) => return Ok(Verification::Rejected(reason)),
            };
        }
        match self.server.active_token(token).await? {
            Some(active) if active.aud.as_deref() == Some(self.resource.as_str()) => {
                Ok(Verification::Accepted(accepted(active, claims)))
            }
            Some(_) => Ok(Verification::Rejected(Reason::Audience)),
            None if is_signed => Ok(Verification::Rejected(Reason::Inactive)),
            None => Ok(Verification::NotMine),
        }
    }

    async fn check_signed(
        &self,
        token: &Secret,
        now: UnixTime,
    ) -> Result<Result<Map<String, Value>, Reason>, Unavailable> {
        let keys = self.server.verifying_keys().await?;
        let asymmetric: Vec<Algorithm> = Algorithm::ALL
            .into_iter()
            .filter(|algorithm| algorithm.family() != AlgorithmFamily::Hmac)
            .collect();
        let verified = match verify_compact(token.reveal(), &keys, &asymmetric) {
            Ok(verified) => verified,
            Err(error) => return Ok(Err(error.into())),
        };
        let checked = self
            .policy
            .check(verified.header(), verified.payload(), now);
        // It was parsed for the check, and has an object in it.
        let claims = |_| json::parse_object(verified.payload()).unwrap_or_default();
        Ok(checked.map(claims).map_err(Reason::from))
    }
}

/// Which issuer a signed token names; nothing for a text that is no signed token.
fn issuer_of(token: &Secret) -> Option<String> {
    let unverified = decode_unverified(token.reveal()).ok()?;
    let claims = json::parse_object(unverified.payload()).ok()?;
    let issuer = claims.get("iss").and_then(Value::as_str);
    Some(issuer.unwrap_or_default().to_owned())
}

/// After the last check.
fn accepted(active: ActiveToken, claims: Map<String, Value>) -> AccessToken {
    let verified = Assertion::new(active.iss, active.sub)
        .client_id(active.client_id)
        .audience(active.aud.into_iter().collect())
        .issued_at(active.iat)
        .expires_at(active.exp)
        .scopes(active.scope)
        .claims(claims);
    AccessToken::assertion(verified)
}
