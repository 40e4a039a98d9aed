//! The environment of the process. This file alone reads it.

use countersign_resource_server::ConfigurationError;
#[cfg(feature = "authorization-server")]
use countersign_resource_server::oauth::Secret;

/// Where settings are read from.
pub(crate) trait Environment {
    /// The value of `key`; nothing if there is none, or an empty one.
    fn value(&self, key: &str) -> Option<String>;

    /// The value of `key`, which has to be there.
    fn required(&self, key: &str) -> Result<String, ConfigurationError> {
        self.value(key).ok_or_else(|| {
            ConfigurationError::new(format!(
                "Required secret not configured: {key}. Set {key} environment variable."
            ))
        })
    }

    /// The value of `key`, which has to be there and must not be shown.
    #[cfg(feature = "authorization-server")]
    fn secret(&self, key: &str) -> Result<Secret, ConfigurationError> {
        self.required(key).map(Secret::new)
    }
}

/// The environment of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfProcess;

impl Environment for OfProcess {
    #[expect(clippy::disallowed_methods, reason = "this file owns the environment")]
    fn value(&self, key: &str) -> Option<String> {
        let value = std::env::var(key).ok();
        value.filter(|value| !value.trim().is_empty())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// An environment of its own for each test.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Variables(BTreeMap<String, String>);

    impl Variables {
        pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            Self(variables.iter().map(owned).collect())
        }

        pub(crate) fn without(mut self, key: &str) -> Self {
            self.0.remove(key);
            self
        }
    }

    impl Environment for Variables {
        fn value(&self, key: &str) -> Option<String> {
            self.0.get(key).cloned().filter(|value| !value.is_empty())
        }
    }

    #[test]
    fn m_51_what_is_not_there_in_the_process_is_named() {
        let key = "COUNTERSIGN_TEST_OF_A_VARIABLE_THAT_NOBODY_SETS";
        assert_eq!(OfProcess.value(key), None);
        let told = OfProcess.required(key).unwrap_err().to_string();
        assert_eq!(
            told,
            format!("Required secret not configured: {key}. Set {key} environment variable.")
        );
        // Cargo sets it for every test.
        assert!(OfProcess.required("CARGO_MANIFEST_DIR").is_ok());
    }
}
