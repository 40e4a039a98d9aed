//! Cross-origin reading, for configured origins only: Fetch §3.2.
//!
//! Never a wildcard, never credentials. A foreign origin was refused before.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::{Answer, Place, answer};

/// The origin of the request, if its scripts may read the answer.
pub(super) fn readable_by(place: &Place, headers: &HeaderMap) -> Option<HeaderValue> {
    if place.cors.is_empty() {
        return None;
    }
    let origin = headers.get(ORIGIN)?;
    place
        .cors
        .iter()
        .any(|allowed| allowed.as_bytes() == origin.as_bytes())
        .then(|| origin.clone())
}

/// Lets scripts of `origin` read the answer, and the challenge in it (TR-29).
pub(super) fn allow(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("WWW-Authenticate, Mcp-Session-Id, Retry-After, DPoP-Nonce"),
    );
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

/// Whether the request only asks what a later one may do.
pub(super) fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight. Without a configured origin it allows nothing.
pub(super) fn preflight(place: &Place, headers: &HeaderMap) -> Response<Answer> {
    let mut response = answer::status(StatusCode::NO_CONTENT);
    if readable_by(place, headers).is_none() {
        return response;
    }
    let allowed = response.headers_mut();
    allowed.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST, GET, DELETE"),
    );
    allowed.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    // The names of mirrored parameters are open-ended, and the origin is trusted.
    if let Some(names) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        allowed.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    response
}
