//! One signing key in the store: the public half in the body, the private half sealed.

use std::sync::Arc;

use countersign_oauth::jose::{Algorithm, SigningKey};
use countersign_oauth::{Secret, UnixTime};
use countersign_store::{Column, Key, Record, SealingKeys};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::overview::KeyOverview;
use crate::random::{Random, draw};
use crate::unavailable::Unavailable;

#[derive(Serialize, Deserialize)]
struct Body {
    algorithm: String,
    public: Map<String, Value>,
    /// From then on it signs, in seconds since 1970.
    signs_from: u64,
}

/// A key that was read, or is about to be written.
#[derive(Clone, Debug)]
pub(super) struct StoredKey {
    pub(super) kid: String,
    pub(super) signs_from: UnixTime,
    pub(super) published_until: Option<UnixTime>,
    pub(super) signing: Arc<SigningKey>,
    pub(super) public: Map<String, Value>,
}

impl StoredKey {
    pub(super) fn overview(&self) -> KeyOverview {
        KeyOverview {
            kid: self.kid.clone(),
            algorithm: self.signing.algorithm().as_str(),
            signs_from: self.signs_from,
            published_until: self.published_until,
        }
    }
}

/// A new key that signs from `signs_from` on, and its record.
pub(super) fn make(
    algorithm: Algorithm,
    signs_from: UnixTime,
    sealing: &SealingKeys,
    random: &dyn Random,
    now: UnixTime,
) -> Result<(StoredKey, Record), Unavailable> {
    let unusable = |_| Unavailable::SigningKey("a key cannot be made");
    let generator = aws_lc_rs::rand::SystemRandom::new();
    let pem = SigningKey::generate_pkcs8_pem(algorithm, &generator).map_err(unusable)?;
    let signing = SigningKey::from_pkcs8_pem(&pem)
        .and_then(|key| key.with_algorithm(algorithm))
        .map_err(unusable)?;
    // RFC 7638: the id follows from the key, so that it never stands for two.
    let kid = signing
        .verifying_key()
        .thumbprint()
        .ok_or(Unavailable::SigningKey("the key has no public half"))?
        .to_owned();
    let signing = signing.with_kid(kid.clone()).map_err(unusable)?;
    let public = signing
        .public_jwk()
        .ok_or(Unavailable::SigningKey("the key has no public half"))?;
    let key = Key::signing_key(&kid);
    let sealed = sealing
        .seal(&key, Column::Sealed, pem.reveal().as_bytes(), draw(random)?)
        .map_err(|_| Unavailable::Seal)?;
    let record = Record::new(key, now).with_sealed(sealed).with_body(&Body {
        algorithm: algorithm.as_str().to_owned(),
        public: public.clone(),
        signs_from: signs_from.as_secs(),
    })?;
    let stored = StoredKey {
        kid,
        signs_from,
        published_until: None,
        signing: Arc::new(signing),
        public,
    };
    Ok((stored, record))
}

/// Reads the record of a key.
pub(super) fn read(record: &Record, sealing: &SealingKeys) -> Result<StoredKey, Unavailable> {
    let unusable = |_| Unavailable::SigningKey("a stored key cannot be used");
    let body: Body = record.body()?;
    let algorithm = body
        .algorithm
        .parse::<Algorithm>()
        .map_err(|_| Unavailable::SigningKey("a stored key has an unknown algorithm"))?;
    let sealed = record.sealed.as_ref().ok_or(Unavailable::Seal)?;
    let opened = sealing
        .open(&record.key, Column::Sealed, sealed)
        .map_err(|_| Unavailable::Seal)?;
    let pem = std::str::from_utf8(&opened).map_err(|_| Unavailable::Seal)?;
    let signing = SigningKey::from_pkcs8_pem(&Secret::new(pem))
        .and_then(|key| key.with_algorithm(algorithm))
        .and_then(|key| key.with_kid(record.key.id()))
        .map_err(unusable)?;
    Ok(StoredKey {
        kid: record.key.id().to_owned(),
        signs_from: UnixTime::from_secs(body.signs_from),
        published_until: record.expires_at,
        signing: Arc::new(signing),
        public: body.public,
    })
}
