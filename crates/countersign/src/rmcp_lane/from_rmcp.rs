//! `Server::from_rmcp`: a handler that was written for the SDK as a server.

use std::fmt;
use std::sync::Arc;

use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::{Caller, Clock, ConfigurationError, SourceRule};
use rmcp::ServerHandler;

use super::foreign_access::ForeignAccess;
use super::foreign_handler::ForeignHandler;
use super::lane::{SessionLane, SessionMode};
use super::limits::SessionLimits;
use crate::Server;
use crate::component::Access;
use crate::dispatch::Core;
use crate::stdio::{Lines, Serving, serve_over};

/// A handler of the SDK whose type is forgotten.
pub(crate) struct Foreign {
    pub(crate) access: ForeignAccess,
    served: Option<Box<dyn Served>>,
}

/// What can be done with a handler of any type.
pub(crate) trait Served: Send + Sync {
    /// Serves it over HTTP.
    fn lane(
        self: Box<Self>,
        core: Arc<Core>,
        clock: Arc<dyn Clock>,
        mode: SessionMode,
        limits: SessionLimits,
    ) -> SessionLane;

    /// Serves it to the one client at the other end of `lines`, until it closes them.
    fn over(self: Box<Self>, core: Arc<Core>, clock: Arc<dyn Clock>, lines: Lines) -> Serving;
}

/// Handlers that a function makes.
struct Made<F>(F);

impl<F, H> Made<F>
where
    F: Fn() -> H + Send + Sync + 'static,
    H: ServerHandler,
{
    /// Makes handlers for callers.
    fn into_guarded(
        self,
        core: Arc<Core>,
        clock: Arc<dyn Clock>,
    ) -> impl Fn(Caller) -> ForeignHandler<H> + Send + Sync + 'static {
        let access = Arc::clone(core.foreign.as_ref().unwrap_or(&Arc::default()));
        move |caller| {
            ForeignHandler::new(
                (self.0)(),
                Arc::clone(&core),
                Arc::clone(&access),
                Arc::clone(&clock),
                caller,
            )
        }
    }
}

impl<F, H> Served for Made<F>
where
    F: Fn() -> H + Send + Sync + 'static,
    H: ServerHandler,
{
    fn lane(
        self: Box<Self>,
        core: Arc<Core>,
        clock: Arc<dyn Clock>,
        mode: SessionMode,
        limits: SessionLimits,
    ) -> SessionLane {
        let make = self.into_guarded(core, Arc::clone(&clock));
        SessionLane::new(make, mode, limits, clock)
    }

    fn over(self: Box<Self>, core: Arc<Core>, clock: Arc<dyn Clock>, lines: Lines) -> Serving {
        let make = self.into_guarded(core, clock);
        serve_over(make(Caller::anonymous()), lines)
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Foreign").field(&self.access).finish()
    }
}

impl Foreign {
    /// Takes the handler out, once.
    pub(crate) fn take(&mut self) -> Option<Box<dyn Served>> {
        self.served.take()
    }
}

fn scopes<I>(names: I) -> Result<Access, ConfigurationError>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    ScopeSet::from_names(names)
        .map(Access::scopes)
        .map_err(|error| ConfigurationError::new(format!("scopes: {error}")))
}

impl Server {
    /// Puts a handler that was written for the official SDK behind authentication,
    /// policies, middleware and sessions that belong to their users. All clients share
    /// the one handler; see [`Self::from_rmcp_with`] for one each.
    ///
    /// Name, version, instructions and capabilities are those of the handler. Which
    /// scopes a component needs is said with [`Self::tool_scopes`],
    /// [`Self::resource_scopes`] and [`Self::prompt_scopes`]; what they do not name is
    /// open to everybody whom the server lets in. Within a request
    /// [`crate::get_access_token`] and [`crate::current_context`] say who calls, and so
    /// does the [`Caller`] in the extensions of `http::request::Parts`. The handler
    /// does not see the `Authorization` header.
    pub fn from_rmcp(handler: impl ServerHandler) -> Self {
        let handler = Arc::new(handler);
        Self::from_rmcp_with(move || Arc::clone(&handler))
    }

    /// Like [`Self::from_rmcp`], with a handler from `make` for each session and for
    /// each request without a session.
    pub fn from_rmcp_with<F, H>(make: F) -> Self
    where
        F: Fn() -> H + Send + Sync + 'static,
        H: ServerHandler,
    {
        let info = make().get_info();
        let mut server = Self::new(info.server_info.name.clone());
        server.implementation = info.server_info;
        server.instructions = info.instructions;
        server.announced = Some(info.capabilities);
        server.foreign = Some(Foreign {
            access: ForeignAccess::default(),
            served: Some(Box::new(Made(make))),
        });
        server
    }

    /// The tool `name` of an SDK handler needs all of these scopes.
    #[must_use]
    pub fn tool_scopes<I>(self, name: &str, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.guard(scopes(names), |rules, access| {
            rules.guard_tool(name, access);
        })
    }

    /// The resource `uri` of an SDK handler needs all of these scopes. A URI template
    /// guards everything that begins like its part before the first variable.
    #[must_use]
    pub fn resource_scopes<I>(self, uri: &str, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.guard(scopes(names), |rules, access| {
            rules.guard_resource(uri, access);
        })
    }

    /// The prompt `name` of an SDK handler needs all of these scopes.
    #[must_use]
    pub fn prompt_scopes<I>(self, name: &str, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.guard(scopes(names), |rules, access| {
            rules.guard_prompt(name, access);
        })
    }

    /// The tool `name` of an SDK handler accepts callers of these sources only, see
    /// [`Self::source`]. Called again, both rules have to be met.
    #[must_use]
    pub fn tool_auth(self, name: &str, sources: SourceRule) -> Self {
        self.guard(Ok(Access::open().auth(sources)), |rules, access| {
            rules.guard_tool(name, access);
        })
    }

    /// The resource `uri` of an SDK handler accepts callers of these sources only, see
    /// [`Self::source`]. A URI template guards everything that begins like its part
    /// before the first variable; where several rules meet, all of them count.
    #[must_use]
    pub fn resource_auth(self, uri: &str, sources: SourceRule) -> Self {
        self.guard(Ok(Access::open().auth(sources)), |rules, access| {
            rules.guard_resource(uri, access);
        })
    }

    /// The prompt `name` of an SDK handler accepts callers of these sources only, see
    /// [`Self::source`]. Called again, both rules have to be met.
    #[must_use]
    pub fn prompt_auth(self, name: &str, sources: SourceRule) -> Self {
        self.guard(Ok(Access::open().auth(sources)), |rules, access| {
            rules.guard_prompt(name, access);
        })
    }

    /// Callers without the scopes of the tool `name` of an SDK handler, which are set
    /// with [`Self::tool_scopes`], get the answer for an unknown tool.
    ///
    /// Where a tool is hidden, a tool that the handler does not list is unknown too: it
    /// is asked for its list before a call, so that both answers are the same.
    #[must_use]
    pub fn hide_tool(self, name: &str) -> Self {
        self.guard(Ok(Access::open().hidden()), |rules, access| {
            rules.guard_tool(name, access);
        })
    }

    /// Callers without the scopes of the resource `uri` of an SDK handler, which are
    /// set with [`Self::resource_scopes`], get the answer for an unknown resource. A
    /// URI template hides everything that begins like its part before the first variable.
    #[must_use]
    pub fn hide_resource(self, uri: &str) -> Self {
        self.guard(Ok(Access::open().hidden()), |rules, access| {
            rules.guard_resource(uri, access);
        })
    }

    /// Callers without the scopes of the prompt `name` of an SDK handler, which are set
    /// with [`Self::prompt_scopes`], get the answer for an unknown prompt; see
    /// [`Self::hide_tool`].
    #[must_use]
    pub fn hide_prompt(self, name: &str) -> Self {
        self.guard(Ok(Access::open().hidden()), |rules, access| {
            rules.guard_prompt(name, access);
        })
    }

    fn guard(
        mut self,
        access: Result<Access, ConfigurationError>,
        guard: impl FnOnce(&mut ForeignAccess, &Access),
    ) -> Self {
        let outcome = match (&mut self.foreign, access) {
            (_, Err(error)) => Err(error),
            (None, Ok(_)) => Err(ConfigurationError::new(
                "scopes by name are for a server made by from_rmcp: say them at the component",
            )),
            (Some(foreign), Ok(access)) => {
                guard(&mut foreign.access, &access);
                Ok(())
            }
        };
        self.note(outcome);
        self
    }

    /// Components and what acts on them belong to one kind of server.
    pub(crate) fn check_foreign(&self) -> Result<(), ConfigurationError> {
        let own = !self.registry.is_empty()
            || self.extras.completion.is_some()
            || self.notifier.is_some();
        if self.foreign.is_some() && own {
            return Err(ConfigurationError::new(
                "a server made by from_rmcp has the components of its handler: put other \
                 components, completion and a notifier on a server of their own",
            ));
        }
        let unserved = |foreign: &Foreign| foreign.served.is_some();
        if self.foreign.as_ref().is_some_and(unserved) {
            return Err(ConfigurationError::new(
                "the in-memory client is for components of countersign: serve what from_rmcp \
                 made over HTTP, or test the handler with the SDK",
            ));
        }
        Ok(())
    }
}
