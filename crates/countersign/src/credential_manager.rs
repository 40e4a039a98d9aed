//! Secrets by their names: from the environment, or from files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use countersign_resource_server::ConfigurationError;
use countersign_resource_server::oauth::Secret;

use crate::configuration::SecretPlace;
use crate::environment::{Environment, OfProcess, Pairs};

/// What stands behind the name of a secret in that of the variable with its file.
const FILE: &str = "_FILE";

/// Hands out secrets by name, such as `API_KEY`: what is in the variable of that name, or
/// in the file that the variable `API_KEY_FILE` names.
///
/// A variable is read once. A file is read again when it has changed, so that the secret
/// in it can be rotated without a restart. Nothing of a secret is in the `Debug` of this.
///
/// ```
/// use countersign::CredentialManager;
///
/// let credentials = CredentialManager::from_env();
/// let missing = credentials.secret("THE_KEY_THAT_NOBODY_SET").unwrap_err();
/// assert_eq!(
///     missing.to_string(),
///     "Required secret not configured: THE_KEY_THAT_NOBODY_SET. \
///      Set THE_KEY_THAT_NOBODY_SET environment variable."
/// );
/// ```
pub struct CredentialManager {
    environment: Box<dyn Environment + Send + Sync>,
    kept: Mutex<BTreeMap<String, Kept>>,
}

/// A secret as it was read.
struct Kept {
    secret: Secret,
    /// Where it is from, and how the file looked, if it is from one.
    file: Option<(PathBuf, Looks)>,
}

/// How a file looks from outside. It changes when the file is written or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Looks {
    modified: Option<SystemTime>,
    length: u64,
}

impl fmt::Debug for CredentialManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("CredentialManager")
            .field("kept", &kept.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl CredentialManager {
    /// Secrets in the environment of the process, and in the files that it names.
    pub fn from_env() -> Self {
        Self::of(OfProcess)
    }

    /// Secrets in `variables`, pairs of name and value, and in the files that they name,
    /// instead of those of the process.
    pub fn from_variables<N: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let pairs = variables.into_iter();
        Self::of(Pairs(
            pairs
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        ))
    }

    fn of(environment: impl Environment + Send + Sync + 'static) -> Self {
        Self {
            environment: Box::new(environment),
            kept: Mutex::default(),
        }
    }

    /// The secret called `key`, as it is now. A line feed at the end of a file is left out.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the variable to set if there is no such secret, both
    /// if there are two, and the file if it cannot be read and was never read before.
    pub fn secret(&self, key: &str) -> Result<Secret, ConfigurationError> {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = all.get_mut(key) else {
            let kept = self.look_up(key)?;
            let secret = kept.secret.clone();
            all.insert(key.to_owned(), kept);
            return Ok(secret);
        };
        if let Some((path, seen)) = &mut kept.file
            && let Some(looks) = looks(path)
            && looks != *seen
        {
            // The old one goes on counting while there is no new one.
            match SecretPlace::File(path.clone()).read() {
                Ok(secret) => {
                    kept.secret = secret;
                    *seen = looks;
                }
                Err(error) => tracing::warn!(key, %error, "a secret is not read again"),
            }
        }
        Ok(kept.secret.clone())
    }

    fn look_up(&self, key: &str) -> Result<Kept, ConfigurationError> {
        let named = format!("{key}{FILE}");
        match (
            self.environment.value(key)?,
            self.environment.value(&named)?,
        ) {
            (Some(_), Some(_)) => Err(ConfigurationError::new(format!(
                "{key} and {named} both say what the secret is: take one of them away"
            ))),
            (None, Some(path)) => {
                let path = PathBuf::from(path);
                // Before it is read: a change in between is noticed the next time.
                let looks = looks(&path).unwrap_or(Looks {
                    modified: None,
                    length: 0,
                });
                let read = SecretPlace::File(path.clone()).read();
                let secret =
                    read.map_err(|error| ConfigurationError::new(format!("{named}: {error}")))?;
                Ok(Kept {
                    secret,
                    file: Some((path, looks)),
                })
            }
            (_, None) => Ok(Kept {
                secret: Secret::new(self.environment.required(key)?),
                file: None,
            }),
        }
    }
}

fn looks(path: &Path) -> Option<Looks> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Looks {
        modified: metadata.modified().ok(),
        length: metadata.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::Variables;

    #[test]
    fn m_52_what_is_missing_or_said_twice_is_named_and_nothing_is_shown() {
        let both = [("KEY", "canary"), ("KEY_FILE", "/nowhere/canary-file")];
        let manager = CredentialManager::of(Variables::of(&both));
        let told = manager.secret("KEY").unwrap_err().to_string();
        assert_eq!(
            told,
            "KEY and KEY_FILE both say what the secret is: take one of them away"
        );
        let told = manager.secret("OTHER").unwrap_err().to_string();
        assert_eq!(
            told,
            "Required secret not configured: OTHER. Set OTHER environment variable."
        );
        let manager = CredentialManager::of(Variables::of(&[("KEY_FILE", "/nowhere/f")]));
        let told = manager.secret("KEY").unwrap_err().to_string();
        assert!(
            told.starts_with("KEY_FILE: the secret in /nowhere/f"),
            "{told}"
        );
        let manager = CredentialManager::of(Variables::of(&[("KEY", "canary")]));
        assert_eq!(manager.secret("KEY").unwrap().reveal(), "canary");
        assert!(!format!("{manager:?}").contains("canary"));
    }

    #[test]
    fn m_52_a_secret_in_a_file_is_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "one\n").unwrap();
        let named = file.display().to_string();
        let manager = CredentialManager::of(Variables::of(&[("KEY_FILE", &named)]));
        assert_eq!(manager.secret("KEY").unwrap().reveal(), "one");
        std::fs::write(&file, "another one\n").unwrap();
        assert_eq!(manager.secret("KEY").unwrap().reveal(), "another one");
        // What cannot be used leaves the last one in place.
        std::fs::write(&file, "").unwrap();
        assert_eq!(manager.secret("KEY").unwrap().reveal(), "another one");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(manager.secret("KEY").unwrap().reveal(), "another one");
    }
}
