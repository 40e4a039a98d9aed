//! What an operator decides.

use countersign_oauth::client_metadata::ClientRules;
use countersign_oauth::jose::Algorithm;
use countersign_oauth::web_uri::LoopbackHosts;
use countersign_oauth::{Issuer, Lifetime, ResourceUri, ScopeSet};
use countersign_resource_server::{ConfigurationError, Dpop};

use crate::api_keys::ApiKeySettings;
use crate::budgets::RequestBudgets;

/// How long things are valid.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Lifetimes {
    /// An authorization code (RFC 6749 §4.1.2: at most ten minutes).
    pub code: Lifetime,
    /// An access token.
    pub access_token: Lifetime,
    /// A refresh token that is not used.
    pub refresh_token: Lifetime,
    /// A grant with all that hangs on it, however often it is refreshed.
    pub grant: Lifetime,
    /// An authorization request that waits for login and consent.
    pub pending: Lifetime,
    /// How long a used refresh token yields the same answer again. One that nobody but its
    /// client can show yields the same successor until that was used, however long it is:
    /// one that is bound to a key (RFC 9449 §5), and that of a client with credentials of
    /// its own.
    pub refresh_grace: Lifetime,
    /// A secret of a client that registered itself; for ever if absent.
    pub client_secret: Option<Lifetime>,
    /// A client that registered itself and that nobody has allowed anything yet. One that
    /// was allowed something ends as long after its last use as a grant can last.
    pub unused_client: Lifetime,
    /// How far clocks of clients may differ from ours.
    pub leeway: Lifetime,
    /// How long a revocation may go unnoticed while the store cannot be read: so long
    /// [`OwnTokens`](crate::OwnTokens) goes on accepting signed access tokens that the
    /// store confirmed before. While it can be read, a revocation counts from the next
    /// request on. Published in the metadata; zero accepts nothing without the store.
    pub revocation_bound: Lifetime,
}

impl Default for Lifetimes {
    fn default() -> Self {
        let day = 24;
        Self {
            code: Lifetime::from_secs(60),
            access_token: Lifetime::from_hours(1),
            refresh_token: Lifetime::from_hours(30 * day),
            grant: Lifetime::from_hours(365 * day),
            pending: Lifetime::from_mins(10),
            refresh_grace: Lifetime::from_secs(10),
            client_secret: None,
            unused_client: Lifetime::from_hours(day),
            leeway: Lifetime::from_secs(60),
            revocation_bound: Lifetime::from_secs(60),
        }
    }
}

/// Who may register a client (RFC 7591 §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever serves the endpoint must decide about each"
)]
pub enum Registration {
    /// Nobody; the endpoint does not exist.
    Closed,
    /// Whoever has an initial access token.
    InitialAccessToken,
    /// Anybody, within the quotas.
    Open,
}

/// Whether there is a revocation endpoint (RFC 7009 §2). People and administrators
/// can revoke in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is one or there is none")]
pub enum Revocation {
    /// There is.
    Offered,
    /// There is none, and the metadata names none.
    NotOffered,
}

/// What access tokens look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there are two forms")]
pub enum AccessTokenFormat {
    /// A signed token (RFC 9068), which others can verify by themselves.
    Jwt,
    /// A random text, which means something to this server alone.
    Opaque,
}

/// The status of `invalid_grant`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum InvalidGrantStatus {
    /// RFC 6749 §5.2.
    BadRequest,
    /// For clients that only log in again after 401.
    CompatibleUnauthorized,
}

/// All settings. Begin with [`Settings::new`] and change fields.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The issuer identifier, byte for byte as clients compare it.
    pub issuer: Issuer,
    /// What stands before the paths of the endpoints: nothing, or such as `/auth`.
    pub prefix: String,
    /// The resources that tokens can be for. The first is that of requests that
    /// name none.
    pub resources: Vec<ResourceUri>,
    /// The scopes that clients may ask for.
    pub scopes: ScopeSet,
    /// Those of [`Settings::scopes`] that the metadata does not name, such as the
    /// scopes of what not everybody may know of.
    pub concealed_scopes: ScopeSet,
    /// The scopes of requests that name none.
    pub default_scopes: ScopeSet,
    /// How long things are valid.
    pub lifetimes: Lifetimes,
    /// Who may register a client.
    pub registration: Registration,
    /// How many clients may register themselves within [`Lifetimes::unused_client`]. Those
    /// that are used do not count, and are never sent away for others.
    pub most_new_clients: u64,
    /// How many registrations one network, an IPv4 /24 or an IPv6 /64, may make within an
    /// hour; an IPv6 /48 may make ten times as many.
    pub registrations_per_hour: u64,
    /// How much strangers may try at the endpoints.
    pub budgets: RequestBudgets,
    /// What clients may register.
    pub client_rules: ClientRules,
    /// Whether clients can revoke tokens.
    pub revocation: Revocation,
    /// What access tokens look like.
    pub access_token_format: AccessTokenFormat,
    /// What new signing keys sign with.
    pub signing_algorithm: Algorithm,
    /// The status of `invalid_grant`.
    pub invalid_grant_status: InvalidGrantStatus,
    /// Whether client assertions may name the token endpoint as their audience.
    pub assertion_audience: AssertionAudience,
    /// What the service is called on pages; the host of the issuer if absent.
    pub service_name: Option<String>,
    /// A page for developers of clients.
    pub service_documentation: Option<String>,
    /// What API keys look like, and who may make them.
    pub api_keys: ApiKeySettings,
    /// Whether access tokens are bound to a key of the client that proves one, or always
    /// (RFC 9449). None issues bearer tokens alone: the resources have to take the others.
    pub dpop: Option<Dpop>,
}

/// What a client assertion may be addressed to (RFC 7523 §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum AssertionAudience {
    /// The issuer alone.
    Issuer,
    /// The token endpoint as well.
    ///
    /// # Security
    ///
    /// A client that uses one key at several servers can be led to sign an
    /// assertion for this one.
    DangerTokenEndpointToo,
}

impl Settings {
    /// The settings of `issuer` for `resource`, with the scopes that clients may ask
    /// for; all of them are also what a request without scopes gets.
    pub fn new(issuer: Issuer, resource: ResourceUri, scopes: ScopeSet) -> Self {
        let mut settings = Self::of(issuer);
        settings.resources.push(resource);
        settings.offer(scopes.clone());
        settings.default_scopes = scopes;
        settings
    }

    /// The settings of `issuer`, which has nothing to give access to yet.
    pub(crate) fn of(issuer: Issuer) -> Self {
        let mut client_rules = ClientRules::new(ScopeSet::new());
        if issuer.as_str().starts_with("http://") {
            client_rules.loopback = LoopbackHosts::Allowed;
        }
        Self {
            issuer,
            prefix: String::new(),
            resources: Vec::new(),
            default_scopes: ScopeSet::new(),
            scopes: ScopeSet::new(),
            concealed_scopes: ScopeSet::new(),
            lifetimes: Lifetimes::default(),
            registration: Registration::Open,
            most_new_clients: 10_000,
            registrations_per_hour: 20,
            budgets: RequestBudgets::default(),
            client_rules,
            revocation: Revocation::Offered,
            access_token_format: AccessTokenFormat::Jwt,
            signing_algorithm: Algorithm::ES256,
            invalid_grant_status: InvalidGrantStatus::BadRequest,
            assertion_audience: AssertionAudience::Issuer,
            service_name: None,
            service_documentation: None,
            api_keys: ApiKeySettings::default(),
            dpop: None,
        }
    }

    /// Lets clients ask for `scopes` too, and register them.
    pub fn offer(&mut self, scopes: ScopeSet) {
        self.client_rules.scopes = self.client_rules.scopes.union(&scopes);
        self.scopes = self.scopes.union(&scopes);
    }

    /// Whether a server can have these settings.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what to set instead.
    pub(crate) fn check(&self) -> Result<(), ConfigurationError> {
        let refuse = |sentence: String| Err(ConfigurationError::new(sentence));
        if self.resources.is_empty() {
            return refuse(
                "tokens would be for nothing: say which resource they are for with \
                 .resource(…)"
                    .to_owned(),
            );
        }
        let prefix = self.prefix.as_str();
        let is_segment = |segment: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            !segment.is_empty() && segment.bytes().all(fits)
        };
        let is_path = prefix
            .strip_prefix('/')
            .is_some_and(|segments| segments.split('/').all(is_segment));
        if !prefix.is_empty() && !is_path {
            return refuse(format!(
                "the prefix `{}` is not a path: write `/auth`, or nothing",
                prefix.escape_default()
            ));
        }
        if !self.scopes.is_superset(&self.default_scopes) {
            return refuse(format!(
                "the default scopes are `{}`, and clients may only ask for `{}`: default scopes \
                 must be among the valid ones",
                self.default_scopes, self.scopes
            ));
        }
        // RFC 6749 §4.1.2: "A maximum authorization code lifetime of 10 minutes is
        // RECOMMENDED."
        if self.lifetimes.code > Lifetime::from_mins(10) {
            return refuse("a code must not be valid for more than ten minutes".to_owned());
        }
        if self.lifetimes.refresh_grace > Lifetime::from_secs(30) {
            return refuse(
                "the grace window of refresh tokens must not be longer than 30 seconds".to_owned(),
            );
        }
        Ok(())
    }

    /// What the service is called on pages.
    pub fn display_name(&self) -> &str {
        let host = || {
            let issuer = self.issuer.as_str();
            let behind = issuer
                .split_once("://")
                .map_or(issuer, |(_, behind)| behind);
            behind.split('/').next().unwrap_or(behind)
        };
        self.service_name.as_deref().unwrap_or_else(host)
    }

    /// The absolute address of `endpoint`, such as `/token`.
    pub fn address(&self, endpoint: &str) -> String {
        let issuer = self.issuer.as_str();
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        format!("{base}{}{endpoint}", self.prefix)
    }
}
