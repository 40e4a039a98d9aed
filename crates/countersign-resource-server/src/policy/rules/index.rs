//! Which rules can say something about what is asked: those that name it, those that name
//! one of its tags, and those that name nothing that can be looked up. Whether they do say
//! something is not decided here.

use std::collections::HashMap;

use super::set::{CompiledRule, Effect};
use super::what::{Asked, Target};

/// From how many lists candidates are taken; where there are more, all rules are.
const LISTS: usize = 8;

/// The numbers of the rules of one effect that are about one kind of component, or about
/// methods without any, each in the order in which they are written.
#[derive(Clone, Debug)]
pub(super) struct Index {
    effect: Effect,
    all: Vec<usize>,
    /// By names without wildcards, spelled as they are compared.
    by_name: HashMap<Box<str>, Vec<usize>>,
    /// By tags: rules that name no component.
    by_tag: HashMap<Box<str>, Vec<usize>>,
    /// Rules that may be about anything.
    others: Vec<usize>,
}

impl Index {
    /// Of the rules with `effect`, those that are `about` this; `names` has all that such a
    /// rule is about, if that is names alone.
    pub(super) fn of<'a>(
        rules: &'a [CompiledRule],
        effect: Effect,
        about: impl Fn(&Target) -> bool,
        names: impl Fn(&'a Target) -> Option<Vec<&'a str>>,
    ) -> Self {
        let mut index = Self {
            effect,
            all: Vec::new(),
            by_name: HashMap::new(),
            by_tag: HashMap::new(),
            others: Vec::new(),
        };
        for (number, rule) in rules.iter().enumerate() {
            if rule.effect != effect || !about(&rule.target) {
                continue;
            }
            index.all.push(number);
            if let Some(names) = names(&rule.target) {
                enter(&mut index.by_name, names, number);
            } else if let Some(tags) = rule.target.tags_alone() {
                enter(
                    &mut index.by_tag,
                    tags.iter().map(String::as_str).collect(),
                    number,
                );
            } else {
                index.others.push(number);
            }
        }
        index
    }

    /// All of them.
    pub(super) fn all(&self) -> &[usize] {
        &self.all
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those that can be about `asked`, in their order; all others are not.
    pub(super) fn candidates<'a>(&'a self, asked: &'a Asked<'_>) -> Candidates<'a> {
        if self.by_name.is_empty() && self.by_tag.is_empty() {
            return Candidates::of(&self.others);
        }
        // Somebody may ask for any of the URIs of a template.
        if asked.is_open() && !self.by_name.is_empty() {
            return Candidates::of(&self.all);
        }
        let mut candidates = Candidates::of(&self.others);
        let mut is_whole = true;
        let mut add = |list: Option<&'a Vec<usize>>| {
            if let Some(list) = list {
                is_whole &= candidates.add(list);
            }
        };
        if !self.by_name.is_empty() {
            match self.effect {
                Effect::Allow => add(self.by_name.get(asked.key())),
                Effect::Deny => {
                    for key in asked.keys_of_denies() {
                        add(self.by_name.get(key));
                    }
                }
            }
        }
        if !self.by_tag.is_empty() {
            for tag in asked.tags() {
                add(self.by_tag.get(tag.as_str()));
            }
        }
        if is_whole {
            candidates
        } else {
            Candidates::of(&self.all)
        }
    }
}

fn enter(map: &mut HashMap<Box<str>, Vec<usize>>, keys: Vec<&str>, number: usize) {
    for key in keys {
        let numbers = map.entry(key.into()).or_default();
        if numbers.last() != Some(&number) {
            numbers.push(number);
        }
    }
}

/// The numbers that are in some of several ascending lists, ascending, each once.
#[derive(Clone, Debug)]
pub(super) struct Candidates<'a> {
    lists: [&'a [usize]; LISTS],
    used: usize,
}

impl<'a> Candidates<'a> {
    fn of(list: &'a [usize]) -> Self {
        let mut candidates = Self {
            lists: [&[]; LISTS],
            used: 0,
        };
        candidates.add(list);
        candidates
    }

    /// False if there is no room for it.
    fn add(&mut self, list: &'a [usize]) -> bool {
        if list.is_empty() {
            return true;
        }
        let Some(place) = self.lists.get_mut(self.used) else {
            return false;
        };
        *place = list;
        self.used += 1;
        true
    }
}

impl Iterator for Candidates<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let lists = self.lists.get_mut(..self.used)?;
        let least = *lists.iter().filter_map(|list| list.first()).min()?;
        for list in lists {
            if let Some((first, rest)) = list.split_first()
                && *first == least
            {
                *list = rest;
            }
        }
        Some(least)
    }
}

#[cfg(test)]
mod tests {
    use countersign_oauth::ScopeSet;
    use proptest::prelude::*;

    use super::super::{Authority, Rule, RuleSet, Unmentioned, What, Who};
    use crate::policy::{Action, Component, ComponentKind};
    use crate::{AccessToken, Assertion, Caller};

    use super::*;

    const TAGS: [&str; 3] = ["red", "green", "blue"];

    fn text() -> impl Strategy<Value = &'static str> {
        prop::sample::select(&[
            "alpha", "Alpha", "beta", " beta", "al*", "*", "*a", "gamma_7", "%61lpha",
        ])
    }

    fn uri() -> impl Strategy<Value = &'static str> {
        prop::sample::select(&[
            "note://alpha",
            "note://Alpha/",
            "note://alpha?x=1",
            "note://b/../alpha",
            "note://%61lpha",
            "note://*",
            "note://**",
            "note://%2a",
            "note://{subject}/x",
            "user://alpha/x",
        ])
    }

    fn what() -> impl Strategy<Value = What> {
        let texts = || prop::collection::vec(text(), 1..3);
        let uris = prop::collection::vec(uri(), 1..3);
        let named = prop_oneof![
            3 => texts().prop_map(What::tools),
            2 => uris.prop_map(What::resources),
            1 => texts().prop_map(What::prompts),
            1 => (texts(), uri()).prop_map(|(tools, uri)| What::tools(tools).and_resources([uri])),
            2 => Just(What::default()),
        ];
        let methods = prop::sample::select(&["tools/call", "tools/*", "ping", "logging/setLevel"]);
        let methods = prop::collection::vec(methods, 0..2);
        let tags = prop::sample::subsequence(&TAGS, 0..=2);
        (named, tags, methods).prop_filter_map("about nothing", |(what, tags, methods)| {
            let what = what.tags(tags).methods(methods);
            what.compile().is_ok().then_some(what)
        })
    }

    fn rules() -> impl Strategy<Value = RuleSet> {
        let rule = (what(), any::<bool>());
        prop::collection::vec(rule, 0..24).prop_map(|rules| {
            let mut builder = RuleSet::builder(Unmentioned::Deny).issuer("https://one.test");
            for (number, (what, allows)) in rules.into_iter().enumerate() {
                let new = if allows { Rule::allow } else { Rule::deny };
                builder = builder.rule(new(number.to_string(), Who::anyone(), what));
            }
            builder.build().unwrap()
        })
    }

    #[derive(Debug)]
    struct Wish {
        kind: Option<ComponentKind>,
        name: &'static str,
        requested: Option<&'static str>,
        method: &'static str,
        tags: Vec<String>,
    }

    fn wish() -> impl Strategy<Value = Wish> {
        let uris = || uri().prop_map(|uri| uri.strip_suffix("**").unwrap_or(uri));
        let template = prop::sample::select(&["note://{id}", "note://{+path}", "user://{id}/x"]);
        let target = prop_oneof![
            3 => text().prop_map(|name| (Some(ComponentKind::Tool), name, None)),
            2 => uris().prop_map(|uri| (Some(ComponentKind::Resource), uri, None)),
            2 => (template, prop::option::of(uris())).prop_map(|(template, requested)| {
                (Some(ComponentKind::ResourceTemplate), template, requested)
            }),
            1 => text().prop_map(|name| (Some(ComponentKind::Prompt), name, None)),
            1 => Just((None, "", None)),
        ];
        let method = prop::sample::select(&["tools/call", "ping", "resources/read", "other"]);
        let tags = prop::sample::subsequence(&TAGS, 0..=3);
        (target, method, tags).prop_map(|((kind, name, requested), method, tags)| Wish {
            kind,
            name,
            requested,
            method,
            tags: tags.into_iter().map(str::to_owned).collect(),
        })
    }

    /// What a walk over all rules of that kind finds.
    fn scanned(rules: &RuleSet, asked: &Asked<'_>, effect: Effect) -> Vec<usize> {
        let lane = rules.lane_of(asked);
        let all = match effect {
            Effect::Allow => lane.allows.all(),
            Effect::Deny => lane.denies.all(),
        };
        let found = |number: &usize| {
            let target = &rules.rules[*number].target;
            match effect {
                Effect::Allow => target.allows(asked),
                Effect::Deny => target.catches(asked),
            }
        };
        all.iter().copied().filter(found).collect()
    }

    fn caller() -> Caller {
        let token = AccessToken::assertion(Assertion::new("https://one.test", "alpha"));
        Caller::authenticated(token)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn rules_that_are_looked_up_are_those_that_a_walk_over_all_finds(
            rules in rules(),
            wish in wish(),
        ) {
            let none = ScopeSet::new();
            let component = wish.kind.map(|kind| {
                let component = Component::new(kind, wish.name, &none).tags(&wish.tags);
                match wish.requested {
                    Some(uri) => component.requested(uri),
                    None => component,
                }
            });
            let action = match component {
                Some(component) => Action::on(wish.method, component),
                None => Action::method(wish.method),
            };
            let caller = caller();
            let asked = Asked::new(&caller, &action);
            let denying: Vec<_> = rules.denying(&asked).map(|(number, _)| number).collect();
            prop_assert_eq!(denying, scanned(&rules, &asked, Effect::Deny));
            let allowing: Vec<_> = rules.allowing(&asked).map(|(number, _)| number).collect();
            prop_assert_eq!(allowing, scanned(&rules, &asked, Effect::Allow));
        }
    }

    #[test]
    fn a_call_looks_only_at_rules_that_can_be_about_it() {
        let mut builder = RuleSet::builder(Unmentioned::Scopes);
        for number in 0..100 {
            let who = Who::subject(Authority::issuer("https://one.test"), "eve");
            let what = match number % 4 {
                0 => What::tools([format!("tool_{number}")]),
                1 => What::tagged([format!("tag_{number}")]),
                2 => What::resources([format!("note://{number}/**")]),
                _ => What::of_methods([format!("x/{number}")]),
            };
            let new = if number % 8 < 4 {
                Rule::allow
            } else {
                Rule::deny
            };
            builder = builder.rule(new(number.to_string(), who, what));
        }
        let all = What::tools(["*"]);
        let rules = builder.rule(Rule::allow("all", Who::anyone(), all));
        let rules = rules.build().unwrap();
        let (none, tags) = (ScopeSet::new(), ["tag_9".to_owned(), "tag_13".to_owned()]);
        let component = Component::new(ComponentKind::Tool, "tool_8", &none).tags(&tags);
        let action = Action::on("tools/call", component);
        let caller = caller();
        let asked = Asked::new(&caller, &action);
        let allows: Vec<_> = rules.tools.allows.candidates(&asked).collect();
        assert_eq!(allows, [8, 9, 100]);
        let denies: Vec<_> = rules.tools.denies.candidates(&asked).collect();
        assert_eq!(denies, [13]);
        let ping = Action::method("x/7");
        let asked = Asked::new(&caller, &ping);
        let denies: Vec<_> = rules.methods.denies.candidates(&asked).collect();
        assert_eq!(denies, [7]);
    }
}
