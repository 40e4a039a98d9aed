//! The decision of a set of rules. Whoever decides and whoever explains walk the same
//! way; one of them writes down where it went.

use std::borrow::Cow;

use countersign_oauth::{ScopeSet, UnixTime};

use super::condition::{Asker, least};
use super::set::{CompiledRule, Lane, RuleSet, Unmentioned};
use super::what::{Asked, Kind};
use crate::Caller;
use crate::policy::{Action, Component, Concealment, Denial, Policy};

/// Methods of the protocol that name no component and open none: what they answer is
/// decided for each component, or concerns the caller alone. Rules close them only by
/// name.
const ORDINARY: [&str; 17] = [
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "prompts/list",
    "completion/complete",
    "logging/setLevel",
    "resources/unsubscribe",
    "subscriptions/listen",
    "tasks/list",
    "tasks/get",
    "tasks/result",
    "tasks/update",
    "tasks/cancel",
    "skills/list",
];

/// A step of a decision. Rules are told by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The name is longer than anything that is looked at.
    TooLong,
    /// A rule denies it to this caller.
    Denied(usize),
    /// A rule denies it to others.
    DeniedToOthers(usize),
    /// Rules leave it open.
    Open,
    /// A rule allows it to this caller.
    Allowed(usize),
    /// A rule allows it to others.
    AllowedToOthers(usize),
    /// No rule allows it to anybody.
    Unmentioned,
}

/// Where a decision is written down.
pub(super) trait Trail {
    fn note(&mut self, step: Step);
}

/// Nowhere.
impl Trail for () {
    fn note(&mut self, _: Step) {}
}

impl Trail for Vec<Step> {
    fn note(&mut self, step: Step) {
        self.push(step);
    }
}

/// Why rules object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Objection {
    TooLong,
    Denied(usize),
    NotAllowed,
    Unmentioned,
}

impl RuleSet {
    /// Decides about `asked` for a caller with `scopes`.
    pub(super) fn judge(
        &self,
        asked: &Asked<'_>,
        scopes: &ScopeSet,
        trail: &mut impl Trail,
    ) -> Result<(), Objection> {
        if asked.is_too_long() {
            trail.note(Step::TooLong);
            return Err(Objection::TooLong);
        }
        let asker = self.asker(asked.caller, scopes);
        for (number, rule) in self.denying(asked) {
            if rule.condition.holds(&asker) {
                trail.note(Step::Denied(number));
                return Err(Objection::Denied(number));
            }
            trail.note(Step::DeniedToOthers(number));
        }
        let mut mentioned = false;
        for (number, rule) in self.allowing(asked) {
            if rule.condition.holds(&asker) {
                trail.note(Step::Allowed(number));
                return Ok(());
            }
            trail.note(Step::AllowedToOthers(number));
            mentioned = true;
        }
        if mentioned {
            return Err(Objection::NotAllowed);
        }
        if self.leaves_open(asked) {
            trail.note(Step::Open);
            return Ok(());
        }
        trail.note(Step::Unmentioned);
        Err(Objection::Unmentioned)
    }

    fn asker<'a>(&'a self, caller: &'a Caller, scopes: &'a ScopeSet) -> Asker<'a> {
        Asker {
            caller,
            scopes,
            roles: &self.roles,
        }
    }

    pub(super) fn lane_of(&self, asked: &Asked<'_>) -> &Lane {
        match asked.component() {
            Some(component) => self.lane(Kind::of(component.kind)),
            None => &self.methods,
        }
    }

    /// The rules that deny `asked` to somebody.
    pub(super) fn denying<'a>(
        &'a self,
        asked: &'a Asked<'_>,
    ) -> impl Iterator<Item = (usize, &'a CompiledRule)> {
        let numbers = self.lane_of(asked).denies.candidates(asked);
        let rules = numbers.filter_map(|number| Some((number, self.rule(number)?)));
        rules.filter(|(_, rule)| rule.target.catches(asked))
    }

    /// The rules that allow `asked` to somebody.
    pub(super) fn allowing<'a>(
        &'a self,
        asked: &'a Asked<'_>,
    ) -> impl Iterator<Item = (usize, &'a CompiledRule)> {
        let numbers = self.lane_of(asked).allows.candidates(asked);
        let rules = numbers.filter_map(|number| Some((number, self.rule(number)?)));
        rules.filter(|(_, rule)| rule.target.allows(asked))
    }

    /// Whether what no rule allows to anybody is left to the scopes of the component.
    fn leaves_open(&self, asked: &Asked<'_>) -> bool {
        match asked.component() {
            Some(component) => {
                self.unmentioned == Unmentioned::Scopes
                    && self.lane(Kind::of(component.kind)).allows.is_empty()
            }
            None => {
                self.unmentioned == Unmentioned::Scopes || ORDINARY.contains(&asked.action.method)
            }
        }
    }

    /// The answer to an objection: every scope that the operation needs, if scopes are all
    /// that is missing, and nothing else that the rules know.
    fn denial(&self, objection: Objection, asked: &Asked<'_>, scopes: &ScopeSet) -> Denial {
        if self.conceals(objection, asked, scopes) {
            return Denial::Unknown;
        }
        let needed = self.scopes_needed(asked, scopes);
        if asked.caller.access_token().is_none() {
            let hopeless = match objection {
                Objection::TooLong => true,
                // Nobody's own things are nobody's until somebody has logged in.
                Objection::Unmentioned => !self.speaks_of_subjects(asked),
                Objection::Denied(number) => {
                    let rule = self.rule(number);
                    rule.is_none_or(|rule| !rule.condition.asks_who())
                }
                Objection::NotAllowed => false,
            };
            return if hopeless {
                Denial::Forbidden
            } else {
                Denial::Unauthenticated(needed.unwrap_or_else(|| of_component(asked)))
            };
        }
        match needed {
            // With them it would be allowed: whoever is told of a scope can use it.
            Some(needed)
                if self
                    .judge(asked, &self.having(scopes, &needed), &mut ())
                    .is_ok() =>
            {
                Denial::InsufficientScope(needed)
            }
            _ => Denial::Forbidden,
        }
    }

    fn speaks_of_subjects(&self, asked: &Asked<'_>) -> bool {
        let mut numbers = self.lane_of(asked).allows.all().iter();
        numbers.any(|number| {
            let rule = self.rule(*number);
            rule.is_some_and(|rule| rule.target.names_subject())
        })
    }

    /// Whether the caller may not know of it: the rule that denies it hides it, or one that
    /// allows it hides it from all others.
    fn conceals(&self, objection: Objection, asked: &Asked<'_>, scopes: &ScopeSet) -> bool {
        let hidden = |rule: &CompiledRule| rule.concealment == Concealment::Hidden;
        match objection {
            Objection::Denied(number) if self.rule(number).is_some_and(hidden) => true,
            Objection::Denied(_) => {
                let asker = self.asker(asked.caller, scopes);
                let mut allowing = self.allowing(asked);
                let knows = allowing.any(|(_, rule)| rule.condition.holds(&asker));
                !knows && self.allowing(asked).any(|(_, rule)| hidden(rule))
            }
            Objection::NotAllowed => self.allowing(asked).any(|(_, rule)| hidden(rule)),
            Objection::TooLong | Objection::Unmentioned => false,
        }
    }

    /// Every scope by which no rule would object, those of the component among them;
    /// nothing if something else is missing too.
    fn scopes_needed(&self, asked: &Asked<'_>, scopes: &ScopeSet) -> Option<ScopeSet> {
        let asker = self.asker(asked.caller, scopes);
        let mut all = of_component(asked);
        for (_, rule) in self.denying(asked) {
            all = all.union(&rule.condition.scopes_for(false, &asker)?);
        }
        let mut allowing = self.allowing(asked);
        let holds = allowing.find(|(_, rule)| rule.condition.holds(&asker));
        if let Some((_, rule)) = holds {
            return Some(all.union(&rule.condition.scopes_for(true, &asker)?));
        }
        let ways = self.allowing(asked);
        let ways: Vec<ScopeSet> = ways
            .filter_map(|(_, rule)| rule.condition.scopes_for(true, &asker))
            .collect();
        if ways.is_empty() && self.allowing(asked).next().is_none() && self.leaves_open(asked) {
            return Some(all);
        }
        Some(all.union(&least(ways)?))
    }

    /// `scopes` and `more`, with what they include.
    fn having(&self, scopes: &ScopeSet, more: &ScopeSet) -> ScopeSet {
        self.hierarchy.expanded(&scopes.union(more))
    }

    /// The scopes of `caller` with what they include, also where no gate has added it.
    pub(super) fn scopes_of<'a>(&self, caller: &'a Caller) -> Cow<'a, ScopeSet> {
        let scopes = caller.scopes();
        if self.hierarchy.adds_to(scopes) {
            return Cow::Owned(self.hierarchy.expanded(scopes));
        }
        Cow::Borrowed(scopes)
    }
}

fn of_component(asked: &Asked<'_>) -> ScopeSet {
    let component = asked.component();
    component.map_or_else(ScopeSet::new, |component| component.scopes.clone())
}

impl Policy for RuleSet {
    fn check(&self, caller: &Caller, action: &Action<'_>, _: UnixTime) -> Result<(), Denial> {
        let asked = Asked::new(caller, action);
        let scopes = self.scopes_of(caller);
        self.judge(&asked, &scopes, &mut ())
            .map_err(|objection| self.denial(objection, &asked, &scopes))
    }

    fn amend(&self, caller: &Caller, action: &Action<'_>, _: UnixTime, denial: Denial) -> Denial {
        let asked = Asked::new(caller, action);
        let scopes = self.scopes_of(caller);
        let own = match self.judge(&asked, &scopes, &mut ()) {
            Ok(()) => None,
            Err(objection) => Some(self.denial(objection, &asked, &scopes)),
        };
        match (denial, own) {
            (_, Some(Denial::Unknown)) => Denial::Unknown,
            (Denial::InsufficientScope(needed), None) => {
                // Whoever is told of a scope can use it.
                let with = self.having(&scopes, &needed);
                match (
                    self.judge(&asked, &with, &mut ()),
                    self.scopes_needed(&asked, &with),
                ) {
                    (Ok(()), Some(more)) => Denial::InsufficientScope(needed.union(&more)),
                    (Ok(()), None) => Denial::InsufficientScope(needed),
                    (Err(_), _) => Denial::Forbidden,
                }
            }
            (Denial::InsufficientScope(needed), Some(Denial::InsufficientScope(more))) => {
                Denial::InsufficientScope(needed.union(&more))
            }
            (Denial::Unauthenticated(needed), Some(Denial::Unauthenticated(more))) => {
                Denial::Unauthenticated(needed.union(&more))
            }
            (
                Denial::InsufficientScope(_) | Denial::Unauthenticated(_),
                Some(Denial::Forbidden),
            ) => Denial::Forbidden,
            (denial, _) => denial,
        }
    }

    fn shows(&self, caller: &Caller, component: Component<'_>, _: UnixTime) -> bool {
        let used = Action::on(component.kind.method_of_use(), component);
        let asked = Asked::new(caller, &used);
        let scopes = self.scopes_of(caller);
        self.judge(&asked, &scopes, &mut ()).is_ok()
    }
}
