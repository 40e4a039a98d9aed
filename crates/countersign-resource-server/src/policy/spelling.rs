//! Which spellings of a name or URI may mean the same to a handler.
//!
//! What allows reads one spelling: the plain one. What denies reads every spelling that
//! a lax handler may take for the same, so that where it is in doubt more is denied.

use std::borrow::Cow;

/// The longest name or URI that is looked at, in bytes. A longer one is denied.
pub(super) const LONGEST: usize = 2048;

/// Whether `uri` can be read in one way only: no dot segments, no doubled slashes, no
/// backslashes, no control characters, and nothing escaped that need not be or that
/// would be a delimiter.
pub fn is_plain(uri: &str) -> bool {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    // An empty authority is usual: `file:///etc`.
    let path = rest.strip_prefix('/').unwrap_or(rest);
    let mut segments = path.split(['/', '?', '#']);
    let dots = segments.any(|segment| segment == "." || segment == "..");
    let odd = |byte: u8| byte == b'\\' || byte <= b' ' || byte == 0x7f;
    let doubled = path.starts_with('/') || path.contains("//");
    !dots && !doubled && !uri.bytes().any(odd) && escapes(uri).all(needed)
}

/// What each `%` stands for; `None` if two hexadecimal digits do not follow.
fn escapes(uri: &str) -> impl Iterator<Item = Option<u8>> {
    uri.split('%').skip(1).map(|after| {
        let digits = after.get(..2)?;
        let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u8::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)
    })
}

/// RFC 3986 §2.3: unreserved characters are not escaped by who means no harm.
fn needed(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| {
        let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !unreserved && !byte.is_ascii_control() && !b"/\\%?#".contains(&byte)
    })
}

/// A name without what a lax handler may ignore: case, and blanks around it.
pub fn folded(name: &str) -> Cow<'_, str> {
    let name = name.trim();
    if name
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.to_lowercase())
}

/// Every way in which a lax handler may read `uri`: with and without its query, its dot
/// segments resolved or kept.
pub fn spellings(uri: &str) -> Vec<String> {
    let without = uri.split(['?', '#']).next().unwrap_or_default();
    let mut all = Vec::new();
    for uri in [uri, without] {
        for dots in [Dots::Resolved, Dots::Kept] {
            let spelling = spelled(uri, dots);
            if !all.contains(&spelling) {
                all.push(spelling);
            }
        }
    }
    all
}

/// What becomes of `.` and `..`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there is nothing else to do with them"
)]
pub enum Dots {
    /// They are resolved as in RFC 3986 §5.2.4.
    Resolved,
    /// They stay as they are.
    Kept,
}

/// A URI as a lax handler may read it: decoded until nothing changes, in lower case,
/// with `/` only, without doubled slashes, dot segments and a last slash.
pub fn spelled(uri: &str, dots: Dots) -> String {
    let mut text = uri.trim().to_owned();
    for _ in 0..4 {
        let decoded = decoded(&text);
        if decoded == text {
            break;
        }
        text = decoded;
    }
    let text = text.to_lowercase().replace('\\', "/");
    let (scheme, rest) = text.split_once(':').unwrap_or(("", &text));
    let mut segments: Vec<&str> = Vec::new();
    for segment in rest.split('/') {
        match (segment, dots) {
            ("", _) | (".", Dots::Resolved) => {}
            ("..", Dots::Resolved) => {
                segments.pop();
            }
            (segment, _) => segments.push(segment),
        }
    }
    format!("{scheme}:{}", segments.join("/"))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    for (position, part) in text.split('%').enumerate() {
        let escaped = part.get(..2).filter(|_| position > 0);
        let byte = escaped
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(part.as_bytes().get(2..).unwrap_or_default());
            }
            None => {
                if position > 0 {
                    bytes.push(b'%');
                }
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e39_a_uri_that_can_be_read_in_two_ways_is_not_plain() {
        for uri in [
            "file:///tmp/../etc/passwd",
            "file:///./etc",
            "file:////etc",
            "file:///etc//passwd",
            "file:///%65tc/passwd",
            "file:///tmp/%2e%2e/etc",
            "file:///tmp/..%2fetc",
            "file:///%2565tc",
            "file:\\\\etc",
            "file:///etc/passwd?/../x",
            "file:///etc/passwd#/../x",
            "file:///a b",
            "file:///a%",
            "file:///a%0",
            "file:///a%+1",
            "file:///a%00",
            "note://..",
            "note://a\u{7f}",
        ] {
            assert!(!is_plain(uri), "{uri}");
        }
        for uri in [
            "file:///etc/passwd",
            "note://7",
            "note://7/",
            "user://auth0%7Calice/private",
            "user://jos\u{e9}/x?y=1#z",
            "a:b",
            "x..y://..z",
        ] {
            assert!(is_plain(uri), "{uri}");
        }
    }

    #[test]
    fn every_reading_of_a_uri_is_among_its_spellings() {
        for uri in [
            "FILE:///ETC/passwd",
            "file:/etc//passwd/",
            "file:///tmp/../etc/passwd",
            "file:///%2565tc/passwd",
            "file:\\\\\\etc\\passwd",
            "file:///etc/passwd?x",
        ] {
            let all = spellings(uri);
            assert!(
                all.iter().any(|one| one == "file:etc/passwd"),
                "{uri}: {all:?}"
            );
        }
        assert_eq!(folded(" Delete_All\n"), "delete_all");
        assert!(matches!(folded("delete_all"), Cow::Borrowed(_)));
    }
}
