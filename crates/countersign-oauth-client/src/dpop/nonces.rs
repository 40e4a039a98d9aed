//! Nonces as servers give them out: RFC 9449 §8.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use countersign_oauth::dpop::{MAX_NONCE_BYTES, NONCE_FIELD};
use http::HeaderMap;
use url::Url;

/// So many origins are remembered.
const MOST: usize = 64;

/// Who gave out a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "nobody else gives out nonces")]
pub enum Role {
    /// An authorization server (RFC 9449 §8).
    AuthorizationServer,
    /// A protected resource (RFC 9449 §9).
    Resource,
}

/// The last nonce of each origin.
#[derive(Debug, Default)]
pub struct ReceivedNonces(Mutex<HashMap<(Role, String), String>>);

impl ReceivedNonces {
    /// The nonce for the next proof for `url`.
    pub fn of(&self, role: Role, url: &Url) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(role, origin(url))).cloned()
    }

    /// Remembers the nonce among `headers` of an answer of `url`; whether there is one.
    pub fn heed(&self, role: Role, url: &Url, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(NONCE_FIELD).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return false;
        };
        // RFC 9449 §8.1: the characters of `nonce` (NQCHAR).
        let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        let Some(nonce) = value.to_str().ok().filter(|nonce| {
            (1..=MAX_NONCE_BYTES).contains(&nonce.len()) && nonce.bytes().all(fits)
        }) else {
            return false;
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (role, origin(url));
        if known.len() >= MOST && !known.contains_key(&place) {
            known.clear();
        }
        known.insert(place, nonce.to_owned());
        true
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heed(nonces: &ReceivedNonces, url: &Url, values: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(NONCE_FIELD, value.parse().unwrap());
        }
        nonces.heed(Role::Resource, url, &headers)
    }

    #[test]
    fn a_nonce_that_is_none_is_not_remembered() {
        let nonces = ReceivedNonces::default();
        let url = Url::parse("https://rs.test/mcp").unwrap();
        let long = "x".repeat(MAX_NONCE_BYTES + 1);
        for values in [
            &[][..],
            &[""],
            &["a b"],
            &["a\"b"],
            &["a\\b"],
            &["a", "b"],
            &[&long],
        ] {
            assert!(!heed(&nonces, &url, values), "{values:?}");
        }
        assert_eq!(nonces.of(Role::Resource, &url), None);
    }

    #[test]
    fn a_nonce_belongs_to_an_origin_and_a_role() {
        let nonces = ReceivedNonces::default();
        let url = Url::parse("https://rs.test/mcp").unwrap();
        assert!(heed(&nonces, &url, &["n-1"]));
        let same = Url::parse("https://rs.test/other?x=1").unwrap();
        assert_eq!(nonces.of(Role::Resource, &same).as_deref(), Some("n-1"));
        assert_eq!(nonces.of(Role::AuthorizationServer, &url), None);
        let other = Url::parse("https://rs.test:444/mcp").unwrap();
        assert_eq!(nonces.of(Role::Resource, &other), None);
        for number in 0..1_000 {
            let url = Url::parse(&format!("https://{number}.test/")).unwrap();
            heed(&nonces, &url, &["n"]);
        }
        assert!(nonces.0.lock().unwrap().len() <= MOST);
    }
}
