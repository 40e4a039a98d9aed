//! Reading the challenge of a server: RFC 9110 §11.6.1, RFC 6750 §3, RFC 9728 §5.1.
//!
//! What a server says is shown to people and asked for, never trusted.

use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::oauth::display_text::is_deceptive;

/// The `Bearer` challenge of a 401 or 403 answer. Control characters are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedChallenge {
    /// The error code; absent if the request had no token (RFC 6750 §3.1).
    pub error: Option<String>,
    /// What is wrong, for people.
    pub error_description: Option<String>,
    /// The scopes that the request needs.
    pub scope: ScopeSet,
    /// The address of the protected resource metadata (RFC 9728 §5.1).
    pub resource_metadata: Option<String>,
}

impl ReceivedChallenge {
    /// Reads the first `Bearer` challenge of a `WWW-Authenticate` value; an empty one
    /// if there is none.
    pub fn parse(header: &str) -> Self {
        let mut challenge = Self::default();
        let mut rest = header.trim_start();
        let mut in_bearer = false;
        while !rest.is_empty() {
            let (word, after) = split_token(rest);
            if word.is_empty() {
                // Not a token: nothing that could be read follows.
                break;
            }
            let after = after.trim_start();
            if let Some(value) = after.strip_prefix('=') {
                let (value, after) = split_value(value.trim_start());
                if in_bearer {
                    challenge.set(word, &value);
                }
                rest = after;
            } else {
                // A word without "=" is the scheme of the next challenge.
                if in_bearer {
                    break;
                }
                in_bearer = word.eq_ignore_ascii_case("Bearer");
                rest = after;
            }
            rest = rest.trim_start_matches([' ', '\t', ',']);
        }
        challenge
    }

    fn set(&mut self, name: &str, value: &str) {
        let text = printable(value);
        match name.to_ascii_lowercase().as_str() {
            "error" => self.error = Some(text),
            "error_description" => self.error_description = Some(text),
            "scope" => self.scope = ScopeSet::parse(&text).unwrap_or_default(),
            "resource_metadata" => self.resource_metadata = Some(text),
            _ => {}
        }
    }
}

/// Text of a stranger, without what a terminal could obey and what turns the direction of
/// writing.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .filter(|character| !is_deceptive(*character))
        .take(500)
        .collect()
}

fn split_token(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| character.is_whitespace() || matches!(character, '=' | ',' | '"'))
        .unwrap_or(text.len());
    text.split_at(end)
}

/// A token or a quoted string (RFC 9110 §5.6.4), and what follows.
fn split_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, rest) = split_token(text);
        return (word.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_no_challenge_reads_as_an_empty_one() {
        for header in [
            "",
            "=",
            "\"",
            "Basic realm=\"x\"",
            ",,,",
            "Bearer",
            "Bearer =x",
        ] {
            assert_eq!(
                ReceivedChallenge::parse(header),
                ReceivedChallenge::default(),
                "{header}"
            );
        }
    }

    #[test]
    fn attributes_of_another_scheme_are_not_taken() {
        let challenge = ReceivedChallenge::parse(
            r#"Basic realm="a, Bearer error=b", Bearer scope="read", DPoP error="no""#,
        );
        assert_eq!(challenge.error, None);
        assert_eq!(challenge.scope.to_string(), "read");
    }

    #[test]
    fn h10_a_terminal_has_nothing_to_obey() {
        let challenge =
            ReceivedChallenge::parse("Bearer error_description=\"a\u{1b}[31m\u{9b}b\r\nc\"");
        assert_eq!(challenge.error_description.as_deref(), Some("a[31mbc"));
    }

    #[test]
    fn h10_a_text_of_a_stranger_reads_as_it_is_written() {
        let text = "safe\u{202e}txt.exe\u{2066}\u{2028}next\u{200b}\u{e0041}\u{feff}";
        assert_eq!(printable(text), "safetxt.exenext");
        let own = "ünï©ode עברית 👩\u{200d}🚀 ❤\u{fe0f}";
        assert_eq!(printable(own), own);
    }

    #[test]
    fn the_attributes_are_read() {
        let challenge = ReceivedChallenge::parse(
            r#"bearer error="insufficient_scope", error_description="say \"please\"", scope="a b",resource_metadata="https://rs.test/x""#,
        );
        assert_eq!(challenge.error.as_deref(), Some("insufficient_scope"));
        assert_eq!(
            challenge.error_description.as_deref(),
            Some("say \"please\"")
        );
        assert_eq!(challenge.scope.to_string(), "a b");
        assert_eq!(
            challenge.resource_metadata.as_deref(),
            Some("https://rs.test/x")
        );
    }
}
