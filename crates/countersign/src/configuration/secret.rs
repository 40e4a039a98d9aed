//! Secrets, read from where they are.

use std::path::Path;
use std::process::{Command, Stdio};

use countersign_resource_server::oauth::Secret;

use super::given::SecretPlace;

/// A secret is not longer.
const MAX_BYTES: usize = 64 * 1024;

/// Why a secret cannot be had. Nothing of it is in here, nor what a command wrote.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("the secret in {0} cannot be read: {1}")]
    File(String, std::io::Error),
    #[error("the command {0} that prints the secret cannot be run: {1}")]
    Run(String, std::io::Error),
    #[error("the command {0} that prints the secret failed ({1})")]
    Failed(String, std::process::ExitStatus),
    #[error("{0} is not text of at most 64 KiB")]
    Unreadable(String),
    #[error("{0} is empty: put the secret there")]
    Empty(String),
}

impl SecretPlace {
    /// The secret, as it is now. A line feed at its end is left out.
    pub(crate) fn read(&self) -> Result<Secret, SecretError> {
        let (bytes, place) = match self {
            Self::Given(secret) => return Ok(secret.clone()),
            Self::File(path) => (read_file(path)?, path.display().to_string()),
            Self::Command(words) => {
                let program = words.first().map(String::as_str).unwrap_or_default();
                let bytes = printed(program, words.get(1..).unwrap_or_default())?;
                (bytes, format!("what {program} prints"))
            }
        };
        let text = String::from_utf8(bytes).ok();
        let text = text.filter(|text| text.len() <= MAX_BYTES);
        let secret = match text {
            Some(text) => Secret::new(text.trim_end_matches(['\r', '\n'])),
            None => return Err(SecretError::Unreadable(place)),
        };
        match secret.reveal() {
            "" => Err(SecretError::Empty(place)),
            _ => Ok(secret),
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, SecretError> {
    std::fs::read(path).map_err(|error| SecretError::File(path.display().to_string(), error))
}

/// What `program` prints. It is run without a shell, so that nothing in its arguments means
/// anything but itself.
fn printed(program: &str, arguments: &[String]) -> Result<Vec<u8>, SecretError> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| SecretError::Run(program.to_owned(), error))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(SecretError::Failed(program.to_owned(), output.status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m_52_a_secret_is_read_from_a_file_or_what_a_command_prints() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "canary-canary\r\n").unwrap();
        let read = SecretPlace::File(file.clone()).read().unwrap();
        assert_eq!(read.reveal(), "canary-canary");
        std::fs::write(&file, "another\n").unwrap();
        let read = SecretPlace::File(file.clone()).read().unwrap();
        assert_eq!(read.reveal(), "another");
        let words = ["cat".to_owned(), file.display().to_string()];
        let read = SecretPlace::Command(words.to_vec()).read().unwrap();
        assert_eq!(read.reveal(), "another");
    }

    #[test]
    fn m_52_what_is_no_secret_is_refused_without_repeating_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("empty"), "\n").unwrap();
        std::fs::write(at("binary"), b"canary\xff").unwrap();
        std::fs::write(at("long"), "canary".repeat(20_000)).unwrap();
        let command = |words: &[&str]| {
            SecretPlace::Command(words.iter().map(|word| (*word).to_owned()).collect())
        };
        for (place, told) in [
            (SecretPlace::File(at("none")), "cannot be read"),
            (SecretPlace::File(at("empty")), "is empty"),
            (SecretPlace::File(at("binary")), "is not text"),
            (SecretPlace::File(at("long")), "at most 64 KiB"),
            (command(&["/nowhere/program", "canary"]), "cannot be run"),
            (command(&["false", "canary"]), "failed"),
            (command(&["true", "canary"]), "is empty"),
        ] {
            let refusal = place.read().unwrap_err().to_string();
            assert!(refusal.contains(told), "{refusal}");
            assert!(!refusal.contains("canary"), "{refusal}");
        }
    }
}
