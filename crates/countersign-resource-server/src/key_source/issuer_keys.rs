//! Signatures of one issuer, whatever its tokens are for.

use std::sync::Arc;

use countersign_oauth::UnixTime;
use countersign_oauth::jose::{Algorithm, JwsError, VerifiedJws, verify_compact};

use super::{KeySource, Keys, Refetched, RemoteKeySet, RemoteOptions};
use crate::fetch::Fetch;
use crate::{ConfigurationError, Unavailable};

/// The keys that an issuer publishes, for tokens that are not access tokens for us: ID
/// tokens, whose claims [`id_token`](countersign_oauth::id_token) judges. Access tokens
/// are for [`JwtVerifier`](crate::JwtVerifier).
///
/// Keys are fetched when the first token arrives, again before they expire, and when a
/// token names a key that is not among them (at most every 30 seconds). If fetching
/// fails, the last good ones serve for up to 24 hours.
#[derive(Clone, Debug)]
pub struct IssuerKeys(RemoteKeySet);

impl IssuerKeys {
    /// The JWK Set (RFC 7517 §5) at `url`, which must be https, fetched by `fetch`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if `url` is no address that keys can come from.
    pub fn jwks(url: impl Into<String>, fetch: Arc<dyn Fetch>) -> Result<Self, ConfigurationError> {
        let mut options = RemoteOptions {
            fetch: Some(fetch),
            ..RemoteOptions::default()
        };
        match Keys::jwks(url).open(&mut options)? {
            KeySource::Remote(remote) => Ok(Self(remote)),
            KeySource::Local(_) | KeySource::Replaceable(_) => Err(ConfigurationError::new(
                "the key set has no address: set one that begins with https://",
            )),
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
        let snapshot = self.0.current(now).await?;
        let error = match verify_compact(token, snapshot.keys(), algorithms) {
            Ok(verified) => return Ok(Ok(verified)),
            Err(error) => error,
        };
        if error.may_be_a_new_key()
            && let Refetched::Newer(newer) = self.0.refetched(&snapshot, now).await?
        {
            return Ok(verify_compact(token, newer.keys(), algorithms));
        }
        Ok(Err(error))
    }
}
