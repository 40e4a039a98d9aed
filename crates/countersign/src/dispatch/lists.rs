//! The four lists: serialized at start, unless a policy or a middleware has a say.

use bytes::Bytes;
use countersign_resource_server::Caller;
use countersign_resource_server::oauth::UnixTime;
use countersign_resource_server::policy::{self, Component, Permit};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Core;
use crate::middleware::{Operation, PromptListing, ResourceListing, TemplateListing, ToolListing};
use crate::protocol::ErrorData;
use crate::registry::Listed;
use crate::{Context, ToolError};

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Tools,
    Resources,
    Templates,
    Prompts,
}

impl Core {
    /// What `caller` may see of a list. `context` is made only if there is
    /// middleware, whose answer nobody may share.
    pub(crate) async fn list(
        &self,
        permit: Permit,
        list: List,
        caller: &Caller,
        now: UnixTime,
        context: impl FnOnce() -> Context,
    ) -> Result<Listed, ErrorData> {
        permit.spend();
        let listed = self.shown(list, caller, now);
        if self.middleware.is_empty() {
            return Ok(listed);
        }
        let call = context();
        let context = call.clone();
        let changed = match list {
            List::Tools => self.relist(call, listed, ToolListing { context }).await,
            List::Resources => self.relist(call, listed, ResourceListing { context }).await,
            List::Templates => self.relist(call, listed, TemplateListing { context }).await,
            List::Prompts => self.relist(call, listed, PromptListing { context }).await,
        };
        changed.map_err(ToolError::into_error_data)
    }

    /// What the scopes and every policy show `caller`. Without policies the answer
    /// is made of parts that were serialized at start.
    fn shown(&self, list: List, caller: &Caller, now: UnixTime) -> Listed {
        let registry = &self.registry;
        let listing = match list {
            List::Tools => registry.tool_list(),
            List::Resources => registry.resource_list(),
            List::Templates => registry.template_list(),
            List::Prompts => registry.prompt_list(),
        };
        if self.policies.is_empty() {
            return listing.visible_to(caller);
        }
        let is_shown =
            |component: Component<'_>| policy::is_shown(&self.policies, caller, component, now);
        match list {
            List::Tools => listing.only(registry.tools().map(|entry| is_shown(entry.component()))),
            List::Resources => listing.only(
                registry
                    .resources()
                    .map(|entry| is_shown(entry.component())),
            ),
            List::Templates => listing.only(
                registry
                    .templates()
                    .map(|entry| is_shown(entry.component())),
            ),
            List::Prompts => {
                listing.only(registry.prompts().map(|entry| is_shown(entry.component())))
            }
        }
    }

    async fn relist<O, T>(
        &self,
        context: Context,
        listed: Listed,
        listing: O,
    ) -> Result<Listed, ToolError>
    where
        O: Operation<Output = Vec<T>>,
        T: Serialize + DeserializeOwned + Send + 'static,
    {
        let items = self
            .through(context, listing, |_| {
                std::future::ready(serde_json::from_slice(&listed.array).map_err(ToolError::from))
            })
            .await?;
        Ok(Listed {
            array: Bytes::from(serde_json::to_vec(&items)?),
            private: true,
        })
    }
}
