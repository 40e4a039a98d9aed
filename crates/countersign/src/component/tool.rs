//! Tools.

use std::sync::Arc;

use super::{Access, Arguments, Running};
use crate::Context;
use crate::protocol::{CallToolResult, JsonObject, Tool, ToolAnnotations};

/// What is said about a tool before it is called.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToolDefinition {
    /// What goes over the wire.
    pub tool: Tool,
    /// Who may call it.
    pub access: Access,
    /// Labels for policies and middleware; not on the wire.
    pub tags: Vec<String>,
    /// Whether it calls back to the client (elicitation, sampling, roots), which
    /// legacy clients can only answer in a session.
    pub interactive: bool,
}

impl ToolDefinition {
    /// An open tool of this name; `input_schema` describes its arguments.
    pub fn new(
        name: &'static str,
        description: &'static str,
        input_schema: Arc<JsonObject>,
    ) -> Self {
        Self {
            tool: Tool::new(name, description, input_schema),
            access: Access::open(),
            tags: Vec::new(),
            interactive: false,
        }
    }

    /// With a name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.tool.title = Some(title.into());
        self
    }

    /// With a schema of the structured result.
    #[must_use]
    pub fn output_schema(mut self, schema: Option<Arc<JsonObject>>) -> Self {
        self.tool.output_schema = schema;
        self
    }

    /// With hints for the client.
    #[must_use]
    pub fn annotations(mut self, annotations: ToolAnnotations) -> Self {
        self.tool.annotations = Some(annotations);
        self
    }

    /// For these callers only.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// With a label.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Calls back to the client.
    #[must_use]
    pub const fn interactive(mut self) -> Self {
        self.interactive = true;
        self
    }
}

/// A tool. `#[tool]` implements it for a function.
pub trait ToolHandler: Send + Sync + 'static {
    /// What is said about the tool. Asked once, at start.
    fn definition(&self) -> ToolDefinition;

    /// Starts a call. The caller is authorized already.
    ///
    /// # Errors
    ///
    /// [`crate::ToolError::invalid_arguments`] if the arguments are not of the tool's type.
    fn call(
        &self,
        context: Context,
        arguments: Arguments<'_>,
    ) -> Result<Running<CallToolResult>, crate::ToolError>;
}
