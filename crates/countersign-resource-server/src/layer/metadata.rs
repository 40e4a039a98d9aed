//! The address of the protected resource metadata: RFC 9728 §3.

use bytes::Bytes;
use countersign_oauth::protected_resource::WELL_KNOWN;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::Gate;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// The answer, if the request is for the document.
///
/// It is public and the same for everybody, so that pages of every origin may
/// read it; credentials are not allowed along with that.
pub(super) fn answer<B>(gate: &Gate, request: &Request<B>) -> Option<Response<Bytes>> {
    let path = request.uri().path().strip_prefix(WELL_KNOWN)?;
    // RFC 9728 §3.1: with the path of the resource; the root is the other form.
    if !path.is_empty() && path != "/" && path != gate.metadata().resource.path() {
        return None;
    }
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    match *request.method() {
        Method::GET | Method::HEAD => {
            let document = gate.metadata_document();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CONTENT_LENGTH, HeaderValue::from(document.len()));
            headers.insert(
                CACHE_CONTROL,
                HeaderValue::from_static("public, max-age=300"),
            );
            if request.method() == Method::GET {
                *response.body_mut() = document;
            }
        }
        Method::OPTIONS => {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        _ => {
            headers.insert(ALLOW, METHODS);
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        }
    }
    Some(response)
}
