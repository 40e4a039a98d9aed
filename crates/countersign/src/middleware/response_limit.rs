//! Results that are too large are cut, or refused.

use super::json_size::json_size;
use super::{Middleware, Next, PromptRendering, ResourceRead, ToolCall};
use crate::ToolError;
use crate::protocol::{
    CallToolResponse, CallToolResult, ContentBlock, GetPromptResponse, ReadResourceResponse,
};

/// Bytes of a result, as in the documents.
const LARGEST: usize = 1_000_000;

/// What stands at the end of text that was cut.
const SUFFIX: &str = "\n\n[The result was cut here: it is too large.]";

/// Keeps results from being larger than a number of bytes, as JSON text.
///
/// The text of a tool is cut between two characters, and says so at its end; what
/// comes after it is left out. A structured result is never cut, because what is left
/// would break its schema: the client reads an error result. Nor are resources and
/// prompts: half of a file is not the file. They are refused with JSON-RPC −32603.
#[derive(Clone, Debug)]
pub struct ResponseLimit {
    bytes: usize,
    suffix: String,
}

impl Default for ResponseLimit {
    fn default() -> Self {
        Self {
            bytes: LARGEST,
            suffix: SUFFIX.to_owned(),
        }
    }
}

impl ResponseLimit {
    /// At most 1 000 000 bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most this many bytes of JSON text. Errors of a few words are not held back.
    #[must_use]
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// What stands at the end of text that was cut.
    #[must_use]
    pub fn suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = suffix.into();
        self
    }

    /// What a client reads whose result is not cut.
    fn too_large(&self, size: usize) -> String {
        format!(
            "The result is too large: it has {size} bytes, and {} are allowed",
            self.bytes
        )
    }

    /// `result` with as much of its text as there is room for; `None` if there is no
    /// room for any.
    fn cut(&self, mut result: CallToolResult) -> Option<CallToolResult> {
        let blocks = std::mem::take(&mut result.content);
        // The suffix in a block of its own, or at the end of the one that is cut.
        let closing = ContentBlock::text(self.suffix.clone());
        let spent = json_size(&result).checked_add(json_size(&closing))?;
        let mut room = self.bytes.checked_sub(spent)?;
        for block in blocks {
            // With the comma.
            let size = json_size(&block).saturating_add(1);
            if let Some(left) = room.checked_sub(size) {
                room = left;
                result.content.push(block);
                continue;
            }
            if let ContentBlock::Text(mut text) = block {
                let around = size.saturating_sub(escaped(&text.text));
                // Annotations that stay have to fit besides the suffix.
                if let Some(room) = room.checked_sub(around) {
                    text.text.truncate(fitting(&text.text, room));
                    text.text.push_str(&self.suffix);
                    result.content.push(ContentBlock::Text(text));
                    return Some(result);
                }
            }
            break;
        }
        result.content.push(closing);
        Some(result)
    }
}

/// The bytes of one character inside of JSON text.
const fn escaped_sign(sign: char) -> usize {
    match sign {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => sign.len_utf8(),
    }
}

fn escaped(text: &str) -> usize {
    text.chars().map(escaped_sign).sum()
}

/// Where to cut `text` so that it has at most `room` bytes of JSON text: between two
/// characters.
fn fitting(text: &str, room: usize) -> usize {
    let mut taken = 0;
    for (place, sign) in text.char_indices() {
        taken += escaped_sign(sign);
        if taken > room {
            return place;
        }
    }
    text.len()
}

impl Middleware for ResponseLimit {
    async fn on_call_tool(
        &self,
        call: ToolCall,
        next: Next<'_, ToolCall>,
    ) -> Result<CallToolResponse, ToolError> {
        let has_schema = call.has_output_schema();
        let result = match next.run(call).await? {
            CallToolResponse::Complete(result) => result,
            other => return Ok(other),
        };
        let size = json_size(&result);
        if size <= self.bytes {
            return Ok(CallToolResponse::Complete(result));
        }
        let structured = has_schema || result.structured_content.is_some();
        let cut = if structured { None } else { self.cut(result) };
        tracing::warn!(
            size,
            allowed = self.bytes,
            cut = cut.is_some(),
            "a result is too large"
        );
        let result = cut.ok_or_else(|| ToolError::new(self.too_large(size)))?;
        Ok(CallToolResponse::Complete(result))
    }

    async fn on_read_resource(
        &self,
        read: ResourceRead,
        next: Next<'_, ResourceRead>,
    ) -> Result<ReadResourceResponse, ToolError> {
        let response = next.run(read).await?;
        match &response {
            ReadResourceResponse::Complete(result) if json_size(result) > self.bytes => {
                Err(ToolError::new(self.too_large(json_size(result))))
            }
            _ => Ok(response),
        }
    }

    async fn on_get_prompt(
        &self,
        rendering: PromptRendering,
        next: Next<'_, PromptRendering>,
    ) -> Result<GetPromptResponse, ToolError> {
        let response = next.run(rendering).await?;
        match &response {
            GetPromptResponse::Complete(result) if json_size(result) > self.bytes => {
                Err(ToolError::new(self.too_large(json_size(result))))
            }
            _ => Ok(response),
        }
    }
}
