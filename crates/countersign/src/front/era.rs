//! Which protocol era a request belongs to: MCP 2026-07-28, base protocol and transport.
//!
//! Each request is judged alone. A request of the 2026-07-28 wire carries its
//! version and the client's capabilities in `_meta`, and the version again in a
//! header; anything else is a legacy request.

use http::{HeaderMap, HeaderName};
use serde_json::json;

use super::envelope::Params;
use crate::protocol::{ErrorCode, ErrorData, ProtocolVersion};

pub(crate) static VERSION_HEADER: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// The version of the wire without sessions.
pub(crate) const MODERN: &str = "2026-07-28";

/// Versions of the wire with `initialize`, newest first.
pub(crate) const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// The rules that a request is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// 2026-07-28.
    Modern,
    /// 2025-11-25 and before; the version is what the header says.
    Legacy(ProtocolVersion),
}

/// The one value of the version header.
///
/// # Errors
///
/// −32020 if there are two, or one that is not text.
pub(crate) fn version_header(headers: &HeaderMap) -> Result<Option<&str>, ErrorData> {
    let mut values = headers.get_all(&VERSION_HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(header_mismatch("MCP-Protocol-Version is repeated"));
    }
    let text = value
        .to_str()
        .map_err(|_| header_mismatch("MCP-Protocol-Version is not text"))?;
    Ok(Some(text.trim_matches([' ', '\t'])))
}

pub(crate) fn header_mismatch(message: &'static str) -> ErrorData {
    ErrorData::new(ErrorCode::HEADER_MISMATCH, message, None)
}

fn unsupported(requested: &str) -> ErrorData {
    let supported: Vec<&str> = std::iter::once(MODERN).chain(LEGACY).collect();
    ErrorData::new(
        ErrorCode::UNSUPPORTED_PROTOCOL_VERSION,
        "Unsupported protocol version",
        Some(json!({ "supported": supported, "requested": short(requested) })),
    )
}

/// What a client wrote, cut to a length that is worth echoing.
fn short(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(32)
        .collect()
}

impl Era {
    /// The version of the protocol.
    pub(crate) fn version(&self) -> &str {
        match self {
            Self::Modern => MODERN,
            Self::Legacy(version) => version.as_str(),
        }
    }

    /// Decides the era and checks what it demands of every request.
    ///
    /// # Errors
    ///
    /// −32020 if header and body name different versions (TR-06), −32022 for a
    /// version that is not spoken here (TR-07), −32602 if `_meta` lacks what the
    /// 2026-07-28 wire requires (TR-21).
    pub(crate) fn decide(header: Option<&str>, params: &Params<'_>) -> Result<Self, ErrorData> {
        let meta = params.meta.as_ref();
        let in_body = meta.and_then(|meta| meta.version.as_deref());
        match (header, in_body) {
            (Some(header), Some(body)) if header != body => Err(header_mismatch(
                "MCP-Protocol-Version differs from the version in _meta",
            )),
            (Some(MODERN), None) => Err(missing("io.modelcontextprotocol/protocolVersion")),
            (_, Some(MODERN)) => {
                // An old client would have no version in `_meta`: the header is what is missing.
                if header.is_none() {
                    return Err(header_mismatch("MCP-Protocol-Version is missing"));
                }
                let capabilities = meta.and_then(|meta| meta.capabilities);
                if capabilities.is_none_or(|text| !text.starts_with('{')) {
                    return Err(missing("io.modelcontextprotocol/clientCapabilities"));
                }
                Ok(Self::Modern)
            }
            (version, body) => match version.or(body) {
                // 2025-06-18, transports: without the header, 2025-03-26 is assumed.
                None => Ok(Self::Legacy(ProtocolVersion::V_2025_03_26)),
                Some(version) => legacy(version)
                    .map(Self::Legacy)
                    .ok_or_else(|| unsupported(version)),
            },
        }
    }
}

/// The legacy version of this name.
pub(crate) fn legacy(version: &str) -> Option<ProtocolVersion> {
    Some(match version {
        "2025-11-25" => ProtocolVersion::V_2025_11_25,
        "2025-06-18" => ProtocolVersion::V_2025_06_18,
        "2025-03-26" => ProtocolVersion::V_2025_03_26,
        "2024-11-05" => ProtocolVersion::V_2024_11_05,
        _ => return None,
    })
}

fn missing(member: &'static str) -> ErrorData {
    ErrorData::new(
        ErrorCode::INVALID_PARAMS,
        "A required member of _meta is missing",
        Some(json!({ "missing": member })),
    )
}
