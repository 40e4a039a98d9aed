//! What a prompt may return.

use std::borrow::Cow;

use crate::ToolError;
use crate::protocol::{GetPromptResult, PromptMessage, Role};

/// The result of a prompt.
///
/// Text is one message of the user; messages are themselves; and a [`Result`] fails
/// with every error that turns into a [`ToolError`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no result of a prompt",
    note = "return `String`, `PromptMessage`, `Vec<PromptMessage>`, `GetPromptResult`, or a `Result` of these"
)]
pub trait IntoPromptResult {
    /// The messages. `description` is the one of the prompt.
    ///
    /// # Errors
    ///
    /// [`ToolError`] if rendering failed.
    fn into_prompt_result(self, description: Option<&str>) -> Result<GetPromptResult, ToolError>;
}

impl IntoPromptResult for GetPromptResult {
    fn into_prompt_result(mut self, description: Option<&str>) -> Result<Self, ToolError> {
        if self.description.is_none() {
            self.description = description.map(str::to_owned);
        }
        Ok(self)
    }
}

impl IntoPromptResult for Vec<PromptMessage> {
    fn into_prompt_result(self, description: Option<&str>) -> Result<GetPromptResult, ToolError> {
        GetPromptResult::new(self).into_prompt_result(description)
    }
}

impl IntoPromptResult for PromptMessage {
    fn into_prompt_result(self, description: Option<&str>) -> Result<GetPromptResult, ToolError> {
        vec![self].into_prompt_result(description)
    }
}

macro_rules! texts {
    ($($text:ty),*) => {$(
        impl IntoPromptResult for $text {
            fn into_prompt_result(
                self,
                description: Option<&str>,
            ) -> Result<GetPromptResult, ToolError> {
                PromptMessage::new_text(Role::User, self).into_prompt_result(description)
            }
        }
    )*};
}

texts!(String, &'static str, Cow<'static, str>);

impl<T: IntoPromptResult, E: Into<ToolError>> IntoPromptResult for Result<T, E> {
    fn into_prompt_result(self, description: Option<&str>) -> Result<GetPromptResult, ToolError> {
        self.map_err(Into::into)?.into_prompt_result(description)
    }
}
