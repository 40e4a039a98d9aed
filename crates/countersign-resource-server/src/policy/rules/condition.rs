//! Conditions about a caller: whether one holds, and which scopes would make it hold.

use std::sync::Arc;

use countersign_oauth::{ScopeSet, ScopeToken};

use super::authority::Authority;
use super::claim::{ClaimPath, ClaimTest};
use super::roles::RoleBook;
use crate::Caller;

/// A compiled [`super::Who`].
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Anyone,
    Authenticated,
    Of(Authority),
    Subject(Authority, Arc<str>),
    Client(Authority, Arc<str>),
    Role(usize),
    Scope(ScopeToken),
    Claim(Authority, ClaimPath, ClaimTest),
    All(Box<[Self]>),
    Any(Box<[Self]>),
    Not(Box<Self>),
}

/// Whom a condition is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker<'a> {
    pub(super) caller: &'a Caller,
    /// Its scopes, or those that it might have.
    pub(super) scopes: &'a ScopeSet,
    pub(super) roles: &'a RoleBook,
}

impl Condition {
    pub(super) fn holds(&self, asker: &Asker<'_>) -> bool {
        let caller = asker.caller;
        let token = caller.access_token();
        match self {
            Self::Anyone => true,
            Self::Authenticated => token.is_some(),
            Self::Of(authority) => authority.vouches_for(caller),
            Self::Subject(authority, subject) => {
                token.is_some_and(|token| token.sub() == &**subject)
                    && authority.vouches_for(caller)
            }
            Self::Client(authority, client) => {
                caller.client_id() == Some(&**client) && authority.vouches_for(caller)
            }
            Self::Role(number) => asker.roles.has(*number, caller),
            Self::Scope(scope) => asker.scopes.contains(scope.as_str()),
            Self::Claim(authority, path, test) => {
                authority.vouches_for(caller) && test.holds(path, caller)
            }
            Self::All(all) => all.iter().all(|one| one.holds(asker)),
            Self::Any(any) => any.iter().any(|one| one.holds(asker)),
            Self::Not(not) => !not.holds(asker),
        }
    }

    /// The scopes by which this condition is, or would be, `wanted`: all of them, also
    /// those that the caller has. Nothing if something else stands in the way, or if there
    /// are several ways and none of them asks for least.
    ///
    /// An anonymous caller is taken for one who has logged in without being anybody in
    /// particular.
    pub(super) fn scopes_for(&self, wanted: bool, asker: &Asker<'_>) -> Option<ScopeSet> {
        let when = |holds: bool| (holds == wanted).then(ScopeSet::new);
        match self {
            Self::Authenticated => when(true),
            Self::Scope(scope) if wanted => Some([scope.clone()].into_iter().collect()),
            Self::Not(not) => not.scopes_for(!wanted, asker),
            Self::All(parts) if wanted => together(parts, wanted, asker),
            Self::Any(parts) if !wanted => together(parts, wanted, asker),
            Self::All(parts) | Self::Any(parts) => one_of(parts, wanted, asker),
            leaf => when(leaf.holds(asker)),
        }
    }

    /// Whether somebody could be meant whom the server cannot tell from others without a
    /// credential.
    pub(super) fn asks_who(&self) -> bool {
        match self {
            Self::Anyone => false,
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::asks_who),
            Self::Not(not) => not.asks_who(),
            _ => true,
        }
    }

    /// Whether whoever is meant is somebody of a known authority.
    pub(super) fn names_authority(&self) -> bool {
        match self {
            Self::Of(_)
            | Self::Subject(..)
            | Self::Client(..)
            | Self::Role(_)
            | Self::Claim(..) => true,
            Self::All(parts) => parts.iter().any(Self::names_authority),
            Self::Any(parts) => parts.iter().all(Self::names_authority),
            Self::Anyone | Self::Authenticated | Self::Scope(_) | Self::Not(_) => false,
        }
    }

    /// Every scope that is spoken of.
    pub(super) fn scopes(&self) -> ScopeSet {
        match self {
            Self::Scope(scope) => [scope.clone()].into_iter().collect(),
            Self::All(parts) | Self::Any(parts) => parts
                .iter()
                .fold(ScopeSet::new(), |all, part| all.union(&part.scopes())),
            Self::Not(not) => not.scopes(),
            _ => ScopeSet::new(),
        }
    }

    /// Every role that is spoken of.
    pub(super) fn roles(&self, found: &mut Vec<usize>) {
        match self {
            Self::Role(number) => found.push(*number),
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.roles(found);
                }
            }
            Self::Not(not) => not.roles(found),
            _ => {}
        }
    }
}

/// What all of them need.
fn together(parts: &[Condition], wanted: bool, asker: &Asker<'_>) -> Option<ScopeSet> {
    parts.iter().try_fold(ScopeSet::new(), |all, part| {
        Some(all.union(&part.scopes_for(wanted, asker)?))
    })
}

/// What one of them needs: of one that holds already, or else the least of what they ask
/// for.
fn one_of(parts: &[Condition], wanted: bool, asker: &Asker<'_>) -> Option<ScopeSet> {
    let holds = |part: &&Condition| part.holds(asker) == wanted;
    let there = parts.iter().filter(holds);
    let mut there = there.filter_map(|part| part.scopes_for(wanted, asker));
    if let Some(scopes) = there.next() {
        return Some(scopes);
    }
    let ways = parts
        .iter()
        .filter_map(|part| part.scopes_for(wanted, asker));
    least(ways.collect())
}

/// The set that every other one has all of, if there is one.
pub(super) fn least(ways: Vec<ScopeSet>) -> Option<ScopeSet> {
    let is_least = |one: &&ScopeSet| ways.iter().all(|other| other.is_superset(one));
    ways.iter().find(is_least).cloned()
}
