//! Verified tokens, remembered: bounded, keyed by a digest of the whole token,
//! never served past the expiry or after their key was withdrawn.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use countersign_oauth::UnixTime;

use super::PresentedToken;
use crate::AccessToken;

const SHARDS: usize = 16;

/// SHA-256 over the text of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(crate) fn of(token: PresentedToken<'_>) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token.reveal().as_bytes()).as_ref());
        Self(bytes)
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(redacted)")
    }
}

/// How much a [`TokenCache`] keeps.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CacheLimits {
    /// At most so many tokens; 0 switches the cache off.
    pub entries: usize,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { entries: 10_000 }
    }
}

impl CacheLimits {
    /// At most `entries` tokens; 0 switches the cache off.
    pub const fn entries(entries: usize) -> Self {
        Self { entries }
    }
}

/// Remembered outcomes of verifiers.
pub struct TokenCache {
    shards: [Mutex<HashMap<TokenDigest, AccessToken>>; SHARDS],
    entries_per_shard: usize,
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").finish_non_exhaustive()
    }
}

impl TokenCache {
    /// An empty cache.
    pub fn new(limits: CacheLimits) -> Self {
        Self {
            shards: Default::default(),
            entries_per_shard: limits.entries.div_ceil(SHARDS),
        }
    }

    fn shard(&self, digest: &TokenDigest) -> Option<&Mutex<HashMap<TokenDigest, AccessToken>>> {
        let [first, ..] = digest.0;
        self.shards.get(usize::from(first) % SHARDS)
    }

    pub(crate) fn find(&self, digest: &TokenDigest, now: UnixTime) -> Option<AccessToken> {
        let mut shard = self
            .shard(digest)?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let token = shard.get(digest)?;
        if is_usable(token, now) {
            return Some(token.clone());
        }
        shard.remove(digest);
        None
    }

    pub(crate) fn remember(&self, digest: TokenDigest, token: &AccessToken, now: UnixTime) {
        if self.entries_per_shard == 0 || !is_usable(token, now) {
            return;
        }
        let Some(shard) = self.shard(&digest) else {
            return;
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= self.entries_per_shard {
            shard.retain(|_, token| is_usable(token, now));
        }
        if shard.len() >= self.entries_per_shard {
            // Any entry will do: a token that is thrown out is only verified once more.
            if let Some(victim) = shard.keys().next().copied() {
                shard.remove(&victim);
            }
        }
        shard.insert(digest, token.clone());
    }
}

fn is_usable(token: &AccessToken, now: UnixTime) -> bool {
    token.cacheable_until().is_some_and(|until| now < until) && token.is_live()
}
