//! Tokens that are in use, each under all that it was issued for.

use std::collections::HashMap;

use countersign_oauth::{ClientId, Issuer, Lifetime, ResourceUri, ScopeSet, UnixTime};

use crate::store::StoredTokens;

/// So many tokens are kept: one for each set of scopes that was asked for.
const MOST: usize = 32;

/// What a token was issued for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CacheKey {
    pub(super) issuer: Issuer,
    pub(super) resource: ResourceUri,
    pub(super) client: ClientId,
    pub(super) scopes: ScopeSet,
}

/// A few tokens, in memory alone: a program that starts again can get others.
#[derive(Default)]
pub(super) struct Cache(HashMap<String, (CacheKey, StoredTokens)>);

impl CacheKey {
    fn text(&self) -> String {
        // None of them has a line feed in it.
        format!(
            "{}\n{}\n{}\n{}",
            self.issuer,
            self.resource.as_str(),
            self.client.as_str(),
            self.scopes
        )
    }
}

impl Cache {
    /// What was issued for exactly this.
    pub(super) fn tokens(&self, key: &CacheKey) -> Option<StoredTokens> {
        let (kept, tokens) = self.0.get(&key.text())?;
        (kept == key).then(|| tokens.clone())
    }

    /// Keeps `tokens`; what has ended at `now` makes room, then what is oldest.
    pub(super) fn put(&mut self, key: CacheKey, tokens: StoredTokens, now: UnixTime) {
        self.0
            .retain(|_, (_, tokens)| tokens.lasts(now, Lifetime::ZERO));
        let oldest = || {
            let by_age =
                |(_, (_, tokens)): &(&String, &(CacheKey, StoredTokens))| tokens.obtained_at;
            self.0
                .iter()
                .min_by_key(by_age)
                .map(|(text, _)| text.clone())
        };
        if self.0.len() >= MOST
            && let Some(oldest) = oldest()
        {
            self.0.remove(&oldest);
        }
        self.0.insert(key.text(), (key, tokens));
    }
}

#[cfg(test)]
mod tests {
    use countersign_oauth::Secret;

    use super::*;
    use crate::store::TokenType;

    fn key(issuer: &str, resource: &str, client: &str, scopes: &str) -> CacheKey {
        CacheKey {
            issuer: Issuer::parse(issuer).unwrap(),
            resource: ResourceUri::parse(resource).unwrap(),
            client: ClientId::parse(client).unwrap(),
            scopes: ScopeSet::parse(scopes).unwrap(),
        }
    }

    fn tokens(text: &str, at: u64) -> StoredTokens {
        let at = UnixTime::from_secs(at);
        StoredTokens::new(Secret::new(text), TokenType::Bearer, ScopeSet::new(), at)
    }

    #[test]
    fn i4_a_token_is_found_under_all_that_it_was_issued_for_and_nothing_less() {
        let now = UnixTime::from_secs(1);
        let mut cache = Cache::default();
        let own = key("https://a.test", "https://rs.test/a", "c", "read");
        cache.put(own.clone(), tokens("t", 1), now);
        assert!(cache.tokens(&own).is_some());
        for other in [
            key("https://b.test", "https://rs.test/a", "c", "read"),
            key("https://a.test", "https://rs.test/b", "c", "read"),
            key("https://a.test", "https://rs.test/a", "d", "read"),
            key("https://a.test", "https://rs.test/a", "c", "read write"),
        ] {
            assert!(cache.tokens(&other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn the_number_is_bounded_and_what_is_oldest_goes_first() {
        let now = UnixTime::from_secs(1);
        let mut cache = Cache::default();
        let of = |number: u64| {
            key(
                "https://a.test",
                "https://rs.test/a",
                "c",
                &format!("s{number}"),
            )
        };
        for number in 0..40 {
            cache.put(of(number), tokens("t", number), now);
        }
        assert_eq!(cache.0.len(), MOST);
        assert!(cache.tokens(&of(0)).is_none() && cache.tokens(&of(39)).is_some());
    }
}
