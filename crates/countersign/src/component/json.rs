//! Structured results.

use serde::Serialize;

use crate::ToolError;

/// A value that is answered as JSON.
///
/// A tool that returns `Json<T>` answers with structured content and announces its
/// schema; a resource answers with a text of the type `application/json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is a transparent wrapper")]
pub struct Json<T>(pub T);

impl<T: Serialize> Json<T> {
    pub(crate) fn to_value(&self) -> Result<serde_json::Value, ToolError> {
        serde_json::to_value(&self.0).map_err(ToolError::internal)
    }
}
