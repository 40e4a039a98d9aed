//! The environment of the process. This file alone reads it.

use std::collections::BTreeMap;
use std::env::VarError;
use std::ffi::OsString;

use countersign_resource_server::ConfigurationError;
#[cfg(feature = "authorization-server")]
use countersign_resource_server::oauth::Secret;

/// Where settings are read from.
pub(crate) trait Environment {
    /// The value of `key`; nothing if there is none, or an empty one.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if it is not text: to leave it out would be to forget what
    /// somebody said.
    fn value(&self, key: &str) -> Result<Option<String>, ConfigurationError>;

    /// The names of all that are set.
    fn names(&self) -> Vec<String>;

    /// The value of `key`, which has to be there.
    fn required(&self, key: &str) -> Result<String, ConfigurationError> {
        self.value(key)?.ok_or_else(|| {
            ConfigurationError::new(format!(
                "Required secret not configured: {key}. Set {key} environment variable."
            ))
        })
    }

    /// The value of `key`, which has to be there, without the blanks around it. It is what
    /// an application is given by a provider: visible characters and blanks (RFC 6749
    /// appendices A.1 and A.2). A refusal does not repeat it.
    #[cfg(feature = "authorization-server")]
    fn credential(&self, key: &str) -> Result<Secret, ConfigurationError> {
        let value = Secret::new(self.required(key)?.trim());
        let is_sendable = |byte: u8| (0x20..=0x7e).contains(&byte);
        if !value.reveal().bytes().all(is_sendable) {
            return Err(ConfigurationError::new(format!(
                "{key} has characters that no provider gives out: copy it again, it is one line \
                 of letters, digits and signs"
            )));
        }
        Ok(value)
    }
}

/// The environment of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfProcess;

impl Environment for OfProcess {
    #[expect(clippy::disallowed_methods, reason = "this file owns the environment")]
    fn value(&self, key: &str) -> Result<Option<String>, ConfigurationError> {
        match std::env::var(key) {
            Ok(value) => Ok(Some(value).filter(|value| !value.trim().is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(ConfigurationError::new(format!(
                "{key} is not text (UTF-8): set it anew, or take it away"
            ))),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this file owns the environment")]
    fn names(&self) -> Vec<String> {
        let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
        set.filter_map(|(name, _)| name.into_string().ok())
            .collect()
    }
}

impl OfProcess {
    /// Those of `names` that are set, as they are.
    #[expect(clippy::disallowed_methods, reason = "this file owns the environment")]
    pub(crate) fn chosen(self, names: &[&'static str]) -> Vec<(&'static str, OsString)> {
        let set = names
            .iter()
            .map(|name| Some((*name, std::env::var_os(name)?)));
        set.flatten().collect()
    }
}

/// Variables that are given instead.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs(pub(crate) BTreeMap<String, String>);

impl Environment for Pairs {
    fn value(&self, key: &str) -> Result<Option<String>, ConfigurationError> {
        let value = self.0.get(key).cloned();
        Ok(value.filter(|value| !value.trim().is_empty()))
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) type Variables = Pairs;

    impl Pairs {
        pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            Self(variables.iter().map(owned).collect())
        }

        pub(crate) fn without(mut self, key: &str) -> Self {
            self.0.remove(key);
            self
        }
    }

    #[test]
    fn m_51_what_is_not_there_in_the_process_is_named() {
        let key = "COUNTERSIGN_TEST_OF_A_VARIABLE_THAT_NOBODY_SETS";
        assert_eq!(OfProcess.value(key).unwrap(), None);
        let told = OfProcess.required(key).unwrap_err().to_string();
        assert_eq!(
            told,
            format!("Required secret not configured: {key}. Set {key} environment variable.")
        );
        // Cargo sets it for every test.
        assert!(OfProcess.required("CARGO_MANIFEST_DIR").is_ok());
    }
}
