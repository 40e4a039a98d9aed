//! Rules, limits and the audit log, as they are said outside of code.

use std::path::Path;

use countersign_audit::{JsonLines, OnFull};
use countersign_resource_server::ConfigurationError;
use countersign_resource_server::limit::{Limits, Quota};

use super::Configuration;
use super::setting::{AUDIT, AUDIT_ON_FULL, LIMIT_OF_ADDRESS, LIMIT_OF_USER, POLICY};

impl Configuration {
    /// The file of the rules, if one is named.
    pub fn policy_file(&self) -> Option<&Path> {
        self.text(POLICY).map(Path::new)
    }

    /// The limits, if any are said.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the one that is no quota.
    pub fn limits(&self) -> Result<Option<Limits>, ConfigurationError> {
        let (user, address) = (self.quota(LIMIT_OF_USER)?, self.quota(LIMIT_OF_ADDRESS)?);
        if user.is_none() && address.is_none() {
            return Ok(None);
        }
        let mut limits = Limits::unless_said();
        if let Some(quota) = user {
            limits = limits.per_user(quota);
        }
        if let Some(quota) = address {
            limits = limits.per_address(quota);
        }
        Ok(Some(limits))
    }

    fn quota(&self, path: &str) -> Result<Option<Quota>, ConfigurationError> {
        let quota = self.text(path).map(str::parse).transpose();
        quota.map_err(|error| ConfigurationError::new(format!("{}: {error}", self.origin(path))))
    }

    /// The audit log, if one is named; it is made when it is opened.
    pub(crate) fn audit_log(&self) -> Result<Option<JsonLines>, ConfigurationError> {
        let on_full = self.on_full()?;
        let Some(file) = self.text(AUDIT) else {
            return Ok(None);
        };
        let log = JsonLines::at(file).on_full(on_full).open();
        log.map(Some)
            .map_err(|error| ConfigurationError::new(format!("{}: {error}", self.origin(AUDIT))))
    }

    /// What happens when nothing more can be noted.
    pub(super) fn on_full(&self) -> Result<OnFull, ConfigurationError> {
        let said = self.text(AUDIT_ON_FULL);
        if said.is_some() && self.text(AUDIT).is_none() {
            return Err(ConfigurationError::new(format!(
                "{} is about the audit log, and there is none: set {}",
                self.origin(AUDIT_ON_FULL),
                self.to_set(AUDIT, AUDIT_ON_FULL)
            )));
        }
        match said {
            None | Some("refuse") => Ok(OnFull::Refuse),
            Some("spool") => Ok(OnFull::Spool),
            Some(_) => Err(ConfigurationError::new(format!(
                "{} is neither refuse nor spool: set it to one of them",
                self.origin(AUDIT_ON_FULL)
            ))),
        }
    }
}
