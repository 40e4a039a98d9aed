//! What a profile reads out of answers, and what it writes into requests.

use std::collections::BTreeMap;

use countersign_resource_server::provider::{IssuerRule, Pointer, Preset};
use serde_json::{Value, json};

use super::{SAMPLE, changed};

fn login(fields: &str) -> countersign_resource_server::provider::LoginProfile {
    let preset = Preset::parse(&changed("nonce = true", &format!("nonce = true\n{fields}")));
    let preset = preset.unwrap_or_else(|error| panic!("{error}"));
    let values = BTreeMap::from([
        ("domain".to_owned(), "a.test".to_owned()),
        ("client_id".to_owned(), "0b9e".to_owned()),
    ]);
    preset.fill(&values).unwrap().login.unwrap()
}

#[test]
fn a_subject_is_a_text_or_an_integer_and_nothing_else() {
    let subject = Pointer::parse("/user/id").unwrap();
    for (value, text) in [
        (json!("a"), Some("a")),
        (json!(583_231), Some("583231")),
        (json!(-1), Some("-1")),
        (json!(u64::MAX), Some("18446744073709551615")),
        (json!(1.5), None),
        (json!(1e3), None),
        (json!(""), None),
        (json!(true), None),
        (json!(null), None),
        (json!(["a"]), None),
        (json!({"id": "a"}), None),
    ] {
        let document = json!({"user": {"id": value}});
        assert_eq!(subject.text(&document).as_deref(), text, "{document}");
    }
    assert_eq!(subject.text(&json!({"user": "id"})), None);
    let name = "https://slack.com/team~id";
    let member = Pointer::member(name);
    assert_eq!(member.as_str(), "/https:~1~1slack.com~1team~0id");
    assert_eq!(member.text(&json!({name: "T1"})).as_deref(), Some("T1"));
    assert_eq!(
        Pointer::parse("").unwrap().find(&json!([1])),
        Some(&json!([1]))
    );
}

#[test]
fn a80_the_issuer_of_a_tenant_is_that_of_the_claim_and_no_way_out() {
    let rule = IssuerRule::from("https://login.test/{claim:tid}/v2.0".to_owned());
    let expected = |tid: Value| {
        let claims = json!({"tid": tid});
        rule.expected(claims.as_object().unwrap(), Some("https://other.test"))
    };
    assert_eq!(
        expected(json!("9188040d-6c67-4c5b-b112-36a304b66dad")).as_deref(),
        Some("https://login.test/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0")
    );
    for hostile in [
        json!("a/../b"),
        json!(".."),
        json!(""),
        json!("a/b"),
        json!("{tenantid}"),
        json!("%2e"),
        json!(1),
        json!(null),
        json!(["a"]),
        json!("a b"),
        json!("ä"),
    ] {
        assert_eq!(expected(hostile.clone()), None, "{hostile}");
    }
    assert_eq!(rule.expected(json!({}).as_object().unwrap(), None), None);
    let fixed = IssuerRule::from("https://login.test".to_owned());
    let none = serde_json::Map::new();
    assert_eq!(
        fixed.expected(&none, Some("https://other.test")).as_deref(),
        Some("https://login.test")
    );
    let of_metadata = IssuerRule::OfMetadata;
    assert_eq!(
        of_metadata
            .expected(&none, Some("https://m.test"))
            .as_deref(),
        Some("https://m.test")
    );
    assert_eq!(of_metadata.expected(&none, None), None);
}

#[test]
fn an_issuer_per_tenant_survives_filling() {
    let text = changed(
        "subject = \"/sub\"",
        "subject = \"/sub\"\nissuer = \"https://{domain}/{claim:tid}/{{x}}\"",
    );
    let values = BTreeMap::from([("domain".to_owned(), "a.test".to_owned())]);
    let provider = Preset::parse(&text).unwrap().fill(&values).unwrap();
    let rule = provider.login.unwrap().identity.issuer;
    let claims = json!({"tid": "t1"});
    assert_eq!(
        rule.expected(claims.as_object().unwrap(), None).as_deref(),
        Some("https://a.test/t1/{x}")
    );
}

#[test]
fn scopes_are_prefixed_toward_the_provider_and_plain_on_the_way_back() {
    let login =
        login("scope_prefix = \"api://{client_id}/\"\nunprefixed_scopes = [\"openid\", \"email\"]");
    assert_eq!(
        login.scope_value(["openid", "read", "https://graph.test/User.Read"]),
        "openid api://0b9e/read https://graph.test/User.Read"
    );
    assert_eq!(
        login.granted_scopes("openid api://0b9e/read  api://other/read"),
        ["openid", "read", "api://other/read"]
    );
}

#[test]
fn scopes_are_separated_and_called_as_the_provider_does() {
    let comma = login("scope_separator = \",\"");
    assert_eq!(comma.scope_value(["identify", "email"]), "identify,email");
    assert_eq!(
        comma.granted_scopes("identify,email, x"),
        ["identify", "email", "x"]
    );
    let aliased = login("scope_aliases = { \"https://g.test/auth/userinfo.email\" = \"email\" }");
    assert_eq!(
        aliased.granted_scopes("openid https://g.test/auth/userinfo.email"),
        ["openid", "email"]
    );
}

#[test]
fn scopes_of_a_token_are_read_from_the_first_place_or_from_all() {
    let with = |fields: &str| {
        let text = format!("{SAMPLE}\n[tokens.scopes]\n{fields}\n");
        let preset = Preset::parse(&text).unwrap_or_else(|error| panic!("{error}"));
        preset.outline().tokens.clone().unwrap().scopes
    };
    let token = json!({"scope": "a b", "permissions": ["c", 1, "d"], "scp": "x,y"});
    assert_eq!(with("").scopes(&token), ["a", "b"]);
    let merged = with("pointers = [\"/scope\", \"/permissions\"]\nmerge = true");
    assert_eq!(merged.scopes(&token), ["a", "b", "c", "d"]);
    let first = with("pointers = [\"/none\", \"/permissions\", \"/scope\"]");
    assert_eq!(first.scopes(&token), ["c", "d"]);
    assert_eq!(
        with("pointers = [\"/scp\"]\nseparator = \",\"").scopes(&token),
        ["x", "y"]
    );
    assert!(
        with("")
            .scopes(&json!({"scope": {"a": true}, "scp": ["b"]}))
            .is_empty()
    );
}

#[test]
fn a79_a_token_is_of_our_application_by_its_text_or_in_its_list() {
    let text = changed(
        "subject = \"/sub\"",
        "subject = \"/sub\"\napplication = { pointer = \"/application/id\" }",
    );
    let preset = Preset::parse(&text).unwrap();
    let login = preset.outline().login.clone().unwrap();
    let pin = login.identity.application.unwrap();
    for (id, admitted) in [
        (json!("mine"), true),
        (json!(["other", "mine"]), true),
        (json!("other"), false),
        (json!("mine2"), false),
        (json!(["other"]), false),
        (json!([]), false),
        (json!([["mine"]]), false),
        (json!(null), false),
        (json!({"mine": true}), false),
    ] {
        let answer = json!({"application": {"id": id}});
        assert_eq!(pin.admits(&answer, "mine"), admitted, "{answer}");
    }
    assert!(!pin.admits(&json!({}), "mine"));
    assert!(!pin.admits(&json!({}), ""));
    assert!(pin.admits(&json!({"application": {"id": 12}}), "12"));
}

#[test]
fn x22_a_list_of_addresses_yields_the_verified_ones_alone() {
    let preset = Preset::named("github").unwrap();
    let identity = preset.outline().login.clone().unwrap().identity;
    let emails = identity.email_list.unwrap();
    let answer = json!([
        {"email": "old@a.test", "verified": false, "primary": true},
        {"email": "ada@a.test", "verified": true, "primary": true},
        {"email": "also@a.test", "verified": true, "primary": false},
        {"email": "text@a.test", "verified": "true", "primary": true},
        {"email": 1.5, "verified": true, "primary": true},
        "ada@b.test",
    ]);
    assert_eq!(emails.values(&answer).unwrap(), ["ada@a.test"]);
    assert_eq!(
        emails.values(&json!({"message": "Requires authentication"})),
        None
    );
    assert_eq!(emails.values(&json!([])).unwrap(), Vec::<String>::new());
}
