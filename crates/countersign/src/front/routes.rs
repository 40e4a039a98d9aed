//! Everything that is not the MCP endpoint: health, metadata, routes of the application.

use std::fmt;

use axum::Router;
use axum::extract::Request as AxumRequest;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::MethodRouter;
use bytes::Bytes;
use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::oauth::protected_resource::WELL_KNOWN;
use countersign_resource_server::{Caller, ConfigurationError, Gate, Refusal, SourceRule};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CACHE_CONTROL};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use tower_service::Service;

use super::body::Bounded;
use super::{Answer, BoxError, Front, answer, with_address};
use crate::audit;

/// Where a load balancer asks whether the process lives. Open on purpose, and silent.
pub(super) const HEALTH: &str = "/healthz";

/// Who may call a route of the application.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a third kind would need its own check"
)]
pub enum RouteAccess {
    /// Everybody. A caller who presents a token must present a good one, and the
    /// handler can read it as `Extension<Caller>`.
    Open,
    /// Callers whose token has these scopes (none: any good token).
    Requires(ScopeSet),
    /// Callers of these sources whose credential has these scopes; see
    /// [`crate::Server::source`].
    From(SourceRule, ScopeSet),
}

impl RouteAccess {
    fn guard(self) -> Option<Guard> {
        match self {
            Self::Open => None,
            Self::Requires(scopes) => Some(Guard {
                sources: None,
                scopes,
            }),
            Self::From(sources, scopes) => Some(Guard {
                sources: Some(sources),
                scopes,
            }),
        }
    }
}

/// What a route needs of its callers.
#[derive(Clone)]
struct Guard {
    sources: Option<SourceRule>,
    scopes: ScopeSet,
}

/// Routes of the application beside the MCP endpoint.
#[derive(Clone, Default)]
pub struct Routes {
    router: Router,
    /// The same paths, to find out about one that cannot be added.
    paths: matchit::Router<Box<str>>,
    any: bool,
    /// The first path that not everybody may call.
    guarded: Option<String>,
    /// What the guarded ones need, all together.
    scopes: ScopeSet,
    /// The sources that each accepts, with its path.
    rules: Vec<(String, SourceRule)>,
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes")
            .field("any", &self.any)
            .finish_non_exhaustive()
    }
}

/// Tells the front that a route refused its caller.
#[derive(Clone)]
struct Refused(Refusal);

impl Routes {
    /// # Errors
    ///
    /// [`ConfigurationError`] for a path that is none, that another route has, or
    /// that the server itself answers.
    pub(crate) fn add(
        &mut self,
        path: &str,
        handler: MethodRouter,
        access: RouteAccess,
    ) -> Result<(), ConfigurationError> {
        self.check_path(path)?;
        let handler = match access.guard() {
            None => handler,
            Some(guard) => {
                self.guarded.get_or_insert_with(|| path.to_owned());
                self.scopes = self.scopes.union(&guard.scopes);
                if let Some(rule) = &guard.sources {
                    self.rules.push((path.to_owned(), rule.clone()));
                }
                handler.layer(from_fn(move |mut request: AxumRequest, next: Next| {
                    let checked = guard.check(&mut request);
                    async move {
                        match checked {
                            Ok(()) => next.run(request).await,
                            Err(refusal) => {
                                let mut response = refusal.status().into_response();
                                response.extensions_mut().insert(Refused(refusal));
                                response
                            }
                        }
                    }
                }))
            }
        };
        self.router = std::mem::take(&mut self.router).route(path, handler);
        self.any = true;
        Ok(())
    }

    /// Which sources routes accept, and what each is called in a sentence.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (String, &SourceRule)> {
        let rules = self.rules.iter();
        rules.map(|(path, rule)| (format!("the route `{path}`"), rule))
    }

    /// The scopes that routes need, all together.
    pub(crate) fn scopes(&self) -> ScopeSet {
        self.scopes.clone()
    }

    /// The router itself panics about what is refused here.
    fn check_path(&mut self, path: &str) -> Result<(), ConfigurationError> {
        let refuse = |why: &str| {
            let shown: String = path.chars().take(80).collect();
            let shown = shown.escape_default();
            Err(ConfigurationError::new(format!(
                "the route `{shown}` {why}"
            )))
        };
        let old_style = |segment: &str| segment.starts_with([':', '*']);
        if !path.starts_with('/') || path.split('/').any(old_style) {
            return refuse("is not a path: write `/status` or `/users/{id}`");
        }
        if is_own(path) {
            return refuse("is answered by the server itself: choose another path");
        }
        match self.paths.insert(path, path.into()) {
            Ok(()) => Ok(()),
            Err(matchit::InsertError::Conflict { .. }) => {
                refuse("is taken by a route that was added before: choose another path")
            }
            Err(_) => refuse("is not a path: write `/status` or `/users/{id}`"),
        }
    }

    /// Whether a server whose endpoints are at `endpoints` can have these routes.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if the endpoint hides one of them, or if one asks for
    /// a caller and nobody is told apart.
    pub(crate) fn check(
        &self,
        endpoints: &[&str],
        authenticates: bool,
    ) -> Result<(), ConfigurationError> {
        // A pattern that matches the endpoint among others is no mistake.
        for endpoint in endpoints {
            if is_own(endpoint) {
                return Err(ConfigurationError::new(format!(
                    "the path `{endpoint}` is answered by the server itself: choose another \
                     one for the MCP endpoint"
                )));
            }
            if self
                .paths
                .clone()
                .insert(*endpoint, Box::default())
                .is_err()
            {
                return Err(ConfigurationError::new(format!(
                    "the route `{endpoint}` is where the MCP endpoint is: choose another path"
                )));
            }
        }
        self.check_guarded(authenticates)
    }

    /// Whether `path`, which the authorization server answers, is free.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if a route has it.
    pub(crate) fn check_free(&self, path: &str) -> Result<(), ConfigurationError> {
        if self.paths.clone().insert(path, Box::default()).is_ok() {
            return Ok(());
        }
        Err(ConfigurationError::new(format!(
            "the route `{path}` is one of the authorization server: choose another path, or put \
             a prefix such as /auth before those of the authorization server"
        )))
    }

    fn check_guarded(&self, authenticates: bool) -> Result<(), ConfigurationError> {
        match &self.guarded {
            Some(path) if !authenticates => Err(ConfigurationError::new(format!(
                "the route `{path}` asks for a token and nobody can have one: add a verifier \
                 with .auth(…)"
            ))),
            _ => Ok(()),
        }
    }
}

/// What is answered before anything of the application is asked.
fn is_own(path: &str) -> bool {
    path == HEALTH || path.starts_with(WELL_KNOWN)
}

impl Guard {
    /// Lets the credential act that the route accepts.
    fn check(&self, request: &mut AxumRequest) -> Result<(), Refusal> {
        let unauthenticated = || Refusal::Unauthenticated(self.scopes.clone());
        let caller = request.extensions_mut().get_mut::<Caller>();
        let caller = caller.ok_or_else(unauthenticated)?;
        if let Some(rule) = &self.sources {
            caller.act_for(rule, &self.scopes)?;
        } else if caller.is_anonymous() {
            return Err(unauthenticated());
        }
        if caller.scopes().is_superset(&self.scopes) {
            return Ok(());
        }
        Err(Refusal::insufficient_scope(caller, self.scopes.clone()))
    }
}

pub(super) fn health(method: &Method) -> Response<Answer> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return answer::method_not_allowed("GET, HEAD");
    }
    Response::new(Answer::whole(Bytes::from_static(b"ok\n")))
}

/// RFC 9728 §3: at the root, and with the path of the resource.
pub(super) fn is_metadata(gate: &Gate, path: &str) -> bool {
    path.strip_prefix(WELL_KNOWN)
        .is_some_and(|rest| rest.is_empty() || rest == gate.metadata().resource.path())
}

/// RFC 9728 §3.2. It says nothing that a token would be needed for, so any page may read it.
pub(super) fn metadata(gate: &Gate, method: &Method) -> Response<Answer> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return answer::method_not_allowed("GET, HEAD");
    }
    let mut response = answer::json(gate.metadata_document());
    let headers = response.headers_mut();
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=3600"),
    );
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

impl Front {
    /// A route of the application, or 404.
    pub(super) async fn custom<B>(
        &self,
        mut parts: Parts,
        body: B,
        peer: Option<std::net::IpAddr>,
    ) -> Response<Answer>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if !self.routes.any {
            // The authorization server has a page for people who lost their way.
            return match &self.issuing {
                Some(issuing) => {
                    audit::noted_elsewhere();
                    Box::pin(issuing.respond(parts, body, peer)).await
                }
                None => answer::status(StatusCode::NOT_FOUND),
            };
        }
        let caller = match self.optional_caller(&parts, peer).await {
            Ok(caller) => caller,
            Err(refused) => return refused,
        };
        let limits = self.place.limits;
        let body = match Bounded::new(body, limits.body, limits.body_patience) {
            Ok(body) => axum::body::Body::new(body),
            Err(why) => return answer::unread(why),
        };
        if let Ok(found) = self.routes.paths.at(parts.uri.path()) {
            audit::asked_for(parts.method.as_str());
            // The pattern: what somebody put into an address stays there.
            audit::about("route", found.value);
            audit::permitted();
        }
        let nonce = caller.dpop_nonce().cloned();
        // The token is for the check that was just made, and for nobody behind it.
        parts.headers.remove(AUTHORIZATION);
        if let Some(gate) = &self.gate {
            gate.conceal(&mut parts.headers);
        }
        parts.extensions.insert(caller);
        let request = Request::from_parts(parts, body);
        let response = match self.routes.router.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        match response.extensions().get::<Refused>() {
            Some(Refused(refusal)) => self.refuse(refusal),
            None => answer::bringing(nonce, response.map(Answer::stream)),
        }
    }

    /// The caller of a route: a presented token must be good, none is anonymous.
    async fn optional_caller(
        &self,
        parts: &Parts,
        peer: Option<std::net::IpAddr>,
    ) -> Result<Caller, Response<Answer>> {
        let presented = match &self.gate {
            Some(gate) => gate
                .credential_headers()
                .any(|header| parts.headers.contains_key(header)),
            None => parts.headers.contains_key(AUTHORIZATION),
        };
        if presented {
            return match self.admit(parts, peer).await {
                Ok(caller) => Ok(caller),
                Err(refused) => Err(refused),
            };
        }
        Ok(with_address(Caller::anonymous(), peer))
    }
}
