//! Decisions of rules: E39, RS-26, RS-28, RS-31, BP-32, BP-33.

use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::policy::{
    Action, Component, ComponentKind, Concealment, Denial, Policy,
};
use countersign_resource_server::{AccessToken, Assertion, Caller, SourceName};
use serde_json::{Value, json};
use testkit::NOW;

use super::{asked, caller, caller_of, outcome, plain, resource, rules, scopes, tool};

const SUPPORT: &str = r#"
[roles.support]
members = [{ subject = "alice" }]
claim = "realm_access.roles"
any = ["support", "help desk"]

[[rules]]
name = "support reads tickets"
effect = "allow"
who = { role = "support" }
what = { tools = ["ticket_*"] }

[[rules]]
name = "nobody purges"
effect = "deny"
who = { anyone = true }
what = { tools = ["*purge*"] }
"#;

#[test]
fn rs_31_whoever_no_rule_names_is_refused_whatever_scopes_the_token_has() {
    let rules = rules(SUPPORT);
    let everything = "support tickets ticket_read admin root *";
    for who in [
        caller("bob", everything, json!({})),
        caller("Alice", everything, json!({})),
        caller("alice ", everything, json!({})),
        caller_of("https://login.test/", "alice", everything, json!({})),
        caller_of("https://other.test", "alice", everything, json!({})),
        caller(
            "bob",
            "",
            json!({ "realm_access": { "roles": ["Support"] } }),
        ),
        caller("bob", "", json!({ "realm_access": { "roles": "help" } })),
        caller(
            "bob",
            "",
            json!({ "realm_access": { "roles": ["support,x"] } }),
        ),
        caller(
            "bob",
            "",
            json!({ "realm_access": { "roles": [["support"]] } }),
        ),
        caller(
            "bob",
            "",
            json!({ "realm_access": { "roles": { "support": true } } }),
        ),
        caller("bob", "", json!({ "realm_access": "support" })),
        caller("bob", "", json!({ "realm_access.roles": ["support"] })),
        caller("bob", "", json!({ "roles": ["support"] })),
        caller_of(
            "https://other.test",
            "bob",
            "",
            json!({ "realm_access": { "roles": ["support"] } }),
        ),
    ] {
        let denial = tool(&rules, &who, "ticket_read");
        assert_eq!(denial, Some(Denial::Forbidden), "{who:?}");
    }
    for who in [
        plain("alice"),
        caller(
            "bob",
            "",
            json!({ "realm_access": { "roles": ["x", "support"] } }),
        ),
        caller(
            "bob",
            "",
            json!({ "realm_access": { "roles": "help desk" } }),
        ),
    ] {
        assert_eq!(tool(&rules, &who, "ticket_read"), None, "{who:?}");
    }
}

#[test]
fn what_no_rule_allows_is_denied_as_soon_as_one_allows_something_of_its_kind() {
    let rules = rules(SUPPORT);
    let alice = plain("alice");
    for name in ["other", "Ticket_read", "ticket", "xticket_read", ""] {
        assert_eq!(
            tool(&rules, &alice, name),
            Some(Denial::Forbidden),
            "{name}"
        );
    }
    // Nothing is allowed of these kinds, and scopes were said to decide then.
    assert_eq!(resource(&rules, &plain("bob"), "note://1"), None);
    assert_eq!(
        asked(&rules, &plain("bob"), ComponentKind::Prompt, "p"),
        None
    );
    let closed = countersign_resource_server::policy::rules::RuleSet::parse("default = \"deny\"");
    let closed = closed.unwrap();
    for kind in [
        ComponentKind::Tool,
        ComponentKind::Resource,
        ComponentKind::Prompt,
    ] {
        let denial = asked(&closed, &caller("alice", "admin", json!({})), kind, "x");
        assert_eq!(denial, Some(Denial::Forbidden), "{kind:?}");
        assert_eq!(
            asked(&closed, &Caller::anonymous(), kind, "x"),
            Some(Denial::Forbidden)
        );
    }
    assert_eq!(
        outcome(&closed, &alice, &Action::method("tools/list")),
        None
    );
    let unknown = Action::method("admin/wipe");
    assert_eq!(outcome(&closed, &alice, &unknown), Some(Denial::Forbidden));
    assert_eq!(outcome(&rules, &alice, &unknown), None);
}

#[test]
fn e39_a_deny_wins_over_every_allow_and_counts_for_every_spelling() {
    let rules = rules(
        r#"
        [[rules]]
        name = "all"
        effect = "allow"
        who = { anyone = true }
        what = { tools = ["*"], resources = ["**"], prompts = ["*"] }
        [[rules]]
        name = "no deletion"
        effect = "deny"
        who = { anyone = true }
        what = { tools = ["Delete_*"], prompts = ["secret"] }
        [[rules]]
        name = "no secrets"
        effect = "deny"
        who = { anyone = true }
        what = { resources = ["file:///etc/**", "db://users"] }
        "#,
    );
    let alice = plain("alice");
    for name in [
        "Delete_user",
        "delete_user",
        "DELETE_USER",
        " delete_user\n",
        "delete_",
    ] {
        assert_eq!(
            tool(&rules, &alice, name),
            Some(Denial::Forbidden),
            "{name:?}"
        );
    }
    assert_eq!(
        asked(&rules, &alice, ComponentKind::Prompt, "SECRET"),
        Some(Denial::Forbidden)
    );
    for uri in [
        "file:///etc/passwd",
        "FILE:///ETC/passwd",
        "file:/etc/passwd",
        "file:////etc//passwd",
        "file:///tmp/../etc/passwd",
        "file:///%65tc/passwd",
        "file:///%2565tc/passwd",
        "file:///tmp/%2e%2e/etc/passwd",
        "file:\\\\\\etc\\passwd",
        "file:///etc/passwd?/../../tmp/x",
        "file:///etc/passwd#/../../tmp/x",
        "file:///etc/../../tmp/x",
        "db://users",
        "db://users/",
        "DB://Users",
        "db://users?all",
    ] {
        assert_eq!(
            resource(&rules, &alice, uri),
            Some(Denial::Forbidden),
            "{uri}"
        );
    }
    let long = format!("note://{}", "x".repeat(4000));
    assert_eq!(resource(&rules, &alice, &long), Some(Denial::Forbidden));
    for uri in ["file:///tmp/x", "db://other", "note://1"] {
        assert_eq!(resource(&rules, &alice, uri), None, "{uri}");
    }
    assert_eq!(tool(&rules, &alice, "undelete_user"), None);
}

#[test]
fn rs_31_a_subject_reaches_what_is_its_own_and_nothing_else() {
    let rules = rules(
        r#"
        [[rules]]
        name = "own"
        effect = "allow"
        who = { authenticated = true }
        what = { resources = ["user://{subject}/**"] }
        "#,
    );
    for (subject, uri) in [
        ("*", "user://bob/private"),
        ("**", "user://bob/private"),
        ("../bob", "user://../bob/private"),
        ("..", "user://../private"),
        ("bob/private", "user://bob/private/x"),
        ("", "user:///private"),
        ("eve", "user://eve/../bob/private"),
        ("eve", "user://eve/..%2fbob/private"),
        ("eve", "user://eve/%2e%2e/bob/private"),
        ("eve", "user://eve//bob"),
        ("b%6fb", "user://b%6fb/private"),
        ("bob", "user://Bob/private"),
        ("bob", "user://b%6fb/private"),
    ] {
        let denial = resource(&rules, &plain(subject), uri);
        assert_eq!(denial, Some(Denial::Forbidden), "{subject} {uri}");
    }
    let other = caller_of("https://other.test", "bob", "", json!({}));
    let uri = "user://bob/private";
    assert_eq!(resource(&rules, &other, uri), Some(Denial::Forbidden));
    let nobody = resource(&rules, &Caller::anonymous(), uri);
    assert_eq!(nobody, Some(Denial::Unauthenticated(ScopeSet::new())));
    assert_eq!(resource(&rules, &plain("bob"), uri), None);
    // By a template: the URI that was asked for decides, and lists show the template.
    let none = ScopeSet::new();
    let template = Component::new(ComponentKind::ResourceTemplate, "user://{id}/{part}", &none);
    let read = |who: &Caller, uri| {
        outcome(
            &rules,
            who,
            &Action::on("resources/read", template.requested(uri)),
        )
    };
    assert_eq!(read(&plain("eve"), uri), Some(Denial::Forbidden));
    assert_eq!(read(&plain("bob"), uri), None);
    assert!(rules.shows(&plain("eve"), template, NOW));
    assert!(!rules.shows(&Caller::anonymous(), template, NOW));
}

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
fn rs_28_scopes_that_include_others_count_in_rules_and_for_components() {
    let rules = rules(
        r#"
        [scopes.includes]
        admin = ["write"]
        write = ["read"]
        [[rules]]
        name = "readers"
        effect = "allow"
        who = { scope = "read" }
        what = { tools = ["show"] }
        "#,
    );
    for held in ["", "rea", "reads", "admins", "read:all"] {
        let denial = tool(&rules, &caller("alice", held, json!({})), "show");
        assert_eq!(
            denial,
            Some(Denial::InsufficientScope(scopes("read"))),
            "{held}"
        );
    }
    for held in ["read", "write", "admin"] {
        assert_eq!(
            tool(&rules, &caller("alice", held, json!({})), "show"),
            None,
            "{held}"
        );
    }
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

#[test]
fn m_22_roles_come_from_members_claims_and_other_roles() {
    let rules = rules(
        r#"
        [roles.reader]
        claim = ["https://login.test/claims", "level"]
        equals = 3
        [roles.support]
        members = [{ subject = "alice" }]
        includes = ["reader"]
        [roles.admin]
        members = [{ subject = "carol" }, { subject = "alice", issuer = "https://partner.test" }]
        includes = ["support"]
        [roles.loop]
        includes = ["loop"]
        "#,
    );
    let of = |who: &Caller| rules.roles_of(who).collect::<Vec<_>>().join(" ");
    let level = |value: Value| json!({ "https://login.test/claims": { "level": value } });
    assert_eq!(of(&Caller::anonymous()), "");
    assert_eq!(of(&plain("bob")), "");
    for value in [json!("3"), json!(3.5), json!([3]), json!(true), json!(null)] {
        assert_eq!(of(&caller("bob", "", level(value.clone()))), "", "{value}");
    }
    assert_eq!(of(&caller("bob", "", level(json!(3)))), "reader");
    assert_eq!(of(&plain("alice")), "reader support");
    assert_eq!(of(&plain("carol")), "admin reader support");
    let partner = caller_of("https://partner.test", "alice", "", json!({}));
    assert_eq!(of(&partner), "admin reader support");
    assert!(rules.has_role(&partner, "support") && !rules.has_role(&partner, "ghost"));
}

#[test]
fn tags_and_methods_narrow_a_rule() {
    let rules = rules(
        r#"
        [[rules]]
        name = "tagged"
        effect = "allow"
        who = { authenticated = true }
        what = { tags = ["open", "free"], tools = ["*"] }
        [[rules]]
        name = "watch"
        effect = "allow"
        who = { scope = "watch" }
        what = { resources = ["**"], methods = ["resources/subscribe"] }
        [[rules]]
        name = "read"
        effect = "allow"
        who = { authenticated = true }
        what = { resources = ["**"], methods = ["resources/read"] }
        [[rules]]
        name = "who may list"
        effect = "allow"
        who = { scope = "list" }
        what = { methods = ["tools/list"] }
        "#,
    );
    let none = ScopeSet::new();
    let (alice, tags) = (plain("alice"), ["free".to_owned()]);
    let component = Component::new(ComponentKind::Tool, "x", &none);
    let tagged = component.tags(&tags);
    assert_eq!(
        outcome(&rules, &alice, &Action::on("tools/call", tagged)),
        None
    );
    assert_eq!(
        outcome(&rules, &alice, &Action::on("tools/call", component)),
        Some(Denial::Forbidden)
    );
    let note = Component::new(ComponentKind::Resource, "note://1", &none);
    assert_eq!(
        outcome(&rules, &alice, &Action::on("resources/read", note)),
        None
    );
    assert_eq!(
        outcome(&rules, &alice, &Action::on("resources/subscribe", note)),
        Some(Denial::InsufficientScope(scopes("watch")))
    );
    assert_eq!(
        outcome(&rules, &alice, &Action::method("tools/list")),
        Some(Denial::InsufficientScope(scopes("list")))
    );
    assert_eq!(
        outcome(&rules, &alice, &Action::method("prompts/list")),
        None
    );
}

#[test]
fn bp_33_a_scope_with_a_star_is_a_name_like_any_other() {
    let rules = rules(
        r#"
        [[rules]]
        name = "writers"
        effect = "allow"
        who = { scope = "files:write" }
        what = { tools = ["save"] }
        "#,
    );
    for held in ["files:*", "*", "files", "FILES:WRITE", "files:write:all"] {
        let denial = tool(&rules, &caller("alice", held, json!({})), "save");
        assert_eq!(
            denial,
            Some(Denial::InsufficientScope(scopes("files:write"))),
            "{held}"
        );
    }
}

#[test]
fn m_20_a_name_of_one_source_is_nobody_at_another() {
    let rules = rules(
        r#"
        [roles.nightly]
        members = [{ source = "api_key", subject = "nightly" }]
        [[rules]]
        name = "the nightly job"
        effect = "allow"
        who = { role = "nightly" }
        what = { tools = ["back_up"] }
        [[rules]]
        name = "keys"
        effect = "allow"
        who = { source = "api_key" }
        what = { tools = ["stats"] }
        "#,
    );
    let of = |source: &str, subject: &str| {
        let source = SourceName::parse(source).unwrap();
        let verified = Assertion::new("urn:keys", subject).source(source);
        Caller::authenticated(AccessToken::assertion(verified))
    };
    for who in [
        of("oauth", "nightly"),
        of("other", "nightly"),
        plain("nightly"),
    ] {
        assert_eq!(tool(&rules, &who, "back_up"), Some(Denial::Forbidden));
        assert_eq!(tool(&rules, &who, "stats"), Some(Denial::Forbidden));
    }
    assert_eq!(
        tool(&rules, &of("api_key", "weekly"), "back_up"),
        Some(Denial::Forbidden)
    );
    assert_eq!(tool(&rules, &of("api_key", "weekly"), "stats"), None);
    assert_eq!(tool(&rules, &of("api_key", "nightly"), "back_up"), None);
}
