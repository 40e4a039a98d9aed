//! Whom a rule is about: a condition, with and, or and not.

use std::sync::Arc;

use countersign_oauth::ScopeToken;
use serde_json::Value;

use super::authority::Authority;
use super::claim::{ClaimPath, ClaimTest};
use super::condition::Condition;
use super::roles::RoleBook;
use crate::where_in_file::Fault;

/// How deep conditions may be inside of each other.
const DEEPEST: usize = 16;

/// Whom a rule is about.
#[derive(Clone, Debug)]
pub struct Who(pub(super) Node);

#[derive(Clone, Debug)]
pub(super) enum Node {
    Anyone,
    Authenticated,
    Of(Authority),
    Subject(Authority, Arc<str>),
    Client(Authority, Arc<str>),
    Role(Arc<str>),
    Scope(String),
    Claim(Authority, ClaimPath, ClaimTest),
    /// All of them; the name of the field each came from, if it matters.
    All(Vec<(String, Self)>),
    Any(Vec<(String, Self)>),
    Not(Box<Self>),
}

impl Who {
    /// Everybody, with and without a credential.
    pub const fn anyone() -> Self {
        Self(Node::Anyone)
    }

    /// Whoever has presented a good credential.
    pub const fn authenticated() -> Self {
        Self(Node::Authenticated)
    }

    /// Whoever `authority` vouches for.
    pub const fn of(authority: Authority) -> Self {
        Self(Node::Of(authority))
    }

    /// The subject `subject` of `authority` (`sub`), byte for byte.
    pub fn subject(authority: Authority, subject: impl Into<Arc<str>>) -> Self {
        Self(Node::Subject(authority, subject.into()))
    }

    /// Whoever acts through the OAuth client `client` of `authority` (`client_id`).
    pub fn client(authority: Authority, client: impl Into<Arc<str>>) -> Self {
        Self(Node::Client(authority, client.into()))
    }

    /// Whoever has the role `name`.
    pub fn role(name: impl Into<Arc<str>>) -> Self {
        Self(Node::Role(name.into()))
    }

    /// Whoever has the scope `name`, or one that includes it.
    pub fn scope(name: impl Into<String>) -> Self {
        Self(Node::Scope(name.into()))
    }

    /// Whoever's claim at `path` is one of `any`, or a list that has one of them, in a
    /// token of `authority`.
    pub fn claim<I>(authority: Authority, path: ClaimPath, any: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Box<str>>,
    {
        let test = ClaimTest::Any(any.into_iter().map(Into::into).collect());
        Self(Node::Claim(authority, path, test))
    }

    /// Whoever's claim at `path` is `value` (a text, a number or a truth value), in a token
    /// of `authority`.
    pub fn claim_is(authority: Authority, path: ClaimPath, value: impl Into<Value>) -> Self {
        Self(Node::Claim(
            authority,
            path,
            ClaimTest::Equals(value.into()),
        ))
    }

    /// Whoever is meant by all of `conditions`.
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self(Node::All(numbered("all", conditions)))
    }

    /// Whoever is meant by one of `conditions`.
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self(Node::Any(numbered("any", conditions)))
    }

    /// Whoever is not meant by `condition`.
    pub fn except(condition: Self) -> Self {
        Self(Node::Not(Box::new(condition.0)))
    }

    pub(super) fn compile(&self, roles: &RoleBook) -> Result<Condition, Fault> {
        self.0.compile(roles, DEEPEST)
    }
}

fn numbered(field: &str, conditions: impl IntoIterator<Item = Who>) -> Vec<(String, Node)> {
    let numbered = conditions.into_iter().enumerate();
    numbered
        .map(|(number, Who(node))| (format!("{field}.{number}"), node))
        .collect()
}

impl Node {
    fn compile(&self, roles: &RoleBook, depth: usize) -> Result<Condition, Fault> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Fault::new(
                "",
                "conditions are more than 16 deep: give a part of them a role",
            ));
        };
        Ok(match self {
            Self::Anyone => Condition::Anyone,
            Self::Authenticated => Condition::Authenticated,
            Self::Of(authority) => Condition::Of(authority.clone()),
            Self::Subject(authority, subject) => {
                not_empty("subject", subject)?;
                Condition::Subject(authority.clone(), Arc::clone(subject))
            }
            Self::Client(authority, client) => {
                not_empty("client", client)?;
                Condition::Client(authority.clone(), Arc::clone(client))
            }
            Self::Role(name) => Condition::Role(roles.number(name).ok_or_else(|| {
                let known: Vec<&str> = roles.all().iter().map(|role| &*role.name).collect();
                let known = match known.as_slice() {
                    [] => "none is defined".to_owned(),
                    known => format!("there are {}", known.join(", ")),
                };
                Fault::new("role", format!("there is no role {name}: {known}"))
            })?),
            Self::Scope(name) => Condition::Scope(
                ScopeToken::parse(name).map_err(|why| Fault::new("scope", why.to_string()))?,
            ),
            Self::Claim(authority, path, test) => {
                path.check(false)
                    .map_err(|fault| fault.within("path").within("claim"))?;
                test.check().map_err(|fault| fault.within("claim"))?;
                Condition::Claim(authority.clone(), path.clone(), test.clone())
            }
            Self::All(nodes) => Condition::All(each("all", nodes, roles, depth)?),
            Self::Any(nodes) => Condition::Any(each("any", nodes, roles, depth)?),
            Self::Not(node) => {
                let inner = node.compile(roles, depth);
                Condition::Not(Box::new(inner.map_err(|fault| fault.within("not"))?))
            }
        })
    }
}

fn each(
    field: &str,
    nodes: &[(String, Node)],
    roles: &RoleBook,
    depth: usize,
) -> Result<Box<[Condition]>, Fault> {
    if nodes.is_empty() {
        return Err(Fault::new(
            field,
            "an empty list says nothing: name a condition",
        ));
    }
    let compiled = nodes.iter().map(|(field, node)| {
        let compiled = node.compile(roles, depth);
        compiled.map_err(|fault| match field.as_str() {
            "" => fault,
            field => fault.within(field),
        })
    });
    compiled.collect()
}

fn not_empty(field: &str, text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::new(field, "write the name, as tokens have it"));
    }
    Ok(())
}
