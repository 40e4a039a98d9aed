//! Whose tokens a server accepts, as the settings say it together.

use std::path::Path;

use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::oauth::jose::Algorithm;
#[cfg(feature = "authorization-server")]
use countersign_resource_server::oauth::{Issuer, web_uri::PageUri};
use countersign_resource_server::{ConfigurationError, JwtVerifier, Keys, ReplaceableKeys};

use super::Configuration;
use super::given::Value;
use super::local_keys::{LocalKeys, Reread};
use super::setting::{
    ALGORITHMS, API_KEYS, API_KEYS_FOR_PEOPLE, AUDIENCE, AUDIT_STORE, DATABASE, DEFAULT_SCOPES,
    ENABLED, ISSUER, ISSUER_URL, JWKS_URL, LOCAL_ACCOUNTS, LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET,
    LOGIN_DOMAINS, LOGIN_EVERYONE, LOGIN_GROUPS, LOGIN_PROVIDER, LOGIN_PROVIDER_FILE, LOGIN_PUBLIC,
    LOGIN_SCOPES, LOGIN_SUBJECTS, LOGIN_VALUES, MORE_SCOPES, PUBLIC_KEY, REGISTRATION,
    REQUIRED_SCOPES, RESOURCES, REVOCATION, SECRET_EXPIRY, SECRET_KEY, SERVICE_DOCUMENTATION,
    VALID_SCOPES,
};

/// With what tokens are verified.
const KEYS: [&str; 3] = [JWKS_URL, PUBLIC_KEY, SECRET_KEY];

/// What is said about tokens of others, besides the keys.
const ABOUT_TOKENS: [&str; 3] = [ISSUER, AUDIENCE, ALGORITHMS];

/// What is said about an authorization server in the server.
const ISSUING: [&str; 8] = [
    ISSUER_URL,
    SERVICE_DOCUMENTATION,
    REGISTRATION,
    VALID_SCOPES,
    DEFAULT_SCOPES,
    SECRET_EXPIRY,
    REVOCATION,
    DATABASE,
];

/// What makes sense beside tokens that are issued here alone, whoever says that they are; with
/// it goes [`ABOUT_LOGIN`].
const BESIDE_ISSUING: [&str; 7] = [
    AUDIT_STORE,
    API_KEYS,
    API_KEYS_FOR_PEOPLE,
    LOGIN_PROVIDER,
    LOGIN_PROVIDER_FILE,
    RESOURCES,
    MORE_SCOPES,
];

/// What is said about the provider where people log in, besides which one it is.
pub(super) const ABOUT_LOGIN: [&str; 10] = [
    LOGIN_VALUES,
    LOGIN_CLIENT_ID,
    LOGIN_CLIENT_SECRET,
    LOGIN_PUBLIC,
    LOGIN_SCOPES,
    LOGIN_DOMAINS,
    LOGIN_GROUPS,
    LOGIN_SUBJECTS,
    LOGIN_EVERYONE,
    LOCAL_ACCOUNTS,
];

/// Families of settings of the same kind: for whom tokens are issued without a browser.
const MACHINES: [&str; 3] = ["identity_providers", "workloads", "token_exchange"];

/// Where the database of the authorization server is if nothing is said about it.
pub(crate) const DEFAULT_DATABASE: &str = "countersign.db";

/// Whose tokens are accepted, as it is said outside of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfiguredTokens {
    /// Nothing is said about it.
    Unsaid,
    /// None are needed: authentication was switched off.
    Off,
    /// Those of somebody else.
    Others,
    /// Those that are issued here.
    Ours,
}

/// The same, with what the tokens of others are verified with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode<'a> {
    /// Nothing is said about it.
    Unsaid,
    /// It was switched off.
    Off,
    /// Those of somebody else, verified with the keys that this setting names.
    Others(&'a str),
    /// Those that are issued here.
    Ours,
}

impl Configuration {
    /// Whose tokens are accepted.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names what is missing, or what cannot hold together.
    pub fn tokens(&self) -> Result<ConfiguredTokens, ConfigurationError> {
        Ok(match self.mode()? {
            Mode::Unsaid => ConfiguredTokens::Unsaid,
            Mode::Off => ConfiguredTokens::Off,
            Mode::Others(_) => ConfiguredTokens::Others,
            Mode::Ours => ConfiguredTokens::Ours,
        })
    }

    /// What all settings about authentication say together.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names what is missing, or what cannot hold together.
    pub(crate) fn mode(&self) -> Result<Mode<'static>, ConfigurationError> {
        if self.switch(ENABLED) == Some(false) {
            return Ok(Mode::Off);
        }
        let said = |paths: &[&'static str]| -> Option<&str> {
            let mut paths = paths.iter().copied();
            paths.find(|path| self.given(path).is_some())
        };
        let keys: Vec<_> = KEYS
            .into_iter()
            .filter(|path| self.given(path).is_some())
            .collect();
        let issuing = said(&ISSUING);
        match (&*keys, issuing.or_else(|| self.beside_issuing())) {
            ([], Some(beside)) if issuing.is_none() => self.beside(beside, said(&ABOUT_TOKENS)),
            ([], None) => self.without_keys(said(&ABOUT_TOKENS)),
            ([], Some(issuing)) => self.issuing(issuing, said(&ABOUT_TOKENS)),
            ([keys], None) => self.others(keys),
            ([keys, ..], Some(issuing)) => Err(self.contradiction(keys, issuing)),
            ([first, second, ..], None) => Err(ConfigurationError::new(format!(
                "{} and {} both say how tokens are verified: take one of them away",
                self.origin(first),
                self.origin(second)
            ))),
        }
    }

    /// What is said makes sense where tokens are issued, and nothing here says that they
    /// are: that is left to the program.
    fn beside(
        &self,
        beside: &str,
        about: Option<&str>,
    ) -> Result<Mode<'static>, ConfigurationError> {
        if let Some(about) = about {
            return Err(self.contradiction(about, beside));
        }
        let needs_tokens = [ENABLED, REQUIRED_SCOPES];
        match needs_tokens.iter().any(|path| self.given(path).is_some()) {
            true => Err(self.nobody_issues(beside)),
            false => Ok(Mode::Unsaid),
        }
    }

    /// The refusal of what makes sense where tokens are issued alone.
    pub(crate) fn nobody_issues(&self, beside: &str) -> ConfigurationError {
        if self.switch(ENABLED) == Some(false) {
            return ConfigurationError::new(format!(
                "{} is about a server that issues tokens, and {} says that callers need none: \
                 take one of them away",
                self.origin(beside),
                self.origin(ENABLED)
            ));
        }
        ConfigurationError::new(format!(
            "{} is about a server that issues tokens itself, and this one does not: set {}, or \
             take it away",
            self.origin(beside),
            self.to_set(ISSUER_URL, beside)
        ))
    }

    /// The first setting of those that make sense where tokens are issued.
    pub(crate) fn beside_issuing(&self) -> Option<&str> {
        let mut paths = BESIDE_ISSUING.into_iter().chain(ABOUT_LOGIN);
        let single = paths.find(|path| self.given(path).is_some());
        single.or_else(|| self.machines_origin())
    }

    /// The first setting about tokens for programs.
    pub(crate) fn machines_origin(&self) -> Option<&str> {
        MACHINES
            .into_iter()
            .find_map(|section| self.first_in(section))
    }

    fn contradiction(&self, others: &str, issuing: &str) -> ConfigurationError {
        ConfigurationError::new(format!(
            "{} says that tokens of somebody else are accepted, and {} that they are issued here: \
             take one of them away",
            self.origin(others),
            self.origin(issuing)
        ))
    }

    fn without_keys(&self, about: Option<&str>) -> Result<Mode<'static>, ConfigurationError> {
        let about = about.or_else(|| self.given(REQUIRED_SCOPES).and(Some(REQUIRED_SCOPES)));
        let enabled = self.switch(ENABLED).and(Some(ENABLED));
        let Some(first) = enabled.or(about) else {
            return Ok(Mode::Unsaid);
        };
        let what = match first {
            ENABLED => "authentication is switched on".to_owned(),
            _ => "tokens are needed".to_owned(),
        };
        Err(ConfigurationError::new(format!(
            "{}: {what}, and nothing says how they are verified: set {}, or {} for a secret that \
             is shared with the issuer",
            self.origin(first),
            self.to_set(JWKS_URL, first),
            self.to_set(SECRET_KEY, first)
        )))
    }

    fn issuing(
        &self,
        issuing: &str,
        about: Option<&str>,
    ) -> Result<Mode<'static>, ConfigurationError> {
        if self.given(ISSUER_URL).is_none() {
            return Err(ConfigurationError::new(format!(
                "{} is about issuing tokens here, and the issuer has no name: set {}",
                self.origin(issuing),
                self.to_set(ISSUER_URL, issuing)
            )));
        }
        match about {
            None => Ok(Mode::Ours),
            Some(about) => Err(ConfigurationError::new(format!(
                "{} is about tokens of somebody else, and {} says that they are issued here: take \
                 one of them away",
                self.origin(about),
                self.origin(ISSUER_URL)
            ))),
        }
    }

    fn others(&self, keys: &'static str) -> Result<Mode<'static>, ConfigurationError> {
        if self.list(ISSUER).is_empty() && self.list(AUDIENCE).is_empty() {
            return Err(ConfigurationError::new(format!(
                "{} says how tokens are verified, and not whose are accepted, nor for which \
                 server: set {} and {}",
                self.origin(keys),
                self.to_set(ISSUER, keys),
                self.to_set(AUDIENCE, keys)
            )));
        }
        Ok(Mode::Others(keys))
    }

    /// The verifier of tokens that are verified with what the setting at `keys` names.
    /// Keys that are in a file or printed by a command are read again by what `reloads`
    /// is given, which is called every few seconds if the last argument says so.
    pub(crate) fn verifier(
        &self,
        keys: &'static str,
        reloads: impl FnOnce(String, bool, Reread),
    ) -> Result<JwtVerifier, ConfigurationError> {
        let algorithms = self.algorithms_at(ALGORITHMS)?;
        let mut verifier = match keys {
            JWKS_URL => JwtVerifier::jwks(self.text(JWKS_URL).unwrap_or_default()),
            _ => {
                let local = self.local_keys(keys, &algorithms)?;
                let named = |error| self.about([keys], &error);
                let replaceable = ReplaceableKeys::new(&local.read().map_err(named)?);
                let replaceable = replaceable.map_err(|error| self.about([keys], &error))?;
                let verifier = JwtVerifier::keys(Keys::replaceable(&replaceable));
                let watched = local.is_watched();
                let what = self.origin(keys);
                reloads(
                    what,
                    watched,
                    Box::new(move || local.put_into(&replaceable)),
                );
                verifier
            }
        };
        for issuer in self.list(ISSUER) {
            verifier = verifier.issuer(issuer);
        }
        for audience in self.list(AUDIENCE) {
            verifier = verifier.audience(audience);
        }
        if !algorithms.is_empty() {
            verifier = verifier.algorithms(algorithms);
        }
        let built = verifier.build();
        built.map_err(|error| self.about([keys, ALGORITHMS, ISSUER, AUDIENCE], &error))
    }

    /// `error` with the names of those settings that were given.
    fn about<const N: usize>(
        &self,
        paths: [&str; N],
        error: &ConfigurationError,
    ) -> ConfigurationError {
        let given = paths.into_iter().filter(|path| self.given(path).is_some());
        let origins: Vec<_> = given.map(|path| self.origin(path)).collect();
        ConfigurationError::new(format!("{}: {error}", origins.join(", ")))
    }

    fn local_keys(
        &self,
        path: &str,
        algorithms: &[Algorithm],
    ) -> Result<LocalKeys, ConfigurationError> {
        match self.given(path).map(|given| &given.value) {
            Some(Value::Text(file)) => Ok(LocalKeys::public(file)),
            Some(Value::Secret(place)) => {
                let algorithm = algorithms.first().copied().unwrap_or(Algorithm::HS256);
                Ok(LocalKeys::secret(place.clone(), algorithm))
            }
            _ => Err(ConfigurationError::new(format!("{path} is not set"))),
        }
    }

    /// The signature algorithms that the setting at `path` names.
    pub(super) fn algorithms_at(&self, path: &str) -> Result<Vec<Algorithm>, ConfigurationError> {
        let with_secret = match path {
            ALGORITHMS => ", or HS256 with a secret",
            _ => "",
        };
        let names = self.list(path).iter();
        let algorithms = names.map(|name| {
            name.parse().map_err(|_| {
                ConfigurationError::new(format!(
                    "{}: {} is no signature algorithm that is accepted: write names such as \
                     RS256, ES256 or EdDSA{with_secret}",
                    self.origin(path),
                    name.escape_debug()
                ))
            })
        });
        algorithms.collect()
    }

    /// The scopes that every token needs.
    pub(crate) fn required_scopes(&self) -> Result<ScopeSet, ConfigurationError> {
        ScopeSet::from_names(self.list(REQUIRED_SCOPES)).map_err(|error| {
            ConfigurationError::new(format!("{}: {error}", self.origin(REQUIRED_SCOPES)))
        })
    }

    /// Where the database of the authorization server is, if that is said.
    pub fn database(&self) -> Option<&Path> {
        self.text(DATABASE).map(Path::new)
    }

    /// Where it is said that tokens are issued here.
    #[cfg(not(feature = "sqlite"))]
    pub(crate) fn issuing_origin(&self) -> String {
        self.origin(ISSUER_URL)
    }

    /// What is said about issuing tokens here, for an `EmbeddedAuth` of your own; nothing
    /// if that is not what is said.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names what is missing, or what cannot hold together.
    #[cfg(feature = "authorization-server")]
    pub fn auth_settings(
        &self,
    ) -> Result<Option<countersign_authorization_server::AuthSettings>, ConfigurationError> {
        if self.mode()? != Mode::Ours {
            return Ok(None);
        }
        self.check_issuing()?;
        let issuer = self.text(ISSUER_URL).unwrap_or_default();
        let mut settings = countersign_authorization_server::AuthSettings::new(issuer);
        let listed = |path: &str| {
            let names = self.list(path);
            (!names.is_empty()).then(|| names.to_vec())
        };
        settings.service_documentation_url = self.text(SERVICE_DOCUMENTATION).map(str::to_owned);
        settings.required_scopes = self.list(REQUIRED_SCOPES).to_vec();
        let registration = &mut settings.client_registration_options;
        registration.enabled = self.switch(REGISTRATION).unwrap_or_default();
        registration.client_secret_expiry_seconds = self.seconds(SECRET_EXPIRY);
        registration.valid_scopes = listed(VALID_SCOPES);
        registration.default_scopes = listed(DEFAULT_SCOPES);
        settings.revocation_options.enabled = self.switch(REVOCATION).unwrap_or_default();
        Ok(Some(settings))
    }

    /// Whether each of the settings about issuing can be meant, told by its own name.
    #[cfg(feature = "authorization-server")]
    fn check_issuing(&self) -> Result<(), ConfigurationError> {
        let wrong = |path: &str, sentence: &dyn std::fmt::Display| {
            Err(ConfigurationError::new(format!(
                "{}: {sentence}",
                self.origin(path)
            )))
        };
        if let Some(text) = self.text(ISSUER_URL)
            && let Err(error) = Issuer::parse(text)
        {
            return wrong(ISSUER_URL, &error);
        }
        if let Some(text) = self.text(SERVICE_DOCUMENTATION)
            && PageUri::parse(text).is_err()
        {
            return wrong(
                SERVICE_DOCUMENTATION,
                &"write a URL that begins with https://",
            );
        }
        for path in [REQUIRED_SCOPES, VALID_SCOPES, DEFAULT_SCOPES] {
            if let Err(error) = ScopeSet::from_names(self.list(path)) {
                return wrong(path, &error);
            }
        }
        Ok(())
    }
}
