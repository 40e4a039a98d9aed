//! Tools.

use std::sync::Arc;

use super::definition::definition_settings;
use super::{Access, Arguments, Requirements, Running, schema};
use crate::Context;
use crate::protocol::{CallToolResult, Icon, JsonObject, Tool, ToolAnnotations};

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
    /// What has to be there at start.
    pub requirements: Requirements,
    /// Whether structured results travel as the member `result` of an object.
    pub(crate) wraps_result: bool,
}

definition_settings!(ToolDefinition);

impl ToolDefinition {
    /// An open tool of this name; `input_schema` describes its arguments. An empty
    /// `description` is none.
    pub fn new(
        name: &'static str,
        description: &'static str,
        input_schema: Arc<JsonObject>,
    ) -> Self {
        let mut tool = Tool::new(name, description, input_schema);
        tool.description = tool.description.filter(|text| !text.is_empty());
        Self {
            tool,
            access: Access::open(),
            tags: Vec::new(),
            interactive: false,
            requirements: Requirements::none(),
            wraps_result: false,
        }
    }

    /// With a name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.tool.title = Some(title.into());
        self
    }

    /// With a schema of the structured content. Content that is no object travels as
    /// the member `result` of one, as legacy clients need it.
    #[must_use]
    pub fn output_schema(mut self, schema: Option<Arc<JsonObject>>) -> Self {
        let schema = schema.map(schema::as_object);
        self.wraps_result = schema.as_ref().is_some_and(|(_, wrapped)| *wrapped);
        self.tool.output_schema = schema.map(|(schema, _)| schema);
        self
    }

    /// With an icon, found at the URI `src`.
    #[must_use]
    pub fn icon(mut self, src: impl Into<String>) -> Self {
        let icons = self.tool.icons.get_or_insert_default();
        icons.push(Icon::new(src));
        self
    }

    /// `result` as the output schema announces it.
    pub(crate) fn wrapped(&self, mut result: CallToolResult) -> CallToolResult {
        if self.wraps_result && result.is_error != Some(true) {
            result.structured_content = result
                .structured_content
                .map(|value| serde_json::json!({ "result": value }));
        }
        result
    }

    /// With hints for the client.
    #[must_use]
    pub fn annotations(mut self, annotations: ToolAnnotations) -> Self {
        self.tool.annotations = Some(annotations);
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

/// The function that `#[tool]` makes of yours is one that makes the tool.
impl<F, T> ToolHandler for F
where
    F: Fn() -> T + Send + Sync + 'static,
    T: ToolHandler,
{
    fn definition(&self) -> ToolDefinition {
        self().definition()
    }

    fn call(
        &self,
        context: Context,
        arguments: Arguments<'_>,
    ) -> Result<Running<CallToolResult>, crate::ToolError> {
        self().call(context, arguments)
    }
}
