//! `countersign policy explain`: a decision that is not made, in words.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use countersign::oauth::{ScopeSet, UnixTime};
use countersign::policy::rules::{Authority, Explanation, RuleSet};
use countersign::policy::{Action, Component, ComponentKind, Denial};
use countersign::{AccessToken, Assertion, Caller, SourceName};
use serde_json::{Map, Value, json};

use super::paper::Paper;
use super::rules;
use crate::output;

const WHO: &str = "Who asks; without --subject, somebody who has not logged in";
const WHAT: &str = "For what";
/// The issuer of somebody of whom it does not matter.
const NOBODYS: &str = "urn:countersign:any-issuer";

/// Say what the rules decide for somebody, and why
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is decided by this, and no server is asked: it evaluates the file as a server would.

Examples:
  countersign policy explain --subject alice --tool delete_user
  countersign policy explain --subject alice --scope tickets:read --claim groups=admins \\
    --resource user://alice/private
  countersign policy explain --subject alice --role manager --tool delete_user")]
pub(super) struct Explain {
    /// The file of rules, as docs/policy.md describes it
    #[arg(long, value_name = "FILE", default_value = "policy.toml")]
    policy: PathBuf,

    /// The subject (`sub`) of the token
    #[arg(long, value_name = "NAME", help_heading = WHO)]
    subject: Option<String>,

    /// The issuer (`iss`) of the token [default: the only one that the rules name]
    #[arg(long, value_name = "ISSUER", requires = "subject", help_heading = WHO)]
    issuer: Option<String>,

    /// The OAuth client (`client_id`) of the token
    #[arg(long, value_name = "ID", requires = "subject", help_heading = WHO)]
    client: Option<String>,

    /// The source of the credential [default: oauth]
    #[arg(long, value_name = "NAME", requires = "subject", help_heading = WHO)]
    source: Option<String>,

    /// Scopes of the token, separated by commas; may be repeated
    #[arg(long = "scope", value_name = "A,B", value_delimiter = ',', requires = "subject", help_heading = WHO)]
    scopes: Vec<String>,

    /// Suppose that the subject is a member of this role; may be repeated
    #[arg(long = "role", value_name = "NAME", requires = "subject", help_heading = WHO)]
    roles: Vec<String>,

    /// A claim of the token; repeated with one name, a list
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim, requires = "subject", help_heading = WHO)]
    claims: Vec<(String, Value)>,

    /// A tool, by name
    #[arg(long, value_name = "NAME", group = "component", help_heading = WHAT)]
    tool: Option<String>,

    /// A resource, by URI
    #[arg(long, value_name = "URI", group = "component", help_heading = WHAT)]
    resource: Option<String>,

    /// A prompt, by name
    #[arg(long, value_name = "NAME", group = "component", help_heading = WHAT)]
    prompt: Option<String>,

    /// A method of the protocol [default: the one by which the component is used]
    #[arg(long, value_name = "METHOD", required_unless_present = "component", help_heading = WHAT)]
    method: Option<String>,

    /// Tags of the component, separated by commas
    #[arg(long = "tag", value_name = "A,B", value_delimiter = ',', requires = "component", help_heading = WHAT)]
    tags: Vec<String>,

    /// Scopes that the component itself asks for, separated by commas
    #[arg(long = "needs", value_name = "A,B", value_delimiter = ',', requires = "component", help_heading = WHAT)]
    needs: Vec<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let mut rules = rules(&self.policy)?;
        let issuer = self.issuer(&rules)?;
        for role in &self.roles {
            let subject = self.subject.as_deref().unwrap_or_default();
            let authority = Authority::issuer(issuer.as_str());
            rules = rules.supposing_member(role, authority, subject)?;
        }
        let caller = self.caller(&issuer)?;
        let needed = ScopeSet::from_names(&self.needs).context("--needs")?;
        let action = self.action(&needed);
        let explanation = rules.explain(&caller, &action, UnixTime::from_secs(0));
        if self.json {
            return output::json(&document(&explanation));
        }
        let mut paper = Paper::default();
        paper.says(explanation.headline());
        paper.gap();
        for reason in explanation.reasons() {
            paper.item(reason);
        }
        if let Some(answer) = explanation.answer() {
            paper.gap();
            paper.says(answer);
        }
        let assumed = self.assumed(&issuer);
        if !assumed.is_empty() {
            paper.gap();
            for sentence in &assumed {
                paper.says(sentence);
            }
        }
        Ok(output::line(&output::harmless(paper.text()))?)
    }

    /// The issuer that vouches, if somebody asks.
    fn issuer(&self, rules: &RuleSet) -> anyhow::Result<String> {
        if let Some(issuer) = &self.issuer {
            return Ok(issuer.clone());
        }
        match (&self.subject, rules.issuers().as_slice()) {
            (None, _) | (_, []) => Ok(NOBODYS.to_owned()),
            (_, [only]) => Ok(only.clone()),
            (Some(subject), several) => bail!(
                "{subject} may be somebody else at each issuer: say with --issuer which of {}",
                several.join(", ")
            ),
        }
    }

    fn caller(&self, issuer: &str) -> anyhow::Result<Caller> {
        let Some(subject) = &self.subject else {
            return Ok(Caller::anonymous());
        };
        let scopes = self.scopes.iter().filter(|scope| !scope.is_empty());
        let scopes = ScopeSet::from_names(scopes).context("--scope")?;
        let mut verified = Assertion::new(issuer, subject.as_str())
            .scopes(scopes)
            .claims(self.claims());
        if let Some(client) = &self.client {
            verified = verified.client_id(client.as_str());
        }
        if let Some(source) = &self.source {
            verified = verified.source(SourceName::parse(source)?);
        }
        Ok(Caller::authenticated(AccessToken::assertion(verified)))
    }

    /// The claims, those with dots in their names inside of each other.
    fn claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        for (name, value) in &self.claims {
            let path: Vec<&str> = match name.contains([':', '/']) {
                true => vec![name],
                false => name.split('.').collect(),
            };
            put(&mut claims, &path, value);
        }
        claims
    }

    fn action<'a>(&'a self, needed: &'a ScopeSet) -> Action<'a> {
        let component = [
            (&self.tool, ComponentKind::Tool),
            (&self.resource, ComponentKind::Resource),
            (&self.prompt, ComponentKind::Prompt),
        ];
        let named = component
            .into_iter()
            .find_map(|(name, kind)| Some((name.as_deref()?, kind)));
        let Some((name, kind)) = named else {
            return Action::method(self.method.as_deref().unwrap_or_default());
        };
        let component = Component::new(kind, name, needed).tags(&self.tags);
        let method = self.method.as_deref().unwrap_or(kind.method_of_use());
        Action::on(method, component)
    }

    /// What was taken for granted.
    fn assumed(&self, issuer: &str) -> Vec<String> {
        let Some(subject) = &self.subject else {
            return Vec::new();
        };
        let mut assumed = Vec::new();
        if self.issuer.is_none() && issuer != NOBODYS {
            assumed.push(format!(
                "I took {subject} to be of {issuer}, the only issuer that the rules name."
            ));
        }
        if !self.roles.is_empty() {
            assumed.push(format!(
                "I supposed that {subject} is a member of {}.",
                self.roles.join(", ")
            ));
        }
        assumed
    }
}

/// Puts `value` at `path`; a second value at one place makes a list.
fn put(claims: &mut Map<String, Value>, path: &[&str], value: &Value) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if !rest.is_empty() {
        let inner = claims
            .entry(*first)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(inner) = inner {
            put(inner, rest, value);
        }
        return;
    }
    match claims.get_mut(*first) {
        None => {
            claims.insert((*first).to_owned(), value.clone());
        }
        Some(Value::Array(values)) => values.push(value.clone()),
        Some(one) => *one = Value::Array(vec![one.take(), value.clone()]),
    }
}

/// Reads `NAME=VALUE`; a value that is JSON is read as such, except for a text.
fn claim(text: &str) -> Result<(String, Value), String> {
    let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
        return Err("write NAME=VALUE, such as groups=admins".to_owned());
    };
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

fn document(explanation: &Explanation) -> Value {
    let (denial, scopes) = match explanation.outcome() {
        Ok(()) => (Value::Null, None),
        Err(Denial::InsufficientScope(scopes)) => ("insufficient_scope".into(), Some(scopes)),
        Err(Denial::Unauthenticated(scopes)) => ("unauthenticated".into(), Some(scopes)),
        Err(Denial::Unknown) => ("unknown".into(), None),
        Err(_) => ("forbidden".into(), None),
    };
    json!({
        "allowed": denial.is_null(),
        "denial": denial,
        "scopes": scopes.map(ToString::to_string),
        "headline": explanation.headline(),
        "reasons": explanation.reasons(),
        "answer": explanation.answer(),
    })
}
