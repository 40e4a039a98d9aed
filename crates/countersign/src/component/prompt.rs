//! Prompts.

use super::definition::definition_settings;
use super::{Access, Arguments, Requirements, Running};
use crate::protocol::{GetPromptResult, Icon, Prompt, PromptArgument};
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
    /// What has to be there at start.
    pub requirements: Requirements,
}

definition_settings!(PromptDefinition);

impl PromptDefinition {
    /// An open prompt.
    pub const fn new(prompt: Prompt) -> Self {
        Self {
            prompt,
            access: Access {
                scopes: countersign_resource_server::oauth::ScopeSet::new(),
                sources: None,
                concealment: countersign_resource_server::policy::Concealment::Forbidden,
            },
            tags: Vec::new(),
            interactive: false,
            requirements: Requirements::none(),
        }
    }

    /// With a name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.prompt.title = Some(title.into());
        self
    }

    /// With what it is.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.prompt.description = Some(description.into());
        self
    }

    /// With an argument more.
    #[must_use]
    pub fn argument(mut self, argument: PromptArgument) -> Self {
        let arguments = self.prompt.arguments.get_or_insert_default();
        arguments.push(argument);
        self
    }

    /// With an icon, found at the URI `src`.
    #[must_use]
    pub fn icon(mut self, src: impl Into<String>) -> Self {
        let icons = self.prompt.icons.get_or_insert_default();
        icons.push(Icon::new(src));
        self
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

/// The function that `#[prompt]` makes of yours is one that makes the prompt.
impl<F, T> PromptHandler for F
where
    F: Fn() -> T + Send + Sync + 'static,
    T: PromptHandler,
{
    fn definition(&self) -> PromptDefinition {
        self().definition()
    }

    fn render(
        &self,
        context: Context,
        arguments: Arguments<'_>,
    ) -> Result<Running<GetPromptResult>, ToolError> {
        self().render(context, arguments)
    }
}
