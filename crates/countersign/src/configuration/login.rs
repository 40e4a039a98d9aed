//! Where people log in, as it is said outside of code.

use std::collections::BTreeMap;

use countersign_authorization_server::{Upstream, UpstreamBuilder};
use countersign_resource_server::ConfigurationError;
use countersign_resource_server::oauth::Secret;
use countersign_resource_server::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_resource_server::provider::{Preset, Provider};

use super::Configuration;
use super::authentication::ABOUT_LOGIN;
use super::given::Value;
use super::setting::{
    LOCAL_ACCOUNTS, LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET, LOGIN_DOMAINS, LOGIN_EVERYONE,
    LOGIN_GROUPS, LOGIN_PROVIDER, LOGIN_PROVIDER_FILE, LOGIN_PUBLIC, LOGIN_SCOPES, LOGIN_SUBJECTS,
    LOGIN_VALUES,
};

/// The variable that every preset has.
const CLIENT_ID: &str = "client_id";

/// Who may log in.
const WHO: [&str; 3] = [LOGIN_DOMAINS, LOGIN_GROUPS, LOGIN_SUBJECTS];

impl Configuration {
    /// Whether people may log in with accounts of this server beside [`Self::login`].
    pub fn local_accounts(&self) -> bool {
        self.switch(LOCAL_ACCOUNTS).unwrap_or_default()
    }

    /// The identity provider where people log in, if one is named; the file that its secret
    /// is in is read.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names what is missing, or what cannot hold together.
    pub fn login(&self) -> Result<Option<Upstream>, ConfigurationError> {
        let (named, file) = (self.text(LOGIN_PROVIDER), self.text(LOGIN_PROVIDER_FILE));
        let (preset, first) = match (named, file) {
            (Some(_), Some(_)) => {
                return Err(ConfigurationError::new(format!(
                    "{} and {} both say where people log in: take one of them away",
                    self.origin(LOGIN_PROVIDER),
                    self.origin(LOGIN_PROVIDER_FILE)
                )));
            }
            (Some(name), None) => (self.named(name)?, LOGIN_PROVIDER),
            (None, Some(path)) => (self.of_file(path)?, LOGIN_PROVIDER_FILE),
            (None, None) => return self.without_provider().map(|()| None),
        };
        let Some(client_id) = self.text(LOGIN_CLIENT_ID) else {
            return Err(ConfigurationError::new(format!(
                "{}: the id of your application at {} is missing: set {}",
                self.origin(first),
                preset.outline().display_name,
                self.to_set(LOGIN_CLIENT_ID, first)
            )));
        };
        let provider = self.filled(&preset, client_id, first)?;
        let mut builder = Upstream::builder(provider.clone(), client_id);
        builder = match self.client_secret(&provider, first)? {
            Some(secret) => builder.secret(secret),
            None => builder.public(),
        };
        builder = builder.scopes(self.list(LOGIN_SCOPES).iter().cloned());
        let builder = self.allow(builder, &provider, first)?;
        let built = builder.build();
        built
            .map(Some)
            .map_err(|error| ConfigurationError::new(format!("{}: {error}", self.origin(first))))
    }

    fn without_provider(&self) -> Result<(), ConfigurationError> {
        let mut about = ABOUT_LOGIN.into_iter();
        match about.find(|path| self.given(path).is_some()) {
            None => Ok(()),
            Some(about) => Err(ConfigurationError::new(format!(
                "{} is about an identity provider, and nothing says which one: set {}",
                self.origin(about),
                self.to_set(LOGIN_PROVIDER, about)
            ))),
        }
    }

    fn named(&self, name: &str) -> Result<Preset, ConfigurationError> {
        Preset::named(name).ok_or_else(|| {
            let names: Vec<_> = Preset::names().collect();
            ConfigurationError::new(format!(
                "{}: there is no provider {}: write one of {}, or name a file of your own with {}",
                self.origin(LOGIN_PROVIDER),
                name.escape_debug(),
                names.join(", "),
                self.to_set(LOGIN_PROVIDER_FILE, LOGIN_PROVIDER)
            ))
        })
    }

    fn of_file(&self, path: &str) -> Result<Preset, ConfigurationError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let origin = self.origin(LOGIN_PROVIDER_FILE);
            ConfigurationError::new(format!("{origin}: {path} cannot be read: {error}"))
        })?;
        let read = Preset::parse(&text);
        read.map_err(|error| ConfigurationError::new(format!("{path}: {error}")))
    }

    /// The provider with what its file asks for.
    fn filled(
        &self,
        preset: &Preset,
        client_id: &str,
        first: &str,
    ) -> Result<Provider, ConfigurationError> {
        let at = |path: &str, sentence: &dyn std::fmt::Display| {
            ConfigurationError::new(format!("{}: {sentence}", self.origin(path)))
        };
        let judged = preset.check_value(CLIENT_ID, client_id);
        judged.map_err(|error| at(LOGIN_CLIENT_ID, &format!("this is {error}")))?;
        let mut values = BTreeMap::new();
        for text in self.list(LOGIN_VALUES) {
            let Some((name, value)) = text.split_once('=') else {
                let sentence = "write each value as variable=value, such as domain=example.com";
                return Err(at(LOGIN_VALUES, &sentence));
            };
            if preset.variables().any(|(known, _)| known == name) {
                let judged = preset.check_value(name, value);
                judged.map_err(|error| at(LOGIN_VALUES, &format!("{name} is {error}")))?;
            }
            values.insert(name.to_owned(), value.to_owned());
        }
        for (name, variable) in preset.variables() {
            let is_given = values.contains_key(name) || variable.default.is_some();
            if !is_given && !variable.optional {
                let example = variable.example.as_deref().unwrap_or("…");
                return Err(at(
                    first,
                    &format!(
                        "{} needs {}: add {name}={example} to {}",
                        preset.outline().display_name,
                        variable.description,
                        self.to_set(LOGIN_VALUES, first)
                    ),
                ));
            }
        }
        values.insert(CLIENT_ID.to_owned(), client_id.to_owned());
        preset.fill(&values).map_err(|error| at(first, &error))
    }

    /// What the application proves itself with; nothing if it is said to have nothing.
    fn client_secret(
        &self,
        provider: &Provider,
        first: &str,
    ) -> Result<Option<Secret>, ConfigurationError> {
        let none = TokenEndpointAuthMethod::None;
        let login = provider.login.as_ref();
        let may_be_public = login.is_some_and(|login| login.client_authentication.contains(&none));
        let place = match self.given(LOGIN_CLIENT_SECRET).map(|given| &given.value) {
            Some(Value::Secret(place)) => Some(place),
            _ => None,
        };
        match (place, self.switch(LOGIN_PUBLIC).unwrap_or_default()) {
            (None, true) if may_be_public => Ok(None),
            (None, true) => Err(ConfigurationError::new(format!(
                "{}: {} knows no applications without a secret: take it away, and set {}",
                self.origin(LOGIN_PUBLIC),
                provider.display_name,
                self.to_set(LOGIN_CLIENT_SECRET, first)
            ))),
            (Some(_), true) => Err(ConfigurationError::new(format!(
                "{} says that the application has no secret, and {} names one: take one of them \
                 away",
                self.origin(LOGIN_PUBLIC),
                self.origin(LOGIN_CLIENT_SECRET)
            ))),
            (None, false) => {
                let mut sentence = format!(
                    "{}: the secret of your application at {} is missing: set {}",
                    self.origin(first),
                    provider.display_name,
                    self.to_set(LOGIN_CLIENT_SECRET, first)
                );
                if may_be_public {
                    let public = self.to_set(LOGIN_PUBLIC, first);
                    sentence.push_str(&format!(", or {public} to true if it has none"));
                }
                Err(ConfigurationError::new(sentence))
            }
            (Some(place), false) => {
                let origin = self.origin(LOGIN_CLIENT_SECRET);
                let refuse = |sentence: &dyn std::fmt::Display| format!("{origin}: {sentence}");
                let secret = place.read();
                let secret = secret.map_err(|error| ConfigurationError::new(refuse(&error)))?;
                // RFC 6749 appendix A.2: visible characters and blanks.
                match secret
                    .reveal()
                    .bytes()
                    .all(|byte| (0x20..=0x7e).contains(&byte))
                {
                    true => Ok(Some(secret)),
                    false => Err(ConfigurationError::new(refuse(
                        &"this is not the secret of an application: it is one line of letters, \
                          digits and signs",
                    ))),
                }
            }
        }
    }

    /// Anybody in the world can have an account at some providers.
    fn allow(
        &self,
        mut builder: UpstreamBuilder,
        provider: &Provider,
        first: &str,
    ) -> Result<UpstreamBuilder, ConfigurationError> {
        let rule = WHO.into_iter().find(|path| self.given(path).is_some());
        let is_for_everyone = self.switch(LOGIN_EVERYONE).unwrap_or_default();
        match (rule, is_for_everyone) {
            (Some(rule), true) => {
                return Err(ConfigurationError::new(format!(
                    "{} says who may log in, and {} that everybody may: take one of them away",
                    self.origin(rule),
                    self.origin(LOGIN_EVERYONE)
                )));
            }
            (None, false) if provider.safety.open_registration => {
                let to_set = WHO.map(|path| self.to_set(path, first)).join(", ");
                return Err(ConfigurationError::new(format!(
                    "{}: anybody can have an account at {}, and nothing says who may log in: set \
                     one of {to_set}, or {} to true if everybody may",
                    self.origin(first),
                    provider.display_name,
                    self.to_set(LOGIN_EVERYONE, first)
                )));
            }
            _ => {}
        }
        for domain in self.list(LOGIN_DOMAINS) {
            builder = builder.allow_domain(domain);
        }
        for group in self.list(LOGIN_GROUPS) {
            builder = builder.allow_group(group);
        }
        for subject in self.list(LOGIN_SUBJECTS) {
            builder = builder.allow_subject(subject);
        }
        Ok(match is_for_everyone {
            true => builder.allow_everyone(),
            false => builder,
        })
    }

    /// Where people log in and who may, in words.
    pub(super) fn say_login(&self, said: &mut Vec<String>) -> Result<(), ConfigurationError> {
        let Some(upstream) = self.login()? else {
            return Ok(());
        };
        let at = upstream.display_name();
        let mut who = Vec::new();
        for (path, what) in [
            (LOGIN_DOMAINS, "people of"),
            (LOGIN_GROUPS, "members of the group"),
            (LOGIN_SUBJECTS, "the person"),
        ] {
            if let names @ [_, ..] = self.list(path) {
                who.push(format!("{what} {}", super::words::or(names)));
            }
        }
        said.push(match &*who {
            [] => format!("People log in at {at}, and everybody with an account there may."),
            who => format!("People log in at {at}. Allowed are {}.", who.join(", and ")),
        });
        if self.local_accounts() {
            said.push("They may log in with accounts of this server as well.".into());
        }
        Ok(())
    }
}
