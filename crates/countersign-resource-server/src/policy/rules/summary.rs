//! What a set of rules means, in words.

use std::collections::BTreeSet;

use super::authority::Authority;
use super::condition::Condition;
use super::roles::{Role, RoleBook};
use super::set::{Effect, RuleSet, Unmentioned};
use super::what::Kind;
use super::words;
use crate::ConfigurationError;
use crate::policy::Concealment;
use crate::where_in_file::Fault;

/// What a set of rules means, in words.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// What happens to each kind of component, a sentence each.
    pub defaults: Vec<String>,
    /// What each rule does, in the order of the file.
    pub rules: Vec<String>,
    /// Who has each role.
    pub roles: Vec<String>,
    /// Which scopes include others.
    pub scopes: Vec<String>,
    /// What is allowed to be like this and may be meant otherwise.
    pub cautions: Vec<String>,
}

impl RuleSet {
    /// What these rules mean, in words.
    pub fn summary(&self) -> Summary {
        Summary {
            defaults: Kind::ALL.map(|kind| self.default_of(kind)).into(),
            rules: self
                .rules
                .iter()
                .map(|rule| self.rule_in_words(rule))
                .collect(),
            roles: self.roles.all().iter().map(role_in_words).collect(),
            scopes: self
                .hierarchy
                .entries()
                .map(|(scope, included)| format!("{scope} includes {included}."))
                .collect(),
            cautions: self.cautions(),
        }
    }

    /// Every issuer that the rules and roles name, sorted.
    pub fn issuers(&self) -> Vec<String> {
        let mut all = BTreeSet::new();
        let mut add = |authority: &Authority| {
            if let Authority::Issuer(issuer) = authority {
                all.insert(issuer.to_string());
            }
        };
        for role in self.roles.all() {
            role.members
                .iter()
                .for_each(|(authority, _)| add(authority));
            role.claims
                .iter()
                .for_each(|(authority, ..)| add(authority));
        }
        for rule in &self.rules {
            authorities(&rule.condition, &mut add);
        }
        all.into_iter().collect()
    }

    /// The names of all roles, in the order in which they are defined.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.all().iter().map(|role| &*role.name)
    }

    /// The same rules as if `subject` of `authority` were a member of the role `role`; to
    /// find out what a change would do.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if there is no such role.
    pub fn supposing_member(
        &self,
        role: &str,
        authority: Authority,
        subject: &str,
    ) -> Result<Self, ConfigurationError> {
        let mut roles = self.roles.all().to_vec();
        let Some(found) = roles.iter_mut().find(|known| &*known.name == role) else {
            let known: Vec<&str> = self.roles().collect();
            return Err(ConfigurationError::new(if known.is_empty() {
                format!("there is no role {role}: the rules define none")
            } else {
                format!("there is no role {role}: there are {}", known.join(", "))
            }));
        };
        found.members.push((authority, subject.into()));
        let roles = RoleBook::new(roles)
            .map_err(|fault: Fault| ConfigurationError::new(fault.to_string()))?;
        Ok(Self {
            roles,
            ..self.clone()
        })
    }

    fn default_of(&self, kind: Kind) -> String {
        let kinds = match kind {
            Kind::Tool => "Tools",
            Kind::Resource => "Resources",
            Kind::Prompt => "Prompts",
        };
        match (self.lane(kind).allows.is_empty(), self.unmentioned) {
            (false, _) => format!("{kinds} are closed but for what the rules below allow."),
            (true, Unmentioned::Deny) => {
                format!(
                    "{kinds} are closed to everybody: no rule allows any, and default = \"deny\"."
                )
            }
            (true, Unmentioned::Scopes) => format!(
                "{kinds} are open to whoever has the scopes that each one asks for, unless a rule \
                 denies it."
            ),
        }
    }

    fn rule_in_words(&self, rule: &super::set::CompiledRule) -> String {
        let whom = words::whom(&rule.condition, &self.roles);
        let what = words::what(&rule.what);
        let name = words::rule(rule);
        let hidden = rule.concealment == Concealment::Hidden;
        let sentence = match rule.effect {
            Effect::Allow => format!("{name} allows {what} to {whom}."),
            Effect::Deny => format!("{name} denies {what} to {whom}."),
        };
        match (hidden, rule.effect) {
            (false, _) => sentence,
            (true, Effect::Allow) => {
                format!("{sentence} To all others they look as if they did not exist.")
            }
            (true, Effect::Deny) => {
                format!("{sentence} To them they look as if they did not exist.")
            }
        }
    }

    fn cautions(&self) -> Vec<String> {
        let mut cautions = Vec::new();
        let mut used = Vec::new();
        for rule in &self.rules {
            rule.condition.roles(&mut used);
            let anybody = !rule.condition.asks_who();
            if rule.effect == Effect::Allow && anybody {
                cautions.push(format!(
                    "{} allows it to everybody whom the server lets in at all.",
                    words::rule(rule)
                ));
            }
        }
        let roles = self.roles.all();
        for role in roles.iter().enumerate().filter_map(|(number, role)| {
            let included = |other: &Role| other.includes.contains(&role.name);
            let needed = used.contains(&number) || roles.iter().any(included);
            (!needed).then_some(role)
        }) {
            cautions.push(format!(
                "No rule speaks of the role {}: it means something only to code that asks for it.",
                role.name
            ));
        }
        if self.rules.is_empty() && self.unmentioned == Unmentioned::Scopes {
            cautions.push("There is no rule: scopes alone decide.".to_owned());
        }
        cautions
    }
}

fn authorities(condition: &Condition, add: &mut impl FnMut(&Authority)) {
    match condition {
        Condition::Of(authority)
        | Condition::Subject(authority, _)
        | Condition::Client(authority, _)
        | Condition::Claim(authority, ..) => add(authority),
        Condition::All(parts) | Condition::Any(parts) => {
            for part in parts {
                authorities(part, add);
            }
        }
        Condition::Not(not) => authorities(not, add),
        _ => {}
    }
}

fn role_in_words(role: &Role) -> String {
    let mut ways = Vec::new();
    match role.members.len() {
        0 => {}
        1..=3 => {
            let members = role.members.iter();
            let members = members.map(|(authority, subject)| format!("{subject} of {authority}"));
            ways.push(members.collect::<Vec<_>>().join(", "));
        }
        many => ways.push(format!("{many} members")),
    }
    for (authority, path, test) in &role.claims {
        ways.push(format!(
            "everybody whose claim {path} from {authority} {}",
            test.words()
        ));
    }
    let includes: Vec<&str> = role.includes.iter().map(|name| &**name).collect();
    let has = match ways.as_slice() {
        [] => format!("Nobody has the role {} by itself", role.name),
        ways => format!(
            "The role {} belongs to {}",
            role.name,
            ways.join(", and to ")
        ),
    };
    match includes.as_slice() {
        [] => format!("{has}."),
        includes => format!("{has}; whoever has it has {} too.", includes.join(", ")),
    }
}
