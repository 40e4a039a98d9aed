//! What a scope permits, in words for people (RFC 6749 §3.3).

use countersign_oauth::ScopeSet;
use countersign_oauth::scope::OFFLINE_ACCESS;

use super::People;

const OFFLINE_ACCESS_SENTENCE: &str = "Stay connected while you are not using it";

/// What is known about a scope.
#[derive(Clone, Debug)]
pub(super) struct ScopeText {
    sentence: String,
    optional: bool,
}

/// A scope on the consent page.
#[derive(Debug)]
pub(super) struct ScopeLine {
    pub(super) name: String,
    /// Nothing if the operator has not said what it permits.
    pub(super) sentence: Option<String>,
}

impl ScopeText {
    pub(super) const fn required(sentence: String) -> Self {
        Self {
            sentence,
            optional: false,
        }
    }

    pub(super) const fn optional(sentence: String) -> Self {
        Self {
            sentence,
            optional: true,
        }
    }
}

impl People {
    pub(super) fn is_optional(&self, scope: &str) -> bool {
        self.scopes.get(scope).is_some_and(|text| text.optional)
    }

    /// Those of `scopes` that are optional, or those that are not.
    pub(super) fn lines(&self, scopes: &ScopeSet, optional: bool) -> Vec<ScopeLine> {
        let wanted = scopes
            .iter()
            .filter(|scope| self.is_optional(scope.as_str()) == optional);
        wanted.map(|scope| self.line(scope.as_str())).collect()
    }

    pub(super) fn line(&self, scope: &str) -> ScopeLine {
        let text = self.scopes.get(scope);
        let known = (scope == OFFLINE_ACCESS).then_some(OFFLINE_ACCESS_SENTENCE);
        let sentence = text.map(|text| text.sentence.as_str()).or(known);
        ScopeLine {
            name: scope.to_owned(),
            sentence: sentence.map(str::to_owned),
        }
    }

    /// What is allowed if the optional scopes `chosen` are.
    pub(super) fn allowed<'a>(
        &self,
        asked: &ScopeSet,
        chosen: impl Iterator<Item = &'a str>,
    ) -> ScopeSet {
        let chosen: Vec<&str> = chosen.collect();
        let names = asked.iter().map(|scope| scope.as_str());
        let allowed = names.filter(|name| !self.is_optional(name) || chosen.contains(name));
        // Each of them was a scope before; nothing at all is the narrow way to fail.
        ScopeSet::from_names(allowed).unwrap_or_default()
    }
}
