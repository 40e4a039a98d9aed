//! Checking a proof: RFC 9449 §4.3.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use serde_json::{Map, Value};

use super::{MAX_NONCE_BYTES, ProofError, TYP, Target, Thumbprint};
use crate::claims::numeric_date::{self, Round};
use crate::jose::{
    Algorithm, AlgorithmFamily, JwkSet, KeyError, VerifyingKey, base64url, decode_unverified,
};
use crate::json::{Json, Object};
use crate::{Lifetime, UnixTime};

/// How long ago a proof may have been made, and how far the clock of a client may be ahead
/// (RFC 9449 §11.1).
pub const WINDOW: Lifetime = Lifetime::from_mins(5);

/// The longest `jti`, in bytes.
pub const MAX_TOKEN_ID_BYTES: usize = 512;

/// The longest modulus and exponent of an RSA key, in characters of base64url: 4096 and 24
/// bits. Whoever sends a proof chooses its key, and with that how long it takes to refuse it.
const MAX_RSA_CHARACTERS: [(&str, usize); 2] = [("n", 683), ("e", 4)];

/// What a proof has to be for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Expected<'a> {
    /// The method of the request, as it was sent.
    pub method: &'a str,
    /// The address of the request, as clients know it.
    pub target: &'a Target,
    /// The access token that comes with the proof; none at an authorization server.
    pub access_token: Option<&'a str>,
    /// What proofs may be signed with; symmetric algorithms among them are ignored.
    pub algorithms: &'a [Algorithm],
    /// How far `iat` may be from now, in both directions.
    pub window: Lifetime,
    /// The time of the request.
    pub now: UnixTime,
}

impl<'a> Expected<'a> {
    /// A proof for `method` at `target`, made within five minutes, without an access token.
    pub const fn new(method: &'a str, target: &'a Target, now: UnixTime) -> Self {
        Self {
            method,
            target,
            access_token: None,
            algorithms: &super::ALGORITHMS,
            window: WINDOW,
            now,
        }
    }

    /// The proof comes with this token.
    #[must_use]
    pub const fn access_token(mut self, token: &'a str) -> Self {
        self.access_token = Some(token);
        self
    }

    /// Only these algorithms are accepted.
    #[must_use]
    pub const fn algorithms(mut self, algorithms: &'a [Algorithm]) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// `iat` may be `window` from now, in both directions.
    #[must_use]
    pub const fn window(mut self, window: Lifetime) -> Self {
        self.window = window;
        self
    }
}

/// What a proof proves: whoever sent the request has this key. Only [`check`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Proven {
    /// The thumbprint of the key.
    pub thumbprint: Thumbprint,
    /// The id of the proof: 1 to 512 bytes, chosen by the client.
    pub jti: String,
    /// When the client says that it was made.
    pub iat: UnixTime,
    /// The nonce in it, if there is one. Nobody has judged it.
    pub nonce: Option<String>,
}

impl Proven {
    /// What stands for this proof where it is remembered (RFC 9449 §11.1): a hash of the
    /// key and the id, so that clients cannot use up the ids of each other.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        // A thumbprint has a fixed length, so nothing can be moved across.
        context.update(self.thumbprint.as_str().as_bytes());
        context.update(self.jti.as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        bytes
    }
}

/// Checks a proof by everything in RFC 9449 §4.3 that it shows by itself: checks 2 to 9, 11
/// and 12 but for the binding of the token, which is compared with what comes out. The first
/// is [`sole_proof`](super::sole_proof), the tenth [`Nonces::check`](super::Nonces::check).
/// What is cheap is checked before the signature.
///
/// # Errors
///
/// [`ProofError`] says which check fails.
pub fn check(proof: &str, expected: &Expected<'_>) -> Result<Proven, ProofError> {
    // 2. "The DPoP HTTP request header field value is a single and well-formed JWT."
    let unverified = decode_unverified(proof)?;
    // 4. "The typ JOSE Header Parameter has the value dpop+jwt."
    if unverified.header().typ.as_deref() != Some(TYP) {
        return Err(ProofError::Type);
    }
    // 3. "All required claims per Section 4.2 are contained in the JWT."
    let claims = Object::parse(unverified.payload()).map_err(ProofError::Json)?;
    let jti = token_id(&claims)?;
    // 8. "The htm claim matches the HTTP method of the current request."
    if claims.get("htm").and_then(Json::as_str) != Some(expected.method) {
        return Err(ProofError::Method);
    }
    // 9. "The htu claim matches the HTTP URI value for the HTTP request in which the JWT was
    // received, ignoring any query and fragment parts."
    let htu = claims.get("htu").and_then(Json::as_str);
    let htu = htu.ok_or(ProofError::Address)?;
    if Target::parse(htu).map_err(|_| ProofError::Address)? != *expected.target {
        return Err(ProofError::Address);
    }
    // 11. "The creation time of the JWT, as determined by either the iat claim or a server
    // managed timestamp via the nonce claim, is within an acceptable window."
    let iat = check_times(&claims, expected)?;
    // 12. "If presented to a protected resource in conjunction with an access token, ensure
    // that the value of the ath claim equals the hash of that access token".
    if let Some(token) = expected.access_token
        && claims.get("ath").and_then(Json::as_str) != Some(&token_hash(token))
    {
        return Err(ProofError::OtherToken);
    }
    let nonce = nonce(&claims)?;
    // 7. "The jwk JOSE Header Parameter does not contain a private key."
    let key = own_key(proof)?;
    let thumbprint = key.thumbprint().map(Thumbprint::of_key);
    let thumbprint = thumbprint.ok_or(ProofError::KeyMissing)?;
    // 5. "The alg JOSE Header Parameter indicates a registered asymmetric digital signature
    // algorithm, is not none, is supported by the application, and is acceptable per local
    // policy."
    let asymmetric: Vec<Algorithm> = expected
        .algorithms
        .iter()
        .copied()
        .filter(|algorithm| algorithm.family() != AlgorithmFamily::Hmac)
        .collect();
    // 6. "The JWT signature verifies with the public key contained in the jwk JOSE Header
    // Parameter."
    unverified.verified_by(&JwkSet::from_keys(vec![key]), &asymmetric)?;
    Ok(Proven {
        thumbprint,
        jti,
        iat,
        nonce,
    })
}

/// `BASE64URL-ENCODE(SHA256(ASCII(access_token)))`: `ath` (RFC 9449 §4.2).
pub(super) fn token_hash(token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    base64url::encode(hash.as_ref())
}

fn token_id(claims: &Object<'_>) -> Result<String, ProofError> {
    let jti = claims.get("jti").and_then(Json::as_str);
    jti.filter(|jti| (1..=MAX_TOKEN_ID_BYTES).contains(&jti.len()))
        .map(str::to_owned)
        .ok_or(ProofError::TokenId)
}

fn nonce(claims: &Object<'_>) -> Result<Option<String>, ProofError> {
    match claims.get("nonce") {
        None => Ok(None),
        Some(Json::Text(nonce)) if nonce.len() <= MAX_NONCE_BYTES => Ok(Some(nonce.to_string())),
        Some(_) => Err(ProofError::NonceInvalid),
    }
}

fn check_times(claims: &Object<'_>, expected: &Expected<'_>) -> Result<UnixTime, ProofError> {
    let date = |name, round, otherwise| match claims.get(name) {
        None => Ok(None),
        Some(Json::Number(number)) => numeric_date::parse(number, round)
            .map(Some)
            .ok_or(otherwise),
        Some(_) => Err(otherwise),
    };
    let iat = date("iat", Round::Down, ProofError::IssuedAtMissing)?;
    let iat = iat.ok_or(ProofError::IssuedAtMissing)?;
    let Expected { now, window, .. } = *expected;
    if iat < now.saturating_sub(window) {
        return Err(ProofError::TooOld);
    }
    if iat > now.saturating_add(window) {
        return Err(ProofError::InTheFuture);
    }
    // RFC 7519 §4.1.4 and §4.1.5 hold for every JWT, whether it needs the claims or not.
    let exp = date("exp", Round::Down, ProofError::NotNow)?;
    let nbf = date("nbf", Round::Up, ProofError::NotNow)?;
    let is_over = exp.is_some_and(|exp| exp <= now);
    let is_to_come = nbf.is_some_and(|nbf| nbf > now.saturating_add(window));
    if is_over || is_to_come {
        return Err(ProofError::NotNow);
    }
    Ok(iat)
}

/// The key in the header, which was found to be well-formed.
fn own_key(proof: &str) -> Result<VerifyingKey, ProofError> {
    let header = proof.split('.').next().unwrap_or_default();
    let bytes = base64url::decode(header).ok_or(ProofError::KeyMissing)?;
    let header = Object::parse(&bytes).map_err(ProofError::Json)?;
    let Some(Json::Object(jwk)) = header.get("jwk") else {
        return Err(ProofError::KeyMissing);
    };
    let mut jwk: Map<String, Value> = Map::from(jwk.clone());
    // RFC 9449 §4.2: a public key. `oct` has no private member, it is one.
    if jwk.get("kty").is_none_or(|kty| kty == "oct") || jwk.contains_key("k") {
        return Err(ProofError::Key(KeyError::KeyType));
    }
    let is_long = |(name, most): (&str, usize)| {
        let number = jwk.get(name).and_then(Value::as_str);
        number.is_some_and(|number| number.len() > most)
    };
    if MAX_RSA_CHARACTERS.into_iter().any(is_long) {
        return Err(ProofError::Key(KeyError::RsaTooLarge));
    }
    // The header has the key itself, so its name means nothing.
    let named: BTreeSet<&str> = ["kid", "issuer"].into();
    jwk.retain(|name, _| !named.contains(name.as_str()));
    Ok(VerifyingKey::from_jwk(&jwk)?)
}
