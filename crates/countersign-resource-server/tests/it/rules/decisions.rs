//! Decisions of rules: E39, RS-26, RS-28, RS-31, BP-32, BP-33.

use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::policy::{Action, Component, ComponentKind, Denial, Policy};
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
