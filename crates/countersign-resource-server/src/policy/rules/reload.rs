//! Rules that are replaced while they are in force.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use countersign_oauth::UnixTime;

use super::set::RuleSet;
use crate::policy::{Action, Component, Denial, Policy};
use crate::{Caller, ConfigurationError};

/// The rules in force. Cloning is cheap; all clones are replaced together.
#[derive(Clone, Debug)]
pub struct Rules(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    current: ArcSwap<RuleSet>,
    file: Option<PathBuf>,
}

impl Rules {
    /// These rules, until they are replaced.
    pub fn new(rules: RuleSet) -> Self {
        Self::of(rules, None)
    }

    /// The rules in the file at `path`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if the file cannot be read or used; it says where and why.
    pub fn file(path: impl Into<PathBuf>) -> Result<Self, ConfigurationError> {
        let path = path.into();
        Ok(Self::of(read(&path)?, Some(path)))
    }

    fn of(rules: RuleSet, file: Option<PathBuf>) -> Self {
        let current = ArcSwap::from_pointee(rules);
        Self(Arc::new(Inner { current, file }))
    }

    /// Puts `rules` in force, from the next decision on.
    pub fn replace(&self, rules: RuleSet) {
        self.0.current.store(Arc::new(rules));
    }

    /// Reads the file again and puts it in force; nothing happens if the rules are from no
    /// file. Whether there was one.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if the file cannot be read or used; the rules of before stay
    /// in force.
    pub fn reload(&self) -> Result<bool, ConfigurationError> {
        let Some(path) = &self.0.file else {
            return Ok(false);
        };
        self.replace(read(path)?);
        Ok(true)
    }

    /// The file that the rules are from.
    pub fn path(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The rules that are in force now.
    pub fn current(&self) -> Arc<RuleSet> {
        self.0.current.load_full()
    }

    fn loaded(&self) -> Guard<Arc<RuleSet>> {
        self.0.current.load()
    }
}

impl From<RuleSet> for Rules {
    fn from(rules: RuleSet) -> Self {
        Self::new(rules)
    }
}

fn read(path: &Path) -> Result<RuleSet, ConfigurationError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        ConfigurationError::new(format!("the rules in {shown} cannot be read: {error}"))
    })?;
    RuleSet::parse(&text).map_err(|error| ConfigurationError::new(format!("{shown}: {error}")))
}

impl Policy for Rules {
    fn check(&self, caller: &Caller, action: &Action<'_>, now: UnixTime) -> Result<(), Denial> {
        self.loaded().check(caller, action, now)
    }

    fn amend(&self, caller: &Caller, action: &Action<'_>, now: UnixTime, denial: Denial) -> Denial {
        self.loaded().amend(caller, action, now, denial)
    }

    fn shows(&self, caller: &Caller, component: Component<'_>, now: UnixTime) -> bool {
        self.loaded().shows(caller, component, now)
    }
}
