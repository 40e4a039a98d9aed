//! Which endpoints a page of another origin may call: those without cookies
//! (OAuth 2.1 §3.1, RFC 9700 §2.6: never the authorization endpoint).
//!
//! Every origin may, because none of these endpoints looks at cookies, and browsers
//! are told to send none.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderName,
};
use http::{HeaderValue, Method, StatusCode};

use crate::exchange::{Answer, Incoming, method_not_allowed, plain};

/// The answer if `incoming` is a preflight or has another method than `allowed`.
pub(super) fn other_method(incoming: &Incoming, allowed: &'static str) -> Option<Answer> {
    if incoming.method == Method::OPTIONS {
        let mut answer = plain(StatusCode::NO_CONTENT, "");
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_METHODS, allowed),
            (
                ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-type, dpop, mcp-protocol-version",
            ),
            (ACCESS_CONTROL_MAX_AGE, "600"),
        ] {
            answer
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        return Some(open(answer));
    }
    let is_allowed = allowed
        .split(", ")
        .any(|name| name == incoming.method.as_str());
    (!is_allowed).then(|| open(method_not_allowed(allowed)))
}

/// Lets pages of every origin read `answer`, without cookies.
pub(crate) fn open(mut answer: Answer) -> Answer {
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            ACCESS_CONTROL_EXPOSE_HEADERS,
            "www-authenticate, retry-after, dpop-nonce",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        ),
    ] {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    answer
}
