//! What is checked before a server starts.

use countersign_resource_server::ConfigurationError;

use super::Registry;
use crate::component::Requirements;
use crate::context::StateMap;

/// A tool name is 1 to 128 characters of `A–Z a–z 0–9 _ - . /` (MCP, tools).
pub(super) fn check_tool_name(name: &str) -> Result<(), ConfigurationError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(legal) {
        let shown: String = name.chars().take(80).collect();
        return Err(ConfigurationError::new(format!(
            "the tool name `{}` is not 1 to 128 characters of A-Z a-z 0-9 _ - . /",
            shown.escape_default()
        )));
    }
    Ok(())
}

impl Registry {
    /// Whether every component has the state that it takes.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the first component and the type it lacks.
    pub(crate) fn check_state(&self, state: &StateMap) -> Result<(), ConfigurationError> {
        for (kind, name, requirements) in self.requirements() {
            for (type_id, type_name) in requirements.states() {
                if !state.holds(type_id) {
                    return Err(ConfigurationError::new(format!(
                        "the {kind} `{name}` takes `State<{type_name}>` and the server has no value of this type: add it with `.state(…)`"
                    )));
                }
            }
        }
        Ok(())
    }

    fn requirements(&self) -> impl Iterator<Item = (&'static str, &str, &Requirements)> {
        let tools = self.tools().map(|entry| {
            let definition = &entry.definition;
            ("tool", &*definition.tool.name, &definition.requirements)
        });
        let resources = self.resources().chain(self.templates()).map(|entry| {
            let definition = &entry.definition;
            ("resource", &*definition.name, &definition.requirements)
        });
        let prompts = self.prompts().map(|entry| {
            let definition = &entry.definition;
            ("prompt", &*definition.prompt.name, &definition.requirements)
        });
        tools.chain(resources).chain(prompts)
    }
}
