//! Whether a request that changes something comes from a page of this server
//! (RFC 6749 §10.12; Fetch §3.2, Fetch Metadata §2.1).
//!
//! Our pages send no referrer, and browsers then write `Origin: null` for our own
//! forms; that is accepted where the browser says itself that it is the same origin.

use http::HeaderMap;
use http::header::{HeaderName, ORIGIN};

/// Whether the headers allow that the request comes from `origin`. A client that
/// sends neither header is no browser of today; the token of the form decides.
pub(super) fn allows(headers: &HeaderMap, origin: &str) -> bool {
    let site = HeaderName::from_static("sec-fetch-site");
    let (Ok(site), Ok(sent)) = (only(headers, &site), only(headers, &ORIGIN)) else {
        return false;
    };
    let is_same_site = site == Some("same-origin");
    match sent {
        Some("null") => is_same_site,
        Some(sent) => sent == origin && (is_same_site || site.is_none()),
        None => is_same_site || site.is_none(),
    }
}

/// The value of the only header `name`, if there is one.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(());
    }
    value.to_str().map(Some).map_err(|_| ())
}
