//! What an authorization server inside a server is told about it.

use std::sync::Arc;

use countersign_audit::Sink;
use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::policy::Concealment;
use countersign_resource_server::{Clock, Dpop, SourceName, SourceRule};

use super::Server;
use crate::front::Place;

/// The server around an authorization server.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "authorization-server"),
    expect(dead_code, reason = "nobody issues tokens")
)]
pub(crate) struct Surroundings<'a> {
    /// Where the server is.
    pub(crate) place: &'a Place,
    pub(crate) reach: Reach,
    pub(crate) scopes: OfferedScopes,
    pub(crate) clock: Arc<dyn Clock>,
    /// What is asked of proofs of possession, if they are taken.
    pub(crate) dpop: Option<Dpop>,
    /// Where decisions are noted, if that was said.
    pub(crate) audit: Option<Arc<dyn Sink>>,
}

/// What a server has to know of an authorization server in it before that is opened.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "authorization-server"),
    expect(dead_code, reason = "nobody issues tokens")
)]
pub(crate) struct Announced {
    /// The paths of requests that are for it.
    pub(crate) paths: Vec<String>,
    /// What the API keys are called that it makes.
    pub(crate) sources: Vec<SourceName>,
}

/// Who can send requests to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Programs of this machine.
    ThisMachine,
    /// Others too.
    Others,
}

/// The scopes that make sense in a token for a server.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "authorization-server"),
    expect(dead_code, reason = "nobody issues tokens")
)]
pub(crate) struct OfferedScopes {
    /// All of them.
    pub(crate) all: ScopeSet,
    /// Those that only hidden components need, which are not published.
    pub(crate) concealed: ScopeSet,
    /// Those of a client that asks for none.
    pub(crate) default: ScopeSet,
}

impl Server {
    /// What clients may ask for. A client that asks for none gets what every token
    /// needs and what it was told to ask for; if that is nothing, what is published,
    /// because many clients never ask again. Scopes of components that take no tokens
    /// are between the server and whoever makes its keys.
    pub(crate) fn offered_scopes(&self) -> OfferedScopes {
        let asked = self.required_scopes.union(&self.challenge_scopes);
        let mut known = asked
            .union(&self.routes.scopes())
            .union(&self.hierarchy.names());
        let mut hidden = ScopeSet::new();
        let foreign = self.foreign.as_ref();
        let foreign = foreign
            .into_iter()
            .flat_map(|foreign| foreign.access.needs());
        if let Some(rules) = &self.rules {
            let rules = rules.current();
            known = known.union(&rules.scopes());
            hidden = hidden.union(&rules.concealed_scopes());
        }
        let accesses = self.registry.accesses();
        let accesses =
            accesses.map(|access| (&access.scopes, access.sources.as_ref(), access.concealment));
        for (scopes, rule, concealment) in accesses.chain(foreign) {
            let takes_tokens = |rule: &SourceRule| {
                let mut names = rule.names();
                names.any(|name| self.embedded_source == name)
            };
            if !rule.is_none_or(takes_tokens) {
                continue;
            }
            let all = match concealment {
                Concealment::Hidden => &mut hidden,
                _ => &mut known,
            };
            *all = all.union(scopes);
        }
        let concealed: ScopeSet = hidden
            .iter()
            .filter(|scope| !known.contains(scope.as_str()))
            .cloned()
            .collect();
        OfferedScopes {
            all: known.union(&hidden),
            concealed,
            default: if asked.is_empty() { known } else { asked },
        }
    }
}
