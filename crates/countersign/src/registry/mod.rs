//! The components of a server, looked up by name and listed by what a caller may see.

mod header_parameters;
mod listing;
mod requirements;
mod schema;
mod template;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use countersign_resource_server::ConfigurationError;
use countersign_resource_server::policy::{Component, ComponentKind};
use indexmap::IndexMap;

pub(crate) use header_parameters::{HeaderParameter, ParameterType};
pub(crate) use listing::{Listed, Listing};
pub(crate) use template::UriTemplate;

use crate::component::{
    Access, PromptDefinition, PromptHandler, ResourceAddress, ResourceDefinition, ResourceHandler,
    ToolDefinition, ToolHandler, Variables,
};
use crate::protocol::{Resource, ResourceTemplate};

/// A registered tool.
pub(crate) struct ToolEntry {
    pub(crate) handler: Box<dyn ToolHandler>,
    pub(crate) definition: ToolDefinition,
    /// The arguments that are mirrored into headers.
    pub(crate) header_parameters: Vec<HeaderParameter>,
}

/// A registered resource or template.
pub(crate) struct ResourceEntry {
    pub(crate) handler: Box<dyn ResourceHandler>,
    pub(crate) definition: ResourceDefinition,
    address: String,
}

/// A registered prompt.
pub(crate) struct PromptEntry {
    pub(crate) handler: Box<dyn PromptHandler>,
    pub(crate) definition: PromptDefinition,
}

/// All components of a server.
#[derive(Default)]
pub(crate) struct Registry {
    tools: IndexMap<String, Arc<ToolEntry>>,
    resources: IndexMap<String, Arc<ResourceEntry>>,
    templates: Vec<(UriTemplate, Arc<ResourceEntry>)>,
    prompts: IndexMap<String, Arc<PromptEntry>>,
    tool_list: Listing,
    resource_list: Listing,
    template_list: Listing,
    prompt_list: Listing,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("tools", &self.tools.len())
            .field("resources", &self.resources.len())
            .field("templates", &self.templates.len())
            .field("prompts", &self.prompts.len())
            .finish_non_exhaustive()
    }
}

fn twice(kind: &str, name: &str) -> ConfigurationError {
    ConfigurationError::new(format!(
        "the {kind} `{name}` is registered twice: give one of them another name"
    ))
}

fn serialized<T: serde::Serialize>(value: &T) -> Result<Bytes, ConfigurationError> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|error| ConfigurationError::new(format!("a definition is not JSON: {error}")))
}

impl Registry {
    pub(crate) fn add_tool(
        &mut self,
        handler: Box<dyn ToolHandler>,
    ) -> Result<(), ConfigurationError> {
        let definition = handler.definition();
        let name = definition.tool.name.to_string();
        requirements::check_tool_name(&name)?;
        let input_schema = &definition.tool.input_schema;
        let in_tool = |why: String| ConfigurationError::new(format!("the tool `{name}`: {why}"));
        schema::check_references(input_schema).map_err(in_tool)?;
        if let Some(output_schema) = &definition.tool.output_schema {
            schema::check_references(output_schema).map_err(in_tool)?;
        }
        let header_parameters = header_parameters::parse(input_schema).map_err(in_tool)?;
        self.tool_list
            .push(serialized(&definition.tool)?, definition.access.clone());
        let entry = Arc::new(ToolEntry {
            handler,
            definition,
            header_parameters,
        });
        match self.tools.insert(name.clone(), entry) {
            Some(_) => Err(twice("tool", &name)),
            None => Ok(()),
        }
    }

    pub(crate) fn add_prompt(
        &mut self,
        handler: Box<dyn PromptHandler>,
    ) -> Result<(), ConfigurationError> {
        let definition = handler.definition();
        let name = definition.prompt.name.clone();
        self.prompt_list
            .push(serialized(&definition.prompt)?, definition.access.clone());
        let entry = Arc::new(PromptEntry {
            handler,
            definition,
        });
        match self.prompts.insert(name.clone(), entry) {
            Some(_) => Err(twice("prompt", &name)),
            None => Ok(()),
        }
    }

    pub(crate) fn add_resource(
        &mut self,
        handler: Box<dyn ResourceHandler>,
    ) -> Result<(), ConfigurationError> {
        let definition = handler.definition();
        match definition.address.clone() {
            ResourceAddress::Uri(uri) => {
                let mut listed = Resource::new(uri.clone(), definition.name.clone());
                listed.title.clone_from(&definition.title);
                listed.description.clone_from(&definition.description);
                listed.mime_type.clone_from(&definition.mime_type);
                self.resource_list
                    .push(serialized(&listed)?, definition.access.clone());
                let entry = ResourceEntry {
                    handler,
                    definition,
                    address: uri.clone(),
                };
                match self.resources.insert(uri.clone(), Arc::new(entry)) {
                    Some(_) => Err(twice("resource", &uri)),
                    None => Ok(()),
                }
            }
            ResourceAddress::Template(text) => {
                let template = UriTemplate::parse(&text)?;
                let mut listed = ResourceTemplate::new(text.clone(), definition.name.clone());
                listed.title.clone_from(&definition.title);
                listed.description.clone_from(&definition.description);
                listed.mime_type.clone_from(&definition.mime_type);
                self.template_list
                    .push(serialized(&listed)?, definition.access.clone());
                if self
                    .templates
                    .iter()
                    .any(|(_, entry)| entry.address == text)
                {
                    return Err(twice("resource template", &text));
                }
                let entry = ResourceEntry {
                    handler,
                    definition,
                    address: text,
                };
                self.templates.push((template, Arc::new(entry)));
                Ok(())
            }
        }
    }

    pub(crate) fn tool(&self, name: &str) -> Option<&Arc<ToolEntry>> {
        self.tools.get(name)
    }

    /// The tool of this name, and its place, by which [`Self::tool_at`] finds it again.
    pub(crate) fn find_tool(&self, name: &str) -> Option<(usize, &Arc<ToolEntry>)> {
        let (place, _, entry) = self.tools.get_full(name)?;
        Some((place, entry))
    }

    pub(crate) fn tool_at(&self, place: usize) -> Option<&Arc<ToolEntry>> {
        self.tools.get_index(place).map(|(_, entry)| entry)
    }

    pub(crate) fn prompt(&self, name: &str) -> Option<&Arc<PromptEntry>> {
        self.prompts.get(name)
    }

    /// The resource at `uri`, or the first template that matches, with its variables.
    pub(crate) fn resource(&self, uri: &str) -> Option<(&Arc<ResourceEntry>, Variables)> {
        if let Some(entry) = self.resources.get(uri) {
            return Some((entry, Variables::new()));
        }
        self.templates
            .iter()
            .find_map(|(template, entry)| Some((entry, template.matches(uri)?)))
    }

    pub(crate) fn tools(&self) -> impl Iterator<Item = &Arc<ToolEntry>> {
        self.tools.values()
    }

    pub(crate) fn prompts(&self) -> impl Iterator<Item = &Arc<PromptEntry>> {
        self.prompts.values()
    }

    pub(crate) fn resources(&self) -> impl Iterator<Item = &Arc<ResourceEntry>> {
        self.resources.values()
    }

    pub(crate) fn templates(&self) -> impl Iterator<Item = &Arc<ResourceEntry>> {
        self.templates.iter().map(|(_, entry)| entry)
    }

    /// Whether a component has this name, URI or template.
    pub(crate) fn has(&self, name: &str) -> bool {
        let resources = self.resources().chain(self.templates());
        let mut resources = resources.map(|entry| entry.component().name);
        self.tool(name).is_some()
            || self.prompt(name).is_some()
            || resources.any(|resource| resource == name)
    }

    /// Whether nothing is registered.
    pub(crate) fn is_empty(&self) -> bool {
        self.tools.is_empty()
            && self.resources.is_empty()
            && self.templates.is_empty()
            && self.prompts.is_empty()
    }

    pub(crate) const fn tool_list(&self) -> &Listing {
        &self.tool_list
    }

    pub(crate) const fn resource_list(&self) -> &Listing {
        &self.resource_list
    }

    pub(crate) const fn template_list(&self) -> &Listing {
        &self.template_list
    }

    pub(crate) const fn prompt_list(&self) -> &Listing {
        &self.prompt_list
    }

    /// Whether a component calls back to the client.
    pub(crate) fn is_interactive(&self) -> bool {
        self.tools().any(|entry| entry.definition.interactive)
            || self.resources().any(|entry| entry.definition.interactive)
            || self.templates().any(|entry| entry.definition.interactive)
            || self.prompts().any(|entry| entry.definition.interactive)
    }

    /// What all components need, for nothing but a check at start.
    pub(crate) fn accesses(&self) -> impl Iterator<Item = &Access> {
        self.named_accesses().map(|(_, access)| access)
    }

    /// The same, with what the component is called in a sentence.
    pub(crate) fn named_accesses(&self) -> impl Iterator<Item = (String, &Access)> {
        let tools = self.tools.iter().map(|(name, entry)| {
            let what = format!("the tool `{name}`");
            (what, &entry.definition.access)
        });
        let prompts = self.prompts.iter().map(|(name, entry)| {
            let what = format!("the prompt `{name}`");
            (what, &entry.definition.access)
        });
        let resources = self.resources().chain(self.templates()).map(|entry| {
            let what = format!("the resource `{}`", entry.address);
            (what, &entry.definition.access)
        });
        tools.chain(prompts).chain(resources)
    }
}

impl ToolEntry {
    pub(crate) fn component(&self) -> Component<'_> {
        let definition = &self.definition;
        Component::new(
            ComponentKind::Tool,
            &definition.tool.name,
            &definition.access.scopes,
        )
        .tags(&definition.tags)
        .concealment(definition.access.concealment)
        .sources(definition.access.sources.as_ref())
    }
}

impl ResourceEntry {
    /// The component, asked for by `uri`.
    pub(crate) fn component_at<'a>(&'a self, uri: &'a str) -> Component<'a> {
        self.component().requested(uri)
    }

    pub(crate) fn component(&self) -> Component<'_> {
        let definition = &self.definition;
        let kind = match definition.address {
            ResourceAddress::Uri(_) => ComponentKind::Resource,
            ResourceAddress::Template(_) => ComponentKind::ResourceTemplate,
        };
        Component::new(kind, &self.address, &definition.access.scopes)
            .tags(&definition.tags)
            .concealment(definition.access.concealment)
            .sources(definition.access.sources.as_ref())
    }
}

impl PromptEntry {
    pub(crate) fn component(&self) -> Component<'_> {
        let definition = &self.definition;
        Component::new(
            ComponentKind::Prompt,
            &definition.prompt.name,
            &definition.access.scopes,
        )
        .tags(&definition.tags)
        .concealment(definition.access.concealment)
        .sources(definition.access.sources.as_ref())
    }
}
