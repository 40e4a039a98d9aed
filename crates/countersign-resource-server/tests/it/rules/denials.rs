//! What a refusal by rules says, and what it keeps to itself: E39, RS-26, BP-32.

use countersign_resource_server::Caller;
use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::policy::{
    Action, Component, ComponentKind, Concealment, Denial, Policy,
};
use serde_json::json;
use testkit::NOW;

use super::{caller, outcome, plain, rules, scopes, tool};

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn rs_26_bp_32_a_denial_names_every_scope_that_is_needed_and_only_if_it_helps() {
    let rules = rules(
        r#"
        [roles.staff]
        members = [{ subject = "alice" }]
        [[rules]]
        name = "writers"
        effect = "allow"
        who = { role = "staff", scopes = ["users:write", "users:read"] }
        what = { tools = ["delete_user"] }
        [[rules]]
        name = "two ways"
        effect = "allow"
        who = { any = [{ scope = "a" }, { scope = "b" }] }
        what = { tools = ["either"] }
        [[rules]]
        name = "one way is less"
        effect = "allow"
        who = { any = [{ scopes = ["a", "b"] }, { scope = "b" }] }
        what = { tools = ["least"] }
        [[rules]]
        name = "trials delete nothing"
        effect = "deny"
        who = { scope = "trial" }
        what = { tools = ["*"] }
        [[rules]]
        name = "a second look"
        effect = "deny"
        who = { not = { scope = "confirmed" } }
        what = { tools = ["transfer"] }
        [[rules]]
        name = "transfers"
        effect = "allow"
        who = { scope = "pay" }
        what = { tools = ["transfer"] }
        "#,
    );
    let own = scopes("admin");
    let ask = |subject: &str, held: &str, name: &str| {
        let component = Component::new(ComponentKind::Tool, name, &own);
        let who = caller(subject, held, json!({}));
        outcome(&rules, &who, &Action::on("tools/call", component))
    };
    let needs = |text: &str| Some(Denial::InsufficientScope(scopes(text)));
    for held in [
        "",
        "admin",
        "users:read",
        "admin users:read",
        "users:read users:write",
    ] {
        assert_eq!(
            ask("alice", held, "delete_user"),
            needs("admin users:read users:write"),
            "{held}"
        );
        // No scope makes bob a member, so he is sent for none.
        assert_eq!(
            ask("bob", held, "delete_user"),
            Some(Denial::Forbidden),
            "{held}"
        );
        let trial = format!("{held} trial");
        assert_eq!(
            ask("alice", trial.trim(), "delete_user"),
            Some(Denial::Forbidden)
        );
    }
    assert_eq!(
        ask("alice", "admin users:read users:write", "delete_user"),
        None
    );
    assert_eq!(ask("alice", "admin", "either"), Some(Denial::Forbidden));
    assert_eq!(ask("alice", "", "least"), needs("admin b"));
    assert_eq!(
        ask("alice", "admin pay", "transfer"),
        needs("admin confirmed pay")
    );
    assert_eq!(
        ask("alice", "confirmed", "transfer"),
        needs("admin confirmed pay")
    );
    assert_eq!(ask("alice", "admin confirmed pay", "transfer"), None);
    assert_eq!(
        ask("alice", "admin", "unmentioned"),
        Some(Denial::Forbidden)
    );
    assert_eq!(ask("alice", "", "unmentioned"), Some(Denial::Forbidden));
}

#[test]
fn e39_a_hidden_refusal_says_that_there_is_nothing_and_a_forbidden_one_says_what_helps() {
    let rules = rules(
        r#"
        [[rules]]
        name = "admins"
        effect = "allow"
        who = { scope = "admin" }
        what = { tools = ["backdoor"] }
        visibility = "hidden"
        [[rules]]
        name = "also admins"
        effect = "allow"
        who = { scope = "root" }
        what = { tools = ["backdoor", "report"] }
        [[rules]]
        name = "not for trials"
        effect = "deny"
        who = { scope = "trial" }
        what = { tools = ["report"] }
        visibility = "hidden"
        [[rules]]
        name = "guests do nothing"
        effect = "deny"
        who = { scope = "guest" }
        what = { tools = ["*"] }
        "#,
    );
    let none = ScopeSet::new();
    let needed = scopes("operate");
    for who in [
        Caller::anonymous(),
        plain("alice"),
        caller("alice", "operate", json!({})),
    ] {
        for own in [&none, &needed] {
            let component = Component::new(ComponentKind::Tool, "backdoor", own);
            for method in ["tools/call", "completion/complete"] {
                let denial = outcome(&rules, &who, &Action::on(method, component));
                assert_eq!(denial, Some(Denial::Unknown), "{who:?} {own}");
            }
            assert!(!rules.shows(&who, component, NOW));
        }
    }
    assert_eq!(
        tool(&rules, &caller("a", "trial root", json!({})), "report"),
        Some(Denial::Unknown)
    );
    assert_eq!(
        tool(&rules, &plain("alice"), "report"),
        Some(Denial::InsufficientScope(scopes("root")))
    );
    assert_eq!(
        tool(&rules, &Caller::anonymous(), "report"),
        Some(Denial::Unauthenticated(scopes("root")))
    );
    assert_eq!(
        tool(&rules, &caller("alice", "admin", json!({})), "backdoor"),
        None
    );
    // An open deny does not give away what is hidden from the caller.
    let guest = |held: &str| caller("alice", held, json!({}));
    assert_eq!(
        tool(&rules, &guest("guest"), "backdoor"),
        Some(Denial::Unknown)
    );
    assert_eq!(
        tool(&rules, &guest("guest admin"), "backdoor"),
        Some(Denial::Forbidden)
    );
    let hidden = Component::new(ComponentKind::Tool, "x", &none).concealment(Concealment::Hidden);
    let denial = outcome(&rules, &plain("alice"), &Action::on("tools/call", hidden));
    assert_eq!(denial, Some(Denial::Unknown));
    assert_eq!(rules.scopes().to_string(), "guest root");
    assert_eq!(rules.concealed_scopes().to_string(), "admin trial");
}
