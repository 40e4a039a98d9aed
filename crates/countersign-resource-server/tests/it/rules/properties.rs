//! Properties: whoever explains says what is decided, and whoever is told of a scope can
//! use it.

use std::sync::Arc;

use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::policy::rules::{
    Authority, ClaimPath, Role, Rule, RuleSet, Unmentioned, What, Who,
};
use countersign_resource_server::policy::{
    Action, Component, ComponentKind, Concealment, Denial, Policy, decide,
};
use countersign_resource_server::{AccessToken, Assertion, Caller};
use proptest::prelude::*;
use serde_json::json;
use testkit::NOW;

const NAMES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
const ISSUERS: [&str; 2] = ["https://one.test", "https://two.test"];

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES)
}

fn authority() -> impl Strategy<Value = Authority> {
    prop::sample::select(&ISSUERS).prop_map(Authority::issuer)
}

fn who() -> impl Strategy<Value = Who> {
    let leaf = prop_oneof![
        Just(Who::anyone()),
        Just(Who::authenticated()),
        authority().prop_map(Who::of),
        (authority(), name()).prop_map(|(of, name)| Who::subject(of, name)),
        prop::sample::select(&["alpha", "beta"]).prop_map(Who::role),
        name().prop_map(Who::scope),
        name().prop_map(Who::scope),
        (authority(), name()).prop_map(|(of, name)| Who::claim(
            of,
            ClaimPath::dotted("groups"),
            [name]
        )),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Who::all),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Who::any),
            inner.prop_map(Who::except),
        ]
    })
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        name().prop_map(|name| What::tools([name])),
        Just(What::tools(["*a"])),
        name().prop_map(|name| What::tagged([name])),
        Just(What::resources(["user://{subject}/*"])),
        Just(What::of_methods(["tools/*"])),
        name().prop_map(|name| What::resources([format!("user://{name}/**")])),
    ]
}

fn rule_set() -> impl Strategy<Value = RuleSet> {
    let rule = (who(), what(), any::<(bool, bool)>());
    let rules = prop::collection::vec(rule, 0..6);
    (rules, any::<bool>(), name(), name()).prop_map(|(rules, deny, above, below)| {
        let unmentioned = if deny {
            Unmentioned::Deny
        } else {
            Unmentioned::Scopes
        };
        let mut builder = RuleSet::builder(unmentioned)
            .issuer(ISSUERS[0])
            .includes(above, [below])
            .role(Role::new("alpha").member(Authority::issuer(ISSUERS[0]), "alpha"))
            .role(
                Role::new("beta")
                    .claim(
                        Authority::issuer(ISSUERS[1]),
                        ClaimPath::dotted("groups"),
                        ["beta"],
                    )
                    .includes("alpha"),
            );
        for (number, (who, what, (allow, hidden))) in rules.into_iter().enumerate() {
            let name = number.to_string();
            let rule = if allow {
                Rule::allow(name, who, what)
            } else {
                Rule::deny(name, who, what)
            };
            builder = builder.rule(if hidden { rule.hidden() } else { rule });
        }
        builder.build().unwrap()
    })
}

fn assertion() -> impl Strategy<Value = Assertion> {
    let scopes = prop::sample::subsequence(&NAMES, 0..=4);
    (prop::sample::select(&ISSUERS), name(), name(), scopes).prop_map(
        |(issuer, subject, group, scopes)| {
            let claims = json!({ "groups": [group] });
            Assertion::new(issuer, subject)
                .scopes(ScopeSet::from_names(scopes).unwrap())
                .claims(claims.as_object().unwrap().clone())
        },
    )
}

#[derive(Clone, Debug)]
struct Wish {
    kind: ComponentKind,
    name: String,
    scopes: ScopeSet,
    tags: Vec<String>,
    hidden: bool,
}

impl Wish {
    fn component(&self) -> Component<'_> {
        let component = Component::new(self.kind, &self.name, &self.scopes).tags(&self.tags);
        component.concealment(match self.hidden {
            true => Concealment::Hidden,
            false => Concealment::Forbidden,
        })
    }
}

fn wish() -> impl Strategy<Value = Wish> {
    let scopes = prop::sample::subsequence(&NAMES, 0..=2);
    let tags = prop::sample::subsequence(&NAMES, 0..=2);
    (
        any::<bool>(),
        name(),
        scopes,
        tags,
        prop::bool::weighted(0.1),
    )
        .prop_map(|(tool, name, scopes, tags, hidden)| Wish {
            kind: if tool {
                ComponentKind::Tool
            } else {
                ComponentKind::Resource
            },
            name: if tool {
                name.to_owned()
            } else {
                format!("user://{name}/x")
            },
            scopes: ScopeSet::from_names(scopes).unwrap(),
            tags: tags.into_iter().map(str::to_owned).collect(),
            hidden,
        })
}

fn bearer(assertion: Option<&Assertion>, rules: &RuleSet) -> Caller {
    assertion.map_or_else(Caller::anonymous, |assertion| {
        let token = AccessToken::assertion(assertion.clone());
        Caller::authenticated_under(token, rules.hierarchy())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_is_explained_is_what_is_decided(
        rules in rule_set(),
        assertion in prop::option::weighted(0.9, assertion()),
        wish in wish(),
    ) {
        let caller = bearer(assertion.as_ref(), &rules);
        let action = Action::on(wish.kind.method_of_use(), wish.component());
        let explained = rules.explain(&caller, &action, NOW);
        let decided = decide(&[Arc::new(rules.clone())], &caller, &action, NOW);
        let decided = decided.map(countersign_resource_server::policy::Permit::spend);
        prop_assert_eq!(explained.outcome(), decided.as_ref().copied());
        prop_assert_eq!(explained.headline().starts_with("Yes"), decided.is_ok());
        prop_assert_eq!(explained.answer().is_none(), decided.is_ok());
        // A list shows what may be used.
        let suffices = caller.scopes().is_superset(&wish.scopes);
        let shown = suffices && rules.shows(&caller, wish.component(), NOW);
        prop_assert_eq!(shown, decided.is_ok());
        // The last reason is the one that decided.
        let scopes_alone = !suffices;
        if let Some(last) = explained.reasons().last().filter(|_| !scopes_alone) {
            let allows = last.contains("allows it") || last.contains("scopes that each");
            let allows = allows && !last.contains("would allow");
            prop_assert_eq!(allows && !last.contains("hides"), decided.is_ok(), "{}", last);
        }
    }

    #[test]
    fn rs_26_whoever_is_told_of_scopes_may_with_them(
        rules in rule_set(),
        assertion in assertion(),
        wish in wish(),
    ) {
        let caller = bearer(Some(&assertion), &rules);
        let action = Action::on(wish.kind.method_of_use(), wish.component());
        let policies: [Arc<dyn Policy>; 1] = [Arc::new(rules.clone())];
        match decide(&policies, &caller, &action, NOW) {
            Err(Denial::InsufficientScope(needed)) => {
                prop_assert!(!caller.scopes().is_superset(&needed));
                prop_assert!(needed.is_superset(&wish.scopes));
                let held = caller.scopes().union(&needed);
                let with = bearer(Some(&assertion.clone().scopes(held)), &rules);
                prop_assert!(decide(&policies, &with, &action, NOW).is_ok());
            }
            Err(denial) => prop_assert!(!matches!(denial, Denial::Unauthenticated(_))),
            Ok(permit) => permit.spend(),
        }
    }
}
