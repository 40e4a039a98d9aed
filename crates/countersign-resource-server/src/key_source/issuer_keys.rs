//! Signatures of one issuer, whatever its tokens are for.

use std::sync::Arc;

use countersign_oauth::UnixTime;
use countersign_oauth::jose::{Algorithm, AlgorithmFamily, JwsError, VerifiedJws, verify_compact};

use super::{KeySource, Keys, Refetched, RemoteKeySet, RemoteOptions, algorithms_of};
use crate::fetch::Fetch;
use crate::{ConfigurationError, Unavailable};

/// The keys of an issuer, for tokens that are not access tokens for us: ID tokens, whose
/// claims [`id_token`](countersign_oauth::id_token) judges, and assertions
/// ([`assertion_grant`](countersign_oauth::assertion_grant)). Access tokens are for
/// [`JwtVerifier`](crate::JwtVerifier).
///
/// Keys are fetched when the first token arrives, again before they expire, and when a
/// token names a key that is not among them (at most every 30 seconds). If fetching
/// fails, the last good ones serve for up to 24 hours.
#[derive(Clone, Debug)]
pub struct IssuerKeys(Arc<KeySource>);

impl IssuerKeys {
    /// The JWK Set (RFC 7517 §5) at `url`, which must be https, fetched by `fetch`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if `url` is no address that keys can come from.
    pub fn jwks(url: impl Into<String>, fetch: Arc<dyn Fetch>) -> Result<Self, ConfigurationError> {
        Self::of(&Keys::jwks(url), Some(fetch))
    }

    /// The public keys that `keys` says; those of another server are fetched by `fetch`,
    /// or by a guarded fetcher of their own.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if they cannot be used, or if there is a shared secret among
    /// them.
    pub fn of(keys: &Keys, fetch: Option<Arc<dyn Fetch>>) -> Result<Self, ConfigurationError> {
        let mut options = RemoteOptions {
            fetch,
            ..RemoteOptions::default()
        };
        let source = keys.open(&mut options)?;
        let known = match &source {
            KeySource::Remote(_) => Vec::new(),
            KeySource::Local(set) => algorithms_of(set),
            KeySource::Replaceable(keys) => algorithms_of(&keys.current().set),
        };
        if known
            .iter()
            .any(|algorithm| algorithm.family() == AlgorithmFamily::Hmac)
        {
            return Err(ConfigurationError::new(
                "the keys of the issuer are a shared secret, with which this server could speak \
                 for it: set its public keys",
            ));
        }
        Ok(Self(Arc::new(source)))
    }

    /// Waits until there are keys to decide with at the time `now`, so that whoever takes
    /// turns to verify does not wait for another server in theirs.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if there are none.
    pub async fn ready(&self, now: UnixTime) -> Result<(), Unavailable> {
        match self.0.as_ref() {
            KeySource::Local(_) | KeySource::Replaceable(_) => Ok(()),
            KeySource::Remote(remote) => remote.current(now).await.map(|_| ()),
        }
    }

    /// Verifies the signature of `token` at the time `now` with the key that its header
    /// selects. `algorithms` are the accepted ones (RFC 8725 §3.1). No claim is judged.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if there are no keys to decide with. What is wrong with the token
    /// is in the answer.
    pub async fn verify(
        &self,
        token: &str,
        algorithms: &[Algorithm],
        now: UnixTime,
    ) -> Result<Result<VerifiedJws, JwsError>, Unavailable> {
        match self.0.as_ref() {
            KeySource::Local(set) => Ok(verify_compact(token, set, algorithms)),
            KeySource::Replaceable(keys) => {
                Ok(verify_compact(token, &keys.current().set, algorithms))
            }
            KeySource::Remote(remote) => verify_remotely(remote, token, algorithms, now).await,
        }
    }
}

async fn verify_remotely(
    remote: &RemoteKeySet,
    token: &str,
    algorithms: &[Algorithm],
    now: UnixTime,
) -> Result<Result<VerifiedJws, JwsError>, Unavailable> {
    let snapshot = remote.current(now).await?;
    let error = match verify_compact(token, snapshot.keys(), algorithms) {
        Ok(verified) => return Ok(Ok(verified)),
        Err(error) => error,
    };
    if error.may_be_a_new_key()
        && let Refetched::Newer(newer) = remote.refetched(&snapshot, now).await?
    {
        return Ok(verify_compact(token, newer.keys(), algorithms));
    }
    Ok(Err(error))
}
