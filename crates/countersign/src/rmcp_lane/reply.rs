//! Answers that this lane gives itself. None of them repeats what was sent.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use rmcp::model::{ErrorCode, JsonRpcError, RequestId};

use super::body::{ResponseBody, full};
use crate::audit;
use crate::protocol::ErrorData;

pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<ResponseBody> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// A JSON text with status 200.
pub(crate) fn json(text: Bytes) -> Response<ResponseBody> {
    let mut response = Response::new(full(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An event stream with status 200 (TR-20).
pub(crate) fn event_stream(body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// A JSON-RPC error.
pub(crate) fn error(
    status: StatusCode,
    id: Option<RequestId>,
    error: ErrorData,
) -> Response<ResponseBody> {
    let text = serde_json::to_vec(&JsonRpcError::new(id, error)).unwrap_or_default();
    let mut response = json(Bytes::from(text));
    *response.status_mut() = status;
    response
}

fn invalid(status: StatusCode, message: &'static str) -> Response<ResponseBody> {
    error(
        status,
        None,
        ErrorData::new(ErrorCode::INVALID_REQUEST, message, None),
    )
}

/// The one answer for a session that never was, has ended, or belongs to somebody
/// else (TR-25, TR-26).
pub(crate) fn no_such_session() -> Response<ResponseBody> {
    audit::refused("unknown_session", None);
    invalid(StatusCode::NOT_FOUND, "Session not found")
}

/// A request outside of a session, where one is needed (TR-26).
pub(crate) fn session_required() -> Response<ResponseBody> {
    audit::refused("session_required", None);
    invalid(StatusCode::BAD_REQUEST, "Mcp-Session-Id is required")
}

/// Text that is JSON and no message.
pub(crate) fn invalid_message() -> Response<ResponseBody> {
    audit::refused("invalid_message", None);
    invalid(StatusCode::BAD_REQUEST, "Invalid request")
}

/// Another connection listens on this session.
pub(crate) fn occupied() -> Response<ResponseBody> {
    audit::refused("session_occupied", None);
    invalid(
        StatusCode::CONFLICT,
        "Another connection listens on this session",
    )
}

/// Something that is ours to fix.
pub(crate) fn internal(id: Option<RequestId>) -> Response<ResponseBody> {
    error(
        StatusCode::INTERNAL_SERVER_ERROR,
        id,
        ErrorData::internal_error("Internal error", None),
    )
}

/// A limit is reached.
pub(crate) fn full_house(
    status: StatusCode,
    id: Option<RequestId>,
    retry_after: u32,
) -> Response<ResponseBody> {
    audit::refused("session_limit", None);
    let mut response = error(
        status,
        id,
        ErrorData::new(
            ErrorCode::INVALID_REQUEST,
            "Too many sessions or requests",
            None,
        ),
    );
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(retry_after));
    response
}

/// A method of HTTP that means nothing here.
pub(crate) fn method_not_allowed(allowed: &'static str) -> Response<ResponseBody> {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}
