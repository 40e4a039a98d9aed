//! Scopes that contain others: MCP authorization, scope challenge handling (RS-28).
//!
//! OAuth itself knows no such order (RFC 6749 §3.3); whoever defines the scopes of
//! a resource does, so it is said at the resource.

use std::collections::BTreeMap;

use countersign_oauth::scope::InvalidScope;
use countersign_oauth::{ScopeSet, ScopeToken};

/// Which scopes contain others. Empty unless told: scopes are then compared as names.
#[derive(Clone, Debug, Default)]
pub struct ScopeHierarchy(BTreeMap<ScopeToken, ScopeSet>);

impl ScopeHierarchy {
    /// No scope contains another.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Whoever has `scope` has `implied` too, and what those imply.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] if a name is outside the grammar (RFC 6749 §3.3).
    pub fn implies<I>(mut self, scope: &str, implied: I) -> Result<Self, InvalidScope>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let implied = ScopeSet::from_names(implied)?;
        let all = self.0.entry(ScopeToken::parse(scope)?).or_default();
        *all = all.union(&implied);
        Ok(self)
    }

    /// What both say.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        for (scope, contained) in &other.0 {
            let all = self.0.entry(scope.clone()).or_default();
            *all = all.union(contained);
        }
        self
    }

    /// Whether no scope contains another.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every scope that is spoken of.
    pub fn names(&self) -> ScopeSet {
        let containing: ScopeSet = self.0.keys().cloned().collect();
        let contained = self.0.values();
        contained.fold(containing, |names, contained| names.union(contained))
    }

    /// Whether `granted` contains more than it says.
    pub fn adds_to(&self, granted: &ScopeSet) -> bool {
        !self.0.is_empty()
            && granted.iter().any(|scope| {
                let contained = self.0.get(scope);
                contained.is_some_and(|contained| !granted.is_superset(contained))
            })
    }

    /// Each scope that contains others, with those that it is said to contain.
    pub fn entries(&self) -> impl Iterator<Item = (&ScopeToken, &ScopeSet)> {
        self.0.iter()
    }

    /// `granted` and everything that is contained in it, over any number of steps.
    pub fn expanded(&self, granted: &ScopeSet) -> ScopeSet {
        let mut all = granted.clone();
        loop {
            let implied = all.iter().filter_map(|scope| self.0.get(scope));
            let more = implied.fold(all.clone(), |more, implied| more.union(implied));
            if more.len() == all.len() {
                return all;
            }
            all = more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hierarchy() -> ScopeHierarchy {
        ScopeHierarchy::new()
            .implies("admin", ["write", "audit"])
            .and_then(|hierarchy| hierarchy.implies("write", ["read"]))
            .and_then(|hierarchy| hierarchy.implies("round", ["about"]))
            .and_then(|hierarchy| hierarchy.implies("about", ["round"]))
            .unwrap()
    }

    #[test]
    fn a_name_outside_the_grammar_is_refused() {
        assert!(ScopeHierarchy::new().implies("a b", ["c"]).is_err());
        assert!(ScopeHierarchy::new().implies("a", ["\"c\""]).is_err());
    }

    #[test]
    fn rs_28_what_a_scope_contains_is_granted_and_nothing_else() {
        for (granted, expanded) in [
            ("", ""),
            ("read", "read"),
            ("readwrite", "readwrite"),
            ("write", "read write"),
            ("admin", "admin audit read write"),
            ("audit other", "audit other"),
            ("round", "about round"),
        ] {
            let granted = ScopeSet::parse(granted).unwrap();
            let expected = ScopeSet::parse(expanded).unwrap();
            assert_eq!(hierarchy().expanded(&granted), expected, "{granted}");
            let adds = hierarchy().adds_to(&granted);
            assert_eq!(adds, granted != expected, "{granted}");
            assert_eq!(ScopeHierarchy::new().expanded(&granted), granted);
        }
    }
}
