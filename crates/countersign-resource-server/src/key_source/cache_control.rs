//! How long an answer may be kept: RFC 9111 §5.2.2.

use countersign_oauth::Lifetime;
use http::HeaderMap;
use http::header::CACHE_CONTROL;

/// The `max-age` of an answer; zero if it must not be kept; `None` if it says nothing.
pub(crate) fn max_age(headers: &HeaderMap) -> Option<Lifetime> {
    let mut found = None;
    for value in headers.get_all(CACHE_CONTROL) {
        for directive in value.to_str().unwrap_or_default().split(',') {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            let name = name.trim();
            if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
                return Some(Lifetime::ZERO);
            }
            if name.eq_ignore_ascii_case("max-age") {
                let seconds = argument.trim().trim_matches('"').parse().ok();
                found = found.or(seconds.map(Lifetime::from_secs));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_careful_directive_counts() {
        for (text, seconds) in [
            ("max-age=300", Some(300)),
            ("public, Max-Age=\"20\", must-revalidate", Some(20)),
            ("max-age=300, no-store", Some(0)),
            ("no-cache", Some(0)),
            ("max-age=-1", None),
            ("max-age=99999999999999999999999", None),
            ("public", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, text.parse().unwrap());
            assert_eq!(max_age(&headers).map(Lifetime::as_secs), seconds, "{text}");
        }
    }
}
