//! The components that a server was built with. Other names come from clients and may be
//! anything.

use std::collections::HashSet;

use crate::registry::Registry;

/// Names and URIs, by kind.
#[derive(Debug)]
pub(super) struct Known {
    tools: HashSet<Box<str>>,
    resources: HashSet<Box<str>>,
    prompts: HashSet<Box<str>>,
}

impl Known {
    pub(super) fn of(registry: &Registry) -> Self {
        Self {
            tools: registry
                .tools()
                .map(|tool| tool.component().name.into())
                .collect(),
            resources: registry
                .resources()
                .map(|resource| resource.component().name.into())
                .collect(),
            prompts: registry
                .prompts()
                .map(|prompt| prompt.component().name.into())
                .collect(),
        }
    }

    /// Whether there is a component `name` of this `kind`, by the words of the audit log.
    pub(super) fn has(&self, kind: &str, name: &str) -> bool {
        match kind {
            "tool" => self.tools.contains(name),
            "resource" => self.resources.contains(name),
            "prompt" => self.prompts.contains(name),
            _ => false,
        }
    }
}
