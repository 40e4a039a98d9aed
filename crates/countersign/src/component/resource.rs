//! Resources and resource templates.

use std::collections::BTreeMap;

use super::{Access, Running};
use crate::protocol::ReadResourceResult;
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
    /// Who may read it.
    pub access: Access,
    /// Labels for policies and middleware; not on the wire.
    pub tags: Vec<String>,
    /// Whether it calls back to the client.
    pub interactive: bool,
}

impl ResourceDefinition {
    /// An open resource.
    pub fn new(address: ResourceAddress, name: impl Into<String>) -> Self {
        Self {
            address,
            name: name.into(),
            title: None,
            description: None,
            mime_type: None,
            access: Access::open(),
            tags: Vec::new(),
            interactive: false,
        }
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
