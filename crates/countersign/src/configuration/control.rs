//! Rules, limits, the audit log, metrics and API keys, as they are said outside of code.

use std::fmt::Display;
use std::net::IpAddr;
use std::path::Path;

use countersign_audit::{JsonLines, OnFull};
use countersign_resource_server::limit::{Limits, Quota};
use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::{ConfigurationError, Source, SourceName};

use super::Configuration;
use super::setting::{
    API_KEYS, API_KEYS_FOR_PEOPLE, AUDIT, AUDIT_ON_FULL, AUDIT_STORE, LIMIT_OF_ADDRESS,
    LIMIT_OF_USER, METRICS, POLICY,
};
use crate::audit::FileLog;

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

    /// Where the numbers for Prometheus are served, `host:port`, if that is said.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if it is something else, or not this machine: whoever reaches
    /// it may read.
    pub fn metrics_address(&self) -> Result<Option<&str>, ConfigurationError> {
        let Some(text) = self.text(METRICS) else {
            return Ok(None);
        };
        let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        let ip = literal.parse::<IpAddr>();
        let is_here = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
        if port.parse::<u16>().is_err() || !is_here {
            return Err(ConfigurationError::new(format!(
                "{} is not an address of this machine: write host:port, such as 127.0.0.1:9464; \
                 whoever reaches it may read",
                self.origin(METRICS)
            )));
        }
        Ok(Some(text))
    }

    /// The header in which API keys are accepted that were made by the authorization server
    /// in the server, if that is said.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if it cannot be one, or if people may make keys and no header
    /// is said.
    pub fn api_keys_header(&self) -> Result<Option<&str>, ConfigurationError> {
        let Some(header) = self.text(API_KEYS) else {
            if self.given(API_KEYS_FOR_PEOPLE).is_some() {
                return Err(ConfigurationError::new(format!(
                    "{} is about API keys, and none are accepted: set {}",
                    self.origin(API_KEYS_FOR_PEOPLE),
                    self.to_set(API_KEYS, API_KEYS_FOR_PEOPLE)
                )));
            }
            return Ok(None);
        };
        let judged = Source::header(SourceName::API_KEY, header);
        judged.map_err(|error| self.wrong(API_KEYS, &error))?;
        let scopes = ScopeSet::from_names(self.api_keys_for_people());
        scopes.map_err(|error| self.wrong(API_KEYS_FOR_PEOPLE, &error))?;
        Ok(Some(header))
    }

    /// The scopes of API keys that people may make for themselves; none unless it is said.
    pub fn api_keys_for_people(&self) -> &[String] {
        self.list(API_KEYS_FOR_PEOPLE)
    }

    fn wrong(&self, path: &str, sentence: &dyn Display) -> ConfigurationError {
        ConfigurationError::new(format!("{}: {sentence}", self.origin(path)))
    }

    pub(super) fn quota(&self, path: &str) -> Result<Option<Quota>, ConfigurationError> {
        let quota = self.text(path).map(str::parse).transpose();
        quota.map_err(|error| self.wrong(path, &error))
    }

    /// The audit log, if one is named; it is made when the server starts.
    pub(crate) fn audit_log(&self) -> Result<Option<FileLog>, ConfigurationError> {
        let on_full = self.on_full()?;
        let Some(file) = self.text(AUDIT) else {
            return Ok(None);
        };
        let files = JsonLines::at(file).on_full(on_full);
        Ok(Some(FileLog::new(files, Some(self.origin(AUDIT)))))
    }

    /// Whether the audit log is kept in the database of the authorization server, if that is
    /// said.
    pub fn audit_store(&self) -> bool {
        self.switch(AUDIT_STORE).unwrap_or_default()
    }

    /// What happens when nothing more can be noted.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if it is neither `refuse` nor `spool`, or nothing is noted.
    pub fn on_full(&self) -> Result<OnFull, ConfigurationError> {
        let said = self.text(AUDIT_ON_FULL);
        if said.is_some() && self.text(AUDIT).is_none() && !self.audit_store() {
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
