//! Nonces that a server gives out and knows again without remembering them: RFC 9449 §8.
//!
//! A nonce says which process gave it out and when, under a MAC. So a proof is for a span of
//! time of *this* server, whatever the clock of the client says, and proofs that were made
//! in advance (RFC 9449 §11.2) are worth nothing.
//!
//! Where several processes have one key, each knows the nonces of the others, but not those
//! that were given out before it began: it does not know what came before, so a proof that
//! was used then could come again.

use std::fmt;

use aws_lc_rs::hmac;
use thiserror::Error;

use crate::jose::base64url;
use crate::{Lifetime, UnixTime};

/// How long a nonce is good, unless a server says otherwise.
pub const NONCE_LIFETIME: Lifetime = Lifetime::from_mins(5);

/// The longest nonce that is looked at, in bytes.
pub const MAX_NONCE_BYTES: usize = 512;

/// How far the clocks of processes with one key may differ.
const SKEW: Lifetime = Lifetime::from_secs(5);

const TAG_BYTES: usize = 8;
const MAC_BYTES: usize = 16;

/// Why another nonce is needed: to the client it is `use_dpop_nonce` (RFC 9449 §8, §9).
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NonceError {
    /// The proof has none.
    #[error("the proof has no nonce")]
    Missing,
    /// This server never gave it out, or an earlier run of it did.
    #[error("the nonce of the proof is not one of this server")]
    Foreign,
    /// It was given out too long ago.
    #[error("the nonce of the proof is too old")]
    Stale,
}

/// Gives out nonces and knows them again.
#[derive(Clone)]
pub struct Nonces {
    key: hmac::Key,
    process: [u8; TAG_BYTES],
    began: UnixTime,
    lifetime: Lifetime,
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces")
            .field("began", &self.began)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

impl Nonces {
    /// Nonces of a process that began at `began`.
    ///
    /// `key` is a secret of this process, or of several that know the nonces of each other.
    /// `process` is random, and never the same in two of them.
    pub fn new(key: &[u8; 32], process: [u8; 8], began: UnixTime) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            process,
            began,
            lifetime: NONCE_LIFETIME,
        }
    }

    /// Nonces are good for `lifetime`.
    #[must_use]
    pub const fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The nonce of this second: 43 characters of base64url.
    pub fn issue(&self, now: UnixTime) -> String {
        let mut nonce = Vec::with_capacity(TAG_BYTES + 8 + MAC_BYTES);
        nonce.extend_from_slice(&self.process);
        nonce.extend_from_slice(&now.as_secs().to_be_bytes());
        let mac = hmac::sign(&self.key, &purpose(&nonce));
        nonce.extend(mac.as_ref().iter().take(MAC_BYTES));
        base64url::encode(&nonce)
    }

    /// When `nonce` was given out, if it is still good.
    ///
    /// # Errors
    ///
    /// [`NonceError`]; the client needs another one then.
    pub fn check(&self, nonce: Option<&str>, now: UnixTime) -> Result<UnixTime, NonceError> {
        let nonce = nonce.ok_or(NonceError::Missing)?;
        let bytes = base64url::decode(nonce).ok_or(NonceError::Foreign)?;
        let said = bytes.get(..TAG_BYTES + 8).ok_or(NonceError::Foreign)?;
        let mac = bytes.get(TAG_BYTES + 8..).ok_or(NonceError::Foreign)?;
        let expected = hmac::sign(&self.key, &purpose(said));
        let expected = expected.as_ref().get(..MAC_BYTES).unwrap_or_default();
        aws_lc_rs::constant_time::verify_slices_are_equal(mac, expected)
            .map_err(|_| NonceError::Foreign)?;
        let (process, time) = said.split_at(TAG_BYTES);
        let seconds = <[u8; 8]>::try_from(time).map_err(|_| NonceError::Foreign)?;
        let given_out = UnixTime::from_secs(u64::from_be_bytes(seconds));
        let is_own = process == self.process.as_slice();
        if !is_own && given_out <= self.began.saturating_add(SKEW) {
            return Err(NonceError::Foreign);
        }
        let is_over = given_out.saturating_add(self.lifetime) <= now;
        if is_over || given_out > now.saturating_add(SKEW) {
            return Err(NonceError::Stale);
        }
        Ok(given_out)
    }

    /// Whether a nonce that was given out at `given_out` has not long to live, so that the
    /// answer to a good request should bring another one (RFC 9449 §8.2).
    pub const fn is_due(&self, given_out: UnixTime, now: UnixTime) -> bool {
        now.since(given_out).as_secs() * 2 >= self.lifetime.as_secs()
    }
}

/// A key of several servers may sign other things.
fn purpose(said: &[u8]) -> Vec<u8> {
    [b"DPoP-Nonce".as_slice(), said].concat()
}
