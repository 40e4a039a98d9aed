//! Exchanged tokens that are used more than once: a tool that calls a service ten times
//! for one caller asks the authorization server once.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use countersign_oauth::{Lifetime, ResourceUri, ScopeSet, Secret, UnixTime};

use super::ExchangedToken;

/// So many are held, of all callers together.
const MOST: usize = 1_024;

/// Nothing is held for longer, so that a caller who is locked out at the authorization
/// server is soon locked out behind us too.
const LONGEST: Lifetime = Lifetime::from_mins(5);

/// For whom, where and for what a token was got. Whoever shows another token gets another
/// one, also if it is about the same person.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Purpose {
    /// The digest of the whole token that was exchanged.
    subject: [u8; 32],
    resource: String,
    scopes: String,
}

impl Purpose {
    pub(super) fn new(subject: &Secret, resource: &ResourceUri, scopes: &ScopeSet) -> Self {
        let mut whole = [0; 32];
        whole.copy_from_slice(digest(&SHA256, subject.reveal().as_bytes()).as_ref());
        Self {
            subject: whole,
            resource: resource.as_str().to_owned(),
            scopes: scopes.to_string(),
        }
    }
}

/// Tokens that are held, in memory alone.
#[derive(Default)]
pub(super) struct Held(HashMap<Purpose, ExchangedToken>);

impl Held {
    /// The token for `purpose`, if it is good for a while at `now`.
    pub(super) fn token(&self, purpose: &Purpose, now: UnixTime) -> Option<ExchangedToken> {
        let token = self.0.get(purpose)?;
        is_usable(token, now).then(|| token.clone())
    }

    /// Holds `token`, if it says when it ends. What has ended at `now` makes room, then what
    /// is oldest.
    pub(super) fn put(&mut self, purpose: Purpose, token: &ExchangedToken, now: UnixTime) {
        if token.expires_at.is_none() || !is_usable(token, now) {
            return;
        }
        if self.0.len() >= MOST {
            self.0.retain(|_, held| is_usable(held, now));
        }
        if self.0.len() >= MOST {
            let by_age = |(_, held): &(&Purpose, &ExchangedToken)| held.tokens().obtained_at;
            let oldest = self.0.iter().min_by_key(by_age);
            if let Some(oldest) = oldest.map(|(purpose, _)| purpose.clone()) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(purpose, token.clone());
    }

    /// Holds `token` no more.
    pub(super) fn forget(&mut self, token: &Secret) {
        self.0.retain(|_, held| held.access_token != *token);
    }
}

fn is_usable(token: &ExchangedToken, now: UnixTime) -> bool {
    let tokens = token.tokens();
    tokens.lasts(now, tokens.margin()) && now.since(tokens.obtained_at) < LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{StoredTokens, TokenType};

    fn token(text: &str, at: u64) -> ExchangedToken {
        let at = UnixTime::from_secs(at);
        let scopes = ScopeSet::new();
        let mut tokens = StoredTokens::new(Secret::new(text), TokenType::Bearer, scopes, at);
        tokens.expires_at = Some(at.saturating_add(Lifetime::from_hours(1)));
        ExchangedToken::new(tokens, None)
    }

    fn purpose(subject: &str) -> Purpose {
        let resource = ResourceUri::parse("https://up.test/api").unwrap();
        Purpose::new(&Secret::new(subject), &resource, &ScopeSet::new())
    }

    #[test]
    fn the_number_is_bounded_and_what_is_oldest_goes_first() {
        let mut held = Held::default();
        let now = UnixTime::from_secs(100);
        for number in 0..2 * MOST {
            let at = 50 + u64::from(number > 0);
            held.put(purpose(&number.to_string()), &token("t", at), now);
        }
        assert_eq!(held.0.len(), MOST);
        assert!(held.token(&purpose("0"), now).is_none());
        let last = purpose(&(2 * MOST - 1).to_string());
        assert!(held.token(&last, now).is_some());
        assert!(!format!("{last:?}").contains("2047"));
    }

    #[test]
    fn what_has_ended_makes_room_before_what_has_not() {
        let mut held = Held::default();
        for number in 0..MOST {
            let at = if number == 0 { 400 } else { 0 };
            let now = UnixTime::from_secs(at);
            held.put(purpose(&number.to_string()), &token("t", at), now);
        }
        let now = UnixTime::from_secs(500);
        held.put(purpose("new"), &token("t", 500), now);
        assert_eq!(held.0.len(), 2);
        assert!(held.token(&purpose("0"), now).is_some());
    }
}
