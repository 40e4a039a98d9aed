//! The secret of an application at a provider: from a file, else from the environment.

use std::path::Path;

use anyhow::bail;
use countersign::oauth::Secret;

use crate::file;

/// Where it is in the environment, if there is one provider.
const VARIABLE: &str = "COUNTERSIGN_LOGIN_CLIENT_SECRET";

/// The name of the variable with the secret for `provider`.
pub(super) fn variable(provider: &str, is_one_of_several: bool) -> String {
    if is_one_of_several {
        let name = provider.to_ascii_uppercase().replace('-', "_");
        return format!("{VARIABLE}_{name}");
    }
    VARIABLE.to_owned()
}

/// The secret in `path`, else in the environment variable `variable`; nothing if neither
/// is there.
pub(super) fn read(path: Option<&Path>, variable: &str) -> anyhow::Result<Option<Secret>> {
    let (text, place) = match path {
        Some(path) => (file::text(path)?, path.display().to_string()),
        None => match environment(variable)? {
            Some(text) => (text, variable.to_owned()),
            None => return Ok(None),
        },
    };
    let secret = text.trim();
    // RFC 6749 appendix A.2: visible characters and blanks.
    if secret.is_empty() || !secret.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        bail!("{place}: this is not the secret of an application: it is one line of text");
    }
    Ok(Some(Secret::new(secret)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the command, and its environment"
)]
fn environment(variable: &str) -> anyhow::Result<Option<String>> {
    match std::env::var(variable) {
        Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => bail!("{variable}: this is not text"),
    }
}
