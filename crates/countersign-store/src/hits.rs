//! Counters that throttle.

use std::fmt;

use countersign_oauth::UnixTime;

use crate::secret_hash::digest_text;

/// The name of a counter: a digest, so that neither addresses nor login names are in
/// the database, and text of any length makes a short key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey(String);

impl CounterKey {
    /// The counter of `purpose`, such as `login`, for `parts`, such as an account and
    /// an address.
    pub fn new(purpose: &str, parts: &[&str]) -> Self {
        let mut all = vec![purpose];
        all.extend(parts);
        Self(digest_text("countersign counter 1", &all))
    }

    /// The digest in base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CounterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CounterKey({})", self.0)
    }
}

/// What a counter says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "backends of others construct it, and it has nothing else to say"
)]
pub struct Hits {
    /// How many hits the window has seen, this one included.
    pub count: u64,
    /// When the window ends and counting begins anew.
    pub until: UnixTime,
}
