//! Rules in a file (TOML): `docs/policy.md` lists its fields.
//!
//! Whatever is not known is refused with its line: a field that is misspelled must not
//! quietly leave something open.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use super::authority::Authority;
use super::claim::{ClaimPath, ClaimTest};
use super::roles::Role;
use super::set::{Effect, Rule, RuleSet, RuleSetBuilder, Unmentioned};
use super::what::What;
use super::who::{Node, Who};
use crate::SourceName;
use crate::policy::Concealment;
use crate::where_in_file::{Fault, FileError, FileText};

/// The longest file, in bytes and in words.
const MAX_SIZE: (usize, &str) = (1024 * 1024, "1 MiB");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default: Option<Default>,
    issuer: Option<String>,
    #[serde(default)]
    scopes: Scopes,
    #[serde(default)]
    roles: BTreeMap<String, RoleTable>,
    #[serde(default)]
    rules: Vec<RuleTable>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Default {
    Deny,
    Scopes,
}

#[derive(Deserialize, std::default::Default)]
#[serde(deny_unknown_fields)]
struct Scopes {
    #[serde(default)]
    includes: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleTable {
    #[serde(default)]
    members: Vec<MemberTable>,
    claim: Option<PathText>,
    any: Option<Vec<String>>,
    equals: Option<Scalar>,
    issuer: Option<String>,
    source: Option<String>,
    #[serde(default)]
    includes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberTable {
    subject: String,
    issuer: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    name: String,
    effect: EffectText,
    who: WhoTable,
    what: What,
    #[serde(default)]
    visibility: Visibility,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EffectText {
    Allow,
    Deny,
}

#[derive(Clone, Copy, Deserialize, std::default::Default)]
#[serde(rename_all = "lowercase")]
enum Visibility {
    #[default]
    Forbidden,
    Hidden,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhoTable {
    anyone: Option<bool>,
    authenticated: Option<bool>,
    issuer: Option<String>,
    source: Option<String>,
    subject: Option<String>,
    client: Option<String>,
    role: Option<String>,
    scope: Option<String>,
    scopes: Option<Vec<String>>,
    claim: Option<ClaimTable>,
    all: Option<Vec<Self>>,
    any: Option<Vec<Self>>,
    not: Option<Box<Self>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimTable {
    path: PathText,
    any: Option<Vec<String>>,
    equals: Option<Scalar>,
}

/// A path with dots, or a list of names.
struct PathText(ClaimPath, bool);

impl<'de> Deserialize<'de> for PathText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = PathText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a claim, or a list of names")
            }

            fn visit_str<E>(self, text: &str) -> Result<PathText, E> {
                Ok(PathText(ClaimPath::dotted(text), true))
            }

            fn visit_seq<A>(self, mut names: A) -> Result<PathText, A::Error>
            where
                A: serde::de::SeqAccess<'de>,
            {
                let mut all: Vec<String> = Vec::new();
                while let Some(name) = names.next_element()? {
                    all.push(name);
                }
                Ok(PathText(ClaimPath::names(all), false))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A text, a whole number or a truth value.
struct Scalar(Value);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a whole number or true or false")
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.into()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.into()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(number.into()))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Scalar, E> {
                Ok(Scalar(truth.into()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl FromStr for RuleSet {
    type Err = FileError;

    fn from_str(text: &str) -> Result<Self, FileError> {
        Self::parse(text)
    }
}

impl RuleSet {
    /// Reads and compiles the text of a file.
    ///
    /// # Errors
    ///
    /// [`FileError`] says which line and field, and what to write.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let (file, text) = FileText::read::<File>(text, MAX_SIZE)?;
        file.builder(|number| text.line_of(&format!("rules.{number}")))
            .and_then(RuleSetBuilder::compile)
            .map_err(|fault| text.located(fault))
    }
}

/// Who vouches, where a table does not say it by itself.
struct Usual(Option<Authority>);

impl Usual {
    /// The authority of a table, or the usual one; `what` says what it is needed for.
    fn or(
        &self,
        issuer: Option<&String>,
        source: Option<&String>,
        what: &str,
    ) -> Result<Authority, Fault> {
        if let Some(found) = named(issuer, source)? {
            return Ok(found);
        }
        self.0.clone().ok_or_else(|| {
            Fault::new(
                "",
                format!(
                    "say whose {what} is meant: another issuer may give the same one to somebody \
                     else. Write issuer = \"…\" here or at the beginning of the file, or source = \
                     \"…\" here"
                ),
            )
        })
    }
}

fn named(issuer: Option<&String>, source: Option<&String>) -> Result<Option<Authority>, Fault> {
    match (issuer, source) {
        (Some(_), Some(_)) => Err(Fault::new(
            "source",
            "an issuer or a source vouches, not both: leave one out",
        )),
        (Some(issuer), None) if issuer.is_empty() => Err(Fault::new(
            "issuer",
            "write the issuer, as tokens name it (iss)",
        )),
        (Some(issuer), None) => Ok(Some(Authority::issuer(issuer.as_str()))),
        (None, Some(source)) => SourceName::parse(source)
            .map(|name| Some(Authority::source(name)))
            .map_err(|error| Fault::new("source", error.to_string())),
        (None, None) => Ok(None),
    }
}

impl File {
    fn builder(self, line: impl Fn(usize) -> Option<usize>) -> Result<RuleSetBuilder, Fault> {
        let unmentioned = match self.default {
            Some(Default::Deny) => Unmentioned::Deny,
            Some(Default::Scopes) => Unmentioned::Scopes,
            None => {
                return Err(Fault::new(
                    "default",
                    "say what happens to kinds of components that no rule allows anything about: \
                     default = \"deny\" closes them, default = \"scopes\" leaves them to the scopes \
                     that each asks for",
                ));
            }
        };
        let mut builder = RuleSet::builder(unmentioned);
        let usual = Usual(named(self.issuer.as_ref(), None)?);
        builder.issuer.clone_from(&usual.0);
        for (scope, included) in &self.scopes.includes {
            let hierarchy = std::mem::take(&mut builder.hierarchy).implies(scope, included);
            let field = format!("scopes.includes.{scope}");
            builder.hierarchy = hierarchy.map_err(|why| Fault::new(field, why.to_string()))?;
        }
        for (name, table) in self.roles {
            let field = format!("roles.{name}");
            let role = table.role(name, &usual);
            builder
                .roles
                .push(role.map_err(|fault| fault.within(&field))?);
        }
        for (number, table) in self.rules.into_iter().enumerate() {
            let rule = table.rule(&usual);
            let mut rule = rule.map_err(|fault| fault.within(&format!("rules.{number}")))?;
            rule.line = line(number);
            builder.rules.push(rule);
        }
        Ok(builder)
    }
}

impl RoleTable {
    fn role(self, name: String, usual: &Usual) -> Result<Role, Fault> {
        let mut role = Role::new(name);
        for (position, member) in self.members.into_iter().enumerate() {
            let authority = usual.or(member.issuer.as_ref(), member.source.as_ref(), "subject");
            let field = format!("members.{position}");
            role = role.member(
                authority.map_err(|fault| fault.within(&field))?,
                member.subject,
            );
        }
        let test = test(self.any, self.equals)?;
        match (self.claim, test) {
            (Some(PathText(path, dotted)), Some(test)) => {
                path.check(dotted).map_err(|fault| fault.within("claim"))?;
                let authority = usual.or(self.issuer.as_ref(), self.source.as_ref(), "claim")?;
                role.claims.push((authority, path, test));
            }
            (Some(_), None) => {
                return Err(Fault::new(
                    "claim",
                    "say which values give the role: any = [\"…\"], or equals = \"…\"",
                ));
            }
            (None, Some(_)) => {
                return Err(Fault::new(
                    "",
                    "say which claim has these values: claim = \"…\"",
                ));
            }
            (None, None) if self.issuer.is_some() || self.source.is_some() => {
                return Err(Fault::new(
                    "",
                    "issuer and source here say whose claim is meant, and there is no claim: write \
                     them to the members",
                ));
            }
            (None, None) => {}
        }
        role.includes = self.includes.into_iter().map(Into::into).collect();
        Ok(role)
    }
}

fn test(any: Option<Vec<String>>, equals: Option<Scalar>) -> Result<Option<ClaimTest>, Fault> {
    match (any, equals) {
        (Some(_), Some(_)) => Err(Fault::new("equals", "write any or equals, not both")),
        (Some(any), None) => Ok(Some(ClaimTest::Any(
            any.into_iter().map(Into::into).collect(),
        ))),
        (None, Some(Scalar(value))) => Ok(Some(ClaimTest::Equals(value))),
        (None, None) => Ok(None),
    }
}

impl RuleTable {
    fn rule(self, usual: &Usual) -> Result<Rule, Fault> {
        let who = self.who.who(usual).map_err(|fault| fault.within("who"))?;
        let effect = match self.effect {
            EffectText::Allow => Effect::Allow,
            EffectText::Deny => Effect::Deny,
        };
        let concealment = match self.visibility {
            Visibility::Forbidden => Concealment::Forbidden,
            Visibility::Hidden => Concealment::Hidden,
        };
        Ok(Rule {
            name: self.name,
            effect,
            who: Who(who),
            what: self.what,
            concealment,
            line: None,
        })
    }
}

impl WhoTable {
    /// All fields of the table together.
    fn who(self, usual: &Usual) -> Result<Node, Fault> {
        let mut nodes: Vec<(String, Node)> = Vec::new();
        let mut add = |node| nodes.push((String::new(), node));
        let (issuer, source) = (self.issuer.as_ref(), self.source.as_ref());
        for (field, said, node) in [
            ("anyone", self.anyone, Node::Anyone),
            ("authenticated", self.authenticated, Node::Authenticated),
        ] {
            match said {
                Some(true) => add(node),
                Some(false) => {
                    return Err(Fault::new(
                        field,
                        "write true, or say the opposite with not = { … }",
                    ));
                }
                None => {}
            }
        }
        if let Some(authority) = named(issuer, source)? {
            add(Node::Of(authority));
        }
        if let Some(subject) = self.subject {
            add(Node::Subject(
                usual.or(issuer, source, "subject")?,
                subject.into(),
            ));
        }
        if let Some(client) = self.client {
            add(Node::Client(
                usual.or(issuer, source, "client")?,
                client.into(),
            ));
        }
        if let Some(role) = self.role {
            add(Node::Role(role.into()));
        }
        if let Some(scope) = self.scope {
            add(Node::Scope(scope));
        }
        if let Some(scopes) = self.scopes {
            if scopes.is_empty() {
                return Err(Fault::new(
                    "scopes",
                    "an empty list says nothing: name a scope",
                ));
            }
            let scopes = scopes.into_iter();
            let each = scopes.map(|scope| (String::new(), Node::Scope(scope)));
            add(Node::All(each.collect()));
        }
        if let Some(claim) = self.claim {
            let authority = usual.or(issuer, source, "claim")?;
            add(claim
                .node(authority)
                .map_err(|fault| fault.within("claim"))?);
        }
        if let Some(all) = self.all {
            add(Node::All(each("all", all, usual)?));
        }
        if let Some(any) = self.any {
            add(Node::Any(each("any", any, usual)?));
        }
        if let Some(not) = self.not {
            let inner = not.who(usual).map_err(|fault| fault.within("not"))?;
            add(Node::Not(Box::new(inner)));
        }
        match nodes.len() {
            0 => Err(Fault::new(
                "",
                "say whom the rule is about, such as { role = \"support\" }, or { anyone = true } \
                 for everybody",
            )),
            1 => Ok(nodes.remove(0).1),
            _ => Ok(Node::All(nodes)),
        }
    }
}

fn each(field: &str, tables: Vec<WhoTable>, usual: &Usual) -> Result<Vec<(String, Node)>, Fault> {
    let nodes = tables.into_iter().enumerate().map(|(number, table)| {
        let field = format!("{field}.{number}");
        match table.who(usual) {
            Ok(node) => Ok((field, node)),
            Err(fault) => Err(fault.within(&field)),
        }
    });
    nodes.collect()
}

impl ClaimTable {
    fn node(self, authority: Authority) -> Result<Node, Fault> {
        let PathText(path, dotted) = self.path;
        path.check(dotted).map_err(|fault| fault.within("path"))?;
        let Some(test) = test(self.any, self.equals)? else {
            return Err(Fault::new(
                "",
                "say which values are meant: any = [\"…\"], or equals = \"…\"",
            ));
        };
        Ok(Node::Claim(authority, path, test))
    }
}
