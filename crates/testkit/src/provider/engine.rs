//! Which endpoint a request is for, and who answers it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_oauth::time::Clock;
use serde_json::Value;
use tokio::sync::watch;

use super::behaviour::{Behaviour, Endpoint, Route, Service};
use super::fact::Addresses;
use super::misbehaviour::Misbehaviour;
use super::person::Person;
use super::request::SeenRequest;
use super::state::State;
use super::{authorization, bearer, metadata, registered, token};
use crate::fake_server::{ReceivedRequest, ScriptedAnswer};
use crate::issuer::TestIssuer;
use crate::issuer::key::base64url;
use crate::random::SeededRandom;

/// The path of the login page's form.
pub(super) const DECISION_PATH: &str = "/login-page/decision";

/// A provider without its sockets.
pub(super) struct Core {
    pub(super) behaviour: Behaviour,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: SeededRandom,
    pub(super) keys: TestIssuer,
    /// Origins of the real provider, and on which of ours each is.
    pub(super) origins: Vec<(String, String)>,
    /// Whether documents and tokens name the real origins.
    pub(super) names_real_origins: bool,
    pub(super) state: Mutex<State>,
    /// Changes with each request that has been answered.
    pub(super) answered: watch::Sender<usize>,
}

impl Core {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `text` with each origin of the real provider replaced by ours.
    pub(super) fn localised(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (real, ours) in &self.origins {
            text = replace_origin(&text, real, ours);
        }
        text
    }

    /// A random text that is different each time.
    pub(super) fn fresh(&self, prefix: &str) -> String {
        let mut bytes = [0; 27];
        self.random.fill(&mut bytes);
        format!("{prefix}{}", base64url(bytes))
    }

    pub(super) fn route(&self, endpoint: Endpoint) -> Option<&Route> {
        let mut routes = self.behaviour.routes.iter();
        routes.find(|route| route.endpoint == endpoint)
    }

    pub(super) fn token_endpoint(&self) -> String {
        self.endpoint(Endpoint::Token).unwrap_or_default()
    }

    pub(super) fn metadata_issuer(&self) -> Option<String> {
        let behaviour = &self.behaviour;
        let issuer = behaviour.metadata_issuer.as_ref();
        let issuer = issuer.or(behaviour.issuer.as_ref())?;
        Some(self.told(issuer))
    }

    /// The issuer of what is issued about `person`.
    pub(super) fn issuer(&self, person: &Person) -> Option<String> {
        let issuer = self.behaviour.issuer.as_ref()?;
        Some(self.told(&issuer.replace("{tenant}", &person.tenant)))
    }

    pub(super) fn misbehaves(&self, how: &Misbehaviour) -> bool {
        self.state().misbehaviour.contains(how)
    }

    /// Answers one request that arrived at the origin `ours`.
    pub(super) fn answer(&self, ours: &str, request: &ReceivedRequest) -> ScriptedAnswer {
        let answer = self.answer_to(ours, request);
        self.answered.send_modify(|number| *number += 1);
        answer
    }

    fn answer_to(&self, ours: &str, request: &ReceivedRequest) -> ScriptedAnswer {
        let route = self.find(ours, &request.path).cloned();
        let endpoint = match &route {
            Some(route) => Some(route.endpoint),
            None if request.path == DECISION_PATH => Some(Endpoint::Decision),
            None => None,
        };
        self.state().seen.push(SeenRequest {
            endpoint,
            request: request.clone(),
        });
        let Some(endpoint) = endpoint else {
            return ScriptedAnswer::status(404);
        };
        if let Some(broken) = self.broken(endpoint) {
            return broken;
        }
        match route {
            Some(route) => self.serve(&route, request),
            None => authorization::decide(self, request),
        }
    }

    fn serve(&self, route: &Route, request: &ReceivedRequest) -> ScriptedAnswer {
        match &route.service {
            Service::Authorization => authorization::show(self, request),
            Service::Token => token::answer(self, request),
            Service::Metadata => metadata::document(self),
            Service::Jwks => metadata::jwks(self),
            Service::Certificates => metadata::certificates(self),
            Service::Bearer { answer, scope } => {
                bearer::bearer(self, route, answer, *scope, request)
            }
            Service::TokenInQuery { shape } => bearer::in_query(self, route, shape, request),
            Service::Introspection {
                shape,
                foreign_tokens,
            } => registered::introspect(self, shape, *foreign_tokens, request),
            Service::Revocation(rule) => registered::revoke(self, *rule, request),
            Service::RevocationByBearer => bearer::revoke(self, request),
            Service::ApplicationToken { shape, whole_grant } => {
                registered::application_token(self, shape, *whole_grant, request)
            }
        }
    }

    /// What is told at `endpoint`, with the members that a test wants otherwise.
    pub(super) fn altered(&self, endpoint: Endpoint, mut answer: Value) -> Value {
        for how in &self.state().misbehaviour {
            if let Misbehaviour::Member(at, path, value) = how
                && *at == endpoint
            {
                let pointer = format!("/{path}");
                let (parent, name) = pointer.rsplit_once('/').expect("a slash is there");
                if let Some(Value::Object(parent)) = answer.pointer_mut(parent) {
                    match value {
                        Some(value) => parent.insert(name.to_owned(), value.clone()),
                        None => parent.shift_remove(name),
                    };
                }
            }
        }
        answer
    }

    fn broken(&self, endpoint: Endpoint) -> Option<ScriptedAnswer> {
        let mut state = self.state();
        let broken = state.broken.get_mut(&endpoint)?;
        let answer = broken.breakage.answer();
        if let Some(times) = &mut broken.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                state.broken.remove(&endpoint);
            }
        }
        Some(answer)
    }

    fn find(&self, ours: &str, path: &str) -> Option<&Route> {
        let wanted = format!("{ours}{path}");
        let mut routes = self.behaviour.routes.iter();
        routes.find(|route| self.localised(&route.url) == wanted)
    }
}

impl Addresses for Core {
    fn told(&self, real: &str) -> String {
        match self.names_real_origins {
            true => real.to_owned(),
            false => self.localised(real),
        }
    }

    fn endpoint(&self, endpoint: Endpoint) -> Option<String> {
        Some(self.told(&self.route(endpoint)?.url))
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Core({})", self.behaviour.name)
    }
}

/// Replaces `real` where it is a whole origin, not the beginning of a longer name.
fn replace_origin(text: &str, real: &str, ours: &str) -> String {
    let mut parts = text.split(real);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let goes_on =
            part.starts_with(|next: char| next.is_ascii_alphanumeric() || ".-:@".contains(next));
        replaced.push_str(if goes_on { real } else { ours });
        replaced.push_str(part);
    }
    replaced
}

/// The origin of an absolute URL: scheme, host and port as written.
pub(super) fn origin_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(authority..).and_then(|rest| rest.find('/'));
    url.get(..end.map_or(url.len(), |end| authority + end))
        .unwrap_or(url)
}
