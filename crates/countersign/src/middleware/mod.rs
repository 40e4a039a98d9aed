//! Code around every request: to watch, change or refuse it.
//!
//! What was done before: the caller is authenticated and every policy agreed.
//! Middleware can refuse more, and can never allow more: the component that runs
//! is the one that was permitted, whatever a middleware hands on.

mod error_masking;
mod json_size;
mod logging;
mod next;
mod plain;
mod request;
mod response_caching;
mod response_limit;
mod retry;
mod shelf;
mod stopwatch;
mod timeouts;
mod timing;

use std::future::Future;

pub use error_masking::ErrorMasking;
pub use logging::Logging;
pub use next::Next;
pub(crate) use next::{Boxed, Erased, Rest};
pub(crate) use plain::plain;
pub use request::{
    Completion, Discovery, Initialization, Operation, PromptListing, PromptRendering, Request,
    ResourceListing, ResourceRead, Response, TemplateListing, ToolCall, ToolListing,
};
pub(crate) use request::{Passing, Subject};
pub use response_caching::ResponseCaching;
pub use response_limit::ResponseLimit;
pub use retry::Retry;
pub(crate) use stopwatch::Stopwatch;
pub use timeouts::Timeouts;
pub use timing::Timing;

use crate::ToolError;
use crate::protocol::{
    CallToolResponse, CompletionInfo, DiscoverResult, GetPromptResponse, InitializeResult, Prompt,
    ReadResourceResponse, Resource, ResourceTemplate, Tool,
};

/// The outcome of `O`.
pub type Outcome<O> = Result<<O as Operation>::Output, ToolError>;

/// Code around requests. Each method hands the request on; override those that
/// matter, as `async fn`.
///
/// The middleware that was added first is outermost. Within one middleware,
/// [`Self::on_request`] is around the method for the kind of request.
pub trait Middleware: Send + Sync + 'static {
    /// Around every request.
    fn on_request(
        &self,
        request: Request,
        next: Next<'_, Request>,
    ) -> impl Future<Output = Result<Response, ToolError>> + Send {
        next.run(request)
    }

    /// Around `tools/call`.
    fn on_call_tool(
        &self,
        call: ToolCall,
        next: Next<'_, ToolCall>,
    ) -> impl Future<Output = Result<CallToolResponse, ToolError>> + Send {
        next.run(call)
    }

    /// Around `resources/read`.
    fn on_read_resource(
        &self,
        read: ResourceRead,
        next: Next<'_, ResourceRead>,
    ) -> impl Future<Output = Result<ReadResourceResponse, ToolError>> + Send {
        next.run(read)
    }

    /// Around `prompts/get`.
    fn on_get_prompt(
        &self,
        rendering: PromptRendering,
        next: Next<'_, PromptRendering>,
    ) -> impl Future<Output = Result<GetPromptResponse, ToolError>> + Send {
        next.run(rendering)
    }

    /// Around `tools/list`.
    fn on_list_tools(
        &self,
        listing: ToolListing,
        next: Next<'_, ToolListing>,
    ) -> impl Future<Output = Result<Vec<Tool>, ToolError>> + Send {
        next.run(listing)
    }

    /// Around `resources/list`.
    fn on_list_resources(
        &self,
        listing: ResourceListing,
        next: Next<'_, ResourceListing>,
    ) -> impl Future<Output = Result<Vec<Resource>, ToolError>> + Send {
        next.run(listing)
    }

    /// Around `resources/templates/list`.
    fn on_list_resource_templates(
        &self,
        listing: TemplateListing,
        next: Next<'_, TemplateListing>,
    ) -> impl Future<Output = Result<Vec<ResourceTemplate>, ToolError>> + Send {
        next.run(listing)
    }

    /// Around `prompts/list`.
    fn on_list_prompts(
        &self,
        listing: PromptListing,
        next: Next<'_, PromptListing>,
    ) -> impl Future<Output = Result<Vec<Prompt>, ToolError>> + Send {
        next.run(listing)
    }

    /// Around `completion/complete`.
    fn on_complete(
        &self,
        completion: Completion,
        next: Next<'_, Completion>,
    ) -> impl Future<Output = Result<CompletionInfo, ToolError>> + Send {
        next.run(completion)
    }

    /// Around `initialize` of legacy clients.
    fn on_initialize(
        &self,
        initialization: Initialization,
        next: Next<'_, Initialization>,
    ) -> impl Future<Output = Result<InitializeResult, ToolError>> + Send {
        next.run(initialization)
    }

    /// Around `server/discover`, from 2026-07-28 on.
    fn on_discover(
        &self,
        discovery: Discovery,
        next: Next<'_, Discovery>,
    ) -> impl Future<Output = Result<DiscoverResult, ToolError>> + Send {
        next.run(discovery)
    }
}
