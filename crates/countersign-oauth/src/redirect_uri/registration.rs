//! Which redirection URIs a client may register: RFC 8252 §7,
//! OpenID Connect Dynamic Registration §2 (`application_type`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{InvalidRedirectUri, RedirectKind, RedirectUri, judge};

/// The largest number of redirection URIs of one client.
pub const MAX_REDIRECT_URIS: usize = 50;

/// Private-use schemes without a dot that MCP clients have in use.
pub const KNOWN_CLIENT_SCHEMES: [&str; 6] = [
    "claude",
    "cursor",
    "raycast",
    "vscode",
    "vscode-insiders",
    "windsurf",
];

/// `application_type` of OpenID Connect Dynamic Registration §2.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the specification knows two")]
pub enum ApplicationType {
    /// Runs on a server: https redirects only.
    Web,
    /// Runs on a person's machine: loopback, private-use schemes and https.
    Native,
}

impl ApplicationType {
    /// Reads the value of a registration.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "web" => Some(Self::Web),
            "native" => Some(Self::Native),
            _ => None,
        }
    }

    /// What `uris` say about a client that does not send `application_type`.
    /// The default of the specification is `web`; most MCP clients redirect to
    /// loopback and do not send it, so that one such URI makes it `native`.
    pub fn of(uris: &[RedirectUri]) -> Self {
        if uris.iter().all(|uri| uri.kind() == RedirectKind::Web) {
            Self::Web
        } else {
            Self::Native
        }
    }

    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Native => "native",
        }
    }
}

/// What this server accepts at registration.
#[derive(Clone, Debug)]
pub struct RedirectRules {
    schemes: BTreeSet<String>,
}

impl Default for RedirectRules {
    fn default() -> Self {
        Self {
            schemes: KNOWN_CLIENT_SCHEMES.map(str::to_owned).into(),
        }
    }
}

impl RedirectRules {
    /// Accepts the private-use scheme `scheme`, which has no dot, as well.
    ///
    /// # Errors
    ///
    /// [`InvalidRedirectUri`] if `scheme` is no scheme in lower case, or one that
    /// is never accepted, such as `javascript`.
    pub fn allow_scheme(mut self, scheme: &str) -> Result<Self, InvalidRedirectUri> {
        if judge::is_forbidden(scheme) || matches!(scheme, "http" | "https") {
            return Err(InvalidRedirectUri::ForbiddenScheme);
        }
        RedirectUri::parse(&format!("{scheme}:/"))?;
        self.schemes.insert(scheme.to_owned());
        Ok(self)
    }

    /// Checks the URIs that a client registers. `application_type` is absent if
    /// the client did not send it.
    ///
    /// # Errors
    ///
    /// [`InvalidRedirectUri`]; to the client it is `invalid_redirect_uri` (RFC 7591 §3.2.2).
    pub fn check(
        &self,
        uris: &[RedirectUri],
        application_type: Option<ApplicationType>,
    ) -> Result<ApplicationType, InvalidRedirectUri> {
        let distinct: BTreeSet<&str> = uris.iter().map(RedirectUri::as_str).collect();
        if uris.len() > MAX_REDIRECT_URIS || distinct.len() < uris.len() {
            return Err(InvalidRedirectUri::TooMany);
        }
        let application_type = application_type.unwrap_or_else(|| ApplicationType::of(uris));
        for uri in uris {
            let kind = uri.kind();
            if application_type == ApplicationType::Web && kind != RedirectKind::Web {
                return Err(InvalidRedirectUri::NotForWeb);
            }
            // RFC 8252 §7.1: "any private-use URI scheme that doesn't contain at
            // least one period character" should be rejected.
            let scheme = uri.scheme();
            if kind == RedirectKind::PrivateUse
                && !scheme.contains('.')
                && !self.schemes.contains(scheme)
            {
                return Err(InvalidRedirectUri::UnknownScheme);
            }
        }
        Ok(application_type)
    }
}
