//! Verifying the tokens of this server in its own process: RFC 9068 §4, RFC 7009 §3.
//!
//! Every token is looked up in the store each time, so that a revocation counts from
//! the next request on, whichever process revoked. A token is recorded under the hash
//! of its whole text: one that is found is, byte for byte, one that was issued here,
//! for the subject, client, resource, scope and time of its record. Its signature
//! would say less, and is verified only to say what is wrong with one that is not
//! found.
//!
//! While the store cannot be read, signed tokens that it confirmed a moment ago are
//! accepted on, for the bound that the settings state and the metadata publish
//! (`confirmed.rs`); opaque ones are not.

use std::sync::Arc;

use countersign_oauth::claims::{ClaimsError, ClaimsPolicy, TypPolicy};
use countersign_oauth::introspection::ActiveToken;
use countersign_oauth::jose::{Algorithm, AlgorithmFamily, decode_unverified, verify_compact};
use countersign_oauth::{Issuer, Lifetime, ResourceUri, Secret, UnixTime, json};
use countersign_resource_server::verifier::Unavailable as VerifierUnavailable;
use countersign_resource_server::{
    AccessToken, Assertion, PresentedToken, Reason, Verification, Verifier,
};
use countersign_store::{GrantId, Key, SecretHash};
use serde_json::{Map, Value};

use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;
use crate::vault::UpstreamAccess;

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
        self.judge(token, now)
            .await
            .map_err(|error| VerifierUnavailable::new(error.to_string(), Lifetime::from_secs(5)))
    }

    fn authorization_servers(&self) -> Vec<Issuer> {
        vec![self.server.settings().issuer.clone()]
    }
}

impl OwnTokens {
    async fn judge(
        &self,
        presented: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<Verification, Unavailable> {
        let token = &Secret::new(presented.reveal());
        let claims = claims_of(token);
        if let Some(claims) = &claims
            && claims
                .get("iss")
                .and_then(Value::as_str)
                .unwrap_or_default()
                != self.server.settings().issuer.as_str()
        {
            // Another issuer made it; another verifier may know it.
            return Ok(Verification::NotMine);
        }
        let key = Key::access_token(SecretHash::of(token));
        let active = self.active(&key, token, claims.is_some(), now).await?;
        match (active, claims) {
            (Some((grant, active)), claims)
                if active.aud.as_deref() == Some(self.resource.as_str()) =>
            {
                let bound = active.cnf.as_ref().map(|cnf| &cnf.jkt);
                if let Some(wrong) = ClaimsError::of_binding(bound, presented.key()) {
                    return Ok(Verification::Rejected(wrong.into()));
                }
                let is_exchanged = active.act.is_some();
                let verified = verified(active, claims.unwrap_or_default());
                let accepted = self.accepted(verified, grant, is_exchanged);
                Ok(Verification::Accepted(accepted))
            }
            (Some(_), None) => Ok(Verification::Rejected(Reason::Audience)),
            (_, Some(_)) => Ok(Verification::Rejected(
                self.reason_against(token, now).await?,
            )),
            (None, None) => Ok(Verification::NotMine),
        }
    }

    /// After the last check. The grant goes along out of sight: no claim names it.
    fn accepted(
        &self,
        verified: Assertion,
        grant: Option<GrantId>,
        is_exchanged: bool,
    ) -> AccessToken {
        let vault = &self.server.inner().vault;
        let verified = match grant {
            // Whoever acts for somebody has what was exchanged, and no more of theirs.
            Some(grant) if vault.has_providers() && !is_exchanged => {
                verified.attachment(Arc::new(UpstreamAccess::new(vault, &grant)))
            }
            _ => verified,
        };
        AccessToken::assertion(verified)
    }

    /// What the token under `key` says, and its grant, if it is active.
    async fn active(
        &self,
        key: &Key,
        text: &Secret,
        is_signed: bool,
        now: UnixTime,
    ) -> Result<Option<(Option<GrantId>, ActiveToken)>, Unavailable> {
        let inner = self.server.inner();
        let bound = inner.settings.lifetimes.revocation_bound;
        let before = inner.confirmed.moment();
        match inner.active_token_under(key, text).await {
            Ok(Some((grant, active))) => {
                if is_signed {
                    let confirmed = (grant.as_ref(), &active);
                    inner.confirmed.note(before, key, confirmed, now, bound);
                }
                Ok(Some((grant, active)))
            }
            Ok(None) => {
                // Revoked by another process, perhaps.
                if is_signed {
                    inner.confirmed.drop_unconfirmed(key);
                }
                Ok(None)
            }
            Err(error) if is_signed && error.is_outage_of_the_store() => {
                match inner.confirmed.within(key, now, bound) {
                    Some(confirmed) => Ok(Some(confirmed)),
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Why a signed token under our name is not accepted.
    async fn reason_against(&self, token: &Secret, now: UnixTime) -> Result<Reason, Unavailable> {
        let checked = self.check_signed(token, now).await?;
        Ok(checked.err().unwrap_or(Reason::Inactive))
    }

    async fn check_signed(
        &self,
        token: &Secret,
        now: UnixTime,
    ) -> Result<Result<(), Reason>, Unavailable> {
        let keys = self.server.verifying_keys().await?;
        let asymmetric: Vec<Algorithm> = Algorithm::ALL
            .into_iter()
            .filter(|algorithm| algorithm.family() != AlgorithmFamily::Hmac)
            .collect();
        let verified = match verify_compact(token.reveal(), &keys, &asymmetric) {
            Ok(verified) => verified,
            Err(error) => return Ok(Err(error.into())),
        };
        let (header, payload) = (verified.header(), verified.payload());
        let checked = self.policy.check(header, payload, now);
        Ok(checked.map(|_| ()).map_err(Reason::from))
    }
}

/// The claims of a signed token, unverified; nothing for a text that is none.
fn claims_of(token: &Secret) -> Option<Map<String, Value>> {
    let unverified = decode_unverified(token.reveal()).ok()?;
    json::parse_object(unverified.payload()).ok()
}

fn verified(active: ActiveToken, claims: Map<String, Value>) -> Assertion {
    let verified = Assertion::new(active.iss, active.sub)
        .client_id(active.client_id)
        .audience(active.aud.into_iter().collect())
        .issued_at(active.iat)
        .expires_at(active.exp)
        .scopes(active.scope)
        .claims(claims);
    match active.cnf {
        Some(cnf) => verified.bound_to(cnf.jkt),
        None => verified,
    }
}
