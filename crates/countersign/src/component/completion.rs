//! Suggestions for the arguments of prompts and the variables of resource templates.

use std::fmt;
use std::future::Future;

use rmcp::model::CompleteRequestParams;

use super::Running;
use crate::{Context, ToolError};

/// What a client wants suggestions for. The caller may use the component.
#[derive(Clone)]
pub struct CompletionRequest(CompleteRequestParams);

impl fmt::Debug for CompletionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletionRequest")
            .field("prompt", &self.prompt())
            .field("template", &self.template())
            .field("argument", &self.argument())
            .finish_non_exhaustive()
    }
}

impl CompletionRequest {
    pub(crate) const fn new(params: CompleteRequestParams) -> Self {
        Self(params)
    }

    pub(crate) fn into_params(self) -> CompleteRequestParams {
        self.0
    }

    /// The name of the prompt, if it is about a prompt.
    pub fn prompt(&self) -> Option<&str> {
        self.0.r#ref.as_prompt_name()
    }

    /// The URI template, if it is about a resource template.
    pub fn template(&self) -> Option<&str> {
        self.0.r#ref.as_resource_uri()
    }

    /// The name of the argument or variable.
    pub fn argument(&self) -> &str {
        &self.0.argument.name
    }

    /// What was typed so far.
    pub fn value(&self) -> &str {
        &self.0.argument.value
    }

    /// The value of another argument that is settled already.
    pub fn settled(&self, name: &str) -> Option<&str> {
        Some(self.0.context.as_ref()?.get_argument(name)?)
    }
}

/// Suggests values; implemented by async closures and functions that take a
/// [`Context`] and a [`CompletionRequest`] and return the values, best first.
pub trait CompletionHandler: Send + Sync + 'static {
    /// Starts to look for values.
    fn complete(&self, context: Context, request: CompletionRequest) -> Running<Vec<String>>;
}

impl<F, R> CompletionHandler for F
where
    F: Fn(Context, CompletionRequest) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Vec<String>, ToolError>> + Send + 'static,
{
    fn complete(&self, context: Context, request: CompletionRequest) -> Running<Vec<String>> {
        Box::pin(self(context, request))
    }
}
