//! The way from one middleware to the next, and at the end to the handler.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use super::{Middleware, Operation, Outcome, Request, Response};
use crate::ToolError;

/// A request on its way.
pub(crate) type Boxed<'a> = Pin<Box<dyn Future<Output = Result<Response, ToolError>> + Send + 'a>>;

/// What carries the request out.
type End<'a> = dyn Fn(Request) -> Boxed<'a> + Sync + 'a;

/// [`Middleware`] without its types.
pub(crate) trait Erased: Send + Sync {
    fn around<'a>(&'a self, request: Request, rest: Rest<'a>) -> Boxed<'a>;

    fn hook<'a>(&'a self, request: Request, rest: Rest<'a>) -> Boxed<'a>;
}

impl fmt::Debug for dyn Erased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Middleware")
    }
}

macro_rules! hooks {
    ($self:ident, $request:ident, $rest:ident, $($kind:ident: $hook:ident,)*) => {
        match $request {
            $(Request::$kind(operation) => Box::pin(async move {
                let next = Next { step: Step::Rest($rest), operation: PhantomData };
                $self.$hook(operation, next).await.map(Response::$kind)
            }),)*
        }
    };
}

impl<M: Middleware> Erased for M {
    fn around<'a>(&'a self, request: Request, rest: Rest<'a>) -> Boxed<'a> {
        let next = Next {
            step: Step::Hook(self, rest),
            operation: PhantomData,
        };
        Box::pin(self.on_request(request, next))
    }

    fn hook<'a>(&'a self, request: Request, rest: Rest<'a>) -> Boxed<'a> {
        hooks! { self, request, rest,
            ToolCall: on_call_tool,
            ResourceRead: on_read_resource,
            PromptRendering: on_get_prompt,
            ToolListing: on_list_tools,
            ResourceListing: on_list_resources,
            TemplateListing: on_list_resource_templates,
            PromptListing: on_list_prompts,
            Completion: on_complete,
            Initialization: on_initialize,
            Discovery: on_discover,
        }
    }
}

/// The middleware that is left, and what is at the end.
#[derive(Clone, Copy)]
pub(crate) struct Rest<'a> {
    left: &'a [Arc<dyn Erased>],
    end: &'a End<'a>,
    foreign: bool,
    rules: u64,
}

impl<'a> Rest<'a> {
    /// All of `middleware`, the outermost first, around `end`.
    pub(crate) const fn new(middleware: &'a [Arc<dyn Erased>], end: &'a End<'a>) -> Self {
        Self {
            left: middleware,
            end,
            foreign: false,
            rules: 0,
        }
    }

    /// Under the rules of this generation.
    pub(crate) const fn under(self, rules: u64) -> Self {
        Self { rules, ..self }
    }

    /// At the end is a handler that was written for the SDK.
    pub(crate) const fn foreign(self) -> Self {
        Self {
            foreign: true,
            ..self
        }
    }

    pub(crate) fn run(self, request: Request) -> Boxed<'a> {
        match self.left.split_first() {
            Some((first, left)) => first.around(request, Rest { left, ..self }),
            None => (self.end)(request),
        }
    }
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Hook(&'a dyn Erased, Rest<'a>),
    Rest(Rest<'a>),
}

/// What comes after a middleware. A request that is not handed on is refused by
/// whatever the middleware answers instead.
///
/// A clone hands the request on once more: the component runs again, under the one
/// decision that was made, and counts once against limits.
#[must_use = "without `run` the request goes no further"]
pub struct Next<'a, O> {
    step: Step<'a>,
    operation: PhantomData<fn(O)>,
}

impl<O> fmt::Debug for Next<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").finish_non_exhaustive()
    }
}

impl<O> Clone for Next<'_, O> {
    fn clone(&self) -> Self {
        Self {
            step: self.step,
            operation: PhantomData,
        }
    }
}

impl<O> Next<'_, O> {
    /// Whether a handler that was written for the SDK is at the end. Such a one
    /// runs at most once for a request, and its lists come in pages.
    pub const fn is_foreign(&self) -> bool {
        match &self.step {
            Step::Hook(_, rest) | Step::Rest(rest) => rest.foreign,
        }
    }
}

impl<O> Next<'_, O> {
    /// A number that is another one after the rules of the server were replaced. What a
    /// middleware keeps may show what rules allowed that are not in force any more.
    pub const fn rules_generation(&self) -> u64 {
        match &self.step {
            Step::Hook(_, rest) | Step::Rest(rest) => rest.rules,
        }
    }
}

impl<O: Operation> Next<'_, O> {
    /// Hands `request` on and waits for the outcome.
    ///
    /// # Errors
    ///
    /// Whatever went wrong further in.
    pub async fn run(self, request: O) -> Outcome<O> {
        let request = request.into_request();
        let response = match self.step {
            Step::Hook(middleware, rest) => middleware.hook(request, rest).await?,
            Step::Rest(rest) => rest.run(request).await?,
        };
        O::output_of(response)
            .ok_or_else(|| ToolError::internal("a middleware answered another request"))
    }
}
