//! Where the keys of an issuer come from: RFC 7517 §5, RFC 8725 §3.8.
//!
//! Keys that are configured here never change. A remote set is fetched, kept
//! for a stated time and fetched again; see [`Keys::jwks`].

mod cache_control;
mod issuer_keys;
mod published;
mod remote;
mod replaceable;
mod snapshot;

use std::fmt;
use std::sync::Arc;

use countersign_oauth::jose::{Algorithm, AlgorithmFamily, JwkSet, KeyOrigin, VerifyingKey};
use countersign_oauth::web_uri::LoopbackHosts;
use countersign_oauth::{Lifetime, Secret, json};

use crate::ConfigurationError;
use crate::fetch::{Fetch, Fetcher};

pub use issuer_keys::IssuerKeys;
pub(crate) use published::check_address;
use published::{Location, Metadata};
pub(crate) use remote::{Refetched, RemoteKeySet, RemoteSettings};
pub use replaceable::ReplaceableKeys;
pub(crate) use snapshot::Snapshot;

/// The keys of one issuer, as configured. They are read when the server starts.
#[derive(Clone)]
pub struct Keys(Source);

#[derive(Clone)]
enum Source {
    Remote(String),
    Published { document: String, issuer: String },
    Pem(Vec<u8>),
    Jwk(String),
    Set(String),
    Hmac(Secret, Algorithm),
    Replaceable(ReplaceableKeys),
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Remote(_) => "Keys::jwks",
            Source::Published { .. } => "Keys::published",
            Source::Pem(_) => "Keys::public_key",
            Source::Jwk(_) => "Keys::jwk",
            Source::Set(_) => "Keys::key_set",
            Source::Hmac(..) => "Keys::hmac",
            Source::Replaceable(_) => "Keys::replaceable",
        })
    }
}

impl Keys {
    /// The JWK Set (RFC 7517 §5) at `url`, which must be https.
    ///
    /// It is fetched when the first token arrives, again before it expires, and
    /// when a token names a key that is not in it (at most every 30 seconds). If
    /// fetching fails, the last good set serves up to a stated age.
    pub fn jwks(url: impl Into<String>) -> Self {
        Self(Source::Remote(url.into()))
    }

    /// The JWK Set whose address is in the metadata of the issuer `issuer` (RFC 8414,
    /// OpenID Connect Discovery 1.0): the document at `metadata`, which must be https
    /// and name exactly that issuer.
    ///
    /// The document is fetched whenever the key set is, under the rules of
    /// [`Keys::jwks`].
    pub fn published(metadata: impl Into<String>, issuer: impl Into<String>) -> Self {
        Self(Source::Published {
            document: metadata.into(),
            issuer: issuer.into(),
        })
    }

    /// One public key as PEM text: `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`.
    pub fn public_key(pem: impl AsRef<[u8]>) -> Self {
        Self(Source::Pem(pem.as_ref().to_vec()))
    }

    /// One public key as a JWK (RFC 7517 §4), JSON text.
    pub fn jwk(json: impl Into<String>) -> Self {
        Self(Source::Jwk(json.into()))
    }

    /// A JWK Set (RFC 7517 §5), JSON text.
    pub fn key_set(json: impl Into<String>) -> Self {
        Self(Source::Set(json.into()))
    }

    /// A secret shared with the issuer, for one of HS256, HS384 and HS512. It
    /// needs at least as many bytes as the hash has: 32, 48 or 64.
    ///
    /// # Security
    ///
    /// Whoever knows the secret can issue tokens, this server included.
    pub fn hmac(secret: Secret, algorithm: Algorithm) -> Self {
        Self(Source::Hmac(secret, algorithm))
    }

    /// Keys that can be changed while the server runs.
    pub fn replaceable(keys: &ReplaceableKeys) -> Self {
        Self(Source::Replaceable(keys.clone()))
    }
}

/// Keys that are ready for use.
#[derive(Debug)]
pub(crate) enum KeySource {
    Local(JwkSet),
    Remote(RemoteKeySet),
    Replaceable(ReplaceableKeys),
}

/// What all remote sets of a verifier share.
#[derive(Debug, Default)]
pub(crate) struct RemoteOptions {
    pub(crate) fetch: Option<Arc<dyn Fetch>>,
    pub(crate) loopback: bool,
    pub(crate) settings: RemoteSettings,
}

impl RemoteOptions {
    /// A fetcher of one's own has rules of its own about this machine.
    const fn without_tls(&self) -> LoopbackHosts {
        if self.loopback || self.fetch.is_some() {
            LoopbackHosts::Allowed
        } else {
            LoopbackHosts::Refused
        }
    }

    /// The fetcher of all sets; made when the first one needs it.
    fn fetcher(&mut self) -> Result<Arc<dyn Fetch>, ConfigurationError> {
        if let Some(fetch) = &self.fetch {
            return Ok(Arc::clone(fetch));
        }
        let mut builder = Fetcher::builder();
        if self.loopback {
            builder = builder.danger_allow_loopback();
        }
        let fetch: Arc<dyn Fetch> = Arc::new(builder.build()?);
        self.fetch = Some(Arc::clone(&fetch));
        Ok(fetch)
    }
}

impl Keys {
    /// A name for the keys where a token names no issuer: unique to them.
    pub(crate) fn namespace(&self, source: &KeySource) -> String {
        match (&self.0, source) {
            (Source::Remote(url), _) => url.clone(),
            (Source::Published { issuer, .. }, _) => issuer.clone(),
            (_, KeySource::Local(set)) => {
                let thumbprint = set.keys().iter().find_map(VerifyingKey::thumbprint);
                format!("urn:countersign:key:{}", thumbprint.unwrap_or("hmac"))
            }
            (_, KeySource::Replaceable(keys)) => keys.namespace(),
            (_, KeySource::Remote(_)) => String::new(),
        }
    }

    pub(crate) fn open(
        &self,
        options: &mut RemoteOptions,
    ) -> Result<KeySource, ConfigurationError> {
        let key = match &self.0 {
            Source::Remote(url) => return open_remote(url, options),
            Source::Published { document, issuer } => {
                return open_published(document, issuer, options);
            }
            Source::Set(text) => return open_set(text),
            Source::Replaceable(keys) => return Ok(KeySource::Replaceable(keys.clone())),
            Source::Pem(pem) => VerifyingKey::from_pem(pem)
                .map_err(|error| unusable("the public key (PEM)", error))?,
            Source::Jwk(text) => {
                let jwk = json::parse_object(text.as_bytes())
                    .map_err(|error| unusable("the JWK", error))?;
                VerifyingKey::from_jwk(&jwk).map_err(|error| unusable("the JWK", error))?
            }
            Source::Hmac(secret, algorithm) => {
                VerifyingKey::from_hmac_secret(secret, *algorithm)
                    .map_err(|error| unusable("the HMAC secret", error))?
            }
        };
        Ok(KeySource::Local(JwkSet::from_keys(vec![key])))
    }

    /// The algorithms that are accepted if the configuration names none.
    pub(crate) fn default_algorithms(source: &KeySource) -> Vec<Algorithm> {
        match source {
            // The recommended algorithm of each kind of public key (RFC 8725 §3.2).
            KeySource::Remote(_) => vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
            KeySource::Local(set) => algorithms_of(set),
            KeySource::Replaceable(keys) => algorithms_of(&keys.current().set),
        }
    }
}

fn algorithms_of(set: &JwkSet) -> Vec<Algorithm> {
    let mut algorithms: Vec<Algorithm> = Vec::new();
    for algorithm in set.keys().iter().flat_map(VerifyingKey::algorithms) {
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    algorithms
}

fn unusable(what: &str, error: impl fmt::Display) -> ConfigurationError {
    ConfigurationError::new(format!("{what} cannot be used: {error}"))
}

fn open_set(text: &str) -> Result<KeySource, ConfigurationError> {
    let parsed = JwkSet::parse(text.as_bytes(), KeyOrigin::Local)
        .map_err(|error| unusable("the key set", error))?;
    // What is configured by hand is wrong as a whole if a part of it is wrong.
    if let Some(warning) = parsed.warnings.first() {
        return Err(ConfigurationError::new(format!(
            "key number {} of the key set cannot be used: {}",
            warning.position + 1,
            warning.reason
        )));
    }
    if parsed.set.is_empty() {
        return Err(ConfigurationError::new(
            "the key set has no keys: add at least one public key",
        ));
    }
    let is_hmac = |key: &VerifyingKey| {
        let mut algorithms = key.algorithms();
        algorithms.any(|algorithm| algorithm.family() == AlgorithmFamily::Hmac)
    };
    let secrets = parsed.set.keys().iter().filter(|key| is_hmac(key)).count();
    if secrets != 0 && secrets != parsed.set.keys().len() {
        return Err(ConfigurationError::new(
            "the key set mixes HMAC secrets with public keys: configure them as two verifiers",
        ));
    }
    Ok(KeySource::Local(parsed.set))
}

fn open_remote(url: &str, options: &mut RemoteOptions) -> Result<KeySource, ConfigurationError> {
    let address = check_address("key set address", url, options.without_tls())?;
    opened(Location::Known(address), options)
}

fn open_published(
    document: &str,
    issuer: &str,
    options: &mut RemoteOptions,
) -> Result<KeySource, ConfigurationError> {
    if issuer.is_empty() {
        return Err(ConfigurationError::new(
            "the issuer whose metadata names the keys is empty: set it",
        ));
    }
    let loopback = options.without_tls();
    let document = check_address("metadata address", document, loopback)?;
    // Keys of the Internet are not fetched from this machine because a document says so.
    let loopback = match document.scheme_str() {
        Some("http") => loopback,
        _ => LoopbackHosts::Refused,
    };
    let metadata = Metadata {
        document,
        issuer: issuer.to_owned(),
        loopback,
    };
    opened(Location::Published(metadata), options)
}

fn opened(
    location: Location,
    options: &mut RemoteOptions,
) -> Result<KeySource, ConfigurationError> {
    let fetch = options.fetcher()?;
    let set = RemoteKeySet::new(location, fetch, options.settings);
    Ok(KeySource::Remote(set))
}

/// The shortest age a remote set may be configured to have.
pub(crate) const MIN_AGE: Lifetime = Lifetime::from_mins(1);
