//! What is registered at identity providers, compared with where this server answers.

use countersign_resource_server::ConfigurationError;

/// What is registered at a provider as redirect URI.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) uri: String,
    /// Where that was said.
    said: &'static str,
}

impl Registered {
    pub(crate) fn new(uri: impl Into<String>, said: &'static str) -> Self {
        let uri = uri.into();
        Self { uri, said }
    }
}

/// RFC 6749 §3.1.2.3: providers compare redirect URIs, so that a wrong one would be
/// noticed by the first person who logs in.
pub(super) fn check_registered(
    callback_address: impl Fn(&str) -> Option<String>,
    registered: &[(String, Registered)],
) -> Result<(), ConfigurationError> {
    for (name, Registered { uri, said }) in registered {
        let Some(expected) = callback_address(name) else {
            return Err(ConfigurationError::new(format!(
                "a redirect URI is said for the provider {name}, and there is none of that name"
            )));
        };
        if expected != *uri {
            return Err(ConfigurationError::new(format!(
                "{said} is {}, and people who log in at {name} come back to {expected}: register \
                 that at the provider and set it here",
                uri.escape_debug()
            )));
        }
    }
    Ok(())
}
