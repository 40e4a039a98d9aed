//! Tokens that are JWTs (RFC 9068, RFC 7519): signature, times and kind are judged by
//! [`JwtVerifier`], issuer and everything peculiar by the preset.

use countersign_oauth::UnixTime;
use countersign_oauth::jose::{JwsError, decode_unverified};
use countersign_oauth::json::{self, JsonError};
use serde_json::Value;

use super::super::jwt::is_no_jws;
use super::judge::Judge;
use crate::{JwtVerifier, PresentedToken, Unavailable, Verification, Verifier};

#[derive(Debug)]
pub(super) struct Signed {
    pub(super) judge: Judge,
    /// Knows the keys, and judges neither issuer nor audience.
    pub(super) jwt: JwtVerifier,
}

impl Signed {
    pub(super) async fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<Verification, Unavailable> {
        // RFC 8725 §3.8: keys of the provider are for tokens of its issuers alone.
        match self.is_of_provider(token) {
            Ok(true) => {}
            Ok(false) => return Ok(Verification::NotMine),
            Err(error) if is_no_jws(error) => return Ok(Verification::NotMine),
            Err(error) => return Ok(Verification::Rejected(error.into())),
        }
        let accepted = match self.jwt.verify(token, now).await? {
            Verification::Accepted(accepted) => accepted,
            other => return Ok(other),
        };
        Ok(match self.judge.check(accepted.claims()) {
            Err(reason) => Verification::Rejected(reason),
            Ok(found) => Verification::Accepted(accepted.restated(|verified| {
                verified
                    .about(found.subject, found.client)
                    .audience(found.audience)
                    .scopes(found.scopes)
            })),
        })
    }

    /// Whether the token says that it is of this provider. Nothing is verified yet.
    fn is_of_provider(&self, token: PresentedToken<'_>) -> Result<bool, JwsError> {
        let unverified = decode_unverified(token.reveal())?;
        let claims = match json::parse_object(unverified.payload()) {
            Ok(claims) => claims,
            Err(JsonError::DuplicateMember) => return Ok(true),
            Err(_) => return Ok(false),
        };
        let issuer = claims.get("iss").and_then(Value::as_str);
        Ok(issuer.is_some_and(|issuer| self.judge.knows_issuer(issuer, &claims)))
    }
}
