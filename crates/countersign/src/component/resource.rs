//! Resources and resource templates.

use std::collections::BTreeMap;

use super::definition::definition_settings;
use super::{Access, Requirements, Running};
use crate::protocol::{Icon, ReadResourceResult};
use crate::{Context, ToolError};

/// Where a resource is found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol lists them apart")]
pub enum ResourceAddress {
    /// One URI.
    Uri(String),
    /// A URI template (RFC 6570, level 1 and `{+name}`, `{name*}` for a rest of the path).
    Template(String),
}

/// What is said about a resource before it is read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResourceDefinition {
    /// Its URI or URI template.
    pub address: ResourceAddress,
    /// Its name.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Its media type.
    pub mime_type: Option<String>,
    /// Its icons.
    pub icons: Option<Vec<Icon>>,
    /// Who may read it.
    pub access: Access,
    /// Labels for policies and middleware; not on the wire.
    pub tags: Vec<String>,
    /// Whether it calls back to the client.
    pub interactive: bool,
    /// What has to be there at start.
    pub requirements: Requirements,
}

definition_settings!(ResourceDefinition);

impl ResourceDefinition {
    /// An open resource.
    pub fn new(address: ResourceAddress, name: impl Into<String>) -> Self {
        Self {
            address,
            name: name.into(),
            title: None,
            description: None,
            mime_type: None,
            icons: None,
            access: Access::open(),
            tags: Vec::new(),
            interactive: false,
            requirements: Requirements::none(),
        }
    }

    /// With a name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// With what it is.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// With its media type.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// With an icon, found at the URI `src`.
    #[must_use]
    pub fn icon(mut self, src: impl Into<String>) -> Self {
        let icons = self.icons.get_or_insert_default();
        icons.push(Icon::new(src));
        self
    }
}

/// The variables of a URI template, decoded.
pub type Variables = BTreeMap<String, String>;

/// A resource. `#[resource]` implements it for a function.
pub trait ResourceHandler: Send + Sync + 'static {
    /// What is said about the resource. Asked once, at start.
    fn definition(&self) -> ResourceDefinition;

    /// Starts reading `uri`. `variables` are those of the template; the caller is
    /// authorized already.
    ///
    /// # Errors
    ///
    /// [`ToolError::invalid_arguments`] if the variables are not of the resource's types.
    fn read(
        &self,
        context: Context,
        uri: &str,
        variables: Variables,
    ) -> Result<Running<ReadResourceResult>, ToolError>;
}

/// The function that `#[resource]` makes of yours is one that makes the resource.
impl<F, T> ResourceHandler for F
where
    F: Fn() -> T + Send + Sync + 'static,
    T: ResourceHandler,
{
    fn definition(&self) -> ResourceDefinition {
        self().definition()
    }

    fn read(
        &self,
        context: Context,
        uri: &str,
        variables: Variables,
    ) -> Result<Running<ReadResourceResult>, ToolError> {
        self().read(context, uri, variables)
    }
}
