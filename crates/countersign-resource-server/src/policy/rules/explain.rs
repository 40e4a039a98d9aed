//! A decision, explained by the steps that made it.

use countersign_oauth::{ScopeSet, UnixTime};

use super::condition::Asker;
use super::judge::Step;
use super::set::{RuleSet, Unmentioned};
use super::what::{Asked, Kind};
use super::words;
use crate::Caller;
use crate::policy::{self, Action, ComponentKind, Concealment, Denial, Policy};

/// What was decided, why, and what the client is told.
#[derive(Clone, Debug)]
pub struct Explanation {
    outcome: Result<(), Denial>,
    headline: String,
    reasons: Vec<String>,
    answer: Option<String>,
}

impl Explanation {
    /// The decision: what [`policy::decide`] says with these rules alone.
    ///
    /// # Errors
    ///
    /// The denial, if it is one.
    pub fn outcome(&self) -> Result<(), &Denial> {
        self.outcome.as_ref().copied()
    }

    /// The decision in one sentence.
    pub fn headline(&self) -> &str {
        &self.headline
    }

    /// Why, a sentence each, in the order in which it was found.
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// What the client is told, if it is refused.
    pub fn answer(&self) -> Option<&str> {
        self.answer.as_deref()
    }
}

impl RuleSet {
    /// Explains the decision about `action` of `caller`, by the evaluation that decides.
    pub fn explain(&self, caller: &Caller, action: &Action<'_>, now: UnixTime) -> Explanation {
        let alone = std::iter::once(self as &dyn Policy);
        let outcome = policy::objection(alone, caller, action, now);
        // The credential that the component accepts is the one that is judged.
        let acting = policy::acting(caller, action.component);
        let caller = acting.as_deref().unwrap_or(caller);
        let asked = Asked::new(caller, action);
        let scopes = self.scopes_of(caller);
        let mut steps = Vec::new();
        // What it found is in the outcome already.
        let _ = self.judge(&asked, &scopes, &mut steps);
        let telling = Telling {
            rules: self,
            asked: &asked,
            asker: Asker {
                caller,
                scopes: &scopes,
                roles: &self.roles,
            },
            name: name_of(caller),
        };
        let mut reasons: Vec<String> = telling.about_scopes().into_iter().collect();
        if let (Err(_), Some(component)) = (&acting, action.component) {
            reasons.push(format!(
                "The {} itself accepts credentials of other sources only.",
                plain_noun(component.kind)
            ));
        }
        reasons.extend(steps.iter().map(|step| telling.step(*step)));
        if let Err(Denial::Unknown) = outcome
            && action
                .component
                .is_some_and(|component| component.concealment == Concealment::Hidden)
        {
            reasons.push("The server hides it from whoever may not use it.".to_owned());
        }
        Explanation {
            headline: telling.headline(&outcome),
            answer: telling.answer(&outcome),
            outcome,
            reasons,
        }
    }
}

fn name_of(caller: &Caller) -> &str {
    caller
        .access_token()
        .map_or("a caller who has not logged in", |token| token.sub())
}

struct Telling<'a> {
    rules: &'a RuleSet,
    asked: &'a Asked<'a>,
    asker: Asker<'a>,
    name: &'a str,
}

impl Telling<'_> {
    /// What the caller wants: `call the tool delete_user`.
    fn wish(&self) -> String {
        let Some(component) = self.asked.component() else {
            return format!("send {}", self.asked.action.method);
        };
        let (verb, usual) = match component.kind {
            ComponentKind::Tool => ("call", "tools/call"),
            ComponentKind::Resource | ComponentKind::ResourceTemplate => ("read", "resources/read"),
            ComponentKind::Prompt => ("use", "prompts/get"),
        };
        let what = format!("{} {}", noun(component.kind), self.asked.name);
        if self.asked.action.method == usual {
            format!("{verb} {what}")
        } else {
            format!("send {} for {what}", self.asked.action.method)
        }
    }

    fn headline(&self, outcome: &Result<(), Denial>) -> String {
        let (name, wish) = (self.name, self.wish());
        match outcome {
            Ok(()) => format!("Yes: {name} may {wish}."),
            Err(Denial::InsufficientScope(needed)) => {
                let lacking = needed.difference(self.asker.scopes);
                format!(
                    "Not with this token: {name} may {wish} once it has the {}.",
                    scopes(&lacking)
                )
            }
            Err(Denial::Unauthenticated(_)) => {
                format!("Not without logging in: {name} may not {wish}.")
            }
            Err(_) => format!("No: {name} may not {wish}."),
        }
    }

    fn about_scopes(&self) -> Option<String> {
        let component = self.asked.component()?;
        if component.scopes.is_empty() {
            return None;
        }
        let lacking = component.scopes.difference(self.asker.scopes);
        let asks = format!(
            "The {} itself asks for the {}",
            plain_noun(component.kind),
            scopes(component.scopes)
        );
        Some(if self.asker.caller.access_token().is_none() {
            format!("{asks}, which only somebody who has logged in can have.")
        } else if lacking.is_empty() {
            let word = if component.scopes.len() == 1 {
                "it"
            } else {
                "them"
            };
            format!("{asks}; {} has {word}.", self.name)
        } else {
            format!("{asks}; {} lacks {lacking}.", self.name)
        })
    }

    fn step(&self, step: Step) -> String {
        let name = self.name;
        let rule = |number| {
            let rule = self.rules.rule(number)?;
            let why = words::because(&rule.condition, &self.asker);
            Some((words::rule(rule), why, rule))
        };
        let sentence = match step {
            Step::TooLong => None,
            Step::Denied(number) => rule(number).map(|(rule, why, found)| {
                if matches!(found.condition, super::condition::Condition::Anyone) {
                    format!("{rule} denies it to everybody, and a deny wins over every allow.")
                } else {
                    format!("{rule} denies it: {name} {why}. A deny wins over every allow.")
                }
            }),
            Step::DeniedToOthers(number) => rule(number)
                .map(|(rule, why, _)| format!("{rule} denies it to others; {name} {why}.")),
            Step::Allowed(number) => rule(number).map(|(rule, why, found)| {
                if matches!(found.condition, super::condition::Condition::Anyone) {
                    format!("{rule} allows it to everybody.")
                } else {
                    format!("{rule} allows it: {name} {why}.")
                }
            }),
            Step::AllowedToOthers(number) => rule(number)
                .map(|(rule, why, _)| format!("{rule} would allow it, but {name} {why}.")),
            Step::Open => Some(self.open()),
            Step::Unmentioned => Some(self.unmentioned()),
        };
        sentence.unwrap_or_else(|| {
            "The name has more than 2,048 bytes, and no longer ones are looked at.".to_owned()
        })
    }

    fn open(&self) -> String {
        match self.asked.component() {
            Some(component) => format!(
                "No rule says who may use {}, so the scopes that each of them asks for decide \
                 (default = \"scopes\").",
                plural(component.kind)
            ),
            None => format!(
                "No rule speaks of {}, which opens nothing by itself.",
                self.asked.action.method
            ),
        }
    }

    fn unmentioned(&self) -> String {
        let Some(component) = self.asked.component() else {
            return "No rule allows this method, and default = \"deny\".".to_owned();
        };
        let kind = plural(component.kind);
        let closed = !self.rules.lane(Kind::of(component.kind)).allows.is_empty();
        match (closed, self.rules.unmentioned) {
            (true, _) => format!(
                "Other rules say who may use {kind}, and none of them allows this one to anybody: \
                 what no rule allows is denied."
            ),
            (false, Unmentioned::Deny | Unmentioned::Scopes) => {
                format!("No rule allows any of the {kind} to anybody, and default = \"deny\".")
            }
        }
    }

    fn answer(&self, outcome: &Result<(), Denial>) -> Option<String> {
        let denial = outcome.as_ref().err()?;
        Some(match denial {
            Denial::InsufficientScope(needed) => format!(
                "The client is answered 403 insufficient_scope with scope=\"{needed}\", so that it \
                 can ask for a token that has it all."
            ),
            Denial::Unauthenticated(needed) if needed.is_empty() => {
                "The client is answered 401 and asked to log in.".to_owned()
            }
            Denial::Unauthenticated(needed) => {
                format!("The client is answered 401 and asked to log in, with scope=\"{needed}\".")
            }
            Denial::Unknown => match self.asked.component() {
                Some(component) => format!(
                    "The client is answered as if there were no such {}, and lists leave it out.",
                    plain_noun(component.kind)
                ),
                None => "The client is answered as if there were no such method.".to_owned(),
            },
            Denial::WrongSource(_) => {
                "The client is answered 401, with the challenge of each source \
                                       that is accepted."
                    .to_owned()
            }
            Denial::TooMany { .. } => "The client is answered 429.".to_owned(),
            _ => "The client is answered 403, without the reason and without scopes: none would \
                  help."
                .to_owned(),
        })
    }
}

fn scopes(set: &ScopeSet) -> String {
    let noun = if set.len() == 1 { "scope" } else { "scopes" };
    format!("{noun} {set}")
}

const fn plain_noun(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Tool => "tool",
        ComponentKind::Resource | ComponentKind::ResourceTemplate => "resource",
        ComponentKind::Prompt => "prompt",
    }
}

const fn noun(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Tool => "the tool",
        ComponentKind::Resource | ComponentKind::ResourceTemplate => "the resource",
        ComponentKind::Prompt => "the prompt",
    }
}

const fn plural(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Tool => "tools",
        ComponentKind::Resource | ComponentKind::ResourceTemplate => "resources",
        ComponentKind::Prompt => "prompts",
    }
}
