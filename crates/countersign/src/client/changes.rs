//! What a server says has changed.

use std::fmt;
use std::sync::Arc;

/// What has changed at a server, or may have: after an interruption everything that was
/// subscribed to is said to have, because nobody knows what happened meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Change {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The list of resources.
    Resources,
    /// What is at the URI of a resource that was subscribed to, or below it.
    Resource(String),
}

/// Whoever hears of changes.
#[derive(Clone, Default)]
pub(super) struct Changes(Option<Arc<dyn Fn(Change) + Send + Sync>>);

impl Changes {
    pub(super) fn told_to(hear: impl Fn(Change) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    /// Whether anybody hears.
    pub(super) const fn are_heard(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn tell(&self, change: Change) {
        if let Some(hear) = &self.0 {
            hear(change);
        }
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Changes({})", self.are_heard())
    }
}
