//! What an operator decides about API keys.

use countersign_oauth::{ApiKeyFormat, Lifetime, ScopeSet};

/// How keys are made here.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ApiKeySettings {
    /// What new keys look like, and those that are accepted.
    pub format: ApiKeyFormat,
    /// What people can make for themselves on their account page; nothing unless told.
    pub personal: Option<PersonalKeys>,
}

/// Keys that people make for themselves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PersonalKeys {
    /// What they may let a key do.
    pub scopes: ScopeSet,
    /// How long a key is good at most; people may choose less.
    pub longest: Lifetime,
    /// How many keys that can be used one person may have.
    pub most: u64,
    /// How long the old key is good after a rotation.
    pub overlap: Lifetime,
}

impl PersonalKeys {
    /// Keys with any of `scopes`, for a year at most, up to 20 of them.
    pub const fn new(scopes: ScopeSet) -> Self {
        Self {
            scopes,
            longest: Lifetime::from_hours(365 * 24),
            most: 20,
            overlap: Lifetime::from_hours(24),
        }
    }
}
