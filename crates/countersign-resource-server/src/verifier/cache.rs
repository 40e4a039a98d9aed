//! Verified tokens, remembered: bounded, keyed by a digest of the whole token,
//! never served past the expiry or after their key was withdrawn.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use countersign_oauth::UnixTime;

use super::{PresentedToken, VerifiedToken};
use crate::AccessToken;

const SHARDS: usize = 16;

/// SHA-256 over the text of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenDigest([u8; 32]);

impl Hash for TokenDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.part());
    }
}

/// Takes a part of a digest as it is. Whoever wants many tokens in one place of the
/// table needs that many good tokens for each, and gets a shard that is searched.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, part: u64) {
        self.0 = part;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl TokenDigest {
    pub(crate) fn of(token: PresentedToken<'_>) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token.reveal().as_bytes()).as_ref());
        Self(bytes)
    }

    /// A part that has nothing to do with the choice of the shard.
    const fn part(&self) -> u64 {
        let [_, a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_ne_bytes([a, b, c, d, e, f, g, h])
    }

    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(redacted)")
    }
}

/// How many verified tokens a chain remembers.
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

/// Tokens that verifiers accepted.
///
/// Only good tokens get in, so that strangers cannot push them out. While it is full
/// of tokens that could still be served, one that comes for the first time is only
/// noted: so tokens that are used once push out none that is used often. The second
/// time it gets in, and the one that came first goes: it is only verified once more.
pub(crate) struct TokenCache {
    shards: [Mutex<Shard>; SHARDS],
    entries_per_shard: usize,
}

/// The first two have the same digests: what is looked up and unusable stays until
/// it is replaced or its turn to go has come.
#[derive(Default)]
struct Shard {
    tokens: HashMap<TokenDigest, VerifiedToken, BuildHasherDefault<AsItIs>>,
    /// In their order, and until when each may be served.
    arrivals: VecDeque<(TokenDigest, UnixTime)>,
    /// Parts of the digests of tokens for which there was no room, each in the place
    /// that it is found by. Empty before the first one.
    noted: Vec<u64>,
}

impl Shard {
    /// Whether there is room for a newcomer, be it by sending the oldest away.
    fn makes_room(&mut self, digest: &TokenDigest, entries: usize, now: UnixTime) -> bool {
        if self.arrivals.len() < entries {
            return true;
        }
        let outlived = |(_, until): &(TokenDigest, UnixTime)| *until <= now;
        if !self.arrivals.front().is_some_and(outlived) && !self.was_noted(digest, entries) {
            return false;
        }
        if let Some((oldest, _)) = self.arrivals.pop_front() {
            self.tokens.remove(&oldest);
        }
        true
    }

    /// Notes a newcomer in the place of another one. True if it was noted before.
    fn was_noted(&mut self, digest: &TokenDigest, places: usize) -> bool {
        self.noted.resize(places, 0);
        let part = digest.part();
        let place = usize::try_from(part).unwrap_or_default() % places.max(1);
        let noted = self.noted.get_mut(place);
        noted.is_some_and(|noted| std::mem::replace(noted, part) == part)
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").finish_non_exhaustive()
    }
}

impl TokenCache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self {
            shards: Default::default(),
            entries_per_shard: limits.entries.div_ceil(SHARDS),
        }
    }

    fn shard(&self, digest: &TokenDigest) -> Option<MutexGuard<'_, Shard>> {
        let [first, ..] = digest.0;
        let shard = self.shards.get(usize::from(first) % SHARDS)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many tokens there are, those among them whose time is over, and for how many
    /// there is room.
    pub(crate) fn fill(&self) -> (usize, usize) {
        let length = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.tokens.len()
        };
        let tokens = self.shards.iter().map(length).sum();
        (tokens, self.entries_per_shard.saturating_mul(SHARDS))
    }

    pub(crate) fn find(&self, digest: &TokenDigest, now: UnixTime) -> Option<VerifiedToken> {
        let shard = self.shard(digest)?;
        let found = shard.tokens.get(digest)?;
        is_usable(&found.access_token, now).then(|| found.clone())
    }

    pub(crate) fn remember(&self, digest: TokenDigest, verified: &VerifiedToken, now: UnixTime) {
        let Some(until) = verified.access_token.cacheable_until() else {
            return;
        };
        if self.entries_per_shard == 0 || !is_usable(&verified.access_token, now) {
            return;
        }
        let Some(mut shard) = self.shard(&digest) else {
            return;
        };
        if let Some(known) = shard.tokens.get_mut(&digest) {
            *known = verified.clone();
            return;
        }
        if shard.makes_room(&digest, self.entries_per_shard, now) {
            shard.tokens.insert(digest, verified.clone());
            shard.arrivals.push_back((digest, until));
        }
    }
}

fn is_usable(token: &AccessToken, now: UnixTime) -> bool {
    token.cacheable_until().is_some_and(|until| now < until) && token.is_live()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Assertion, Liveness};

    const NOW: UnixTime = UnixTime::from_secs(1_000);

    fn verified(assertion: Assertion) -> VerifiedToken {
        VerifiedToken {
            access_token: AccessToken::assertion(assertion),
            required_scopes: None,
        }
    }

    fn lasting() -> Assertion {
        Assertion::new("https://as.test", "alice").cacheable_until(UnixTime::from_secs(2_000))
    }

    fn digest_of(number: usize) -> TokenDigest {
        TokenDigest::of(PresentedToken::new(&number.to_string()))
    }

    /// How many tokens there are, none without its turn to go.
    fn held(cache: &TokenCache, at_most: usize) -> usize {
        let mut held = 0;
        for shard in &cache.shards {
            let shard = shard.lock().unwrap();
            assert_eq!(shard.tokens.len(), shard.arrivals.len());
            assert!(shard.tokens.len() <= at_most);
            assert!(shard.noted.len() <= at_most);
            held += shard.tokens.len();
        }
        held
    }

    #[test]
    fn a76_a_full_cache_stays_full_and_takes_in_what_comes_twice() {
        let cache = TokenCache::new(CacheLimits::entries(SHARDS * 4));
        for number in 0..10_000 {
            cache.remember(digest_of(number), &verified(lasting()), NOW);
            cache.remember(digest_of(number), &verified(lasting()), NOW);
            assert!(cache.find(&digest_of(number), NOW).is_some());
        }
        assert_eq!(held(&cache, 4), SHARDS * 4);
        assert!(cache.find(&digest_of(0), NOW).is_none());
    }

    #[test]
    fn a76_tokens_that_come_once_push_out_none_that_could_be_served() {
        let cache = TokenCache::new(CacheLimits::entries(SHARDS * 4));
        for number in 0..1_000 {
            cache.remember(digest_of(number), &verified(lasting()), NOW);
        }
        assert_eq!(held(&cache, 4), SHARDS * 4);
        let found = |number: &usize| cache.find(&digest_of(*number), NOW).is_some();
        let first: Vec<usize> = (0..1_000).filter(found).collect();
        for number in 1_000..10_000 {
            cache.remember(digest_of(number), &verified(lasting()), NOW);
            assert!(!found(&number));
        }
        assert!(first.iter().all(found));
        // What cannot be served any more makes room at once.
        let later = UnixTime::from_secs(2_000);
        let newer = lasting().cacheable_until(UnixTime::from_secs(3_000));
        for number in 10_000..11_000 {
            cache.remember(digest_of(number), &verified(newer.clone()), later);
        }
        assert_eq!(held(&cache, 4), SHARDS * 4);
        let served = |number: &usize| cache.find(&digest_of(*number), later).is_some();
        assert_eq!((10_000..11_000).filter(served).count(), SHARDS * 4);
    }

    #[test]
    fn a76_nothing_is_served_past_its_time_or_its_expiry() {
        let cache = TokenCache::new(CacheLimits::default());
        let short = lasting().expires_at(UnixTime::from_secs(1_010));
        cache.remember(digest_of(1), &verified(short), NOW);
        cache.remember(digest_of(2), &verified(lasting()), NOW);
        let never = Assertion::new("https://as.test", "alice");
        cache.remember(digest_of(3), &verified(never), NOW);
        for (number, at, served) in [
            (1, 1_009, true),
            (1, 1_010, false),
            (2, 1_999, true),
            (2, 2_000, false),
            (3, 1_000, false),
        ] {
            let found = cache.find(&digest_of(number), UnixTime::from_secs(at));
            assert_eq!(found.is_some(), served, "{number} at {at}");
        }
    }

    #[test]
    fn a75_a76_a_token_whose_key_was_withdrawn_is_not_served() {
        let cache = TokenCache::new(CacheLimits::default());
        let key = Liveness::default();
        cache.remember(
            digest_of(1),
            &verified(lasting().valid_while(key.clone())),
            NOW,
        );
        assert!(cache.find(&digest_of(1), NOW).is_some());
        key.end();
        assert!(cache.find(&digest_of(1), NOW).is_none());
    }

    #[test]
    fn a_cache_of_no_entries_remembers_nothing() {
        let cache = TokenCache::new(CacheLimits::entries(0));
        cache.remember(digest_of(1), &verified(lasting()), NOW);
        assert!(cache.find(&digest_of(1), NOW).is_none());
    }

    #[test]
    fn h4_a_digest_does_not_show_itself() {
        assert_eq!(format!("{:?}", digest_of(1)), "TokenDigest(redacted)");
    }
}
