//! Conditions and rules in words.

use super::condition::{Asker, Condition};
use super::roles::{RoleBook, Way};
use super::set::CompiledRule;
use super::what::What;

/// What is said of whoever a condition is about, or is not: `has the role support`.
pub(super) fn clause(condition: &Condition, holds: bool, roles: &RoleBook) -> String {
    let said = |yes: &str, no: &str, rest: &str| format!("{} {rest}", if holds { yes } else { no });
    match condition {
        Condition::Anyone => (if holds { "is anybody" } else { "is nobody" }).to_owned(),
        Condition::Authenticated => said("is", "is not", "authenticated"),
        Condition::Of(authority) => {
            said("has", "does not have", &format!("a token of {authority}"))
        }
        Condition::Subject(authority, subject) => {
            said("is", "is not", &format!("{subject} of {authority}"))
        }
        Condition::Client(authority, client) => said(
            "uses",
            "does not use",
            &format!("the client {client} of {authority}"),
        ),
        Condition::Role(number) => said(
            "has",
            "does not have",
            &format!("the role {}", roles.name(*number)),
        ),
        Condition::Scope(scope) => said("has", "does not have", &format!("the scope {scope}")),
        Condition::Claim(authority, path, test) => said(
            "has",
            "does not have",
            &format!("a claim {path} that {} from {authority}", test.words()),
        ),
        Condition::All(parts) if holds => joined(parts, holds, roles, " and "),
        Condition::Any(parts) if !holds => joined(parts, holds, roles, " and "),
        Condition::All(parts) | Condition::Any(parts) => joined(parts, holds, roles, " or "),
        Condition::Not(not) => clause(not, !holds, roles),
    }
}

fn joined(parts: &[Condition], holds: bool, roles: &RoleBook, word: &str) -> String {
    let clauses = parts.iter().map(|part| {
        let clause = clause(part, holds, roles);
        match part {
            Condition::All(inner) | Condition::Any(inner) if inner.len() > 1 => {
                format!("({clause})")
            }
            _ => clause,
        }
    });
    clauses.collect::<Vec<_>>().join(word)
}

/// Whom a rule is about: `everybody who has the role support`.
pub(super) fn whom(condition: &Condition, roles: &RoleBook) -> String {
    match condition {
        Condition::Anyone => "everybody".to_owned(),
        condition => format!("everybody who {}", clause(condition, true, roles)),
    }
}

/// Why a condition holds for the caller, or does not: `has the role support, being named
/// there`.
pub(super) fn because(condition: &Condition, asker: &Asker<'_>) -> String {
    let holds = condition.holds(asker);
    match condition {
        Condition::Role(number) if holds => {
            let name = asker.roles.name(*number);
            let how = asker.roles.way(*number, asker.caller);
            let how = how.map_or_else(String::new, |way| how_come(name, way));
            format!("has the role {name}{how}")
        }
        Condition::Not(not) => because(not, asker),
        Condition::All(parts) if holds => reasons(parts.iter(), asker),
        Condition::Any(parts) if !holds => reasons(parts.iter(), asker),
        // What stands in the way, or one that is enough.
        Condition::All(parts) => reasons(parts.iter().filter(|part| !part.holds(asker)), asker),
        Condition::Any(parts) => {
            reasons(parts.iter().filter(|part| part.holds(asker)).take(1), asker)
        }
        leaf => clause(leaf, holds, asker.roles),
    }
}

fn reasons<'a>(parts: impl Iterator<Item = &'a Condition>, asker: &Asker<'_>) -> String {
    let mut all: Vec<String> = parts.map(|part| because(part, asker)).collect();
    all.dedup();
    all.join(" and ")
}

fn how_come(name: &str, way: Way<'_>) -> String {
    let (by, how) = match way {
        Way::Member(by) => (by, "as one of its members".to_owned()),
        Way::Claim(by, path, test) => (by, format!("because the claim {path} {}", test.words())),
    };
    if by == name {
        format!(", {how}")
    } else {
        format!(" through the role {by}, {how}")
    }
}

/// What a rule is about: `the tools ticket_* with the tag tickets`.
pub(super) fn what(what: &What) -> String {
    let mut kinds = Vec::new();
    for (one, several, names) in [
        ("the tool", "the tools", &what.tools),
        ("the resource", "the resources", &what.resources),
        ("the prompt", "the prompts", &what.prompts),
    ] {
        match names.as_deref() {
            None => {}
            Some([all]) if all == "*" || all == "**" => kinds.push(format!(
                "all {}",
                several.strip_prefix("the ").unwrap_or(several)
            )),
            Some([only]) if !only.contains('*') => kinds.push(format!("{one} {only}")),
            Some(names) => kinds.push(format!("{several} {}", names.join(", "))),
        }
    }
    let mut text = kinds.join(" and ");
    if !what.tags.is_empty() {
        let start = if text.is_empty() { "everything " } else { " " };
        let noun = if what.tags.len() == 1 {
            "with the tag"
        } else {
            "with one of the tags"
        };
        text = format!("{text}{start}{noun} {}", what.tags.join(", "));
    }
    if !what.methods.is_empty() {
        let methods = what.methods.join(", ");
        text = match text.as_str() {
            "" => format!("every request of {methods}"),
            text => format!("{text}, for {methods}"),
        };
    }
    text
}

/// The name of a rule, and where it is.
pub(super) fn rule(rule: &CompiledRule) -> String {
    match rule.line {
        Some(line) => format!("\"{}\" (line {line})", rule.name),
        None => format!("\"{}\"", rule.name),
    }
}
