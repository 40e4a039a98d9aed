//! The requests that middleware sees, and their responses.

use std::fmt;
use std::sync::Arc;

use crate::component::{Arguments, CompletionRequest, Variables};
use crate::protocol::{
    CallToolResponse, CompletionInfo, DiscoverResult, GetPromptResponse, InitializeRequestParams,
    InitializeResult, JsonObject, Prompt, ReadResourceResponse, Resource, ResourceTemplate, Tool,
    ToolAnnotations,
};
use crate::registry::{PromptEntry, ResourceEntry, ToolEntry};
use crate::{Context, ToolError};

mod sealed {
    pub trait Sealed {}
}

/// One kind of request.
pub trait Operation: sealed::Sealed + Send + 'static {
    /// What it is answered with.
    type Output: Send + 'static;

    #[doc(hidden)]
    fn into_request(self) -> Request;

    #[doc(hidden)]
    fn of(request: Request) -> Option<Self>
    where
        Self: Sized;

    #[doc(hidden)]
    fn response(output: Self::Output) -> Response;

    #[doc(hidden)]
    fn output_of(response: Response) -> Option<Self::Output>;
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident => $output:ty;)*) => {
        /// Any request.
        #[non_exhaustive]
        pub enum Request {
            $($(#[$doc])* $name($name),)*
        }

        /// The response to any request.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum Response {
            $(#[doc = concat!("To a [`", stringify!($name), "`].")] $name($output),)*
        }

        impl Request {
            /// The call that the request is.
            pub fn context(&self) -> &Context {
                match self {
                    $(Self::$name(operation) => operation.context(),)*
                }
            }

            /// The name or URI of the component it is about, if it is about one.
            pub fn component(&self) -> Option<&str> {
                match self {
                    $(Self::$name(operation) => operation.component(),)*
                }
            }
        }

        impl fmt::Debug for Request {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Request")
                    .field("context", self.context())
                    .field("component", &self.component())
                    .finish()
            }
        }

        $(
            impl sealed::Sealed for $name {}

            impl Operation for $name {
                type Output = $output;

                fn into_request(self) -> Request {
                    Request::$name(self)
                }

                fn of(request: Request) -> Option<Self> {
                    match request {
                        Request::$name(operation) => Some(operation),
                        _ => None,
                    }
                }

                fn response(output: $output) -> Response {
                    Response::$name(output)
                }

                fn output_of(response: Response) -> Option<$output> {
                    match response {
                        Response::$name(output) => Some(output),
                        _ => None,
                    }
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.debug_struct(stringify!($name))
                        .field("context", &self.context)
                        .field("component", &self.component())
                        .finish_non_exhaustive()
                }
            }

            impl $name {
                /// The call that the request is.
                pub const fn context(&self) -> &Context {
                    &self.context
                }
            }
        )*
    };
}

operations! {
    /// `tools/call`.
    ToolCall => CallToolResponse;
    /// `resources/read`.
    ResourceRead => ReadResourceResponse;
    /// `prompts/get`.
    PromptRendering => GetPromptResponse;
    /// `tools/list`.
    ToolListing => Vec<Tool>;
    /// `resources/list`.
    ResourceListing => Vec<Resource>;
    /// `resources/templates/list`.
    TemplateListing => Vec<ResourceTemplate>;
    /// `prompts/list`.
    PromptListing => Vec<Prompt>;
    /// `completion/complete`.
    Completion => CompletionInfo;
    /// `initialize`.
    Initialization => InitializeResult;
    /// `server/discover`.
    Discovery => DiscoverResult;
}

impl<E> Clone for Subject<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Registered(entry) => Self::Registered(Arc::clone(entry)),
            Self::Foreign(name) => Self::Foreign(name.clone()),
        }
    }
}

impl sealed::Sealed for Request {}

impl Operation for Request {
    type Output = Response;

    fn into_request(self) -> Request {
        self
    }

    fn of(request: Request) -> Option<Self> {
        Some(request)
    }

    fn response(output: Response) -> Response {
        output
    }

    fn output_of(response: Response) -> Option<Response> {
        Some(response)
    }
}

/// The component that a request was permitted for.
pub(crate) enum Subject<E> {
    /// One of ours.
    Registered(Arc<E>),
    /// One of a handler that was written for the SDK: its name.
    Foreign(String),
}

/// The arguments of a call, on their way through the middleware.
#[derive(Clone)]
pub(crate) enum Passing {
    /// JSON text; empty if there are none.
    Text(String),
    Object(JsonObject),
}

impl Passing {
    pub(crate) fn into_object(self) -> Result<JsonObject, ToolError> {
        match self {
            Self::Text(_) => self.parse(),
            Self::Object(object) => Ok(object),
        }
    }

    fn parse(&self) -> Result<JsonObject, ToolError> {
        match self {
            Self::Text(_) => self.as_arguments().parse(),
            Self::Object(object) => Ok(object.clone()),
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Object(object) => serde_json::to_string(object).unwrap_or_default(),
        }
    }

    pub(crate) fn as_arguments(&self) -> Arguments<'_> {
        match self {
            Self::Text(text) => Arguments::from_json(text.as_bytes()),
            Self::Object(object) => Arguments::from_object(Some(object.clone())),
        }
    }
}

macro_rules! arguments_of {
    ($name:ident) => {
        impl $name {
            /// The arguments.
            ///
            /// # Errors
            ///
            /// JSON-RPC −32602 if they are not an object.
            pub fn arguments(&self) -> Result<JsonObject, ToolError> {
                self.arguments.parse()
            }

            /// The same request with other arguments.
            #[must_use]
            pub fn with_arguments(mut self, arguments: JsonObject) -> Self {
                self.arguments = Passing::Object(arguments);
                self
            }
        }
    };
}

/// `tools/call`.
#[derive(Clone)]
pub struct ToolCall {
    pub(crate) context: Context,
    pub(crate) subject: Subject<ToolEntry>,
    pub(crate) arguments: Passing,
}

arguments_of!(ToolCall);

impl ToolCall {
    /// The name of the tool.
    pub fn name(&self) -> &str {
        match &self.subject {
            Subject::Registered(entry) => &entry.definition.tool.name,
            Subject::Foreign(name) => name,
        }
    }

    /// What the tool says about itself, such as that it only reads; a handler of the
    /// SDK says nothing here.
    pub fn annotations(&self) -> Option<&ToolAnnotations> {
        match &self.subject {
            Subject::Registered(entry) => entry.definition.tool.annotations.as_ref(),
            Subject::Foreign(_) => None,
        }
    }

    /// Whether the tool is given a schema for its structured results; a handler of
    /// the SDK says nothing here.
    pub fn has_output_schema(&self) -> bool {
        match &self.subject {
            Subject::Registered(entry) => entry.definition.tool.output_schema.is_some(),
            Subject::Foreign(_) => false,
        }
    }

    /// The labels of the tool; a handler of the SDK has none.
    pub fn tags(&self) -> &[String] {
        match &self.subject {
            Subject::Registered(entry) => &entry.definition.tags,
            Subject::Foreign(_) => &[],
        }
    }

    fn component(&self) -> Option<&str> {
        Some(self.name())
    }
}

/// `resources/read`.
#[derive(Clone)]
pub struct ResourceRead {
    pub(crate) context: Context,
    /// None for a resource of a handler that was written for the SDK.
    pub(crate) entry: Option<Arc<ResourceEntry>>,
    pub(crate) uri: String,
    pub(crate) variables: Variables,
}

impl ResourceRead {
    /// The URI that is read.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The URI or template that the resource was registered with; for a handler of
    /// the SDK the URI that is read.
    pub fn registered(&self) -> &str {
        self.entry
            .as_ref()
            .map_or(&self.uri, |entry| entry.component().name)
    }

    /// The variables of the URI template, decoded.
    pub const fn variables(&self) -> &Variables {
        &self.variables
    }

    /// The labels of the resource; a handler of the SDK has none.
    pub fn tags(&self) -> &[String] {
        self.entry
            .as_ref()
            .map_or(&[], |entry| &entry.definition.tags)
    }

    fn component(&self) -> Option<&str> {
        Some(self.uri())
    }
}

/// `prompts/get`.
#[derive(Clone)]
pub struct PromptRendering {
    pub(crate) context: Context,
    pub(crate) subject: Subject<PromptEntry>,
    pub(crate) arguments: Passing,
}

arguments_of!(PromptRendering);

impl PromptRendering {
    /// The name of the prompt.
    pub fn name(&self) -> &str {
        match &self.subject {
            Subject::Registered(entry) => &entry.definition.prompt.name,
            Subject::Foreign(name) => name,
        }
    }

    /// The labels of the prompt; a handler of the SDK has none.
    pub fn tags(&self) -> &[String] {
        match &self.subject {
            Subject::Registered(entry) => &entry.definition.tags,
            Subject::Foreign(_) => &[],
        }
    }

    fn component(&self) -> Option<&str> {
        Some(self.name())
    }
}

macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            pub struct $name {
                pub(crate) context: Context,
            }

            impl $name {
                const fn component(&self) -> Option<&str> {
                    None
                }
            }
        )*
    };
}

plain! {
    /// `tools/list`: the tools that the caller may see.
    ToolListing
    /// `resources/list`: the resources that the caller may see.
    ResourceListing
    /// `resources/templates/list`: the resource templates that the caller may see.
    TemplateListing
    /// `prompts/list`: the prompts that the caller may see.
    PromptListing
    /// `server/discover`.
    Discovery
}

/// `completion/complete`.
pub struct Completion {
    pub(crate) context: Context,
    pub(crate) request: CompletionRequest,
}

impl Completion {
    /// What is to be completed.
    pub const fn request(&self) -> &CompletionRequest {
        &self.request
    }

    fn component(&self) -> Option<&str> {
        self.request.prompt().or_else(|| self.request.template())
    }
}

/// `initialize`.
pub struct Initialization {
    pub(crate) context: Context,
    pub(crate) params: Box<InitializeRequestParams>,
}

impl Initialization {
    /// What the client says about itself. None of it is verified.
    pub fn params(&self) -> &InitializeRequestParams {
        &self.params
    }

    const fn component(&self) -> Option<&str> {
        None
    }
}
