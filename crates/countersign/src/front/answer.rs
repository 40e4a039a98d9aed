//! Answers that are complete: JSON-RPC results and errors, refusals, plain statuses.

use bytes::Bytes;
use countersign_resource_server::oauth::dpop::NONCE_FIELD;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::body::{Answer, Unread};
use super::era::Era;
use crate::audit;
use crate::protocol::{ErrorCode, ErrorData};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer with a status and nothing else.
pub(crate) fn status(status: StatusCode) -> Response<Answer> {
    let mut response = Response::new(Answer::whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// The same with a nonce for the next proof of the client (RFC 9449 §8.2), unless there is a
/// newer one in it.
pub(crate) fn bringing(
    nonce: Option<HeaderValue>,
    mut answer: Response<Answer>,
) -> Response<Answer> {
    if let Some(nonce) = nonce {
        answer.headers_mut().entry(NONCE_FIELD).or_insert(nonce);
    }
    answer
}

/// 405 with the methods that would do (RFC 9110 §15.5.6).
pub(crate) fn method_not_allowed(allowed: &'static str) -> Response<Answer> {
    let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// 503: try again in a moment (RFC 9110 §10.2.3).
pub(crate) fn unavailable() -> Response<Answer> {
    let mut response = status(StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// A body that was not read to its end.
pub(crate) fn unread(why: Unread) -> Response<Answer> {
    status(match why {
        Unread::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Unread::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Unread::Broken => StatusCode::BAD_REQUEST,
    })
}

/// 200 with JSON text.
pub(crate) fn json(text: Bytes) -> Response<Answer> {
    let mut response = Response::new(Answer::whole(text));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    // Answers depend on the token of the request (RFC 9111 §3.5).
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The text of a JSON-RPC error that is about a request, beside its response: for
/// transports that answer on a stream.
#[derive(Clone, Debug)]
pub(super) struct Told(pub(super) Bytes);

/// A JSON-RPC error. `id` is the JSON text of the request's id, if it has one.
pub(crate) fn error(era: &Era, id: Option<&str>, error: &ErrorData) -> Response<Answer> {
    audit::answered_with(error.code, &error.message);
    let text = error_text(id, error);
    let mut response = json(text.clone());
    *response.status_mut() = error_status(era, error.code);
    if id.is_some() {
        response.extensions_mut().insert(Told(text));
    }
    response
}

/// A JSON-RPC error that a handler answered with. A legacy client finds the code in
/// the body of a 200, whatever it is: the message itself was good.
pub(crate) fn failed(era: &Era, id: Option<&str>, error: &ErrorData) -> Response<Answer> {
    match era {
        Era::Modern => self::error(era, id, error),
        Era::Legacy(_) => {
            audit::operation().failed(error.code.0);
            json(error_text(id, error))
        }
    }
}

/// The status of a JSON-RPC error.
///
/// The 2026-07-28 wire has statuses for its own codes; 400 says of every other
/// code too that the request is at fault. A legacy client reads the code from
/// the body of a 200, unless the message itself was no message.
pub(crate) fn error_status(era: &Era, code: ErrorCode) -> StatusCode {
    match (era, code) {
        (Era::Modern, ErrorCode::METHOD_NOT_FOUND) => StatusCode::NOT_FOUND,
        (_, ErrorCode::INTERNAL_ERROR) => StatusCode::OK,
        (Era::Modern, _)
        | (
            Era::Legacy(_),
            ErrorCode::PARSE_ERROR
            | ErrorCode::INVALID_REQUEST
            | ErrorCode::HEADER_MISMATCH
            | ErrorCode::UNSUPPORTED_PROTOCOL_VERSION,
        ) => StatusCode::BAD_REQUEST,
        (Era::Legacy(_), _) => StatusCode::OK,
    }
}

/// The JSON text of an error message.
pub(crate) fn error_text(id: Option<&str>, error: &ErrorData) -> Bytes {
    message(id.unwrap_or("null"), "error", error)
}

/// The JSON text of a result message.
pub(crate) fn result_text<T: Serialize>(id: &str, result: &T) -> Bytes {
    message(id, "result", result)
}

fn message<T: Serialize>(id: &str, member: &str, value: &T) -> Bytes {
    let mut text = Vec::with_capacity(256);
    text.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    text.extend_from_slice(id.as_bytes());
    text.extend_from_slice(b",\"");
    text.extend_from_slice(member.as_bytes());
    text.extend_from_slice(b"\":");
    if let Err(fault) = serde_json::to_writer(&mut text, value) {
        tracing::error!(error = %fault, "an answer is not JSON");
        let fixed = "{\"jsonrpc\":\"2.0\",\"id\":";
        return Bytes::from(format!(
            "{fixed}{id},\"error\":{{\"code\":-32603,\"message\":\"Internal error\"}}}}"
        ));
    }
    text.push(b'}');
    Bytes::from(text)
}
