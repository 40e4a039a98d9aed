//! Roles: assigned here, or read from claims (M-22).

use std::collections::HashMap;
use std::sync::Arc;

use super::authority::Authority;
use super::claim::{ClaimPath, ClaimTest};
use super::name::check_name;
use crate::Caller;
use crate::where_in_file::Fault;

/// A role and who has it: the members that are named, whoever has a claim, and whoever has
/// a role that includes it.
#[derive(Clone, Debug)]
pub struct Role {
    pub(super) name: Arc<str>,
    pub(super) members: Vec<(Authority, Arc<str>)>,
    pub(super) claims: Vec<(Authority, ClaimPath, ClaimTest)>,
    pub(super) includes: Vec<Arc<str>>,
}

impl Role {
    /// A role that nobody has yet.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            members: Vec::new(),
            claims: Vec::new(),
            includes: Vec::new(),
        }
    }

    /// Gives the role to `subject` of `authority`.
    #[must_use]
    pub fn member(mut self, authority: Authority, subject: impl Into<Arc<str>>) -> Self {
        self.members.push((authority, subject.into()));
        self
    }

    /// Gives the role to whoever's claim at `path` is one of `any`, or a list that has one
    /// of them, in a token of `authority`.
    #[must_use]
    pub fn claim<I>(mut self, authority: Authority, path: ClaimPath, any: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Box<str>>,
    {
        let test = ClaimTest::Any(any.into_iter().map(Into::into).collect());
        self.claims.push((authority, path, test));
        self
    }

    /// Whoever has this role has `other` too.
    #[must_use]
    pub fn includes(mut self, other: impl Into<Arc<str>>) -> Self {
        self.includes.push(other.into());
        self
    }

    fn check(&self) -> Result<(), Fault> {
        check_name("", &self.name)?;
        if self.members.is_empty() && self.claims.is_empty() && self.includes.is_empty() {
            return Err(Fault::new(
                "",
                "nobody could have this role: write members, or a claim and which values",
            ));
        }
        for (position, (_, subject)) in self.members.iter().enumerate() {
            if subject.is_empty() {
                let field = format!("members.{position}.subject");
                return Err(Fault::new(field, "write the subject, as tokens name it"));
            }
        }
        for (_, path, test) in &self.claims {
            path.check(false).map_err(|fault| fault.within("claim"))?;
            test.check()?;
        }
        Ok(())
    }
}

/// Why somebody has a role.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way<'a> {
    /// Named among the members of this role.
    Member(&'a str),
    /// By this claim, which gives this role.
    Claim(&'a str, &'a ClaimPath, &'a ClaimTest),
}

/// All roles, each with everybody who has it by itself or by another.
#[derive(Clone, Debug, Default)]
pub(super) struct RoleBook {
    roles: Vec<Role>,
    numbers: HashMap<Arc<str>, usize>,
    compiled: Vec<Compiled>,
}

#[derive(Clone, Debug, Default)]
struct Compiled {
    /// Subjects, with the authorities that vouch for them and the role that names them.
    members: HashMap<Arc<str>, Vec<(Authority, usize)>>,
    claims: Vec<(Authority, ClaimPath, ClaimTest, usize)>,
}

impl RoleBook {
    pub(super) fn new(roles: Vec<Role>) -> Result<Self, Fault> {
        let mut numbers = HashMap::new();
        for (number, role) in roles.iter().enumerate() {
            let field = format!("roles.{}", role.name);
            role.check().map_err(|fault| fault.within(&field))?;
            if numbers.insert(Arc::clone(&role.name), number).is_some() {
                return Err(Fault::new(field, "this role is there twice"));
            }
        }
        for role in &roles {
            for (position, included) in role.includes.iter().enumerate() {
                if !numbers.contains_key(included) {
                    let field = format!("roles.{}.includes.{position}", role.name);
                    return Err(Fault::new(field, format!("there is no role {included}")));
                }
            }
        }
        let mut compiled = vec![Compiled::default(); roles.len()];
        for (number, role) in roles.iter().enumerate() {
            for reached in reached(&roles, &numbers, number) {
                let Some(entry) = compiled.get_mut(reached) else {
                    continue;
                };
                for (authority, subject) in &role.members {
                    let members = entry.members.entry(Arc::clone(subject)).or_default();
                    members.push((authority.clone(), number));
                }
                let claims = role.claims.iter().cloned();
                entry
                    .claims
                    .extend(claims.map(|(authority, path, test)| (authority, path, test, number)));
            }
        }
        Ok(Self {
            roles,
            numbers,
            compiled,
        })
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    pub(super) fn name(&self, number: usize) -> &str {
        self.roles.get(number).map_or("", |role| &role.name)
    }

    pub(super) fn all(&self) -> &[Role] {
        &self.roles
    }

    /// Whether `caller` has the role of this number.
    pub(super) fn has(&self, number: usize, caller: &Caller) -> bool {
        let (Some(token), Some(role)) = (caller.access_token(), self.compiled.get(number)) else {
            return false;
        };
        let named = role.members.get(token.sub());
        named.is_some_and(|ways| ways.iter().any(|(who, _)| who.vouches_for(caller)))
            || role
                .claims
                .iter()
                .any(|(who, path, test, _)| who.vouches_for(caller) && test.holds(path, caller))
    }

    /// How `caller` comes to have the role of this number.
    pub(super) fn way<'a>(&'a self, number: usize, caller: &Caller) -> Option<Way<'a>> {
        let token = caller.access_token()?;
        let role = self.compiled.get(number)?;
        let mut named = role.members.get(token.sub()).into_iter().flatten();
        if let Some((_, by)) = named.find(|(who, _)| who.vouches_for(caller)) {
            return Some(Way::Member(self.name(*by)));
        }
        let mut claims = role.claims.iter();
        let (_, path, test, by) = claims
            .find(|(who, path, test, _)| who.vouches_for(caller) && test.holds(path, caller))?;
        Some(Way::Claim(self.name(*by), path, test))
    }

    /// The names of the roles that `caller` has, in the order of the file.
    pub(super) fn of<'a>(&'a self, caller: &'a Caller) -> impl Iterator<Item = &'a str> {
        (0..self.roles.len())
            .filter(|number| self.has(*number, caller))
            .map(|number| self.name(number))
    }
}

/// The role of this number and everything that it includes, over any number of steps.
fn reached(roles: &[Role], numbers: &HashMap<Arc<str>, usize>, from: usize) -> Vec<usize> {
    let mut all = vec![from];
    let mut next = 0;
    while let Some(role) = all.get(next).and_then(|number| roles.get(*number)) {
        next += 1;
        for included in &role.includes {
            if let Some(number) = numbers.get(included).filter(|number| !all.contains(number)) {
                all.push(*number);
            }
        }
    }
    all
}
