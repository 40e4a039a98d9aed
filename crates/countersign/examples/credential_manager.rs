//! Secrets from the environment or from files, and a sentence when one is missing.
//!
//! `API_KEY=… OAUTH_CLIENT_ID=… OAUTH_CLIENT_SECRET_FILE=secret.txt \
//!  cargo run -p countersign --example credential_manager`

use std::process::ExitCode;

use countersign::{ConfigurationError, CredentialManager};

/// The secrets that this program needs.
const NEEDED: [&str; 3] = ["API_KEY", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET"];

/// What is said about them: how long they are, and never what they are.
pub(crate) fn report(credentials: &CredentialManager) -> Result<String, ConfigurationError> {
    let mut lines = String::new();
    for key in NEEDED {
        let secret = credentials.secret(key)?;
        let length = secret.reveal().len();
        lines.push_str(&format!("{key}: configured, {length} bytes\n"));
    }
    Ok(lines)
}

#[cfg_attr(
    not(test),
    expect(
        clippy::print_stdout,
        clippy::print_stderr,
        reason = "it talks to whoever runs it"
    )
)]
fn main() -> ExitCode {
    match report(&CredentialManager::from_env()) {
        Ok(lines) => {
            print!("{lines}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("Configuration error: {error}");
            ExitCode::FAILURE
        }
    }
}
