//! Scopes for the components of a handler that was written for the SDK, by name.
//!
//! How such a handler reads a name is its own business: it may ignore case, decode
//! a URI or resolve its dots. So a rule covers every spelling that might mean the
//! same; where that is in doubt, more is guarded, not less.

use std::collections::HashMap;

use std::sync::Arc;

use countersign_resource_server::oauth::{ScopeSet, UnixTime};
use countersign_resource_server::policy::spelling::{Dots, folded, spelled, spellings};
use countersign_resource_server::policy::{self, Component, ComponentKind, Concealment, Policy};
use countersign_resource_server::{Caller, SourceRule};

use super::task_owners::TaskOwners;
use crate::component::Access;

/// Who may use which component.
#[derive(Debug, Default)]
pub(crate) struct ForeignAccess {
    tools: HashMap<String, Needed>,
    prompts: HashMap<String, Needed>,
    resources: Vec<(Place, Needed)>,
    pub(super) tasks: TaskOwners,
}

#[derive(Debug)]
enum Place {
    /// One URI.
    At(String),
    /// Every URI that begins like this: a template up to its first variable.
    Below(String),
}

/// What a component needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needed {
    scopes: ScopeSet,
    sources: Option<SourceRule>,
    concealment: Concealment,
}

impl Needed {
    /// The component, for a policy to decide about.
    pub(crate) const fn component<'a>(
        &'a self,
        kind: ComponentKind,
        name: &'a str,
    ) -> Component<'a> {
        Component::new(kind, name, &self.scopes)
            .concealment(self.concealment)
            .sources(self.sources.as_ref())
    }

    fn of(access: &Access) -> Self {
        Self {
            scopes: access.scopes.clone(),
            sources: access.sources.clone(),
            concealment: access.concealment,
        }
    }

    fn also(&mut self, other: &Self) {
        self.scopes = self.scopes.union(&other.scopes);
        self.sources = match (self.sources.take(), &other.sources) {
            (Some(own), Some(other)) => Some(own.and(other)),
            (own, other) => own.or_else(|| other.clone()),
        };
        if other.concealment == Concealment::Hidden {
            self.concealment = Concealment::Hidden;
        }
    }
}

impl ForeignAccess {
    /// Guards a tool; called again, all of it counts.
    pub(crate) fn guard_tool(&mut self, name: &str, access: &Access) {
        let needed = self.tools.entry(folded(name).into_owned()).or_default();
        needed.also(&Needed::of(access));
    }

    /// Guards a prompt; called again, all of it counts.
    pub(crate) fn guard_prompt(&mut self, name: &str, access: &Access) {
        let needed = self.prompts.entry(folded(name).into_owned()).or_default();
        needed.also(&Needed::of(access));
    }

    /// Guards a URI, or with a URI template everything that begins like it.
    pub(crate) fn guard_resource(&mut self, address: &str, access: &Access) {
        let place = match address.split_once('{') {
            // The scheme itself varies: everything may be meant.
            Some((before, _)) if !before.contains(':') => Place::Below(String::new()),
            Some((before, _)) => Place::Below(spelled(before, Dots::Resolved)),
            None => Place::At(spelled(address, Dots::Resolved)),
        };
        self.resources.push((place, Needed::of(access)));
    }

    /// Whether `caller` may use the component of this name or URI.
    pub(crate) fn shows(
        &self,
        policies: &[Arc<dyn Policy>],
        caller: &Caller,
        (kind, name): (ComponentKind, &str),
        now: UnixTime,
    ) -> bool {
        let needed = self.needed(kind, name);
        policy::is_shown(policies, caller, needed.component(kind, name), now)
    }

    /// Whether `caller` began the task `id`, and may still call the tool that it is of.
    pub(crate) fn opens_task(
        &self,
        policies: &[Arc<dyn Policy>],
        caller: &Caller,
        id: &str,
        now: UnixTime,
    ) -> bool {
        let tool = self.tasks.tool_of(caller, id);
        tool.is_some_and(|tool| self.shows(policies, caller, (ComponentKind::Tool, &tool), now))
    }

    /// What the component of this name or URI needs, whether or not it exists.
    pub(crate) fn needed(&self, kind: ComponentKind, name: &str) -> Needed {
        match kind {
            ComponentKind::Tool => self.tools.get(&*folded(name)).cloned(),
            ComponentKind::Prompt => self.prompts.get(&*folded(name)).cloned(),
            _ => {
                let mut all = Needed::default();
                for (_, needed) in self.resources.iter().filter(|(place, _)| place.has(name)) {
                    all.also(needed);
                }
                Some(all)
            }
        }
        .unwrap_or_default()
    }

    /// Whether some component of this kind must look unknown to some callers.
    pub(crate) fn hides(&self, kind: ComponentKind) -> bool {
        let hidden = |needed: &Needed| needed.concealment == Concealment::Hidden;
        match kind {
            ComponentKind::Tool => self.tools.values().any(hidden),
            ComponentKind::Prompt => self.prompts.values().any(hidden),
            _ => self.resources.iter().any(|(_, needed)| hidden(needed)),
        }
    }

    /// Whether anything needs scopes.
    pub(crate) fn asks_for_scopes(&self) -> bool {
        self.needs().any(|(scopes, ..)| !scopes.is_empty())
    }

    fn all(&self) -> impl Iterator<Item = &Needed> {
        let resources = self.resources.iter().map(|(_, needed)| needed);
        let named = self.tools.values().chain(self.prompts.values());
        named.chain(resources)
    }

    /// What each guarded component needs.
    pub(crate) fn needs(
        &self,
    ) -> impl Iterator<Item = (&ScopeSet, Option<&SourceRule>, Concealment)> {
        self.all().map(|needed| {
            let rule = needed.sources.as_ref();
            (&needed.scopes, rule, needed.concealment)
        })
    }

    /// Which sources guarded components accept, and what each is called in a sentence.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (String, &SourceRule)> {
        let tools = self.tools.iter().map(|(name, needed)| {
            let what = format!("the tool `{name}`");
            (what, needed)
        });
        let prompts = self.prompts.iter().map(|(name, needed)| {
            let what = format!("the prompt `{name}`");
            (what, needed)
        });
        let resources = self.resources.iter().map(|(place, needed)| {
            let (Place::At(uri) | Place::Below(uri)) = place;
            (format!("the resource `{uri}`"), needed)
        });
        let all = tools.chain(prompts).chain(resources);
        all.filter_map(|(what, needed)| Some((what, needed.sources.as_ref()?)))
    }
}

impl Place {
    /// A handler may look at the query or not, and resolve dots or not.
    fn has(&self, uri: &str) -> bool {
        spellings(uri).into_iter().any(|uri| match self {
            Self::At(place) => uri == *place,
            Self::Below(place) => uri.starts_with(place.as_str()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(scope: &str) -> Access {
        Access::scopes(ScopeSet::from_names([scope]).unwrap())
    }

    #[test]
    fn e39_every_spelling_of_a_guarded_name_is_guarded() {
        let mut rules = ForeignAccess::default();
        rules.guard_tool("Delete_All", &access("admin"));
        rules.guard_resource("file:///etc/{+path}", &access("root"));
        rules.guard_resource("db://users/", &access("users"));
        for name in ["Delete_All", "delete_all", " DELETE_ALL\n"] {
            let needed = rules.needed(ComponentKind::Tool, name);
            assert_eq!(needed.scopes.to_string(), "admin", "{name:?}");
        }
        for uri in [
            "file:///etc/passwd",
            "FILE:///ETC/passwd",
            "file:/etc/passwd",
            "file:////etc//passwd",
            "file:///tmp/../etc/passwd",
            "file:///%65tc/passwd",
            "file:///%2565tc/passwd",
            "file:///tmp/%2e%2e/etc/passwd",
            "file:\\\\\\etc\\passwd",
            "file:///./etc/passwd",
            "file:///etc/passwd?/../../tmp/x",
            "file:///etc/passwd#/../../tmp/x",
            "file:///etc/passwd/../../tmp/x",
            "file:///etc/..%2f../tmp/x",
        ] {
            let needed = rules.needed(ComponentKind::Resource, uri);
            assert_eq!(needed.scopes.to_string(), "root", "{uri}");
        }
        for uri in [
            "db://users",
            "db://users/",
            "DB://Users",
            "db://users?all",
            "db://users#x",
        ] {
            let needed = rules.needed(ComponentKind::Resource, uri);
            assert_eq!(needed.scopes.to_string(), "users", "{uri}");
        }
        for uri in ["file:///tmp/x", "db://other", "db://users/7", ""] {
            let needed = rules.needed(ComponentKind::Resource, uri);
            assert_eq!(needed, Needed::default(), "{uri}");
        }
    }

    #[test]
    fn e39_a_template_whose_scheme_varies_guards_everything() {
        for template in ["{+uri}", "{scheme}://x", "fi{rest}"] {
            let mut rules = ForeignAccess::default();
            rules.guard_resource(template, &access("root"));
            for uri in ["file:///etc/passwd", "db://users", "x"] {
                let needed = rules.needed(ComponentKind::Resource, uri);
                assert_eq!(needed.scopes.to_string(), "root", "{template} {uri}");
            }
        }
    }

    #[test]
    fn several_rules_for_one_resource_must_all_be_met() {
        let mut rules = ForeignAccess::default();
        rules.guard_resource("file:///{+path}", &access("files"));
        rules.guard_resource("file:///etc/{+path}", &access("root").hidden());
        let needed = rules.needed(ComponentKind::Resource, "file:///etc/hosts");
        assert_eq!(needed.scopes.to_string(), "files root");
        assert_eq!(needed.concealment, Concealment::Hidden);
        assert!(rules.asks_for_scopes());
        rules.guard_tool("report", &access("read"));
        rules.guard_tool("Report", &access("audit").hidden());
        let needed = rules.needed(ComponentKind::Tool, "report");
        assert_eq!(needed.scopes.to_string(), "audit read");
        assert!(rules.hides(ComponentKind::Tool) && !rules.hides(ComponentKind::Prompt));
    }
}
