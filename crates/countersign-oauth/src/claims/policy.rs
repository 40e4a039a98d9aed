//! What is expected of a token.

use std::sync::Arc;

use super::error::ConfigError;
use crate::time::Lifetime;

/// The longest leeway for clocks that differ.
pub const MAX_LEEWAY: Lifetime = Lifetime::from_mins(5);

const DEFAULT_LEEWAY: Lifetime = Lifetime::from_secs(60);

/// The claims that may hold scopes, the first that is present being read.
const DEFAULT_SCOPE_CLAIMS: [&str; 4] = ["scope", "scp", "scopes", "permissions"];

/// Which values of the header `typ` are accepted, always without regard to case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum TypPolicy {
    /// `at+jwt` or `application/at+jwt` only (RFC 9068 §4).
    AccessToken,
    /// Also `JWT`, or none at all, as many issuers write their access tokens.
    ///
    /// ID tokens look like this too. It is the audience that refuses them: that
    /// of an ID token is the client, never this server.
    #[default]
    JwtOrAccessToken,
}

/// What is expected of the claims of an access token: RFC 9068 §4, RFC 7519 §4.1.
#[derive(Clone, Debug)]
pub struct ClaimsPolicy {
    pub(super) issuers: Vec<Arc<str>>,
    pub(super) audiences: Vec<String>,
    pub(super) other_audiences_refused: bool,
    pub(super) leeway: Lifetime,
    pub(super) max_lifetime: Option<Lifetime>,
    pub(super) typ: TypPolicy,
    pub(super) scope_claims: Vec<String>,
    pub(super) required: Vec<String>,
    pub(super) past: Vec<String>,
}

impl ClaimsPolicy {
    /// Starts a policy that expects nothing yet and cannot be built so.
    pub fn builder() -> ClaimsPolicyBuilder {
        ClaimsPolicyBuilder {
            policy: Self {
                issuers: Vec::new(),
                audiences: Vec::new(),
                other_audiences_refused: false,
                leeway: DEFAULT_LEEWAY,
                max_lifetime: None,
                typ: TypPolicy::default(),
                scope_claims: DEFAULT_SCOPE_CLAIMS.map(str::to_owned).to_vec(),
                required: Vec::new(),
                past: Vec::new(),
            },
            anything_accepted: false,
        }
    }

    /// The accepted issuers; none means that `iss` is not compared.
    pub fn issuers(&self) -> &[Arc<str>] {
        &self.issuers
    }

    /// The accepted audiences; none means that `aud` is not compared.
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// How far clocks may differ.
    pub const fn leeway(&self) -> Lifetime {
        self.leeway
    }
}

/// Collects the parts of a [`ClaimsPolicy`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ClaimsPolicyBuilder {
    policy: ClaimsPolicy,
    anything_accepted: bool,
}

impl ClaimsPolicyBuilder {
    /// Accepts tokens whose `iss` is this text, byte for byte. May be called again.
    pub fn issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.policy.issuers.push(issuer.into());
        self
    }

    /// Accepts tokens whose `aud` is or contains this text, byte for byte. May be called again.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.policy.audiences.push(audience.into());
        self
    }

    /// Refuses tokens that name another audience beside an accepted one.
    pub const fn refuse_other_audiences(mut self) -> Self {
        self.policy.other_audiences_refused = true;
        self
    }

    /// How far clocks may differ: 60 seconds unless set, at most [`MAX_LEEWAY`].
    pub const fn leeway(mut self, leeway: Lifetime) -> Self {
        self.policy.leeway = leeway;
        self
    }

    /// The longest time from `iat` to `exp`; unlimited unless set. Without
    /// `iat`, the time from now to `exp`, with the leeway added to the limit.
    pub const fn max_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.policy.max_lifetime = Some(lifetime);
        self
    }

    /// Which header `typ` is accepted.
    pub const fn typ(mut self, typ: TypPolicy) -> Self {
        self.policy.typ = typ;
        self
    }

    /// The claims that may hold scopes. The first that is present is read, the
    /// others are ignored. Unless set: `scope`, `scp`, `scopes`, `permissions`.
    pub fn scope_claims<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.policy.scope_claims = names.into_iter().map(Into::into).collect();
        self
    }

    /// Requires that a claim is a NumericDate (RFC 7519 §2) that has passed, such as
    /// `auth_time`. May be called again.
    pub fn require_past(mut self, name: impl Into<String>) -> Self {
        self.policy.past.push(name.into());
        self
    }

    /// Requires that a claim is present and not null. May be called again.
    pub fn require_claim(mut self, name: impl Into<String>) -> Self {
        self.policy.required.push(name.into());
        self
    }

    /// Lets the policy be built without issuer and audience.
    ///
    /// # Security
    ///
    /// Every token that a configured key signed is then accepted, also one that
    /// was made for another service.
    pub const fn danger_any_issuer_and_audience(mut self) -> Self {
        self.anything_accepted = true;
        self
    }

    /// The finished policy.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] says what to set.
    pub fn build(self) -> Result<ClaimsPolicy, ConfigError> {
        let Self {
            policy,
            anything_accepted,
        } = self;
        if policy.issuers.is_empty() && policy.audiences.is_empty() && !anything_accepted {
            return Err(ConfigError::NothingExpected);
        }
        if policy.issuers.iter().any(|issuer| issuer.is_empty())
            || policy.audiences.iter().any(String::is_empty)
        {
            return Err(ConfigError::EmptyValue);
        }
        if policy.leeway > MAX_LEEWAY {
            return Err(ConfigError::LeewayTooLong(policy.leeway.as_secs()));
        }
        if policy.max_lifetime == Some(Lifetime::ZERO) {
            return Err(ConfigError::NoLifetime);
        }
        Ok(policy)
    }
}
