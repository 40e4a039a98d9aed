//! A set of rules, and how one is built in code.

use std::sync::Arc;

use countersign_oauth::ScopeSet;
use countersign_oauth::scope::InvalidScope;

use super::authority::Authority;
use super::condition::Condition;
use super::index::Index;
use super::name::check_name;
use super::roles::{Role, RoleBook};
use super::what::{Kind, Target, What};
use super::who::Who;
use crate::policy::Concealment;
use crate::where_in_file::Fault;
use crate::{Caller, ConfigurationError, ScopeHierarchy};

/// Whether a rule lets in or keeps out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a third effect would change the decision"
)]
pub enum Effect {
    /// Whoever is meant may, unless another rule denies it.
    Allow,
    /// Whoever is meant may not, whatever other rules say.
    Deny,
}

/// What happens to components of a kind that no rule allows anything about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a third answer would change the decision"
)]
pub enum Unmentioned {
    /// Nobody may use them.
    Deny,
    /// Whoever has the scopes of the component may use it.
    Scopes,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) name: String,
    pub(super) effect: Effect,
    pub(super) who: Who,
    pub(super) what: What,
    pub(super) concealment: Concealment,
    pub(super) line: Option<usize>,
}

impl Rule {
    fn new(name: impl Into<String>, effect: Effect, who: Who, what: What) -> Self {
        Self {
            name: name.into(),
            effect,
            who,
            what,
            concealment: Concealment::Forbidden,
            line: None,
        }
    }

    /// Lets `who` use `what`. `name` says why, for people who ask.
    pub fn allow(name: impl Into<String>, who: Who, what: What) -> Self {
        Self::new(name, Effect::Allow, who, what)
    }

    /// Keeps `who` from `what`, whatever other rules allow. `name` says why, for people who
    /// ask.
    pub fn deny(name: impl Into<String>, who: Who, what: What) -> Self {
        Self::new(name, Effect::Deny, who, what)
    }

    /// Whoever is refused by this rule is answered as if the component did not exist.
    #[must_use]
    pub const fn hidden(mut self) -> Self {
        self.concealment = Concealment::Hidden;
        self
    }
}

/// Rules, roles and scopes that include others, under construction.
#[derive(Clone, Debug)]
#[must_use = "rules do something once they are built and given to a server"]
pub struct RuleSetBuilder {
    pub(super) unmentioned: Unmentioned,
    pub(super) issuer: Option<Authority>,
    pub(super) hierarchy: ScopeHierarchy,
    pub(super) roles: Vec<Role>,
    pub(super) rules: Vec<Rule>,
    invalid: Option<InvalidScope>,
}

impl RuleSetBuilder {
    pub(super) const fn new(unmentioned: Unmentioned) -> Self {
        Self {
            unmentioned,
            issuer: None,
            hierarchy: ScopeHierarchy::new(),
            roles: Vec::new(),
            rules: Vec::new(),
            invalid: None,
        }
    }

    /// Rules with `{subject}` that name no authority are about subjects of this issuer.
    pub fn issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.issuer = Some(Authority::issuer(issuer));
        self
    }

    /// Whoever has `scope` has `included` too, and what those include.
    pub fn includes<I>(mut self, scope: &str, included: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        match std::mem::take(&mut self.hierarchy).implies(scope, included) {
            Ok(hierarchy) => self.hierarchy = hierarchy,
            Err(error) => self.invalid = Some(error),
        }
        self
    }

    /// Adds a role.
    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// Adds a rule.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Compiles the rules.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the rule or role, and what to write instead.
    pub fn build(self) -> Result<RuleSet, ConfigurationError> {
        if let Some(error) = self.invalid {
            return Err(ConfigurationError::new(format!(
                "scopes that include others: {error}"
            )));
        }
        let names: Vec<String> = self.rules.iter().map(|rule| rule.name.clone()).collect();
        self.compile().map_err(|fault| {
            let mut parts = fault.field.splitn(3, '.');
            let number = match (parts.next(), parts.next()) {
                (Some("rules"), Some(number)) => number.parse().ok(),
                _ => None,
            };
            let named = number.and_then(|number: usize| names.get(number));
            ConfigurationError::new(match named {
                Some(name) => format!("the rule {name:?} cannot be used: {fault}"),
                None => format!("the rules cannot be used: {fault}"),
            })
        })
    }

    pub(super) fn compile(self) -> Result<RuleSet, Fault> {
        let roles = RoleBook::new(self.roles)?;
        let mut rules: Vec<CompiledRule> = Vec::with_capacity(self.rules.len());
        for (number, rule) in self.rules.into_iter().enumerate() {
            let field = format!("rules.{number}");
            if rules.iter().any(|other| other.name == rule.name) {
                return Err(Fault::new(
                    format!("{field}.name"),
                    "another rule has this name: nobody could tell which one decided",
                ));
            }
            let compiled = CompiledRule::of(rule, &roles, self.issuer.as_ref());
            rules.push(compiled.map_err(|fault| fault.within(&field))?);
        }
        let [tools, resources, prompts] = Kind::ALL.map(|kind| Lane::of_kind(&rules, kind));
        Ok(RuleSet {
            generation: 0,
            unmentioned: self.unmentioned,
            hierarchy: self.hierarchy,
            tools,
            resources,
            prompts,
            methods: Lane::of_methods(&rules),
            roles,
            rules,
        })
    }
}

/// The rules that can say something about components of one kind.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) denies: Index,
    pub(super) allows: Index,
}

impl Lane {
    fn of_kind(rules: &[CompiledRule], kind: Kind) -> Self {
        let about = |target: &Target| target.is_about(kind);
        Self {
            denies: Index::of(rules, Effect::Deny, about, |target| {
                target.names_caught(kind)
            }),
            allows: Index::of(rules, Effect::Allow, about, |target| {
                target.names_allowed(kind)
            }),
        }
    }

    fn of_methods(rules: &[CompiledRule]) -> Self {
        let of = |effect| {
            Index::of(
                rules,
                effect,
                Target::is_about_methods,
                Target::methods_alone,
            )
        };
        Self {
            denies: of(Effect::Deny),
            allows: of(Effect::Allow),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct CompiledRule {
    pub(super) name: String,
    pub(super) line: Option<usize>,
    pub(super) effect: Effect,
    pub(super) condition: Condition,
    pub(super) target: Target,
    pub(super) concealment: Concealment,
    /// What it is about, as it is written.
    pub(super) what: What,
}

impl CompiledRule {
    fn of(rule: Rule, roles: &RoleBook, issuer: Option<&Authority>) -> Result<Self, Fault> {
        check_name("name", &rule.name)?;
        let condition = rule
            .who
            .compile(roles)
            .map_err(|fault| fault.within("who"))?;
        let target = rule.what.compile().map_err(|fault| fault.within("what"))?;
        let condition = match (
            target.names_subject() && !condition.names_authority(),
            issuer,
        ) {
            (false, _) => condition,
            (true, Some(issuer)) => {
                Condition::All(Box::new([condition, Condition::Of(issuer.clone())]))
            }
            (true, None) => {
                return Err(Fault::new(
                    "what.resources",
                    "{subject} is a name that an issuer gives, and another issuer may give it to \
                     somebody else: say whose subjects are meant, with issuer = \"…\" in who or at \
                     the beginning",
                ));
            }
        };
        Ok(Self {
            name: rule.name,
            line: rule.line,
            effect: rule.effect,
            condition,
            target,
            concealment: rule.concealment,
            what: rule.what,
        })
    }
}

/// Who may do what: scopes that include others, roles and rules, compiled.
///
/// It is a [`Policy`](crate::policy::Policy), which can object and never allow what
/// another one objects to.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// Which of the sets that were in force one after the other this is.
    pub(super) generation: u64,
    pub(super) unmentioned: Unmentioned,
    pub(super) hierarchy: ScopeHierarchy,
    pub(super) roles: RoleBook,
    pub(super) rules: Vec<CompiledRule>,
    pub(super) tools: Lane,
    pub(super) resources: Lane,
    pub(super) prompts: Lane,
    pub(super) methods: Lane,
}

impl RuleSet {
    /// Rules in code. `unmentioned` is what happens to components of a kind that no rule
    /// allows anything about.
    ///
    /// ```
    /// use countersign_resource_server::policy::rules::{
    ///     Authority, Role, Rule, RuleSet, Unmentioned, What, Who,
    /// };
    ///
    /// let people = Authority::issuer("https://login.example.com");
    /// let rules = RuleSet::builder(Unmentioned::Scopes)
    ///     .includes("admin", ["read", "write"])
    ///     .role(Role::new("support").member(people, "alice"))
    ///     .rule(Rule::allow(
    ///         "support reads tickets",
    ///         Who::role("support"),
    ///         What::tools(["ticket_*"]),
    ///     ))
    ///     .build()?;
    /// # Ok::<(), countersign_resource_server::ConfigurationError>(())
    /// ```
    pub const fn builder(unmentioned: Unmentioned) -> RuleSetBuilder {
        RuleSetBuilder::new(unmentioned)
    }

    /// Which scopes include others.
    pub const fn hierarchy(&self) -> &ScopeHierarchy {
        &self.hierarchy
    }

    /// Whether `caller` has the role `name`.
    pub fn has_role(&self, caller: &Caller, name: &str) -> bool {
        let number = self.roles.number(name);
        number.is_some_and(|number| self.roles.has(number, caller))
    }

    /// The names of the roles that `caller` has, in the order in which they are defined.
    pub fn roles_of<'a>(&'a self, caller: &'a Caller) -> impl Iterator<Item = &'a str> {
        self.roles.of(caller)
    }

    /// Whether somebody has to be told from others for these rules to mean something.
    pub fn asks_who(&self) -> bool {
        let roles = !self.roles.all().is_empty();
        roles || self.rules.iter().any(|rule| rule.condition.asks_who())
    }

    /// Whether some component may look to somebody as if it did not exist.
    pub fn hides(&self) -> bool {
        let hidden = |rule: &CompiledRule| rule.concealment == Concealment::Hidden;
        self.rules.iter().any(hidden)
    }

    /// The scopes that these rules speak of and that a client may be told of: those of
    /// rules that hide nothing.
    pub fn scopes(&self) -> ScopeSet {
        let open = self.rules.iter();
        let open = open.filter(|rule| rule.concealment == Concealment::Forbidden);
        open.fold(self.hierarchy.names(), |all, rule| {
            all.union(&rule.condition.scopes())
        })
    }

    /// The scopes that only rules speak of which hide something.
    pub fn concealed_scopes(&self) -> ScopeSet {
        let all = self.rules.iter().fold(ScopeSet::new(), |all, rule| {
            all.union(&rule.condition.scopes())
        });
        all.difference(&self.scopes())
    }

    pub(super) const fn lane(&self, kind: Kind) -> &Lane {
        match kind {
            Kind::Tool => &self.tools,
            Kind::Resource => &self.resources,
            Kind::Prompt => &self.prompts,
        }
    }

    pub(super) fn rule(&self, number: usize) -> Option<&CompiledRule> {
        self.rules.get(number)
    }
}
