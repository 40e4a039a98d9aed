//! Scopes: RFC 6749 §3.3.
//!
//! `scope = scope-token *( SP scope-token )`, where a token is one or more of
//! `%x21 / %x23-5B / %x5D-7E`. Scopes are compared byte for byte.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// The scope that asks for a refresh token, which means the same everywhere (OpenID Connect
/// Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// One scope name (`scope-token` of RFC 6749 §3.3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeToken(Arc<str>);

/// A text that is no scope name.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
#[error("a scope is one or more visible ASCII characters without blank, quote and backslash")]
#[non_exhaustive]
pub struct InvalidScope;

impl ScopeToken {
    /// Checks the characters of `text` (RFC 6749 §3.3).
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] if `text` is empty or has a character outside the grammar.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        let legal = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        if text.is_empty() || !text.bytes().all(legal) {
            return Err(InvalidScope);
        }
        Ok(Self(Arc::from(text)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ScopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for ScopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for ScopeToken {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A set of scopes, in alphabetical order, each once.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ScopeSet(Vec<ScopeToken>);

impl ScopeSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Reads a `scope` value: names separated by single spaces (RFC 6749 §3.3).
    /// The empty text is the empty set.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] for doubled, leading or trailing spaces and for characters
    /// outside the grammar.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        if text.is_empty() {
            return Ok(Self::new());
        }
        text.split(' ').map(ScopeToken::parse).collect()
    }

    /// A set of the given names.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] if one of them is outside the grammar.
    pub fn from_names<I>(names: I) -> Result<Self, InvalidScope>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        names
            .into_iter()
            .map(|name| ScopeToken::parse(name.as_ref()))
            .collect()
    }

    /// Whether `name` is in the set.
    pub fn contains(&self, name: &str) -> bool {
        self.0
            .binary_search_by(|scope| scope.as_str().cmp(name))
            .is_ok()
    }

    /// Whether every scope of `required` is in this set.
    pub fn is_superset(&self, required: &Self) -> bool {
        required.iter().all(|scope| self.contains(scope.as_str()))
    }

    /// Whether there is no scope.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many scopes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The scopes in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &ScopeToken> {
        self.0.iter()
    }

    /// All but [`OFFLINE_ACCESS`], which permits nothing at a resource: it asks for a
    /// refresh token (RS-08).
    #[must_use]
    pub fn without_offline_access(&self) -> Self {
        let asked_for = self
            .0
            .iter()
            .filter(|scope| scope.as_str() != OFFLINE_ACCESS);
        asked_for.cloned().collect()
    }

    /// All scopes of both sets.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).cloned().collect()
    }

    /// The scopes that both sets have.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let shared = |scope: &&ScopeToken| other.contains(scope.as_str());
        self.iter().filter(shared).cloned().collect()
    }

    /// The scopes of this set that `other` lacks.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let lacks = |scope: &&ScopeToken| !other.contains(scope.as_str());
        self.iter().filter(lacks).cloned().collect()
    }
}

impl FromIterator<ScopeToken> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = ScopeToken>>(scopes: I) -> Self {
        let mut scopes: Vec<_> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.0).finish()
    }
}
