//! Prompts.

use super::{Access, Arguments, Running};
use crate::protocol::{GetPromptResult, Prompt};
use crate::{Context, ToolError};

/// What is said about a prompt before it is rendered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PromptDefinition {
    /// What goes over the wire.
    pub prompt: Prompt,
    /// Who may use it.
    pub access: Access,
    /// Labels for policies and middleware; not on the wire.
    pub tags: Vec<String>,
    /// Whether it calls back to the client.
    pub interactive: bool,
}

impl PromptDefinition {
    /// An open prompt.
    pub const fn new(prompt: Prompt) -> Self {
        Self {
            prompt,
            access: Access {
                scopes: countersign_resource_server::oauth::ScopeSet::new(),
                concealment: countersign_resource_server::policy::Concealment::Forbidden,
            },
            tags: Vec::new(),
            interactive: false,
        }
    }
}

/// A prompt. `#[prompt]` implements it for a function.
pub trait PromptHandler: Send + Sync + 'static {
    /// What is said about the prompt. Asked once, at start.
    fn definition(&self) -> PromptDefinition;

    /// Starts rendering. The caller is authorized already.
    ///
    /// # Errors
    ///
    /// [`ToolError::invalid_arguments`] if the arguments are not of the prompt's types.
    fn render(
        &self,
        context: Context,
        arguments: Arguments<'_>,
    ) -> Result<Running<GetPromptResult>, ToolError>;
}
