//! Explanations: what is said, read aloud.

use countersign_resource_server::Caller;
use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::policy::rules::RuleSet;
use countersign_resource_server::policy::{Action, Component, ComponentKind};
use serde_json::json;
use testkit::NOW;

use super::{caller, plain, rules, scopes};

fn told(rules: &RuleSet, who: &Caller, name: &str, needs: &ScopeSet) -> String {
    let component = Component::new(ComponentKind::Tool, name, needs);
    let explanation = rules.explain(who, &Action::on("tools/call", component), NOW);
    let mut lines = vec![explanation.headline().to_owned()];
    lines.extend(explanation.reasons().iter().cloned());
    lines.extend(explanation.answer().map(str::to_owned));
    lines.join("\n")
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn a_decision_is_told_like_a_colleague_would() {
    let rules = rules(
        r#"
[roles.support]
members = [{ subject = "alice" }]
[roles.admin]
claim = "groups"
any = ["admins"]
includes = ["support"]
[[rules]]
name = "support reads tickets"
effect = "allow"
who = { role = "support" }
what = { tools = ["ticket_*"] }
[[rules]]
name = "admins manage users"
effect = "allow"
who = { role = "admin", scope = "admin:write" }
what = { tools = ["delete_user"] }
[[rules]]
name = "trial accounts change nothing"
effect = "deny"
who = { scope = "trial" }
what = { tools = ["delete_*"] }
"#,
    );
    let none = ScopeSet::new();
    for (who, tool, expected) in [
        (
            plain("alice"),
            "ticket_read",
            "Yes: alice may call the tool ticket_read.\n\
             \"support reads tickets\" (line 10) allows it: alice has the role support, as one of its members.",
        ),
        (
            caller("bob", "", json!({ "groups": ["admins"] })),
            "ticket_read",
            "Yes: bob may call the tool ticket_read.\n\
             \"support reads tickets\" (line 10) allows it: bob has the role support through the role admin, because the claim groups has admins.",
        ),
        (
            plain("bob"),
            "ticket_read",
            "No: bob may not call the tool ticket_read.\n\
             \"support reads tickets\" (line 10) would allow it, but bob does not have the role support.\n\
             The client is answered 403, without the reason and without scopes: none would help.",
        ),
        (
            caller("carol", "", json!({ "groups": ["admins"] })),
            "delete_user",
            "Not with this token: carol may call the tool delete_user once it has the scope admin:write.\n\
             \"trial accounts change nothing\" (line 20) denies it to others; carol does not have the scope trial.\n\
             \"admins manage users\" (line 15) would allow it, but carol does not have the scope admin:write.\n\
             The client is answered 403 insufficient_scope with scope=\"admin:write\", so that it can ask for a token that has it all.",
        ),
        (
            caller(
                "carol",
                "admin:write trial",
                json!({ "groups": ["admins"] }),
            ),
            "delete_user",
            "No: carol may not call the tool delete_user.\n\
             \"trial accounts change nothing\" (line 20) denies it: carol has the scope trial. A deny wins over every allow.\n\
             The client is answered 403, without the reason and without scopes: none would help.",
        ),
        (
            plain("alice"),
            "reboot",
            "No: alice may not call the tool reboot.\n\
             Other rules say who may use tools, and none of them allows this one to anybody: what no rule allows is denied.\n\
             The client is answered 403, without the reason and without scopes: none would help.",
        ),
        (
            Caller::anonymous(),
            "ticket_read",
            "Not without logging in: a caller who has not logged in may not call the tool ticket_read.\n\
             \"support reads tickets\" (line 10) would allow it, but a caller who has not logged in does not have the role support.\n\
             The client is answered 401 and asked to log in.",
        ),
    ] {
        assert_eq!(told(&rules, &who, tool, &none), expected);
    }
    assert_eq!(
        told(&rules, &plain("alice"), "ticket_read", &scopes("tickets")),
        "Not with this token: alice may call the tool ticket_read once it has the scope tickets.\n\
         The tool itself asks for the scope tickets; alice lacks tickets.\n\
         \"support reads tickets\" (line 10) allows it: alice has the role support, as one of its members.\n\
         The client is answered 403 insufficient_scope with scope=\"tickets\", so that it can ask for a token that has it all."
    );
}

#[test]
fn a_file_is_told_in_words() {
    let rules = rules(
        r#"
[scopes.includes]
admin = ["read", "write"]
[roles.support]
members = [{ subject = "alice" }]
[roles.auditor]
claim = "groups"
any = ["audit", "finance"]
[[rules]]
name = "support reads tickets"
effect = "allow"
who = { role = "support", not = { scope = "trial" } }
what = { tools = ["ticket_*"], tags = ["tickets"] }
visibility = "hidden"
[[rules]]
name = "notes are public"
effect = "allow"
who = { anyone = true }
what = { resources = ["note://*"] }
"#,
    );
    let summary = rules.summary();
    assert_eq!(
        summary.defaults,
        [
            "Tools are closed but for what the rules below allow.",
            "Resources are closed but for what the rules below allow.",
            "Prompts are open to whoever has the scopes that each one asks for, unless a rule denies it.",
        ]
    );
    assert_eq!(
        summary.rules,
        [
            "\"support reads tickets\" (line 11) allows the tools ticket_* with the tag tickets to everybody who has the role support and does not have the scope trial. To all others they look as if they did not exist.",
            "\"notes are public\" (line 17) allows the resources note://* to everybody.",
        ]
    );
    assert_eq!(
        summary.roles,
        [
            "The role auditor belongs to everybody whose claim groups from https://login.test has one of audit, finance.",
            "The role support belongs to alice of https://login.test.",
        ]
    );
    assert_eq!(summary.scopes, ["admin includes read write."]);
    assert_eq!(
        summary.cautions,
        [
            "\"notes are public\" (line 17) allows it to everybody whom the server lets in at all.",
            "No rule speaks of the role auditor: it means something only to code that asks for it.",
        ]
    );
    assert_eq!(rules.issuers(), ["https://login.test"]);
}

#[test]
fn a_supposed_member_is_one_for_the_question_alone() {
    let rules = rules(
        "[roles.support]\nmembers = [{ subject = \"alice\" }]\n[[rules]]\nname = \"s\"\n\
         effect = \"allow\"\nwho = { role = \"support\" }\nwhat = { tools = [\"*\"] }\n",
    );
    let people = || countersign_resource_server::policy::rules::Authority::issuer(super::ISSUER);
    assert!(rules.supposing_member("ghost", people(), "bob").is_err());
    let supposed = rules.supposing_member("support", people(), "bob").unwrap();
    assert!(supposed.has_role(&plain("bob"), "support"));
    assert!(!rules.has_role(&plain("bob"), "support"));
}
