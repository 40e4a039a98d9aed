//! What a server offers: tools, resources and prompts.
//!
//! The traits here are what the attributes `#[tool]`, `#[resource]` and
//! `#[prompt]` implement; implement them by hand for components that are made
//! at run time.

mod arguments;
mod completion;
mod definition;
mod injected;
mod json;
mod media;
mod prompt;
mod prompt_result;
mod resource;
mod resource_result;
mod schema;
pub(crate) mod text;
mod tool;
mod tool_result;

use std::future::Future;
use std::pin::Pin;

pub use arguments::Arguments;
pub use completion::{CompletionHandler, CompletionRequest};
pub use injected::{Injected, Requirements};
pub use json::Json;
pub use media::{Audio, Image};
pub use prompt::{PromptDefinition, PromptHandler};
pub use prompt_result::IntoPromptResult;
pub use resource::{ResourceAddress, ResourceDefinition, ResourceHandler, Variables};
pub use resource_result::IntoResourceResult;
pub(crate) use schema::HEADER_ANNOTATION;
pub use schema::input_schema;
pub use tool::{ToolDefinition, ToolHandler};
pub use tool_result::IntoToolResult;

use countersign_resource_server::SourceRule;
use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::policy::Concealment;

use crate::ToolError;

/// The running call of a component. It owns everything it needs.
pub type Running<T> = Pin<Box<dyn Future<Output = Result<T, ToolError>> + Send + 'static>>;

/// Who may use a component, and how it answers everybody else.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Access {
    /// All scopes that a caller needs.
    pub scopes: ScopeSet,
    /// The sources from which it accepts callers; `None` for all of the server.
    pub sources: Option<SourceRule>,
    /// Whether those who lack them are told.
    pub concealment: Concealment,
}

impl Access {
    /// Everybody whom the server lets in.
    pub fn open() -> Self {
        Self::default()
    }

    /// Callers with all of `scopes`.
    pub const fn scopes(scopes: ScopeSet) -> Self {
        Self {
            scopes,
            sources: None,
            concealment: Concealment::Forbidden,
        }
    }

    /// Callers with a credential of these sources, see [`crate::Server::source`].
    #[must_use]
    pub fn auth(mut self, sources: SourceRule) -> Self {
        self.sources = Some(sources);
        self
    }

    /// Callers without the scopes, or of another source, get the answer for an unknown component.
    #[must_use]
    pub const fn hidden(mut self) -> Self {
        self.concealment = Concealment::Hidden;
        self
    }
}
