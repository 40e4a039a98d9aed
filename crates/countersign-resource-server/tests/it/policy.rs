//! From a caller and an action to a permit or a denial: RS-25, RS-31, RS-32.

use std::sync::Arc;

use countersign_resource_server::oauth::{Lifetime, ScopeSet, UnixTime};
use countersign_resource_server::policy::{
    Action, Component, ComponentKind, Concealment, Denial, Policy, decide, is_shown,
};
use countersign_resource_server::{AccessToken, Assertion, Caller};
use testkit::NOW;

#[derive(Debug)]
struct Objects(Denial);

impl Policy for Objects {
    fn check(&self, _: &Caller, _: &Action<'_>, _: UnixTime) -> Result<(), Denial> {
        Err(self.0.clone())
    }
}

#[derive(Debug)]
struct Agrees;

impl Policy for Agrees {
    fn check(&self, _: &Caller, _: &Action<'_>, _: UnixTime) -> Result<(), Denial> {
        Ok(())
    }
}

fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

fn bearer_of(text: &str) -> Caller {
    let mut verified = Assertion::new("https://as.test", "alice");
    if !text.is_empty() {
        verified = verified.scopes(scopes(text));
    }
    Caller::authenticated(AccessToken::assertion(verified))
}

fn asked(
    policies: &[Arc<dyn Policy>],
    caller: &Caller,
    component: Component<'_>,
) -> Option<Denial> {
    decide(policies, caller, &Action::on("tools/call", component), NOW).err()
}

#[test]
fn rs_25_rs_26_a_component_needs_all_its_scopes_and_names_them_all() {
    let needed = scopes("read write");
    let tool = Component::new(ComponentKind::Tool, "report", &needed);
    for held in ["", "read", "readwrite", "write admin"] {
        let denial = asked(&[], &bearer_of(held), tool);
        assert_eq!(
            denial,
            Some(Denial::InsufficientScope(needed.clone())),
            "{held}"
        );
    }
    assert_eq!(asked(&[], &bearer_of("admin write read"), tool), None);
}

#[test]
fn rs_28_no_scope_implies_another_unless_the_token_is_said_to_have_both() {
    let needed = scopes("admin:write");
    let tool = Component::new(ComponentKind::Tool, "report", &needed);
    for held in [
        "admin",
        "admin:",
        "admin:*",
        "*",
        "admin:write:all",
        "Admin:Write",
        "admin:writ",
        "write",
        "admin write",
    ] {
        let denial = asked(&[], &bearer_of(held), tool);
        let expected = Denial::InsufficientScope(needed.clone());
        assert_eq!(denial, Some(expected), "{held}");
    }
    // Who has a hierarchy writes it out where the token is verified.
    let spelled_out = scopes("admin").union(&needed);
    assert_eq!(asked(&[], &bearer_of(&spelled_out.to_string()), tool), None);
}

#[test]
fn a_protected_component_is_refused_to_the_anonymous_caller() {
    let needed = scopes("read");
    let tool = Component::new(ComponentKind::Tool, "report", &needed);
    let denial = asked(&[], &Caller::anonymous(), tool);
    assert_eq!(denial, Some(Denial::Unauthenticated(needed.clone())));
    let open = ScopeSet::new();
    let tool = Component::new(ComponentKind::Tool, "greet", &open);
    assert_eq!(asked(&[], &Caller::anonymous(), tool), None);
}

#[test]
fn rs_31_one_policy_that_objects_is_enough() {
    let none = ScopeSet::new();
    let tool = Component::new(ComponentKind::Tool, "greet", &none);
    let agrees = || Arc::new(Agrees) as Arc<dyn Policy>;
    let objects = Arc::new(Objects(Denial::Forbidden)) as Arc<dyn Policy>;
    let caller = bearer_of("everything");
    assert_eq!(asked(&[agrees(), agrees()], &caller, tool), None);
    for policies in [
        vec![Arc::clone(&objects), agrees()],
        vec![agrees(), Arc::clone(&objects)],
    ] {
        assert_eq!(asked(&policies, &caller, tool), Some(Denial::Forbidden));
    }
}

#[test]
fn a_hidden_component_answers_as_if_it_did_not_exist() {
    let needed = scopes("admin");
    let tool =
        Component::new(ComponentKind::Tool, "secret", &needed).concealment(Concealment::Hidden);
    for caller in [Caller::anonymous(), bearer_of("read")] {
        assert_eq!(asked(&[], &caller, tool), Some(Denial::Unknown));
    }
    let forbids = [Arc::new(Objects(Denial::Forbidden)) as Arc<dyn Policy>];
    assert_eq!(
        asked(&forbids, &bearer_of("admin"), tool),
        Some(Denial::Unknown)
    );
    let too_many = Denial::TooMany {
        retry_after: Lifetime::from_secs(3),
    };
    let limits = [Arc::new(Objects(too_many.clone())) as Arc<dyn Policy>];
    assert_eq!(asked(&limits, &bearer_of("admin"), tool), Some(too_many));
}

#[test]
fn e39_what_a_policy_forbids_is_not_shown_and_what_is_too_often_used_is() {
    let needed = scopes("admin");
    let tool = Component::new(ComponentKind::Tool, "report", &needed);
    let too_many = Denial::TooMany {
        retry_after: Lifetime::from_secs(3),
    };
    let shown =
        |policies: &[Arc<dyn Policy>], held| is_shown(policies, &bearer_of(held), tool, NOW);
    let objects = |denial| [Arc::new(Objects(denial)) as Arc<dyn Policy>];
    assert!(!shown(&[], "read"));
    for denial in [
        Denial::Forbidden,
        Denial::Unknown,
        Denial::InsufficientScope(needed.clone()),
        Denial::Unauthenticated(needed.clone()),
    ] {
        assert!(!shown(&objects(denial.clone()), "admin"), "{denial:?}");
    }
    assert!(shown(&objects(too_many), "admin"));
    assert!(shown(&[Arc::new(Agrees)], "admin"));
}
