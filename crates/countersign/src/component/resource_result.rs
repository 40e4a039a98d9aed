//! What a resource may return.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;

use super::Json;
use crate::ToolError;
use crate::protocol::{ReadResourceResult, ResourceContents};

/// The result of a resource.
///
/// Text, bytes, [`Json`], [`ReadResourceResult`] for everything else; `None` means
/// that there is nothing at the URI, and a [`Result`] fails with every error that
/// turns into a [`ToolError`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no result of a resource",
    note = "return `String`, `Vec<u8>`, `Json<T>`, `ReadResourceResult`, or an `Option` or `Result` of these"
)]
pub trait IntoResourceResult {
    /// The content of `uri`. `mime_type` is the media type of the resource, if it
    /// names one.
    ///
    /// # Errors
    ///
    /// [`ToolError`] if reading failed or the content is not JSON.
    fn into_resource_result(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<ReadResourceResult, ToolError>;
}

fn text(text: impl Into<String>, uri: &str, mime_type: &str) -> ReadResourceResult {
    let contents = ResourceContents::text(text, uri).with_mime_type(mime_type);
    ReadResourceResult::new(vec![contents])
}

fn blob(bytes: &[u8], uri: &str, mime_type: Option<&str>) -> ReadResourceResult {
    let contents = ResourceContents::blob(STANDARD.encode(bytes), uri)
        .with_mime_type(mime_type.unwrap_or("application/octet-stream"));
    ReadResourceResult::new(vec![contents])
}

impl IntoResourceResult for ReadResourceResult {
    fn into_resource_result(self, _: &str, _: Option<&str>) -> Result<Self, ToolError> {
        Ok(self)
    }
}

impl IntoResourceResult for Vec<ResourceContents> {
    fn into_resource_result(
        self,
        _: &str,
        _: Option<&str>,
    ) -> Result<ReadResourceResult, ToolError> {
        Ok(ReadResourceResult::new(self))
    }
}

macro_rules! texts {
    ($($text:ty),*) => {$(
        impl IntoResourceResult for $text {
            fn into_resource_result(
                self,
                uri: &str,
                mime_type: Option<&str>,
            ) -> Result<ReadResourceResult, ToolError> {
                Ok(text(self, uri, mime_type.unwrap_or("text/plain")))
            }
        }
    )*};
}

texts!(String, &'static str, Cow<'static, str>, Box<str>);

macro_rules! blobs {
    ($($bytes:ty),*) => {$(
        impl IntoResourceResult for $bytes {
            fn into_resource_result(
                self,
                uri: &str,
                mime_type: Option<&str>,
            ) -> Result<ReadResourceResult, ToolError> {
                Ok(blob(self.as_ref(), uri, mime_type))
            }
        }
    )*};
}

blobs!(Vec<u8>, Bytes, &'static [u8]);

impl<T: Serialize> IntoResourceResult for Json<T> {
    fn into_resource_result(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<ReadResourceResult, ToolError> {
        let json = serde_json::to_string(&self.0).map_err(ToolError::internal)?;
        Ok(text(json, uri, mime_type.unwrap_or("application/json")))
    }
}

impl<T: IntoResourceResult> IntoResourceResult for Option<T> {
    fn into_resource_result(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<ReadResourceResult, ToolError> {
        self.ok_or_else(|| ToolError::not_found(uri))?
            .into_resource_result(uri, mime_type)
    }
}

impl<T: IntoResourceResult, E: Into<ToolError>> IntoResourceResult for Result<T, E> {
    fn into_resource_result(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<ReadResourceResult, ToolError> {
        self.map_err(Into::into)?
            .into_resource_result(uri, mime_type)
    }
}
