//! Which path leads where, so that a server in front can tell its own paths from ours.

use std::collections::BTreeMap;

use countersign_oauth::server_metadata::{ServerMetadata, issuer_path};

use crate::interaction::Interaction;
use crate::settings::{AccessTokenFormat, Registration, Revocation, Settings};

/// What answers at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Endpoint {
    Metadata,
    Authorize,
    Token,
    Register,
    Revoke,
    Introspect,
    Jwks,
    Status,
    /// A page or form of the interaction.
    Page,
    /// The page of the application on which people sign in elsewhere.
    SignIn,
}

/// All paths. What is switched off has none.
#[derive(Debug)]
pub(crate) struct Paths(BTreeMap<String, Endpoint>);

impl Paths {
    pub(crate) fn new(settings: &Settings, interaction: &dyn Interaction) -> Self {
        let base = format!("{}{}", issuer_path(&settings.issuer), settings.prefix);
        let mut paths = BTreeMap::new();
        for path in interaction.paths() {
            paths.insert(path, Endpoint::Page);
        }
        let registers = settings.registration != Registration::Closed;
        let revokes = settings.revocation == Revocation::Offered;
        let signs = settings.access_token_format == AccessTokenFormat::Jwt;
        for (path, endpoint, is_offered) in [
            ("/authorize", Endpoint::Authorize, true),
            ("/token", Endpoint::Token, true),
            ("/register", Endpoint::Register, registers),
            ("/revoke", Endpoint::Revoke, revokes),
            ("/introspect", Endpoint::Introspect, true),
            ("/jwks", Endpoint::Jwks, signs),
        ] {
            if is_offered {
                paths.insert(format!("{base}{path}"), endpoint);
            }
        }
        // It has the name that people know, with or without a prefix.
        let status = if settings.prefix.is_empty() {
            "/auth/status"
        } else {
            "/status"
        };
        paths.insert(format!("{base}{status}"), Endpoint::Status);
        for path in ServerMetadata::paths(&settings.issuer) {
            paths.insert(path, Endpoint::Metadata);
        }
        Self(paths)
    }

    /// The page at `path` is the one on which people sign in elsewhere.
    pub(crate) fn sign_in_at(&mut self, path: &str) {
        if let Some(endpoint) = self.0.get_mut(path) {
            *endpoint = Endpoint::SignIn;
        }
    }

    pub(crate) fn endpoint(&self, path: &str) -> Option<Endpoint> {
        self.0.get(path).copied()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
