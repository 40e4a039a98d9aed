//! Settings of a [`JwtVerifier`], and the mistakes that stop the start.

use std::sync::Arc;

use countersign_oauth::claims::{ClaimsPolicy, TypPolicy};
use countersign_oauth::jose::{Algorithm, AlgorithmFamily};
use countersign_oauth::{Issuer, Lifetime, ScopeSet, Secret};

use super::{JwtVerifier, Trusted};
use crate::fetch::Fetch;
use crate::key_source::{KeySource, Keys, MIN_AGE, RemoteOptions};
use crate::{ConfigurationError, IntoVerifier};

/// Settings of a [`JwtVerifier`].
#[derive(Debug)]
pub struct JwtVerifierBuilder {
    keys: Keys,
    issuers: Vec<String>,
    others: Vec<(String, Keys)>,
    audiences: Vec<String>,
    algorithms: Option<Vec<Algorithm>>,
    leeway: Option<Lifetime>,
    max_lifetime: Option<Lifetime>,
    typ: TypPolicy,
    strict_audience: bool,
    anything: bool,
    scope_claims: Option<Vec<String>>,
    required_claims: Vec<String>,
    past_claims: Vec<String>,
    judged_besides: bool,
    of_tenants: bool,
    required_scopes: ScopeSet,
    max_age: Option<Lifetime>,
    remote: RemoteOptions,
}

impl JwtVerifier {
    /// Verifies with the key set at `url`; see [`Keys::jwks`]. Unless told
    /// otherwise, tokens are signed with RS256, ES256 or EdDSA.
    pub fn jwks(url: impl Into<String>) -> JwtVerifierBuilder {
        Self::keys(Keys::jwks(url))
    }

    /// Verifies with one public key, PEM text; see [`Keys::public_key`].
    pub fn public_key(pem: impl AsRef<[u8]>) -> JwtVerifierBuilder {
        Self::keys(Keys::public_key(pem))
    }

    /// Verifies with one public key, a JWK as JSON text; see [`Keys::jwk`].
    pub fn jwk(json: impl Into<String>) -> JwtVerifierBuilder {
        Self::keys(Keys::jwk(json))
    }

    /// Verifies with a key set given here, a JWK Set as JSON text; see [`Keys::key_set`].
    pub fn key_set(json: impl Into<String>) -> JwtVerifierBuilder {
        Self::keys(Keys::key_set(json))
    }

    /// Verifies with a shared secret; see [`Keys::hmac`].
    pub fn hmac(secret: Secret, algorithm: Algorithm) -> JwtVerifierBuilder {
        Self::keys(Keys::hmac(secret, algorithm))
    }

    /// Verifies with `keys`.
    pub fn keys(keys: Keys) -> JwtVerifierBuilder {
        JwtVerifierBuilder {
            keys,
            issuers: Vec::new(),
            others: Vec::new(),
            audiences: Vec::new(),
            algorithms: None,
            leeway: None,
            max_lifetime: None,
            typ: TypPolicy::default(),
            strict_audience: false,
            anything: false,
            scope_claims: None,
            required_claims: Vec::new(),
            past_claims: Vec::new(),
            judged_besides: false,
            of_tenants: false,
            required_scopes: ScopeSet::new(),
            max_age: None,
            remote: RemoteOptions::default(),
        }
    }
}

impl JwtVerifierBuilder {
    /// Accepts tokens whose `iss` is `issuer`, byte for byte, signed with the
    /// keys this builder was started with. May be called again.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.push(issuer.into());
        self
    }

    /// Also accepts tokens of `issuer`, signed with `keys` and no others
    /// (RFC 8725 §3.8). May be called again.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>, keys: Keys) -> Self {
        self.others.push((issuer.into(), keys));
        self
    }

    /// Accepts tokens whose `aud` is or contains `audience`, byte for byte. May
    /// be called again.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Refuses tokens that name other audiences besides.
    #[must_use]
    pub const fn refuse_other_audiences(mut self) -> Self {
        self.strict_audience = true;
        self
    }

    /// The accepted algorithms instead of those that fit the keys (RFC 8725 §3.1).
    /// HMAC algorithms and those of public keys do not mix.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = Some(algorithms.into_iter().collect());
        self
    }

    /// How far the clocks may differ: 60 seconds unless set, at most 300.
    #[must_use]
    pub const fn leeway(mut self, leeway: Lifetime) -> Self {
        self.leeway = Some(leeway);
        self
    }

    /// The longest time from `iat` to `exp`; without limit unless set.
    #[must_use]
    pub const fn max_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.max_lifetime = Some(lifetime);
        self
    }

    /// Which `typ` in the header is accepted. [`TypPolicy::AccessToken`] is the
    /// profile of RFC 9068; the default also takes what many issuers write.
    #[must_use]
    pub const fn typ(mut self, typ: TypPolicy) -> Self {
        self.typ = typ;
        self
    }

    /// The claims that scopes are read from, the first that is present. Unless
    /// set: `scope`, `scp`, `scopes`, `permissions`.
    #[must_use]
    pub fn scope_claims<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.scope_claims = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Refuses tokens without the claim `name`. May be called again.
    #[must_use]
    pub fn require_claim(mut self, name: impl Into<String>) -> Self {
        self.required_claims.push(name.into());
        self
    }

    /// Refuses tokens whose claim `name`, such as `auth_time`, is not a time that has
    /// passed. May be called again.
    #[must_use]
    pub fn require_past(mut self, name: impl Into<String>) -> Self {
        self.past_claims.push(name.into());
        self
    }

    /// Issuer, audience and scopes are the business of whoever calls the verifier.
    pub(in crate::verifier) fn rest_is_judged_besides(mut self) -> Self {
        self.judged_besides = true;
        self.anything = true;
        self.scope_claims = Some(Vec::new());
        self
    }

    /// Tenants share the keys, and a key may be that of one of them.
    pub(in crate::verifier) const fn keys_of_tenants(mut self) -> Self {
        self.of_tenants = true;
        self
    }

    /// Scopes that every token needs, otherwise 403 `insufficient_scope`.
    #[must_use]
    pub fn required_scopes(mut self, scopes: ScopeSet) -> Self {
        self.required_scopes = scopes;
        self
    }

    /// The longest age of a remote key set, in whole seconds from one minute up:
    /// a withdrawn key verifies nothing after it. Unless set, what the issuer
    /// says within one minute and 24 hours, or 10 minutes if it says nothing.
    #[must_use]
    pub const fn key_set_max_age(mut self, age: Lifetime) -> Self {
        self.max_age = Some(age);
        self
    }

    /// How long the last good key set serves while fetching fails; 24 hours
    /// unless set. After that the answer is 503.
    #[must_use]
    pub const fn key_set_max_stale(mut self, age: Lifetime) -> Self {
        self.remote.settings.max_stale = age;
        self
    }

    /// Fetches key sets with `fetch`, for example a [`Fetcher`](crate::fetch::Fetcher)
    /// with settings of its own.
    #[must_use]
    pub fn fetcher(mut self, fetch: impl Fetch) -> Self {
        self.remote.fetch = Some(Arc::new(fetch));
        self
    }

    /// Fetches key sets with `fetch`, which others use as well.
    pub(in crate::verifier) fn shared_fetcher(mut self, fetch: Arc<dyn Fetch>) -> Self {
        self.remote.fetch = Some(fetch);
        self
    }

    /// Lets key sets come from this machine, without TLS. For development.
    ///
    /// # Security
    ///
    /// Every program on this machine that can listen on the port can then issue
    /// tokens.
    #[must_use]
    pub const fn danger_allow_loopback(mut self) -> Self {
        self.remote.loopback = true;
        self
    }

    /// Starts without issuer and without audience.
    ///
    /// # Security
    ///
    /// Every token that a key signed is then accepted, also one that was made
    /// for another service.
    #[must_use]
    pub const fn danger_any_issuer_and_audience(mut self) -> Self {
        self.anything = true;
        self
    }

    /// Reads the keys and checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what to set.
    pub fn build(mut self) -> Result<JwtVerifier, ConfigurationError> {
        if !self.others.is_empty() && self.issuers.is_empty() {
            return Err(ConfigurationError::new(
                "with several issuers each needs a name: call issuer(…) for the first keys",
            ));
        }
        self.check_issuers_differ()?;
        if let Some(age) = self.max_age {
            if age < MIN_AGE {
                return Err(ConfigurationError::new(
                    "key_set_max_age is below 60 seconds: set at least one minute",
                ));
            }
            let settings = &mut self.remote.settings;
            settings.longest_age = age;
            settings.default_age = settings.default_age.min(age);
        }
        let mut sources = vec![(self.issuers.clone(), self.keys.clone())];
        for (issuer, keys) in &self.others {
            sources.push((vec![issuer.clone()], keys.clone()));
        }
        let mut options = std::mem::take(&mut self.remote);
        let mut trusted = Vec::with_capacity(sources.len());
        for (issuers, keys) in sources {
            // First the policy: its mistakes are the likelier ones.
            let policy = self.policy(issuers)?;
            let source = keys.open(&mut options)?;
            trusted.push(Trusted {
                algorithms: self.accepted_algorithms(&source)?,
                policy,
                of_tenants: self.of_tenants,
                namespace: keys.namespace(&source).into(),
                keys: source,
            });
        }
        if self.audiences.is_empty() && !self.judged_besides {
            tracing::warn!(
                "no audience is set: tokens that the issuer made for other services are accepted \
                 here too; call audience(…)"
            );
        }
        let issuers = trusted.iter().flat_map(|trusted| trusted.policy.issuers());
        let authorization_servers = issuers
            .filter_map(|issuer| Issuer::parse(issuer).ok())
            .collect();
        Ok(JwtVerifier {
            trusted,
            required_scopes: self.required_scopes,
            authorization_servers,
        })
    }

    fn check_issuers_differ(&self) -> Result<(), ConfigurationError> {
        let mut seen = self.issuers.clone();
        for (issuer, _) in &self.others {
            if seen.contains(issuer) {
                return Err(ConfigurationError::new(format!(
                    "the issuer {issuer:?} has two sets of keys: put the keys into one set"
                )));
            }
            seen.push(issuer.clone());
        }
        Ok(())
    }

    fn policy(&self, issuers: Vec<String>) -> Result<ClaimsPolicy, ConfigurationError> {
        let mut policy = ClaimsPolicy::builder().typ(self.typ);
        for issuer in issuers {
            policy = policy.issuer(issuer);
        }
        for audience in &self.audiences {
            policy = policy.audience(audience);
        }
        if self.strict_audience {
            policy = policy.refuse_other_audiences();
        }
        if let Some(leeway) = self.leeway {
            policy = policy.leeway(leeway);
        }
        if let Some(lifetime) = self.max_lifetime {
            policy = policy.max_lifetime(lifetime);
        }
        if let Some(names) = &self.scope_claims {
            policy = policy.scope_claims(names);
        }
        for name in &self.required_claims {
            policy = policy.require_claim(name);
        }
        for name in &self.past_claims {
            policy = policy.require_past(name);
        }
        if self.anything {
            policy = policy.danger_any_issuer_and_audience();
        }
        policy
            .build()
            .map_err(|error| ConfigurationError::new(error.to_string()))
    }

    fn accepted_algorithms(
        &self,
        source: &KeySource,
    ) -> Result<Vec<Algorithm>, ConfigurationError> {
        let Some(algorithms) = &self.algorithms else {
            return Ok(Keys::default_algorithms(source));
        };
        if algorithms.is_empty() {
            return Err(ConfigurationError::new(
                "the list of algorithms is empty: name at least one, for example RS256",
            ));
        }
        let hmac = algorithms
            .iter()
            .filter(|algorithm| algorithm.family() == AlgorithmFamily::Hmac)
            .count();
        if hmac != 0 && hmac != algorithms.len() {
            return Err(ConfigurationError::new(
                "the list of algorithms mixes HMAC (HS…) with those of public keys: a public key \
                 could then be used as a secret; configure two verifiers",
            ));
        }
        match source {
            KeySource::Remote(_) if hmac != 0 => Err(ConfigurationError::new(
                "a key set that others publish has public keys only: remove the HMAC algorithms \
                 (HS…)",
            )),
            KeySource::Local(keys) if !keys.allows_any(algorithms) => Err(unfit(source)),
            KeySource::Replaceable(keys) if !keys.current().set.allows_any(algorithms) => {
                Err(unfit(source))
            }
            KeySource::Remote(_) | KeySource::Local(_) | KeySource::Replaceable(_) => {
                Ok(algorithms.clone())
            }
        }
    }
}

fn unfit(source: &KeySource) -> ConfigurationError {
    ConfigurationError::new(format!(
        "no key can verify the listed algorithms: the keys are for {}",
        names(&Keys::default_algorithms(source))
    ))
}

fn names(algorithms: &[Algorithm]) -> String {
    let names: Vec<_> = algorithms
        .iter()
        .map(|algorithm| algorithm.as_str())
        .collect();
    names.join(", ")
}

impl IntoVerifier for JwtVerifierBuilder {
    type Verifier = JwtVerifier;

    fn into_verifier(self) -> Result<JwtVerifier, ConfigurationError> {
        self.build()
    }
}
