//! A preset: a file about a provider.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::built_in::BUILT_IN;
use super::fill::{CLIENT_ID, Filler};
use super::rules;
use super::template::is_variable_name;
use super::variable::VariableKind;

use super::{
    ApiProfile, Endpoints, IntrospectionProfile, LoginProfile, Provider, Safety, TokenProfile,
    Variable,
};
use crate::ConfigurationError;
use crate::where_in_file::{Fault, FileError, FileText};

/// The longest file, in bytes and in words.
const MAX_SIZE: (usize, &str) = (64 * 1024, "64 KiB");

/// A file about a provider, read and checked: whatever values its variables get, every
/// rule holds, or filling it is refused.
#[derive(Clone, Debug)]
pub struct Preset {
    variables: BTreeMap<String, Variable>,
    outline: Provider,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    display_name: String,
    documentation: String,
    discovery: Option<String>,
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
    #[serde(default)]
    endpoints: Endpoints,
    #[serde(default)]
    introspection: IntrospectionProfile,
    login: Option<LoginProfile>,
    tokens: Option<TokenProfile>,
    #[serde(default)]
    api: ApiProfile,
    safety: Safety,
}

impl Preset {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// [`FileError`] says which line and field, and what to write.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let (file, text) = FileText::read::<File>(text, MAX_SIZE)?;
        let preset = Self {
            variables: file.variables,
            outline: Provider {
                name: file.name,
                display_name: file.display_name,
                documentation: file.documentation,
                client_id: None,
                discovery: file.discovery,
                endpoints: file.endpoints,
                introspection: file.introspection,
                login: file.login,
                tokens: file.tokens,
                api: file.api,
                safety: file.safety,
            },
        };
        preset.check().map_err(|fault| text.located(fault))?;
        Ok(preset)
    }

    /// The names of the built-in presets, sorted.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The built-in preset called `name`.
    pub fn named(name: &str) -> Option<Self> {
        // Tests read every one.
        Self::parse(Self::text(name)?).ok()
    }

    /// The file of the built-in preset called `name`.
    pub fn text(name: &str) -> Option<&'static str> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| *text)
    }

    /// The name of the provider.
    pub fn name(&self) -> &str {
        &self.outline.name
    }

    /// The variables with their names. `client_id` is not among them; every preset has
    /// it.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &Variable)> {
        let variables = self.variables.iter();
        variables.map(|(name, variable)| (name.as_str(), variable))
    }

    /// Whether `value` can be that of `variable`, such as `domain`, or of `client_id`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what the value is about and what it looks like. It does
    /// not repeat the value, which may be a secret in the wrong place.
    pub fn check_value(&self, variable: &str, value: &str) -> Result<(), ConfigurationError> {
        let (kind, description) = match self.variables.get(variable) {
            Some(declared) => (declared.kind, declared.description.as_str()),
            None => (VariableKind::Text, "the id of the application"),
        };
        kind.check(value)
            .map_err(|advice| ConfigurationError::new(format!("not {description}: {advice}")))
    }

    /// The provider as the file has it, with `{domain}` where variables are: for
    /// people to read, not to be used.
    pub const fn outline(&self) -> &Provider {
        &self.outline
    }

    /// The provider with `values` for its variables, `client_id` among them.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] for a value that is missing, of the wrong kind, or of no
    /// variable, and for what breaks a rule only now.
    pub fn fill(&self, values: &BTreeMap<String, String>) -> Result<Provider, ConfigurationError> {
        let name = &self.outline.name;
        self.refuse_unknown(values)?;
        let mut complete = values.clone();
        for (variable, declared) in &self.variables {
            if let Some(value) = self.value(variable, declared, values)? {
                complete.insert(variable.clone(), value);
            }
        }
        if let Some(client_id) = values.get(CLIENT_ID) {
            VariableKind::Text.check(client_id).map_err(|advice| {
                ConfigurationError::new(format!("the client id {client_id:?} is none: {advice}"))
            })?;
        }
        self.filled(&complete).map_err(|fault| {
            ConfigurationError::new(format!(
                "the provider {name} cannot be used so: {}: {}",
                fault.field, fault.sentence
            ))
        })
    }

    fn refuse_unknown(&self, values: &BTreeMap<String, String>) -> Result<(), ConfigurationError> {
        let is_unknown = |name: &&String| *name != CLIENT_ID && !self.variables.contains_key(*name);
        let Some(unknown) = values.keys().find(is_unknown) else {
            return Ok(());
        };
        let known: Vec<&str> = self.variables.keys().map(String::as_str).collect();
        let known = if known.is_empty() {
            "nothing but client_id".to_owned()
        } else {
            known.join(", ")
        };
        Err(ConfigurationError::new(format!(
            "the provider {} has no {unknown:?}: it takes {known}",
            self.outline.name
        )))
    }

    /// The value of a variable, which is of its kind; nothing if it is optional and has
    /// none.
    fn value(
        &self,
        variable: &str,
        declared: &Variable,
        values: &BTreeMap<String, String>,
    ) -> Result<Option<String>, ConfigurationError> {
        let name = &self.outline.name;
        let description = &declared.description;
        let Some(value) = values.get(variable).or(declared.default.as_ref()) else {
            if declared.optional {
                return Ok(None);
            }
            let example = declared.example.iter();
            let example: String = example.map(|value| format!(", such as {value}")).collect();
            return Err(ConfigurationError::new(format!(
                "the provider {name} needs {variable}, {description}{example}"
            )));
        };
        match declared.kind.check(value) {
            Ok(()) => Ok(Some(value.clone())),
            Err(advice) => Err(ConfigurationError::new(format!(
                "the provider {name} cannot use {value:?} as {variable} ({description}): {advice}"
            ))),
        }
    }

    fn filled(&self, values: &BTreeMap<String, String>) -> Result<Provider, Fault> {
        let filler = Filler {
            variables: &self.variables,
            values,
        };
        let mut provider = self.outline.clone();
        provider.client_id = values.get(CLIENT_ID).cloned();
        filler.optional_url("discovery", &mut provider.discovery)?;
        provider.endpoints.fill(&filler)?;
        if let Some(login) = &mut provider.login {
            login.fill(&filler)?;
        }
        if let Some(tokens) = &mut provider.tokens
            && !tokens.fill(&filler)?
        {
            provider.tokens = None;
        }
        provider.api.fill(&filler)?;
        rules::check(&provider)?;
        Ok(provider)
    }

    /// Tries the file with values, and without the optional ones.
    fn check(&self) -> Result<(), Fault> {
        rules::check_outline(&self.outline)?;
        for (name, variable) in &self.variables {
            check_variable(name, variable)?;
        }
        let all = self.samples(|_| true);
        self.filled(&all)?;
        if self.variables.values().any(|variable| variable.optional) {
            self.filled(&self.samples(|variable| !variable.optional))?;
        }
        Ok(())
    }

    fn samples(&self, wanted: impl Fn(&Variable) -> bool) -> BTreeMap<String, String> {
        let mut samples = BTreeMap::from([(CLIENT_ID.to_owned(), "client-id".to_owned())]);
        let variables = self.variables.iter();
        samples.extend(variables.filter(|(_, variable)| wanted(variable)).map(
            |(name, variable)| {
                let sample = variable.example.as_deref().or(variable.default.as_deref());
                (
                    name.clone(),
                    sample.unwrap_or(variable.kind.sample()).to_owned(),
                )
            },
        ));
        samples
    }

    /// The names of variables that no field mentions.
    pub fn unused_variables(&self) -> impl Iterator<Item = &str> {
        let used: BTreeSet<&str> = self
            .variables
            .keys()
            .map(String::as_str)
            .filter(|name| {
                // Without a value for it, filling fails or yields something else.
                let mut samples = self.samples(|_| true);
                let with = self.filled(&samples).ok();
                samples.remove(*name);
                let without = self.filled(&samples).ok();
                format!("{with:?}") != format!("{without:?}")
            })
            .collect();
        self.variables
            .keys()
            .map(String::as_str)
            .filter(move |name| !used.contains(name))
    }
}

fn check_variable(name: &str, variable: &Variable) -> Result<(), Fault> {
    let field = |part: &str| format!("variables.{name}{part}");
    if !is_variable_name(name) {
        return Err(Fault::new(
            field(""),
            "a variable is named with lower-case letters, digits and underscores",
        ));
    }
    if name == CLIENT_ID {
        return Err(Fault::new(
            field(""),
            "client_id is there without being declared: remove this",
        ));
    }
    rules::check_words(&field(".description"), &variable.description)?;
    for (part, value) in [
        (".default", &variable.default),
        (".example", &variable.example),
    ] {
        if let Some(value) = value {
            let wrong = |advice: &str| Fault::new(field(part), advice);
            variable.kind.check(value).map_err(wrong)?;
        }
    }
    if variable.optional && variable.default.is_some() {
        return Err(Fault::new(
            field(".optional"),
            "a variable with a default always has a value: remove one of the two",
        ));
    }
    Ok(())
}
