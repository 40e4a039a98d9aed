//! From which sources a component accepts callers.

use std::fmt;
use std::sync::Arc;

use countersign_oauth::ScopeSet;

use super::SourceName;
use crate::Caller;

/// Which sources a component accepts: any of some, all of some, or nobody in
/// particular besides.
///
/// Names are compared with those of the server when it starts; one that the server
/// does not have stops it.
///
/// ```
/// use countersign_resource_server::SourceRule;
///
/// assert_eq!(SourceRule::any(["oauth", "api_key"]).to_string(), "oauth or api_key");
/// assert_eq!(SourceRule::all(["oauth", "api_key"]).to_string(), "oauth and api_key");
/// assert_eq!(SourceRule::optional(["oauth"]).to_string(), "oauth or nobody");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRule(Vec<Clause>);

/// All clauses of a rule have to be met.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Clause {
    /// One of these is enough.
    names: Vec<Arc<str>>,
    /// A caller without any credential is as good.
    nobody: bool,
}

fn names<I>(names: I) -> Vec<Arc<str>>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    names.into_iter().map(|name| name.as_ref().into()).collect()
}

impl SourceRule {
    /// Callers of the source `name`.
    pub fn of(name: impl AsRef<str>) -> Self {
        Self::any([name])
    }

    /// Callers of one of these sources. The first one that the caller has a credential
    /// of is who calls; scopes of the others do not count.
    pub fn any<I>(sources: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Self(vec![Clause {
            names: names(sources),
            nobody: false,
        }])
    }

    /// Callers with a credential of each of these sources. The first one is who calls;
    /// scopes of the others do not count.
    pub fn all<I>(sources: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let one = |name| Clause {
            names: vec![name],
            nobody: false,
        };
        Self(names(sources).into_iter().map(one).collect())
    }

    /// Callers of one of these sources, and callers without any credential. A credential
    /// of another source is refused as everywhere.
    pub fn optional<I>(sources: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Self(vec![Clause {
            names: names(sources),
            nobody: true,
        }])
    }

    /// Callers that meet both rules. Who calls is decided by this one first.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for clause in &other.0 {
            if !self.0.contains(clause) {
                self.0.push(clause.clone());
            }
        }
        self
    }

    /// The names in the rule, as they were written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.0.iter().flat_map(|clause| &clause.names);
        names.map(|name| &**name)
    }

    /// Whether a caller without any credential meets it.
    pub fn admits_nobody(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|clause| clause.nobody)
    }

    /// Whether nothing at all meets it: it, or a part of it, names no source.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty() || self.0.iter().any(|clause| clause.names.is_empty())
    }

    /// Which of the credentials of `caller` is the one that acts.
    ///
    /// # Errors
    ///
    /// [`WrongSource`] says what is missing.
    pub(crate) fn acting(&self, caller: &Caller) -> Result<Option<usize>, WrongSource> {
        let is_met = |clause: &&Clause| {
            let has = |name: &Arc<str>| caller.position_of(name).is_some();
            clause.names.iter().any(has) || (clause.nobody && caller.is_anonymous())
        };
        let missing: Vec<&Clause> = self.0.iter().filter(|clause| !is_met(clause)).collect();
        if self.is_empty() || !missing.is_empty() {
            let names = missing.into_iter().flat_map(|clause| &clause.names);
            return Err(WrongSource {
                accepts: self.clone(),
                missing: names.cloned().collect(),
                scopes: ScopeSet::new(),
            });
        }
        let mut places = self.names().map(|name| caller.position_of(name));
        Ok(places.find_map(|place| place))
    }
}

/// The rule in words: `oauth`, `oauth or api_key`, `oauth and api_key`, `oauth or nobody`.
impl fmt::Display for SourceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several = self.0.len() > 1;
        for (place, clause) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(" and ")?;
            }
            let nobody = clause.nobody.then_some("nobody");
            let words: Vec<&str> = clause.names.iter().map(|name| &**name).collect();
            let words: Vec<&str> = words.into_iter().chain(nobody).collect();
            let text = words.join(" or ");
            if several && words.len() > 1 {
                write!(f, "({text})")?;
            } else {
                f.write_str(&text)?;
            }
        }
        Ok(())
    }
}

/// A caller without a credential of the sources that a component accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongSource {
    accepts: SourceRule,
    missing: Vec<Arc<str>>,
    scopes: ScopeSet,
}

impl WrongSource {
    /// What the component accepts.
    pub const fn accepts(&self) -> &SourceRule {
        &self.accepts
    }

    /// The sources a credential of which would help.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.missing.iter().map(|name| &**name)
    }

    /// The scopes that the component needs besides.
    pub const fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// Somebody who is nobody lacks scopes, which only a credential has.
    pub(crate) fn nobody(accepts: &SourceRule, scopes: &ScopeSet) -> Self {
        let missing = accepts.0.iter().flat_map(|clause| &clause.names);
        Self {
            accepts: accepts.clone(),
            missing: missing.cloned().collect(),
            scopes: scopes.clone(),
        }
    }

    /// For a component that needs `scopes` besides.
    #[must_use]
    pub(crate) fn with_scopes(mut self, scopes: &ScopeSet) -> Self {
        self.scopes = scopes.clone();
        self
    }

    /// Whether the source `name` would help.
    pub(crate) fn is_missing(&self, name: &SourceName) -> bool {
        self.missing().any(|missing| missing == name.as_str())
    }
}

/// What the component accepts, in a sentence that may be told to the caller.
impl fmt::Display for WrongSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A credential of this source is needed: {}", self.accepts)
    }
}
