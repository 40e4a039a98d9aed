//! The wire types of the Model Context Protocol, re-exported from the official SDK.
//!
//! This is the one module through which they are named, so that a new release
//! of the SDK is absorbed here.
#![expect(
    deprecated,
    reason = "logging, sampling and roots are deprecated by SEP-2577 and still served"
)]

pub use rmcp::model::{
    Annotations, ArgumentInfo, CallToolRequestParams, CallToolResponse, CallToolResult,
    ClientCapabilities, ClientConfig, CompleteRequestParams, CompletionContext, CompletionInfo,
    ConstTitle, ContentBlock, CreateMessageRequestParams, CreateMessageResult, DiscoverResult,
    ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema, EnumSchema, ErrorCode,
    ErrorData, GetPromptResponse, GetPromptResult, Icon, Implementation, InitializeRequestParams,
    InitializeResult, InputRequest, InputRequests, InputRequiredResult, InputResponses, JsonObject,
    ListRootsResult, LoggingLevel, LoggingMessageNotificationParam, ModelPreferences,
    NumberOrString, PaginatedRequestParams, PrimitiveSchemaDefinition, ProgressNotificationParam,
    ProgressToken, Prompt, PromptArgument, PromptMessage, ProtocolVersion, ReadResourceResponse,
    ReadResourceResult, Reference, RequestId, RequestMetaObject, Resource, ResourceContents,
    ResourceTemplate, Role, Root, SamplingMessage, ServerCapabilities, ServerPeerInfo,
    StringSchema, Tool, ToolAnnotations,
};
