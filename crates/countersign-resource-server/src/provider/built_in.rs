//! The presets that are compiled in, one file each.

/// Name and text, sorted by name.
pub(super) const BUILT_IN: &[(&str, &str)] = &[
    ("github", include_str!("../../presets/github.toml")),
    ("oidc", include_str!("../../presets/oidc.toml")),
];
