//! Where the keys of an issuer come from: RFC 7517 §5, RFC 8725 §3.8.
//!
//! Keys that are configured here never change. A remote set is fetched, kept
//! for a stated time and fetched again; see [`Keys::jwks`].

mod cache_control;
mod issuer_keys;
mod remote;
mod snapshot;

use std::fmt;
use std::sync::Arc;

use countersign_oauth::jose::{Algorithm, AlgorithmFamily, JwkSet, KeyOrigin, VerifyingKey};
use countersign_oauth::uri::is_loopback_host;
use countersign_oauth::{Lifetime, Secret, json};
use url::Url;

use crate::ConfigurationError;
use crate::fetch::{Fetch, Fetcher};

pub use issuer_keys::IssuerKeys;
pub(crate) use remote::{Refetched, RemoteKeySet, RemoteSettings};
pub(crate) use snapshot::Snapshot;

/// The keys of one issuer, as configured. They are read when the server starts.
#[derive(Clone)]
pub struct Keys(Source);

#[derive(Clone)]
enum Source {
    Remote(String),
    Pem(Vec<u8>),
    Jwk(String),
    Set(String),
    Hmac(Secret, Algorithm),
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Remote(_) => "Keys::jwks",
            Source::Pem(_) => "Keys::public_key",
            Source::Jwk(_) => "Keys::jwk",
            Source::Set(_) => "Keys::key_set",
            Source::Hmac(..) => "Keys::hmac",
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
}

/// Keys that are ready for use.
#[derive(Debug)]
pub(crate) enum KeySource {
    Local(JwkSet),
    Remote(RemoteKeySet),
}

/// What all remote sets of a verifier share.
#[derive(Debug, Default)]
pub(crate) struct RemoteOptions {
    pub(crate) fetch: Option<Arc<dyn Fetch>>,
    pub(crate) loopback: bool,
    pub(crate) settings: RemoteSettings,
}

impl RemoteOptions {
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
            (_, KeySource::Local(set)) => {
                let thumbprint = set.keys().iter().find_map(VerifyingKey::thumbprint);
                format!("urn:countersign:key:{}", thumbprint.unwrap_or("hmac"))
            }
            (_, KeySource::Remote(_)) => String::new(),
        }
    }

    pub(crate) fn open(
        &self,
        options: &mut RemoteOptions,
    ) -> Result<KeySource, ConfigurationError> {
        let key = match &self.0 {
            Source::Remote(url) => return open_remote(url, options),
            Source::Set(text) => return open_set(text),
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
            KeySource::Local(set) => {
                let mut algorithms: Vec<Algorithm> = Vec::new();
                for algorithm in set.keys().iter().flat_map(VerifyingKey::algorithms) {
                    if !algorithms.contains(&algorithm) {
                        algorithms.push(algorithm);
                    }
                }
                algorithms
            }
        }
    }
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
    let parsed = Url::parse(url).map_err(|_| {
        ConfigurationError::new(format!("the key set address is not a URL: {url:?}"))
    })?;
    let loopback = parsed.scheme() == "http" && is_loopback_host(&parsed);
    if loopback && !options.loopback && options.fetch.is_none() {
        return Err(ConfigurationError::new(format!(
            "the key set address {url:?} has no TLS: use https, or call danger_allow_loopback() \
             while developing"
        )));
    }
    if parsed.scheme() != "https" && !loopback {
        return Err(ConfigurationError::new(format!(
            "the key set address {url:?} must start with https://, because whoever can change \
             the keys on their way can issue tokens"
        )));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(ConfigurationError::new(
            "the key set address has a user name or a password: remove it",
        ));
    }
    let address = parsed.as_str().parse().map_err(|_| {
        ConfigurationError::new(format!("the key set address is not a URL: {url:?}"))
    })?;
    let fetch = options.fetcher()?;
    Ok(KeySource::Remote(RemoteKeySet::new(
        address,
        fetch,
        options.settings,
    )))
}

/// The shortest age a remote set may be configured to have.
pub(crate) const MIN_AGE: Lifetime = Lifetime::from_mins(1);
