//! Rules: who may do what, as data and as code.

mod decisions;
mod denials;
mod explanations;
mod file;
mod properties;

use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::policy::rules::RuleSet;
use countersign_resource_server::policy::{Action, Component, ComponentKind, Denial, decide};
use countersign_resource_server::{AccessToken, Assertion, Caller};
use serde_json::Value;
use std::sync::Arc;
use testkit::NOW;

pub(crate) const ISSUER: &str = "https://login.test";

pub(crate) fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

/// Rules in a file that says what is usual.
pub(crate) fn rules(text: &str) -> RuleSet {
    let text = format!("default = \"scopes\"\nissuer = \"{ISSUER}\"\n{text}");
    RuleSet::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Somebody of the usual issuer.
pub(crate) fn caller(subject: &str, held: &str, claims: Value) -> Caller {
    caller_of(ISSUER, subject, held, claims)
}

pub(crate) fn caller_of(issuer: &str, subject: &str, held: &str, claims: Value) -> Caller {
    let mut verified = Assertion::new(issuer, subject).scopes(scopes(held));
    if let Value::Object(claims) = claims {
        verified = verified.claims(claims);
    }
    Caller::authenticated(AccessToken::assertion(verified))
}

pub(crate) fn plain(subject: &str) -> Caller {
    caller(subject, "", Value::Null)
}

/// What the rules say about using something without scopes of its own.
pub(crate) fn asked(
    rules: &RuleSet,
    who: &Caller,
    kind: ComponentKind,
    name: &str,
) -> Option<Denial> {
    let none = ScopeSet::new();
    let component = Component::new(kind, name, &none);
    outcome(rules, who, &Action::on(kind.method_of_use(), component))
}

pub(crate) fn tool(rules: &RuleSet, who: &Caller, name: &str) -> Option<Denial> {
    asked(rules, who, ComponentKind::Tool, name)
}

pub(crate) fn resource(rules: &RuleSet, who: &Caller, uri: &str) -> Option<Denial> {
    asked(rules, who, ComponentKind::Resource, uri)
}

pub(crate) fn outcome(rules: &RuleSet, who: &Caller, action: &Action<'_>) -> Option<Denial> {
    decide(&[Arc::new(rules.clone())], who, action, NOW).err()
}
