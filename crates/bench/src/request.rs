//! The bytes of the requests.

use crate::tokens;

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// 2026-07-28.
    Modern,
    /// 2025-11-25 without a session.
    Legacy,
    /// 2025-11-25 in a session.
    Session,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Answers at once.
    Greet,
    /// Reports its progress first, so that the answer is a stream of events.
    Count,
}

impl Tool {
    const fn name(self) -> &'static str {
        match self {
            Self::Greet => "greet",
            Self::Count => "count",
        }
    }

    /// What the answer of the tool has in it.
    pub(crate) const fn answer(self) -> &'static [u8] {
        match self {
            Self::Greet => b"Hello, World!",
            Self::Count => b"counted to 1",
        }
    }
}

/// Requests that differ in their token only, ready to be put together.
#[derive(Debug)]
pub(crate) struct Template {
    before_token: Vec<u8>,
    after_token: Vec<u8>,
}

impl Template {
    /// Calls of `tool`; in a session that is the one with the id `session`.
    pub(crate) fn call(wire: Wire, tool: Tool, session: Option<&str>) -> Self {
        let name = tool.name();
        let meta = match wire {
            Wire::Modern => concat!(
                r#""progressToken":1,"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                r#""io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"#,
                r#""io.modelcontextprotocol/clientCapabilities":{}"#
            ),
            Wire::Legacy | Wire::Session => r#""progressToken":1"#,
        };
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","arguments":{{"name":"World"}},"_meta":{{{meta}}}}}}}"#
        );
        let mut headers = match wire {
            Wire::Modern => format!(
                "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: {name}\r\n"
            ),
            Wire::Legacy | Wire::Session => "MCP-Protocol-Version: 2025-11-25\r\n".to_owned(),
        };
        if let Some(session) = session {
            headers.push_str(&format!("Mcp-Session-Id: {session}\r\n"));
        }
        Self::post(&headers, &body)
    }

    /// The request that opens a session.
    pub(crate) fn initialize() -> Self {
        let body = concat!(
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","#,
            r#""capabilities":{},"clientInfo":{"name":"bench","version":"1.0.0"}}}"#
        );
        Self::post("", body)
    }

    /// The notification that follows it.
    pub(crate) fn initialized(session: &str) -> Self {
        let headers = format!("MCP-Protocol-Version: 2025-11-25\r\nMcp-Session-Id: {session}\r\n");
        let body = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        Self::post(&headers, body)
    }

    fn post(headers: &str, body: &str) -> Self {
        let before = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n\
             Accept: application/json, text/event-stream\r\nAuthorization: Bearer ";
        let length = body.len();
        let after = format!(
            "\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        Self {
            before_token: before.into(),
            after_token: after.into(),
        }
    }

    /// Puts the request with `token` into `request`.
    pub(crate) fn write(&self, token: &str, request: &mut Vec<u8>) {
        request.clear();
        request.extend_from_slice(&self.before_token);
        request.extend_from_slice(token.as_bytes());
        request.extend_from_slice(&self.after_token);
    }
}

/// What tokens are made for, as arguments of a server.
pub(crate) fn trust() -> [String; 2] {
    [
        format!("--issuer={}", tokens::ISSUER),
        format!("--audience={}", tokens::AUDIENCE),
    ]
}
