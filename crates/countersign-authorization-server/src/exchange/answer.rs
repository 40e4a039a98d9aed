//! Answers. All of them say that they are not to be stored, except where a caller
//! replaces that.

use bytes::Bytes;
use countersign_oauth::Lifetime;
use countersign_oauth::token_response::NO_STORE;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

/// An answer in one piece.
pub type Answer = Response<Full<Bytes>>;

fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in NO_STORE {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers.insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    answer
}

/// A JSON document.
pub(crate) fn json(status: StatusCode, document: impl Into<Bytes>) -> Answer {
    answer(status, "application/json", document)
}

/// One fixed sentence for people.
pub(crate) fn plain(status: StatusCode, sentence: &'static str) -> Answer {
    answer(status, "text/plain; charset=utf-8", sentence)
}

/// A redirect that turns whatever method into GET (RFC 9700 §4.12: never 307).
pub(crate) fn see_other(location: &str) -> Answer {
    let mut answer = plain(StatusCode::SEE_OTHER, "");
    match HeaderValue::from_str(location) {
        Ok(location) => {
            answer.headers_mut().insert(LOCATION, location);
            answer.headers_mut().insert(
                HeaderName::from_static("referrer-policy"),
                HeaderValue::from_static("no-referrer"),
            );
            answer
        }
        // Locations are percent-encoded where they are made.
        Err(_) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the address cannot be redirected to",
        ),
    }
}

/// The path exists, the method does not.
pub(crate) fn method_not_allowed(allow: &'static str) -> Answer {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

pub(crate) fn not_found() -> Answer {
    plain(StatusCode::NOT_FOUND, "not found")
}

/// A dependency is down; nothing was decided. `temporarily_unavailable` is the code
/// that RFC 6749 §4.1.2.1 has for it.
pub(crate) fn unavailable(wait: Lifetime) -> Answer {
    let mut answer = json(
        StatusCode::SERVICE_UNAVAILABLE,
        r#"{"error":"temporarily_unavailable","error_description":"try again in a moment"}"#,
    );
    retry_after(&mut answer, wait);
    answer
}

/// Too much was tried (RFC 6585 §4). Neither `invalid_client` nor `invalid_grant`, on
/// which clients throw away what they have: it was not looked at.
pub(crate) fn throttled(wait: Lifetime) -> Answer {
    let mut answer = json(
        StatusCode::TOO_MANY_REQUESTS,
        r#"{"error":"temporarily_unavailable","error_description":"too many attempts; try again later"}"#,
    );
    retry_after(&mut answer, wait);
    answer
}

/// Says when to try again (RFC 9110 §10.2.3).
pub(crate) fn retry_after(answer: &mut Answer, wait: Lifetime) {
    let seconds = HeaderValue::from(wait.as_secs().max(1));
    answer.headers_mut().insert(RETRY_AFTER, seconds);
}

/// RFC 6749 §5.2: "MUST include the 'WWW-Authenticate' response header field matching
/// the authentication scheme used by the client".
pub(crate) fn add_basic_challenge(answer: &mut Answer) {
    answer.headers_mut().insert(
        WWW_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"client authentication\", charset=\"UTF-8\""),
    );
}
