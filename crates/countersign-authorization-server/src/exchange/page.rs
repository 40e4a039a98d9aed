//! Pages of fixed sentences, for what must not be redirected (RFC 6749 §4.1.2.1).

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};

use super::answer::{Answer, plain};

/// A page that says one fixed sentence; never input.
pub(crate) fn page(status: StatusCode, sentence: &'static str) -> Answer {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>This request cannot go on</title>\
         <main><h1>This request cannot go on</h1><p>{sentence}</p>\
         <p>Nothing was shared. Go back to the application and try again.</p></main></html>"
    );
    let mut answer = plain(status, "");
    *answer.body_mut() = http_body_util::Full::new(html.into());
    protect(&mut answer);
    answer
}

/// The headers of every HTML page: no scripts, no frames, no referrer (RFC 9700 §4.16).
pub(crate) fn protect(answer: &mut Answer) {
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-frame-options"), "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
