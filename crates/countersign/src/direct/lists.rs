//! Results that are made of parts which were serialized at start.

use bytes::Bytes;
use rmcp::model::{CacheScope, DiscoverResult, InitializeResult, MetaObject};
use serde_json::json;

use crate::dispatch::Core;
use crate::front::{Era, era};
use crate::protocol::ProtocolVersion;
use crate::registry::Listed;

/// How long a client may reuse a list, in milliseconds.
pub(crate) const LIST_TTL_MS: u64 = 60_000;

/// The JSON text of a list result. `member` is the name of the array.
pub(crate) fn list(era: &Era, member: &str, listed: &Listed, public: bool) -> Bytes {
    let mut text = Vec::with_capacity(listed.array.len() + 96);
    text.extend_from_slice(b"{\"");
    text.extend_from_slice(member.as_bytes());
    text.extend_from_slice(b"\":");
    text.extend_from_slice(&listed.array);
    if *era == Era::Modern {
        // CO-11: what depends on the caller must not be shared with another.
        let scope = if public && !listed.private {
            "public"
        } else {
            "private"
        };
        let hints = format!(
            ",\"resultType\":\"complete\",\"ttlMs\":{LIST_TTL_MS},\"cacheScope\":\"{scope}\""
        );
        text.extend_from_slice(hints.as_bytes());
    }
    text.push(b'}');
    Bytes::from(text)
}

/// The answer to `server/discover`.
pub(crate) fn discover(core: &Core, public: bool) -> DiscoverResult {
    let versions = std::iter::once(ProtocolVersion::V_2026_07_28)
        .chain(era::LEGACY.into_iter().filter_map(era::legacy))
        .collect();
    let mut result = DiscoverResult::new(versions, core.capabilities.clone());
    result.instructions.clone_from(&core.instructions);
    result.ttl_ms = LIST_TTL_MS;
    result.cache_scope = if public {
        CacheScope::Public
    } else {
        CacheScope::Private
    };
    let mut meta = MetaObject::new();
    meta.0.insert(
        "io.modelcontextprotocol/serverInfo".to_owned(),
        json!(core.implementation),
    );
    result.meta = Some(meta);
    result
}

/// The answer to `initialize` of a client that gets no session.
pub(crate) fn initialize(core: &Core, requested: &str) -> InitializeResult {
    let version = era::legacy(requested).unwrap_or(ProtocolVersion::V_2025_11_25);
    let mut result = InitializeResult::new(core.capabilities.clone())
        .with_server_info(core.implementation.clone())
        .with_protocol_version(version);
    result.instructions.clone_from(&core.instructions);
    result
}
