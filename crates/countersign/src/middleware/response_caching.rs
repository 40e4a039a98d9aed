//! Results that are answered again without running anything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_resource_server::SourceName;
use countersign_resource_server::oauth::Lifetime;
use rmcp::model::CacheScope;
use serde::Serialize;

use super::json_size::json_size;
use super::shelf::{Key, Room, Shelf};
use super::{
    Middleware, Next, Operation, Outcome, PromptListing, PromptRendering, ResourceListing,
    ResourceRead, TemplateListing, ToolCall, ToolListing,
};
use crate::protocol::{
    CallToolResponse, GetPromptResponse, Prompt, ReadResourceResponse, Resource, ResourceTemplate,
    Tool,
};
use crate::{Context, ToolError};

/// How long lists are kept, as in the documents.
const LISTS: Duration = Duration::from_secs(5 * 60);

/// Results that are kept at most.
const ENTRIES: usize = 10_000;

/// Bytes that are kept at most.
const BYTES: usize = 64 * 1024 * 1024;

/// The longest arguments that are looked up.
const LONGEST_KEY: usize = 64 * 1024;

/// Answers a request again that the same caller made before.
///
/// # Whose result it is
///
/// A result is answered to nobody but the caller that it was made for: the same source,
/// issuer, subject and client with the same scopes and claims, for every credential of
/// the request, from the same address. Another token of the same user shares it only if all of that is equal.
/// The decision about a call is made anew each time, before the cache is asked: whoever
/// lost a right does not get at what is kept.
///
/// # What is kept
///
/// Lists, for five minutes. What was made under other rules than those in force
/// ([`Server::rules`](crate::Server::rules)) is not answered any more, lists and results;
/// if a policy of your own takes something away, a list may go on to show it, and it is
/// refused when it is called. Tools, resources and prompts only if they are
/// named, with a lifetime each: whether their results stay true is not seen from here.
/// They are kept by their arguments. Never kept are errors, questions to the client and
/// what came of them, and what a handler marked with [`Context::keep_private`] or with
/// the cache scope `private`.
///
/// Middleware further in is not run for what is kept, and messages that a handler sends
/// while it runs are not sent again. Lists of a handler that was written for the SDK are
/// not kept, because they come in pages.
#[derive(Debug)]
pub struct ResponseCaching {
    lists: Duration,
    tools: HashMap<String, Duration>,
    resources: HashMap<String, Duration>,
    prompts: HashMap<String, Duration>,
    room: Room,
    shelf: Mutex<Shelf>,
}

impl Default for ResponseCaching {
    fn default() -> Self {
        Self {
            lists: LISTS,
            tools: HashMap::new(),
            resources: HashMap::new(),
            prompts: HashMap::new(),
            room: Room {
                entries: ENTRIES,
                bytes: BYTES,
            },
            shelf: Mutex::default(),
        }
    }
}

impl ResponseCaching {
    /// Lists for five minutes, in at most 10 000 entries and 64 MiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long lists are kept, in whole seconds; not at all if it is none.
    #[must_use]
    pub const fn lists(mut self, lifetime: Duration) -> Self {
        self.lists = lifetime;
        self
    }

    /// Keeps results of the tool `name`.
    #[must_use]
    pub fn tool(mut self, name: impl Into<String>, lifetime: Duration) -> Self {
        self.tools.insert(name.into(), lifetime);
        self
    }

    /// Keeps what is read from `uri`, which is the URI or the URI template that a
    /// resource was registered with.
    #[must_use]
    pub fn resource(mut self, uri: impl Into<String>, lifetime: Duration) -> Self {
        self.resources.insert(uri.into(), lifetime);
        self
    }

    /// Keeps what the prompt `name` is rendered to.
    #[must_use]
    pub fn prompt(mut self, name: impl Into<String>, lifetime: Duration) -> Self {
        self.prompts.insert(name.into(), lifetime);
        self
    }

    /// How many results are kept at most. The oldest go first.
    #[must_use]
    pub const fn entries(mut self, entries: usize) -> Self {
        self.room.entries = entries;
        self
    }

    /// How many bytes of JSON text are kept at most, with what they are found by.
    #[must_use]
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.room.bytes = bytes;
        self
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers with what is kept under `key`, or runs `operation` and keeps its answer if
    /// `size` says how large it is.
    async fn answer<O>(
        &self,
        (key, lifetime): (Key, Duration),
        operation: O,
        (context, next): (Context, Next<'_, O>),
        size: fn(&O::Output) -> Option<usize>,
    ) -> Outcome<O>
    where
        O: Operation,
        O::Output: Clone,
    {
        let now = context.received_at();
        let found = self.shelf().find(&key, now);
        if let Some(kept) = found.and_then(O::output_of) {
            return Ok(kept);
        }
        let output = next.run(operation).await?;
        if !context.is_private()
            && !context.has_asked()
            && let Some(size) = size(&output)
        {
            let until = now.saturating_add(Lifetime::from_secs(lifetime.as_secs()));
            let response = (O::response(output.clone()), size);
            self.shelf().put(key, response, (now, until), self.room);
        }
        Ok(output)
    }

    async fn list<O, T>(&self, operation: O, context: Context, next: Next<'_, O>) -> Outcome<O>
    where
        O: Operation<Output = Vec<T>>,
        T: Serialize + Clone + Send + 'static,
    {
        if next.is_foreign() || self.lists.is_zero() {
            return next.run(operation).await;
        }
        let Some(key) = key(&context, &next, "", "") else {
            return next.run(operation).await;
        };
        let with = (context, next);
        self.answer((key, self.lists), operation, with, |items| {
            Some(json_size(items))
        })
        .await
    }
}

/// What the result of a request is found by: all that a decision or a handler knows of
/// the caller, the rules that are in force, and what was asked. `None` if that is too much
/// to look up.
fn key<O>(context: &Context, next: &Next<'_, O>, component: &str, arguments: &str) -> Option<Key> {
    let caller = context.caller();
    let mut key = Vec::with_capacity(256);
    let mut part = |text: &str| {
        // With their lengths, so that no two rows of parts are alike.
        key.extend_from_slice(&text.len().to_le_bytes());
        key.extend_from_slice(text.as_bytes());
    };
    part(&next.rules_generation().to_string());
    part(context.method());
    part(context.protocol_version().as_str());
    part(component);
    part(arguments);
    let address = caller.address();
    part(&address.map_or_else(String::new, |address| address.to_string()));
    part(caller.source().map_or("", SourceName::as_str));
    part(&caller.scopes().to_string());
    for token in caller.credentials() {
        part(token.source().as_str());
        part(token.iss());
        part(token.sub());
        part(if token.client_id().is_some() {
            "by"
        } else {
            ""
        });
        part(token.client_id().unwrap_or_default());
        part(token.key().unwrap_or_default());
        part(&token.scopes().to_string());
        part(&serde_json::to_string(token.claims()).ok()?);
    }
    (key.len() <= LONGEST_KEY).then(|| Arc::from(key))
}

impl Middleware for ResponseCaching {
    async fn on_call_tool(
        &self,
        call: ToolCall,
        next: Next<'_, ToolCall>,
    ) -> Result<CallToolResponse, ToolError> {
        let context = call.context().clone();
        let lifetime = self.tools.get(call.name()).copied();
        let Some(lifetime) = lifetime.filter(|_| !context.has_asked()) else {
            return next.run(call).await;
        };
        let arguments = serde_json::to_string(&call.arguments()?)?;
        let Some(key) = key(&context, &next, call.name(), &arguments) else {
            return next.run(call).await;
        };
        self.answer(
            (key, lifetime),
            call,
            (context, next),
            |response| match response {
                CallToolResponse::Complete(result) if result.is_error != Some(true) => {
                    Some(json_size(result))
                }
                _ => None,
            },
        )
        .await
    }

    async fn on_read_resource(
        &self,
        read: ResourceRead,
        next: Next<'_, ResourceRead>,
    ) -> Result<ReadResourceResponse, ToolError> {
        let context = read.context().clone();
        let lifetime = self.resources.get(read.registered()).copied();
        let Some(lifetime) = lifetime.filter(|_| !context.has_asked()) else {
            return next.run(read).await;
        };
        let Some(key) = key(&context, &next, read.uri(), "") else {
            return next.run(read).await;
        };
        self.answer(
            (key, lifetime),
            read,
            (context, next),
            |response| match response {
                ReadResourceResponse::Complete(result)
                    if result.cache_scope != Some(CacheScope::Private) =>
                {
                    Some(json_size(result))
                }
                _ => None,
            },
        )
        .await
    }

    async fn on_get_prompt(
        &self,
        rendering: PromptRendering,
        next: Next<'_, PromptRendering>,
    ) -> Result<GetPromptResponse, ToolError> {
        let context = rendering.context().clone();
        let lifetime = self.prompts.get(rendering.name()).copied();
        let Some(lifetime) = lifetime.filter(|_| !context.has_asked()) else {
            return next.run(rendering).await;
        };
        let arguments = serde_json::to_string(&rendering.arguments()?)?;
        let Some(key) = key(&context, &next, rendering.name(), &arguments) else {
            return next.run(rendering).await;
        };
        self.answer(
            (key, lifetime),
            rendering,
            (context, next),
            |response| match response {
                GetPromptResponse::Complete(result) => Some(json_size(result)),
                _ => None,
            },
        )
        .await
    }

    async fn on_list_tools(
        &self,
        listing: ToolListing,
        next: Next<'_, ToolListing>,
    ) -> Result<Vec<Tool>, ToolError> {
        let context = listing.context().clone();
        self.list(listing, context, next).await
    }

    async fn on_list_resources(
        &self,
        listing: ResourceListing,
        next: Next<'_, ResourceListing>,
    ) -> Result<Vec<Resource>, ToolError> {
        let context = listing.context().clone();
        self.list(listing, context, next).await
    }

    async fn on_list_resource_templates(
        &self,
        listing: TemplateListing,
        next: Next<'_, TemplateListing>,
    ) -> Result<Vec<ResourceTemplate>, ToolError> {
        let context = listing.context().clone();
        self.list(listing, context, next).await
    }

    async fn on_list_prompts(
        &self,
        listing: PromptListing,
        next: Next<'_, PromptListing>,
    ) -> Result<Vec<Prompt>, ToolError> {
        let context = listing.context().clone();
        self.list(listing, context, next).await
    }
}
