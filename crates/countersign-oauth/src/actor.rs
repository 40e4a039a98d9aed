//! Who acts for the subject of a token: RFC 8693 §4.1.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The most actors of one token.
pub const MAX_ACTORS: usize = 4;

/// The party that acts, and the one before it that acted through it.
///
/// Only the outermost says who acts now: those within "are informational only and are not
/// to be considered in access control decisions" (RFC 8693 §4.1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Actor {
    /// The client that acts.
    pub sub: String,
    /// Who acted before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Self>>,
}

impl Actor {
    /// `sub` acts, after `before`; nothing if there would be more than [`MAX_ACTORS`].
    pub fn after(before: Option<&Self>, sub: impl Into<String>) -> Option<Self> {
        if before.is_some_and(|before| before.depth() >= MAX_ACTORS) {
            return None;
        }
        Some(Self {
            sub: sub.into(),
            act: before.cloned().map(Box::new),
        })
    }

    /// How many there are.
    pub fn depth(&self) -> usize {
        let mut actors = std::iter::successors(Some(self), |actor| actor.act.as_deref());
        actors.by_ref().count()
    }

    /// The claim `act`.
    pub fn to_value(&self) -> Value {
        match &self.act {
            None => json!({"sub": self.sub}),
            Some(before) => json!({"sub": self.sub, "act": before.to_value()}),
        }
    }
}
