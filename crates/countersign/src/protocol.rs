//! The wire types of the Model Context Protocol, re-exported from the official SDK.
//!
//! This is the one module through which they are named, so that a new release
//! of the SDK is absorbed here.

pub use rmcp::model::{
    Annotations, CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities,
    ClientConfig, CompletionInfo, ContentBlock, CreateMessageRequestParams, CreateMessageResult,
    ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema, ErrorCode, ErrorData,
    GetPromptResponse, GetPromptResult, Icon, Implementation, InputRequest, InputRequests,
    InputRequiredResult, InputResponses, JsonObject, ListRootsResult, LoggingLevel,
    PaginatedRequestParams, ProgressToken, Prompt, PromptArgument, PromptMessage, ProtocolVersion,
    ReadResourceResponse, ReadResourceResult, RequestId, RequestMetaObject, Resource,
    ResourceContents, ResourceTemplate, Role, Root, SamplingMessage, ServerCapabilities,
    ServerPeerInfo, Tool, ToolAnnotations,
};
