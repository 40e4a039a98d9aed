//! Files of rules: what is refused, and where.

use countersign_resource_server::policy::rules::{
    Authority, ClaimPath, Role, Rule, RuleSet, Unmentioned, What, Who,
};

const HEAD: &str = "default = \"deny\"\nissuer = \"https://login.test\"\n";
const RULE: &str = "[[rules]]\nname = \"n\"\neffect = \"allow\"\n";

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn a_file_that_says_something_else_than_it_seems_is_refused_with_line_and_field() {
    let who = "who = { anyone = true }\n";
    let what = "what = { tools = [\"*\"] }\n";
    let with_who = |who: &str| format!("{HEAD}{RULE}who = {who}\n{what}");
    let with_what = |what: &str| format!("{HEAD}{RULE}{who}what = {what}\n");
    let mut wrong = Vec::new();
    for (text, line, field, word) in [
        (String::new(), None, Some("default"), "default = \"deny\""),
        (
            "default = \"open\"".to_owned(),
            Some(1),
            Some("default"),
            "unknown variant",
        ),
        (
            "defualt = \"deny\"".to_owned(),
            Some(1),
            Some("defualt"),
            "unknown field",
        ),
        (
            format!("{HEAD}issuer = \"x\""),
            Some(3),
            None,
            "duplicate key",
        ),
        (
            "default = \"deny\"\nissuer = \"\"".to_owned(),
            Some(2),
            Some("issuer"),
            "iss",
        ),
        (
            format!("{HEAD}[scopes]\ninclude = 1"),
            Some(4),
            Some("scopes.include"),
            "unknown field",
        ),
        (
            format!("{HEAD}[scopes.includes]\n\"a b\" = [\"c\"]"),
            Some(4),
            Some("scopes.includes.a b"),
            "visible ASCII",
        ),
        (
            format!("{HEAD}{RULE}{who}"),
            Some(3),
            Some("rules.0"),
            "missing field `what`",
        ),
        (
            format!("{HEAD}{RULE}{what}"),
            Some(3),
            Some("rules.0"),
            "missing field `who`",
        ),
        (
            format!("{HEAD}[[rules]]\nname = \"n\"\neffect = \"permit\"\n{who}{what}"),
            Some(5),
            Some("rules.0.effect"),
            "unknown variant",
        ),
        (
            format!("{HEAD}{RULE}{who}{what}visibility = \"secret\""),
            Some(8),
            Some("rules.0.visibility"),
            "unknown variant",
        ),
        (
            format!("{HEAD}{RULE}{who}{what}{RULE}{who}{what}"),
            Some(9),
            Some("rules.1.name"),
            "nobody could tell",
        ),
        (
            with_who("{}"),
            Some(6),
            Some("rules.0.who"),
            "anyone = true",
        ),
        (
            with_who("{ anyone = false }"),
            Some(6),
            Some("rules.0.who.anyone"),
            "not =",
        ),
        (
            with_who("{ authenticated = false }"),
            Some(6),
            Some("rules.0.who.authenticated"),
            "not =",
        ),
        (
            with_who("{ rol = \"x\" }"),
            Some(6),
            Some("rules.0.who.rol"),
            "unknown field",
        ),
        (
            with_who("{ role = \"x\" }"),
            Some(6),
            Some("rules.0.who.role"),
            "there is no role x",
        ),
        (
            with_who("{ scope = \"a b\" }"),
            Some(6),
            Some("rules.0.who.scope"),
            "visible ASCII",
        ),
        (
            with_who("{ subject = \"\" }"),
            Some(6),
            Some("rules.0.who.subject"),
            "as tokens have it",
        ),
        (
            with_who("{ subject = \"a\", issuer = \"b\", source = \"c\" }"),
            Some(6),
            Some("rules.0.who.source"),
            "not both",
        ),
        (
            with_who("{ source = \"Not One\" }"),
            Some(6),
            Some("rules.0.who.source"),
            "Not One",
        ),
        (
            with_who("{ all = [] }"),
            Some(6),
            Some("rules.0.who.all"),
            "empty list",
        ),
        (
            with_who("{ scopes = [] }"),
            Some(6),
            Some("rules.0.who.scopes"),
            "empty list",
        ),
        (
            with_who("{ any = [{ anyone = true }, { role = \"y\" }] }"),
            Some(6),
            Some("rules.0.who.any.1.role"),
            "there is no role y",
        ),
        (
            with_who("{ not = { role = \"z\" } }"),
            Some(6),
            Some("rules.0.who.not.role"),
            "there is no role z",
        ),
        (
            with_who("{ claim = { path = \"https://a.test/roles\", any = [\"x\"] } }"),
            Some(6),
            Some("rules.0.who.claim.path"),
            "in brackets",
        ),
        (
            with_who("{ claim = { path = \"groups\" } }"),
            Some(6),
            Some("rules.0.who.claim"),
            "which values",
        ),
        (
            with_who("{ claim = { path = \"groups\", any = [] } }"),
            Some(6),
            Some("rules.0.who.claim.any"),
            "empty list",
        ),
        (
            with_who("{ claim = { path = \"a..b\", any = [\"x\"] } }"),
            Some(6),
            Some("rules.0.who.claim.path"),
            "name of a claim",
        ),
        (
            with_what("{}"),
            Some(7),
            Some("rules.0.what"),
            "what the rule is about",
        ),
        (
            with_what("{ tool = [\"x\"] }"),
            Some(7),
            Some("rules.0.what.tool"),
            "unknown field",
        ),
        (
            with_what("{ tools = [] }"),
            Some(7),
            Some("rules.0.what.tools"),
            "empty list",
        ),
        (
            with_what("{ tools = [\"a\", \"\"] }"),
            Some(7),
            Some("rules.0.what.tools.1"),
            "empty pattern",
        ),
        (
            with_what("{ tools = [\"{subject}\"] }"),
            Some(7),
            Some("rules.0.what.tools.0"),
            "resources only",
        ),
        (
            with_what("{ resources = [\"u://{id}\"] }"),
            Some(7),
            Some("rules.0.what.resources.0"),
            "only variable",
        ),
        (
            with_what("{ resources = [\"u://{subject}*\"] }"),
            Some(7),
            Some("rules.0.what.resources.0"),
            "names of others",
        ),
        (
            with_what("{ tags = [\" x\"] }"),
            Some(7),
            Some("rules.0.what.tags.0"),
            "blanks",
        ),
        (
            format!("{HEAD}[roles.r]"),
            Some(3),
            Some("roles.r"),
            "nobody could have this role",
        ),
        (
            format!("{HEAD}[roles.r]\nclaim = \"groups\""),
            Some(4),
            Some("roles.r.claim"),
            "which values",
        ),
        (
            format!("{HEAD}[roles.r]\nany = [\"x\"]"),
            Some(3),
            Some("roles.r"),
            "which claim",
        ),
        (
            format!("{HEAD}[roles.r]\nincludes = [\"s\"]"),
            Some(4),
            Some("roles.r.includes.0"),
            "there is no role s",
        ),
        (
            format!("{HEAD}[roles.r]\nmembers = [{{ subject = \"\" }}]"),
            Some(4),
            Some("roles.r.members.0.subject"),
            "as tokens name it",
        ),
    ] {
        let error = RuleSet::parse(&text).expect_err(&text);
        let found = (error.line(), error.field());
        if found != (line, field) || !error.to_string().contains(word) {
            wrong.push(format!("{error}\n{found:?}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(RuleSet::parse(&"#".repeat(1 << 21)).is_err());
}

#[test]
fn m_20_a_name_that_two_issuers_could_give_says_whose_it_is() {
    let what = "what = { tools = [\"*\"] }\n";
    let bare = "default = \"deny\"\n";
    for (text, field) in [
        (
            format!("{bare}{RULE}who = {{ subject = \"alice\" }}\n{what}"),
            "rules.0.who",
        ),
        (
            format!("{bare}{RULE}who = {{ client = \"c\" }}\n{what}"),
            "rules.0.who",
        ),
        (
            format!("{bare}{RULE}who = {{ claim = {{ path = \"g\", any = [\"x\"] }} }}\n{what}"),
            "rules.0.who",
        ),
        (
            format!("{bare}[roles.r]\nmembers = [{{ subject = \"a\" }}]"),
            "roles.r.members.0",
        ),
        (
            format!("{bare}[roles.r]\nclaim = \"g\"\nany = [\"x\"]"),
            "roles.r",
        ),
        (
            format!(
                "{bare}{RULE}who = {{ authenticated = true }}\n\
                 what = {{ resources = [\"user://{{subject}}/*\"] }}\n"
            ),
            "rules.0.what.resources",
        ),
    ] {
        let error = RuleSet::parse(&text).expect_err(&text);
        assert_eq!(error.field(), Some(field), "{error}\n{text}");
        assert!(error.to_string().contains("issuer = "), "{error}");
        let with = text.replace(bare, HEAD);
        assert!(RuleSet::parse(&with).is_ok(), "{with}");
    }
}

#[test]
fn rules_in_code_are_refused_in_the_same_words() {
    let people = || Authority::issuer("https://login.test");
    let all = || What::tools(["*"]);
    let start = || RuleSet::builder(Unmentioned::Deny);
    for (built, words) in [
        (
            start()
                .rule(Rule::allow("a", Who::role("ghost"), all()))
                .build(),
            "the rule \"a\" cannot be used: rules.0.who.role: there is no role ghost",
        ),
        (
            start()
                .rule(Rule::allow("a", Who::anyone(), What::tools([""])))
                .build(),
            "rules.0.what.tools.0: an empty pattern",
        ),
        (
            start()
                .rule(Rule::allow(
                    "a",
                    Who::authenticated(),
                    What::resources(["u://{subject}"]),
                ))
                .build(),
            "say whose subjects are meant",
        ),
        (
            start().includes("a", ["b c"]).build(),
            "scopes that include others",
        ),
        (
            start().role(Role::new("r")).build(),
            "nobody could have this role",
        ),
        (
            start()
                .role(Role::new("r").member(people(), "alice"))
                .role(Role::new("r").member(people(), "bob"))
                .build(),
            "twice",
        ),
        (
            start()
                .role(Role::new("r").claim(people(), ClaimPath::dotted("g"), [] as [&str; 0]))
                .build(),
            "empty list",
        ),
        (
            start().rule(Rule::allow("a", nested(20), all())).build(),
            "more than 16 deep",
        ),
    ] {
        let error = built.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let own = Rule::allow("a", Who::of(people()), What::resources(["u://{subject}"]));
    assert!(start().rule(own).build().is_ok());
}

fn nested(depth: usize) -> Who {
    (0..depth).fold(Who::anyone(), |inner, _| Who::except(inner))
}
