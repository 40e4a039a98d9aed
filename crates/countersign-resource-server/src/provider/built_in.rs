//! The presets that are compiled in, one file each.

/// Name and text, sorted by name.
pub(super) const BUILT_IN: &[(&str, &str)] = &[
    ("auth0", include_str!("../../presets/auth0.toml")),
    ("authkit", include_str!("../../presets/authkit.toml")),
    ("clerk", include_str!("../../presets/clerk.toml")),
    ("cognito", include_str!("../../presets/cognito.toml")),
    ("descope", include_str!("../../presets/descope.toml")),
    ("discord", include_str!("../../presets/discord.toml")),
    ("entra", include_str!("../../presets/entra.toml")),
    ("firebase", include_str!("../../presets/firebase.toml")),
    ("github", include_str!("../../presets/github.toml")),
    ("gitlab", include_str!("../../presets/gitlab.toml")),
    ("google", include_str!("../../presets/google.toml")),
    (
        "huggingface",
        include_str!("../../presets/huggingface.toml"),
    ),
    ("keycloak", include_str!("../../presets/keycloak.toml")),
    ("microsoft", include_str!("../../presets/microsoft.toml")),
    ("oci", include_str!("../../presets/oci.toml")),
    ("oidc", include_str!("../../presets/oidc.toml")),
    ("okta", include_str!("../../presets/okta.toml")),
    ("propelauth", include_str!("../../presets/propelauth.toml")),
    ("scalekit", include_str!("../../presets/scalekit.toml")),
    ("slack", include_str!("../../presets/slack.toml")),
    ("supabase", include_str!("../../presets/supabase.toml")),
    ("workos", include_str!("../../presets/workos.toml")),
];
