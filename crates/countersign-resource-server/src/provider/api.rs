//! Where access tokens of a provider may be sent.

use std::fmt;

use serde::Deserialize;
use url::{Host, Url};

use super::fill::Filler;
use super::rules;
use crate::ConfigurationError;
use crate::where_in_file::Fault;

/// The API of a provider. Its access tokens are sent nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ApiProfile {
    /// The origins.
    pub origins: Vec<ApiOrigin>,
}

impl ApiProfile {
    /// Whether an access token may be sent to `url`.
    pub fn allows(&self, url: &Url) -> bool {
        self.origins.iter().any(|origin| origin.admits(url))
    }

    /// Lets access tokens be sent to `origin` too: scheme, host and port without slash,
    /// such as `https://api.example.com`, or `https://*.example.com`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] for a text that is no such origin.
    ///
    /// # Security
    ///
    /// Whoever answers there gets the tokens of everybody whose tools ask it.
    pub fn allow(&mut self, origin: impl Into<String>) -> Result<(), ConfigurationError> {
        let origin = ApiOrigin(origin.into());
        rules::check_origin("api.origins", &origin).map_err(|fault| {
            ConfigurationError::new(format!("{:?}: {}", origin.as_str(), fault.sentence))
        })?;
        self.origins.push(origin);
        Ok(())
    }

    pub(super) fn fill(&mut self, filler: &Filler<'_>) -> Result<(), Fault> {
        let mut filled = Vec::with_capacity(self.origins.len());
        for (index, mut origin) in std::mem::take(&mut self.origins).into_iter().enumerate() {
            let mut text = Some(origin.0);
            filler.optional_url(&format!("api.origins.{index}"), &mut text)?;
            if let Some(text) = text {
                origin.0 = text;
                filled.push(origin);
            }
        }
        self.origins = filled;
        Ok(())
    }
}

/// Scheme, host and port, such as `https://api.github.com`; with `*.` before the host,
/// such as `https://*.googleapis.com`, every host with one label more.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ApiOrigin(pub(super) String);

impl ApiOrigin {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `url` has this origin, and carries no user name.
    pub fn admits(&self, url: &Url) -> bool {
        if !url.username().is_empty() || url.password().is_some() {
            return false;
        }
        let Some(scheme_and_parent) = self.0.split_once("://*.") else {
            return Url::parse(&self.0).is_ok_and(|ours| ours.origin() == url.origin());
        };
        let (scheme, parent) = scheme_and_parent;
        let Some(Host::Domain(host)) = url.host() else {
            return false;
        };
        let Some((label, rest)) = host.split_once('.') else {
            return false;
        };
        let Ok(ours) = Url::parse(&format!("{scheme}://{label}.{parent}")) else {
            return false;
        };
        !rest.is_empty() && !label.is_empty() && ours.origin() == url.origin()
    }
}

impl fmt::Debug for ApiOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for ApiOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
