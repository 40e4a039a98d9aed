//! From a caller and an action to a permit, or a denial.
//!
//! A policy can only object. [`decide`] makes the [`Permit`] when nobody does,
//! and whoever dispatches the action spends it.

pub mod rules;
mod scopes;
pub mod spelling;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use countersign_oauth::{Lifetime, ScopeSet, UnixTime};

use crate::{Caller, SourceRule, WrongSource};

/// What kind of thing a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ComponentKind {
    /// A tool, by name.
    Tool,
    /// A resource, by URI.
    Resource,
    /// A resource template, by URI template.
    ResourceTemplate,
    /// A prompt, by name.
    Prompt,
}

impl ComponentKind {
    /// The method of the protocol by which a component of this kind is used.
    pub const fn method_of_use(self) -> &'static str {
        match self {
            Self::Tool => "tools/call",
            Self::Resource | Self::ResourceTemplate => "resources/read",
            Self::Prompt => "prompts/get",
        }
    }
}

/// How a component answers a caller who may not use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a third way would have to be handled by every front"
)]
pub enum Concealment {
    /// It names the scopes that are missing, so that a client can ask for them.
    #[default]
    Forbidden,
    /// It answers as if it did not exist.
    Hidden,
}

/// What one request wants to do.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Action<'a> {
    /// The method of the protocol, for example `tools/call`.
    pub method: &'a str,
    /// The component that the request names.
    pub component: Option<Component<'a>>,
}

/// The component that a request names.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Component<'a> {
    /// Its kind.
    pub kind: ComponentKind,
    /// Its name or URI.
    pub name: &'a str,
    /// All scopes it needs.
    pub scopes: &'a ScopeSet,
    /// Its tags.
    pub tags: &'a [String],
    /// How it answers a caller who may not use it.
    pub concealment: Concealment,
    /// The sources from which it accepts callers; `None` for all of the server.
    pub sources: Option<&'a SourceRule>,
    /// The URI that was asked for, if it is one of many that a template stands for. It is
    /// not there in lists and completions, which are about the template.
    pub requested: Option<&'a str>,
}

impl<'a> Component<'a> {
    /// A component without tags that says openly what it needs.
    pub const fn new(kind: ComponentKind, name: &'a str, scopes: &'a ScopeSet) -> Self {
        Self {
            kind,
            name,
            scopes,
            tags: &[],
            concealment: Concealment::Forbidden,
            sources: None,
            requested: None,
        }
    }

    /// Accepting callers of these sources only.
    #[must_use]
    pub const fn sources(mut self, sources: Option<&'a SourceRule>) -> Self {
        self.sources = sources;
        self
    }

    /// Asked for by this URI, which a template stands for.
    #[must_use]
    pub const fn requested(mut self, uri: &'a str) -> Self {
        self.requested = Some(uri);
        self
    }

    /// With these tags.
    #[must_use]
    pub const fn tags(mut self, tags: &'a [String]) -> Self {
        self.tags = tags;
        self
    }

    /// Answering a caller who may not use it like this.
    #[must_use]
    pub const fn concealment(mut self, concealment: Concealment) -> Self {
        self.concealment = concealment;
        self
    }
}

impl<'a> Action<'a> {
    /// A method that names no component.
    pub const fn method(method: &'a str) -> Self {
        Self {
            method,
            component: None,
        }
    }

    /// A method on a component.
    pub const fn on(method: &'a str, component: Component<'a>) -> Self {
        Self {
            method,
            component: Some(component),
        }
    }
}

/// Why an action is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every denial has its own answer")]
pub enum Denial {
    /// The caller is anonymous; logging in may help. All scopes the action needs.
    Unauthenticated(ScopeSet),
    /// The caller has no credential of the sources that the component accepts.
    WrongSource(WrongSource),
    /// The token lacks scopes. All scopes the action needs.
    InsufficientScope(ScopeSet),
    /// No scope would help.
    Forbidden,
    /// The caller may not know that the component exists.
    Unknown,
    /// Too often.
    TooMany {
        /// When to try again.
        retry_after: Lifetime,
    },
}

/// A rule that can object to an action.
pub trait Policy: fmt::Debug + Send + Sync + 'static {
    /// Objects with a [`Denial`], or does not.
    ///
    /// # Errors
    ///
    /// The [`Denial`] says why.
    fn check(&self, caller: &Caller, action: &Action<'_>, now: UnixTime) -> Result<(), Denial>;

    /// What becomes of the `denial` that something else came to, so that one answer names
    /// everything that the action needs, and nothing that would not help. A denial stays a
    /// denial. Unless implemented, it stays as it is. Nothing is counted here.
    fn amend(&self, caller: &Caller, action: &Action<'_>, now: UnixTime, denial: Denial) -> Denial {
        let _ = (caller, action, now);
        denial
    }

    /// Whether `component` is in the lists that `caller` sees at the time `now`.
    ///
    /// Asked for each component of a list. Unless implemented, a component is shown
    /// if [`Self::check`] does not object to its use, or says only that it is used
    /// too often: implement this too if `check` counts how often it is asked.
    fn shows(&self, caller: &Caller, component: Component<'_>, now: UnixTime) -> bool {
        let used = Action::on(component.kind.method_of_use(), component);
        matches!(
            self.check(caller, &used, now),
            Ok(()) | Err(Denial::TooMany { .. })
        )
    }
}

/// The proof that every policy agreed. It is spent by dispatching the action.
#[derive(Debug)]
#[must_use = "a permit is spent by dispatching the action it was given for"]
pub struct Permit(());

impl Permit {
    /// Uses the permit up. Called where the action is carried out.
    pub fn spend(self) {}
}

/// The caller as it is for `component`: with the credential that it accepts.
fn acting<'a>(
    caller: &'a Caller,
    component: Option<Component<'_>>,
) -> Result<Cow<'a, Caller>, Denial> {
    let Some(component) = component else {
        return Ok(Cow::Borrowed(caller));
    };
    let Some(rule) = component.sources else {
        return Ok(Cow::Borrowed(caller));
    };
    let mut acting = caller.clone();
    match acting.act_by(Some(rule)) {
        Ok(()) => Ok(Cow::Owned(acting)),
        Err(wrong) => Err(Denial::WrongSource(wrong.with_scopes(component.scopes))),
    }
}

/// Whether `component` is in the lists that `caller` sees: it is of a source that the
/// component accepts, it has the scopes, and every policy shows it.
pub fn is_shown(
    policies: &[Arc<dyn Policy>],
    caller: &Caller,
    component: Component<'_>,
    now: UnixTime,
) -> bool {
    let Ok(caller) = acting(caller, Some(component)) else {
        return false;
    };
    let used = Action::on(component.kind.method_of_use(), component);
    scopes::check(&caller, &used).is_ok()
        && policies
            .iter()
            .all(|policy| policy.shows(&caller, component, now))
}

/// Asks the sources of the component, its scopes and then every policy. They see the
/// caller with the credential that the component accepts, and so must whoever carries
/// the action out: see [`Caller::act_by`].
///
/// # Errors
///
/// The first [`Denial`], with what the policies [add to it](Policy::amend). A hidden
/// component turns each of them, except a rate limit, into [`Denial::Unknown`].
pub fn decide(
    policies: &[Arc<dyn Policy>],
    caller: &Caller,
    action: &Action<'_>,
    now: UnixTime,
) -> Result<Permit, Denial> {
    let policies = policies.iter().map(|policy| &**policy);
    objection(policies, caller, action, now).map(|()| Permit(()))
}

/// The decision itself: [`decide`] makes a permit of it, and whoever explains does not.
fn objection<'p>(
    policies: impl Iterator<Item = &'p dyn Policy> + Clone,
    caller: &Caller,
    action: &Action<'_>,
    now: UnixTime,
) -> Result<(), Denial> {
    let (caller, rightful) = match acting(caller, action.component) {
        Ok(caller) => (caller, Ok(())),
        Err(denial) => (Cow::Borrowed(caller), Err(denial)),
    };
    let objection = rightful.and_then(|()| {
        scopes::check(&caller, action)?;
        policies
            .clone()
            .try_for_each(|policy| policy.check(&caller, action, now))
    });
    let denial = match objection {
        Ok(()) => return Ok(()),
        Err(denial @ Denial::TooMany { .. }) => return Err(denial),
        Err(denial) => denial,
    };
    let hidden = action.component.map(|component| component.concealment);
    if hidden == Some(Concealment::Hidden) {
        return Err(Denial::Unknown);
    }
    Err(policies.fold(denial, |denial, policy| {
        policy.amend(&caller, action, now, denial)
    }))
}
