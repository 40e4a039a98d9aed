//! What a server is told outside of code: by variables of the environment and by a file.
//!
//! One thing can be said in several places. What counts most is said in code, then come
//! the variables with one underscore (`FASTMCP_AUTH_…` and `COUNTERSIGN_…`), then those
//! with two (`FASTMCP_AUTH__…`), then the file. A value of a place that counts less is
//! left out, and [`Configuration::print`] shows that it is. Two variables of the same
//! place that say different things, or settings that cannot hold together, stop the start.

mod authentication;
mod control;
mod file;
mod given;
mod kind;
mod local_keys;
#[cfg(feature = "authorization-server")]
mod login;
#[cfg(feature = "authorization-server")]
mod machines;
mod place;
mod possession;
mod printed;
mod secret;
mod setting;
mod words;

use std::collections::BTreeMap;
use std::path::Path;

use countersign_resource_server::ConfigurationError;

use crate::environment::{Environment, OfProcess, Pairs};
pub use authentication::ConfiguredTokens;
#[cfg(feature = "sqlite")]
pub(crate) use authentication::DEFAULT_DATABASE;
pub(crate) use authentication::Mode;
pub use given::Origin;
pub(crate) use given::SecretPlace;
use given::{Given, Value};
#[cfg(feature = "authorization-server")]
pub(crate) use local_keys::Reread;
#[cfg(feature = "authorization-server")]
pub(crate) use setting::ISSUER_URL;
pub(crate) use setting::{API_KEYS, AUDIT_STORE};
use setting::{DOUBLE, OWN, SETTINGS, SINGLE, Setting};

/// Settings of a server from the environment and a file, before anything is made of them.
///
/// ```no_run
/// use countersign::{Configuration, Http, Server};
///
/// # async fn run() -> anyhow::Result<()> {
/// let configuration = Configuration::from_env()?.file("countersign.toml")?;
/// Server::new("Notes")
///     .configuration(&configuration)
///     .serve(Http::bind("127.0.0.1:8000"))
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// For the place of each setting all that was given, what counts most first.
    given: BTreeMap<String, Vec<Given>>,
}

/// How much a place counts: what is less counts more.
fn rank(origin: &Origin) -> u8 {
    match origin {
        Origin::Option(_) => 0,
        Origin::Variable(name) if name.starts_with(DOUBLE) => 2,
        Origin::Variable(_) => 1,
        Origin::File(..) => 3,
    }
}

impl Configuration {
    /// What the variables of the process say.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the variable that is not known, or whose value has
    /// not the form that it needs.
    pub fn from_env() -> Result<Self, ConfigurationError> {
        Self::from_environment(&OfProcess)
    }

    /// What `variables` say, pairs of name and value, instead of those of the process.
    ///
    /// # Errors
    ///
    /// As [`Configuration::from_env`].
    pub fn from_variables<N: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, ConfigurationError> {
        let pairs = variables.into_iter();
        let pairs = pairs.map(|(name, value)| (name.into(), value.into()));
        Self::from_environment(&Pairs(pairs.collect()))
    }

    pub(crate) fn from_environment(
        environment: &dyn Environment,
    ) -> Result<Self, ConfigurationError> {
        let mut this = Self::default();
        let mut present = environment.names();
        present.sort_unstable();
        for setting in SETTINGS {
            let own = setting.own_variable();
            let of_one = match setting.family() {
                None => vec![setting.single, Some(&*own), setting.double],
                Some(_) => present.iter().map(|name| Some(&**name)).collect(),
            };
            for name in of_one.into_iter().flatten() {
                let path = match setting.family() {
                    None => Some(setting.path.to_owned()),
                    Some(_) => setting.set_by(name),
                };
                let Some(path) = path else { continue };
                if let Some(text) = environment.value(name)? {
                    let value = Value::from_variable(setting, name, &text)?;
                    let origin = Origin::Variable(name.to_owned());
                    this.add(setting, path, Given { value, origin })?;
                }
            }
        }
        for name in present {
            refuse_unknown(&name)?;
        }
        Ok(this)
    }

    /// The same, and where nothing else says otherwise, what the file at `path` says.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the file, the line and what to write.
    pub fn file(self, path: impl AsRef<Path>) -> Result<Self, ConfigurationError> {
        self.file_in(path.as_ref(), &OfProcess)
    }

    pub(crate) fn file_in(
        mut self,
        path: &Path,
        environment: &dyn Environment,
    ) -> Result<Self, ConfigurationError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            ConfigurationError::new(format!("{} cannot be read: {error}", path.display()))
        })?;
        for (setting, place, given) in file::read(path, &text, environment)? {
            self.add(setting, place, given)?;
        }
        Ok(self)
    }

    /// The same, where `option` of a command line says `text` about the setting at `path`,
    /// such as `dpop.bound_tokens`. Options count more than variables and the file.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if there is no such setting, or `text` is no value of it.
    pub fn option(
        mut self,
        option: &str,
        path: &str,
        text: &str,
    ) -> Result<Self, ConfigurationError> {
        let Some(setting) = setting::at(path) else {
            return Err(ConfigurationError::new(format!(
                "there is no setting {path}"
            )));
        };
        let value = Value::from_variable(setting, option, text)?;
        let origin = Origin::Option(option.to_owned());
        self.add(setting, path.to_owned(), Given { value, origin })?;
        Ok(self)
    }

    /// Whether nothing was said anywhere.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    fn add(
        &mut self,
        setting: &'static Setting,
        path: String,
        given: Given,
    ) -> Result<(), ConfigurationError> {
        let all = self.given.entry(path).or_default();
        let same = all
            .iter()
            .find(|other| rank(&other.origin) == rank(&given.origin));
        match same {
            Some(other) if other.value != given.value => {
                return Err(ConfigurationError::new(format!(
                    "{} and {} say different things about {}: take one of them away",
                    other.origin, given.origin, setting.about
                )));
            }
            // Both variables say the same: the first is shown.
            Some(_) => {}
            None => all.push(given),
        }
        all.sort_by_key(|given| rank(&given.origin));
        Ok(())
    }

    /// What counts of the setting at `path`.
    fn given(&self, path: &str) -> Option<&Given> {
        self.given.get(path)?.first()
    }

    fn text(&self, path: &str) -> Option<&str> {
        match &self.given(path)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn list(&self, path: &str) -> &[String] {
        match self.given(path).map(|given| &given.value) {
            Some(Value::List(texts)) => texts,
            _ => &[],
        }
    }

    fn switch(&self, path: &str) -> Option<bool> {
        match self.given(path)?.value {
            Value::Switch(on) => Some(on),
            _ => None,
        }
    }

    fn seconds(&self, path: &str) -> Option<u64> {
        match self.given(path)?.value {
            Value::Seconds(seconds) => Some(seconds),
            _ => None,
        }
    }

    /// Where the setting at `path` was given, for a sentence about it.
    fn origin(&self, path: &str) -> String {
        self.given(path)
            .map_or_else(String::new, |given| given.origin.to_string())
    }

    /// What to set so that the setting at `path` is said beside the one at `beside`: a
    /// variable, or a line of the file.
    fn to_set(&self, path: &str, beside: &str) -> String {
        let Some(setting) = setting::at(path) else {
            return path.to_owned();
        };
        match self.given(beside).map(|given| &given.origin) {
            Some(Origin::File(file, _)) => format!("{path} in {}", file.display()),
            Some(Origin::Variable(name)) if name.starts_with(OWN) => kind::variable_at(path),
            _ if setting.family().is_some() => kind::variable_at(path),
            _ => setting.best_variable(),
        }
    }

    /// The names of those of the family `section`, such as `workloads`, of which anything
    /// is said.
    fn names_in(&self, section: &str) -> Vec<&str> {
        let named = |one: &Setting| one.family().is_some_and(|(it, _)| it == section);
        let mut names: Vec<_> = self
            .given
            .keys()
            .filter(|path| setting::at(path).is_some_and(named))
            .filter_map(|path| path.strip_prefix(section)?.split('.').nth(1))
            .collect();
        names.dedup();
        names
    }

    /// The first thing that is said in one of the sections of the family.
    fn first_in(&self, section: &str) -> Option<&str> {
        let name = *self.names_in(section).first()?;
        let begins = format!("{section}.{name}.");
        let mut paths = self.given.keys();
        paths
            .find(|path| path.starts_with(&begins))
            .map(String::as_str)
    }
}

/// What stands before the name of a provider in the variable with the secret for it, where
/// there are several.
const LOGIN_SECRET_OF: &str = "COUNTERSIGN_LOGIN_CLIENT_SECRET_";

/// A variable that begins like ours and is none was meant to be one, and whoever set it
/// counts on it.
fn refuse_unknown(name: &str) -> Result<(), ConfigurationError> {
    let known = SETTINGS.iter().any(|setting| {
        setting.single == Some(name)
            || setting.double == Some(name)
            || (setting.family().is_none() && setting.own_variable() == name)
            || setting.set_by(name).is_some()
    });
    let section_of_ours = || {
        let rest = name.strip_prefix(OWN)?.to_ascii_lowercase();
        let mut sections = SETTINGS
            .iter()
            .filter_map(|setting| setting.path.split('.').next());
        sections.find(|section| {
            let behind = rest.strip_prefix(section);
            behind.is_some_and(|behind| behind.starts_with('_'))
        })
    };
    // Of one of several providers, read where they are named.
    let of_provider = name.starts_with(LOGIN_SECRET_OF);
    if known || of_provider || !(name.starts_with(SINGLE) || section_of_ours().is_some()) {
        return Ok(());
    }
    let family = match name {
        _ if name.starts_with(DOUBLE) => DOUBLE,
        _ if name.starts_with(SINGLE) => SINGLE,
        _ => OWN,
    };
    let mut names = Vec::new();
    for setting in SETTINGS {
        match family {
            SINGLE => names.extend(setting.single.map(str::to_owned)),
            DOUBLE => names.extend(setting.double.map(str::to_owned)),
            _ => names.push(setting.own_variable()),
        }
    }
    Err(ConfigurationError::new(format!(
        "the variable {} is not known: correct its name, or take it away; there are {}",
        name.escape_debug(),
        names.join(", ")
    )))
}

#[cfg(all(test, feature = "authorization-server"))]
mod machine_tests;
#[cfg(test)]
mod tests;
