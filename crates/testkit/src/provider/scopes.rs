//! Scopes as a provider sees them: RFC 6749 §3.3 and what became of it.

use countersign_oauth::form::Form;

use super::behaviour::ScopeRule;

/// The scopes that a request asks for, under the names the provider has for them.
pub(super) fn asked(
    rule: &ScopeRule,
    client_id: &str,
    form: &Form,
) -> Result<Vec<String>, (&'static str, String)> {
    let text = form.one(rule.parameter).unwrap_or_default();
    let text = text.unwrap_or_default();
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(|next| rule.separators.contains(&next)) {
        if scope.is_empty() {
            continue;
        }
        let alias = rule.aliases.iter().find(|(short, _)| *short == scope);
        let name = alias.map_or(scope, |(_, long)| long);
        if !is_known(rule, client_id, name) {
            let text = format!("The scope {scope} is unknown, invalid, or malformed.");
            return Err(("invalid_scope", text));
        }
        if !scopes.iter().any(|scope| scope == name) {
            scopes.push(name.to_owned());
        }
    }
    let contained = |scope: &String| {
        let mut pairs = rule.contained.iter();
        pairs.any(|(large, small)| small == scope && scopes.iter().any(|scope| scope == large))
    };
    let scopes: Vec<String> = scopes
        .iter()
        .filter(|scope| !contained(scope))
        .cloned()
        .collect();
    match (scopes.is_empty(), &rule.default) {
        (false, _) => Ok(scopes),
        (true, Some(default)) => Ok(default.iter().map(|&scope| scope.to_owned()).collect()),
        (true, None) => Err(("invalid_scope", "a scope is required".to_owned())),
    }
}

fn is_known(rule: &ScopeRule, client_id: &str, scope: &str) -> bool {
    let of_api = rule.api_prefix.is_some_and(|prefix| {
        let prefix = prefix.replace("{client_id}", client_id);
        scope
            .strip_prefix(&prefix)
            .is_some_and(|name| !name.is_empty())
    });
    rule.known.is_empty() || rule.known.contains(&scope) || of_api
}

/// What answers say was granted.
pub(super) fn told(rule: &ScopeRule, granted: &[String]) -> Vec<String> {
    let mut told = granted.to_vec();
    told.retain(|scope| !rule.silent.contains(&scope.as_str()));
    told
}

/// Whether `scope` is among what was granted, or contained in it.
pub(super) fn covers(rule: &ScopeRule, granted: &[String], scope: &str) -> bool {
    let has = |wanted: &str| granted.iter().any(|granted| granted == wanted);
    let mut pairs = rule.contained.iter();
    has(scope) || pairs.any(|(large, small)| *small == scope && has(large))
}
