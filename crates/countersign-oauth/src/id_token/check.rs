//! Checking the claims of an ID token, in the order of OpenID Connect Core §3.1.3.7.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use serde_json::{Map, Value};

use super::error::IdTokenError;
use crate::claims::MAX_SUBJECT_BYTES;
use crate::claims::numeric_date::{self, Round};
use crate::jose::{Algorithm, Header, base64url};
use crate::{Lifetime, Secret, UnixTime};

/// What a client expects of an ID token.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever checks must decide about each of these"
)]
pub struct IdTokenRules<'a> {
    /// Who must have issued it, byte for byte.
    pub issuer: &'a str,
    /// The client that asked for it.
    pub client_id: &'a str,
    /// The `nonce` that was sent; nothing if none was.
    pub nonce: Option<&'a Secret>,
    /// The access token that came along, if one did.
    pub access_token: Option<&'a Secret>,
    /// How far the clocks may differ.
    pub leeway: Lifetime,
}

impl IdTokenRules<'_> {
    /// Checks a token whose signature is verified: `header` and `claims` are what was
    /// signed, `now` is the time of the request. Returns the subject, which is unique
    /// only together with the issuer.
    ///
    /// # Errors
    ///
    /// [`IdTokenError`] says which rule is broken.
    pub fn check<'c>(
        &self,
        header: &Header,
        claims: &'c Map<String, Value>,
        now: UnixTime,
    ) -> Result<&'c str, IdTokenError> {
        refuse_other_kinds(header, claims)?;

        // Step 2: "The Issuer Identifier […] MUST exactly match the value of the iss
        // (issuer) Claim."
        let iss = text(claims, "iss").ok_or(IdTokenError::IssuerMissing)?;
        if iss != self.issuer {
            return Err(IdTokenError::IssuerMismatch);
        }

        // Steps 3 to 5: aud contains the client, azp is the client.
        self.check_audience(claims)?;

        // Steps 9 and 10.
        self.check_times(claims, now)?;

        // Step 11: "If a nonce value was sent […], a nonce Claim MUST be present and
        // its value checked".
        self.check_nonce(claims)?;

        // OpenID Connect Core §3.1.3.6.
        self.check_access_token_hash(header.alg, claims)?;

        let sub = text(claims, "sub").filter(|sub| {
            (1..=MAX_SUBJECT_BYTES).contains(&sub.len()) && !sub.contains(char::is_control)
        });
        sub.ok_or(IdTokenError::Subject)
    }

    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), IdTokenError> {
        let one;
        let audiences: &[Value] = match claims.get("aud") {
            Some(Value::Array(many)) => many,
            Some(single @ Value::String(_)) => {
                one = [single.clone()];
                &one
            }
            _ => return Err(IdTokenError::AudienceInvalid),
        };
        if audiences.is_empty() || !audiences.iter().all(Value::is_string) {
            return Err(IdTokenError::AudienceInvalid);
        }
        if !audiences.iter().any(|aud| aud == self.client_id) {
            return Err(IdTokenError::AudienceMismatch);
        }
        match claims.get("azp") {
            None if audiences.len() == 1 => Ok(()),
            Some(Value::String(azp)) if azp == self.client_id => Ok(()),
            _ => Err(IdTokenError::AuthorizedParty),
        }
    }

    fn check_times(&self, claims: &Map<String, Value>, now: UnixTime) -> Result<(), IdTokenError> {
        let date = |name: &str, round| numeric_date::parse(claims.get(name)?.as_number()?, round);
        let exp = date("exp", Round::Down).ok_or(IdTokenError::ExpiryInvalid)?;
        let iat = date("iat", Round::Up).ok_or(IdTokenError::IssuedAtInvalid)?;
        if now >= exp.saturating_add(self.leeway) {
            return Err(IdTokenError::Expired);
        }
        let latest = now.saturating_add(self.leeway);
        let begun = match claims.get("nbf") {
            None => true,
            Some(_) => date("nbf", Round::Up).is_some_and(|nbf| nbf <= latest),
        };
        if iat > latest || !begun {
            return Err(IdTokenError::NotYetValid);
        }
        Ok(())
    }

    fn check_nonce(&self, claims: &Map<String, Value>) -> Result<(), IdTokenError> {
        let same = match (self.nonce, claims.get("nonce")) {
            (None, None) => true,
            (Some(sent), Some(Value::String(nonce))) => {
                verify_slices_are_equal(sent.reveal().as_bytes(), nonce.as_bytes()).is_ok()
            }
            _ => false,
        };
        same.then_some(()).ok_or(IdTokenError::Nonce)
    }

    /// "The hash algorithm used is the hash algorithm used in the alg Header
    /// Parameter", and the left half of the hash counts.
    fn check_access_token_hash(
        &self,
        algorithm: Algorithm,
        claims: &Map<String, Value>,
    ) -> Result<(), IdTokenError> {
        let (Some(token), Some(stated)) = (self.access_token, claims.get("at_hash")) else {
            return Ok(());
        };
        let digest = digest::digest(hash_of(algorithm), token.reveal().as_bytes());
        let half = digest.as_ref().split_at(digest.as_ref().len() / 2).0;
        let same = stated.as_str() == Some(base64url::encode(half).as_str());
        same.then_some(()).ok_or(IdTokenError::AccessTokenHash)
    }
}

const fn hash_of(algorithm: Algorithm) -> &'static digest::Algorithm {
    match algorithm {
        Algorithm::HS256 | Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 => {
            &digest::SHA256
        }
        Algorithm::HS384 | Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => {
            &digest::SHA384
        }
        // Ed25519 hashes with SHA-512 (RFC 8032 §5.1).
        Algorithm::HS512
        | Algorithm::RS512
        | Algorithm::PS512
        | Algorithm::ES512
        | Algorithm::EdDSA => &digest::SHA512,
    }
}

/// RFC 8725 §3.11 and §3.12: the kinds of tokens of one issuer must exclude each other.
fn refuse_other_kinds(header: &Header, claims: &Map<String, Value>) -> Result<(), IdTokenError> {
    let typ = header.typ.as_deref();
    let plain = typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    // Claims by which issuers without `typ` tell their tokens apart.
    let is_id = |name: &str| {
        let kind = claims.get(name);
        kind.is_none_or(|kind| {
            kind.as_str()
                .is_some_and(|kind| kind.eq_ignore_ascii_case("id"))
        })
    };
    if plain && is_id("token_use") && is_id("typ") {
        Ok(())
    } else {
        Err(IdTokenError::OtherKindOfToken)
    }
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}
