//! Places where a test kills the process, between two steps that belong together.

/// Every place, in the order of a call.
#[cfg(feature = "points")]
pub const ALL: [&str; 8] = [
    "migrate:step",
    "insert:row",
    "replace:row",
    "redeem:used",
    "redeem:successors",
    "revoke:some",
    "commit:before",
    "commit:after",
];

/// What happens at a place.
#[cfg(feature = "points")]
pub type Hook = fn(&'static str);

#[cfg(feature = "points")]
static HOOK: std::sync::OnceLock<Hook> = std::sync::OnceLock::new();

/// Calls `hook` at every place from now on. Only the first call has an effect.
#[cfg(feature = "points")]
pub fn watch(hook: Hook) {
    // A second hook is the caller's mistake, and harmless.
    let _ = HOOK.set(hook);
}

/// Says that `place` is reached.
#[cfg(feature = "points")]
pub(crate) fn reach(place: &'static str) {
    if let Some(hook) = HOOK.get() {
        hook(place);
    }
}

/// Nothing happens at any place.
#[cfg(not(feature = "points"))]
pub(crate) fn reach(_: &'static str) {}
