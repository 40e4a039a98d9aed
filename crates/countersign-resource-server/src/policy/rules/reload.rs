//! Rules that are replaced while they are in force.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};
use countersign_oauth::UnixTime;
use tokio::sync::watch;

use super::set::RuleSet;
use crate::policy::{Action, Component, Denial, Policy};
use crate::{Caller, ConfigurationError, ScopeHierarchy};

/// The rules in force. Cloning is cheap; all clones are replaced together.
///
/// Scopes that include others include them wherever a server decides by these rules, and so
/// do those that the server itself says ([`Self::join`]).
#[derive(Clone, Debug)]
pub struct Rules(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    current: ArcSwap<RuleSet>,
    /// What the server says besides about scopes that include others.
    joined: ArcSwap<ScopeHierarchy>,
    /// How often rules were put in force.
    replaced: watch::Sender<u64>,
    file: Option<PathBuf>,
    /// The text of the file that is in force.
    text: ArcSwap<String>,
    /// Held by who replaces, so that nothing older replaces what is newer.
    replacing: Mutex<()>,
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
        let (text, rules) = read(&path)?;
        let rules = Self::of(rules, Some(path));
        rules.0.text.store(Arc::new(text));
        Ok(rules)
    }

    fn of(rules: RuleSet, file: Option<PathBuf>) -> Self {
        let current = ArcSwap::from_pointee(rules);
        let joined = ArcSwap::default();
        Self(Arc::new(Inner {
            current,
            joined,
            replaced: watch::Sender::new(0),
            file,
            text: ArcSwap::default(),
            replacing: Mutex::default(),
        }))
    }

    /// Lets scopes include others as `hierarchy` says too, now and after each replacement.
    pub fn join(&self, hierarchy: &ScopeHierarchy) {
        let _turn = self.turn();
        let joined = self.0.joined.load();
        self.0
            .joined
            .store(Arc::new(ScopeHierarchy::clone(&joined).union(hierarchy)));
        self.put(RuleSet::clone(&self.loaded()));
    }

    /// Puts `rules` in force, from the next decision on, until the file is read again.
    pub fn replace(&self, rules: RuleSet) {
        let _turn = self.turn();
        self.0.text.store(Arc::default());
        self.put(rules);
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        let turn = self.0.replacing.lock();
        turn.unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, mut rules: RuleSet) {
        let generation = *self.0.replaced.borrow() + 1;
        rules.generation = generation;
        rules.hierarchy = rules.hierarchy.union(&self.0.joined.load());
        self.0.current.store(Arc::new(rules));
        // Whoever waits finds the new ones.
        self.0.replaced.send_replace(generation);
    }

    /// Reads the file again and puts it in force; nothing happens if the rules are from no
    /// file. Answers whether the file has changed.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if the file cannot be read or used; the rules of before stay
    /// in force.
    pub fn reload(&self) -> Result<bool, ConfigurationError> {
        let Some(path) = &self.0.file else {
            return Ok(false);
        };
        let _turn = self.turn();
        let (text, rules) = read(path)?;
        let changed = text != **self.0.text.load();
        if changed {
            self.put(rules);
            self.0.text.store(Arc::new(text));
        }
        Ok(changed)
    }

    /// The file that the rules are from.
    pub fn path(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The rules that are in force now.
    pub fn current(&self) -> Arc<RuleSet> {
        self.0.current.load_full()
    }

    /// A number that changes whenever rules are put in force.
    pub fn generation(&self) -> u64 {
        self.loaded().generation
    }

    /// Waits for other rules from now on: for what was decided before and still lasts.
    pub fn watch(&self) -> RulesWatch {
        RulesWatch(self.0.replaced.subscribe())
    }

    /// Puts `caller` under the rules that are in force now: they may have been replaced
    /// since it was let in, while its request was read. Its roles and what its scopes
    /// contain are then said by the rules that decide, and by no others.
    pub fn renew(&self, caller: &mut Caller) {
        caller.put_under(&self.loaded());
    }

    fn loaded(&self) -> Guard<Arc<RuleSet>> {
        self.0.current.load()
    }
}

/// Waits for rules to be replaced, see [`Rules::watch`].
#[derive(Debug)]
pub struct RulesWatch(watch::Receiver<u64>);

impl RulesWatch {
    /// Returns when other rules were put in force since the last time, or since the watch
    /// began; never if nobody can replace them any more.
    pub async fn replaced(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl From<RuleSet> for Rules {
    fn from(rules: RuleSet) -> Self {
        Self::new(rules)
    }
}

fn read(path: &Path) -> Result<(String, RuleSet), ConfigurationError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        ConfigurationError::new(format!("the rules in {shown} cannot be read: {error}"))
    })?;
    let rules = RuleSet::parse(&text);
    let rules = rules.map_err(|error| ConfigurationError::new(format!("{shown}: {error}")))?;
    Ok((text, rules))
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

#[cfg(test)]
mod tests {
    use super::super::Unmentioned;
    use super::*;

    #[test]
    fn a_file_that_is_read_again_unchanged_puts_nothing_else_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write("default = \"scopes\"\n");
        let rules = Rules::file(&path).unwrap();
        let hierarchy = ScopeHierarchy::new().implies("admin", ["read"]).unwrap();
        rules.join(&hierarchy);
        let first = rules.generation();
        assert!(!rules.reload().unwrap());
        assert_eq!(rules.generation(), first);
        write("default = \"deny\"\n");
        assert!(rules.reload().unwrap());
        let second = rules.generation();
        assert_ne!(second, first);
        // What code has put in force is replaced by the file, changed or not.
        let other = RuleSet::builder(Unmentioned::Scopes).build().unwrap();
        rules.replace(other);
        assert_eq!(rules.current().unmentioned, Unmentioned::Scopes);
        assert!(rules.reload().unwrap());
        assert_eq!(rules.current().unmentioned, Unmentioned::Deny);
        assert!(![first, second].contains(&rules.generation()));
        write("default = 7\n");
        let third = rules.generation();
        assert!(rules.reload().is_err());
        assert_eq!(rules.generation(), third);
    }
}
