//! What the suite wants.

use anyhow::{Context, Result};
use serde_json::Value;

/// One scenario.
#[derive(Debug)]
pub(crate) struct Scenario {
    name: String,
    url: String,
    context: Value,
}

impl Scenario {
    /// The one that this process was started for.
    #[expect(
        clippy::disallowed_methods,
        reason = "the suite says what it wants in the environment"
    )]
    pub(crate) fn of_process() -> Result<Self> {
        let name = std::env::var("MCP_CONFORMANCE_SCENARIO");
        let context = std::env::var("MCP_CONFORMANCE_CONTEXT").ok();
        let context = context.map(|text| serde_json::from_str(&text)).transpose();
        Ok(Self {
            name: name.context("MCP_CONFORMANCE_SCENARIO names the scenario")?,
            url: std::env::args().next_back().context("a URL is needed")?,
            context: context
                .context("MCP_CONFORMANCE_CONTEXT is not JSON")?
                .unwrap_or_default(),
        })
    }

    /// Its name, such as `auth/dpop`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The address of its server.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The member `name` of its context.
    pub(crate) fn given(&self, name: &str) -> Option<&Value> {
        self.context.get(name)
    }

    /// The text `name` of its context, which has to be there.
    pub(crate) fn text(&self, name: &str) -> Result<&str> {
        let value = self.given(name).and_then(Value::as_str);
        value.with_context(|| format!("the context has no {name}"))
    }
}
