//! What a tool may return.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::schema::serialized_schema;
use super::{Audio, Image, Json};
use crate::ToolError;
use crate::protocol::{CallToolResult, ContentBlock, JsonObject};

/// The result of a tool.
///
/// Text, numbers, booleans, content blocks, [`Json`] for structured content,
/// [`CallToolResult`] for everything else; `()` and `None` are an empty result, and
/// a [`Result`] fails with every error that turns into a [`ToolError`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no result of a tool",
    note = "return `String`, a number, `()`, `Json<T>`, `ContentBlock`, `CallToolResult`, or a `Result` of these"
)]
pub trait IntoToolResult {
    /// The schema of the structured content, if every result has some.
    fn output_schema() -> Option<Arc<JsonObject>> {
        None
    }

    /// The result, as it goes over the wire.
    ///
    /// # Errors
    ///
    /// [`ToolError`] if the tool failed or the result is not JSON.
    fn into_tool_result(self) -> Result<CallToolResult, ToolError>;
}

fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

impl IntoToolResult for CallToolResult {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Ok(self)
    }
}

impl IntoToolResult for () {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::success(Vec::new()))
    }
}

impl IntoToolResult for Vec<ContentBlock> {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::success(self))
    }
}

macro_rules! blocks {
    ($($block:ty),*) => {$(
        impl IntoToolResult for $block {
            fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
                Ok(CallToolResult::success(vec![self.into()]))
            }
        }
    )*};
}

blocks!(ContentBlock, Image, Audio);

macro_rules! texts {
    ($($text:ty),*) => {$(
        impl IntoToolResult for $text {
            fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
                Ok(text(self))
            }
        }
    )*};
}

texts!(String, &'static str, Cow<'static, str>, Box<str>);

macro_rules! displayed {
    ($($value:ty),*) => {$(
        impl IntoToolResult for $value {
            fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
                Ok(text(self.to_string()))
            }
        }
    )*};
}

displayed!(
    bool, char, i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64
);

impl<T: Serialize + JsonSchema> IntoToolResult for Json<T> {
    fn output_schema() -> Option<Arc<JsonObject>> {
        Some(serialized_schema::<T>())
    }

    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::structured(self.to_value()?))
    }
}

/// `None` is an empty result, so no schema is announced; return `Json<Option<T>>`
/// for structured content that may be `null`.
impl<T: IntoToolResult> IntoToolResult for Option<T> {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        match self {
            Some(result) => result.into_tool_result(),
            None => ().into_tool_result(),
        }
    }
}

impl<T: IntoToolResult, E: Into<ToolError>> IntoToolResult for Result<T, E> {
    fn output_schema() -> Option<Arc<JsonObject>> {
        T::output_schema()
    }

    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        self.map_err(Into::into)?.into_tool_result()
    }
}
