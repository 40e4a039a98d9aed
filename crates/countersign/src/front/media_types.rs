//! What a request brings and what its client understands: RFC 9110 §8.3 and §12.5.1.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

/// E7: a form or plain text is what a foreign page can post without asking.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let media_type = values.next().and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next());
    values.next().is_none()
        && essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// TR-05: a client accepts both kinds of answer.
pub(super) fn accepts_both(headers: &HeaderMap) -> bool {
    let (mut json, mut events) = (false, false);
    for value in headers.get_all(ACCEPT) {
        // What the clients of the SDKs write.
        if value == "application/json, text/event-stream" {
            return true;
        }
        for range in value.to_str().unwrap_or_default().split(',') {
            let range = range.split(';').next().unwrap_or_default().trim();
            let is = |name: &str| range.eq_ignore_ascii_case(name);
            json |= is("*/*") || is("application/*") || is("application/json");
            events |= is("*/*") || is("text/*") || is("text/event-stream");
        }
    }
    json && events
}

/// Without the header everything is accepted (RFC 9110 §12.5.1).
pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
    !headers.contains_key(ACCEPT)
        || headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|range| range.split(';').next().unwrap_or_default().trim())
            .any(|range| ["*/*", "text/*", "text/event-stream"].contains(&range))
}
