//! What the store sees of a secret.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_oauth::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The SHA-256 digest of a code, token, cookie or client secret.
///
/// It is good for looking up and comparing, and serializes as base64url.
///
/// # Security
///
/// The secret must come from a generator, with 128 bits or more: a plain digest of a
/// password that people choose can be searched for. Passwords need argon2.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Hashes `secret`.
    pub fn of(secret: &Secret) -> Self {
        Self(digest_of(
            "countersign secret 1",
            &[secret.reveal().as_bytes()],
        ))
    }

    /// Whether this is the hash of `presented`, in constant time.
    pub fn matches(&self, presented: &Secret) -> bool {
        *self == Self::of(presented)
    }

    /// 43 characters of base64url.
    pub fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads what [`SecretHash::to_text`] wrote; nothing for other text.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for SecretHash {}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(redacted)")
    }
}

impl Serialize for SecretHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not the hash of a secret"))
    }
}

/// SHA-256 over `purpose` and `parts`, each with its length before it, so that no two
/// lists of parts look alike.
pub(crate) fn digest_of(purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Context::new(&SHA256);
    for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(digest.finish().as_ref()) {
        *to = *from;
    }
    bytes
}

/// [`digest_of`] as base64url.
pub(crate) fn digest_text(purpose: &str, parts: &[&str]) -> String {
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    URL_SAFE_NO_PAD.encode(digest_of(purpose, &parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_secret_does_not_match() {
        let hash = SecretHash::of(&Secret::new("one"));
        for other in ["", "On", "one ", "one\0", "two"] {
            assert!(!hash.matches(&Secret::new(other)), "{other:?}");
        }
        assert!(hash.matches(&Secret::new("one")));
    }

    #[test]
    fn text_that_is_no_hash_is_refused() {
        let text = SecretHash::of(&Secret::new("one")).to_text();
        for bad in [
            "",
            "one",
            &text[1..],
            &format!("{text}A"),
            &format!("{text}="),
        ] {
            assert_eq!(SecretHash::parse(bad), None, "{bad:?}");
        }
        assert_eq!(
            SecretHash::parse(&text),
            Some(SecretHash::of(&Secret::new("one")))
        );
    }

    #[test]
    fn debug_shows_nothing_of_the_hash() {
        let shown = format!("{:?}", SecretHash::of(&Secret::new("one")));
        assert_eq!(shown, "SecretHash(redacted)");
    }

    #[test]
    fn parts_are_kept_apart() {
        assert_ne!(
            digest_text("p", &["ab", "c"]),
            digest_text("p", &["a", "bc"])
        );
        assert_ne!(digest_text("p", &["a", ""]), digest_text("p", &["a"]));
        assert_ne!(digest_text("p", &["a"]), digest_text("q", &["a"]));
    }
}
