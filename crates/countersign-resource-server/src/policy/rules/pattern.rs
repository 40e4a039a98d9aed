//! Patterns for names and URIs, compiled once.
//!
//! In a name `*` is any run of characters. In a URI `*` ends at `/`, `?` and `#`, `**`
//! does not, and `{subject}` is the verified subject, byte for byte and never read as a
//! pattern.

use crate::policy::spelling::{self, Dots};

/// The longest pattern, in bytes.
const LONGEST: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(Box<str>),
    /// The subject, up to the byte that comes after it in the pattern.
    Subject(Option<u8>),
    /// Any run without delimiters.
    Segment,
    /// Any run.
    Any,
}

/// What a pattern is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    Names,
    Uris,
}

/// A pattern in two forms: as it is written, for what allows, and as a lax handler may
/// read it, for what denies.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    exact: Vec<Token>,
    wide: Vec<Token>,
}

impl Pattern {
    /// # Errors
    ///
    /// What to write instead.
    pub(super) fn parse(text: &str, alphabet: Alphabet) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("an empty pattern matches nothing: write a name, or * for all of them");
        }
        if text.len() > LONGEST || text.chars().any(char::is_control) {
            return Err("a pattern has at most 256 bytes and no control characters");
        }
        let wide = match alphabet {
            Alphabet::Names => spelling::folded(text).into_owned(),
            Alphabet::Uris => spelling::spelled(text, Dots::Resolved),
        };
        Ok(Self {
            exact: tokens(text, alphabet)?,
            wide: tokens(&wide, alphabet)?,
        })
    }

    /// Whether the pattern speaks of the subject.
    pub(super) fn names_subject(&self) -> bool {
        let mut tokens = self.exact.iter();
        tokens.any(|token| matches!(token, Token::Subject(_)))
    }

    fn is_literal(&self) -> bool {
        self.allows_only().is_some()
    }

    /// The one text that it allows, if there is no other.
    pub(super) fn allows_only(&self) -> Option<&str> {
        only(&self.exact)
    }

    /// The one spelling that it catches, if there is no other.
    pub(super) fn catches_only(&self) -> Option<&str> {
        only(&self.wide)
    }

    /// Whether it matches `text` as it is written. `plain` says whether `text` can be
    /// read in one way only; wildcards match nothing else.
    pub(super) fn allows(
        &self,
        text: &str,
        plain: impl FnOnce() -> bool,
        subject: Option<&str>,
    ) -> bool {
        let matches = matches(&self.exact, text.as_bytes(), &|until| {
            subject.filter(|subject| is_one_segment(subject, until))
        });
        matches && (self.is_literal() || plain())
    }

    /// Whether it matches `text`, a spelling of what was asked for, in the spelling of
    /// patterns that deny.
    pub(super) fn catches(&self, text: &str, subject: Option<&str>) -> bool {
        matches(&self.wide, text.as_bytes(), &|_| subject)
    }

    /// Whether a URI that the template `template` (RFC 6570) stands for could be matched.
    pub(super) fn could_allow(&self, template: &str, subject: Option<&str>) -> bool {
        let mut ours = Vec::new();
        for token in &self.exact {
            match token {
                Token::Literal(text) => ours.extend(text.bytes().map(Element::Byte)),
                Token::Subject(until) => match subject {
                    Some(subject) if is_one_segment(subject, *until) => {
                        ours.extend(subject.bytes().map(Element::Byte));
                    }
                    _ => return false,
                },
                Token::Segment => ours.push(Element::Segment),
                Token::Any => ours.push(Element::Any),
            }
        }
        meet(&ours, &of_template(template))
    }
}

fn only(tokens: &[Token]) -> Option<&str> {
    match tokens {
        [Token::Literal(text)] => Some(text),
        _ => None,
    }
}

/// Whether `subject` stands for itself alone where a pattern has it: as one segment, which
/// ends where the pattern says. Otherwise somebody could choose a subject that reaches
/// into what belongs to another.
fn is_one_segment(subject: &str, until: Option<u8>) -> bool {
    let ends = |byte: u8| b"/?#\\%".contains(&byte) || Some(byte) == until;
    let dots = subject == "." || subject == "..";
    !subject.is_empty()
        && !dots
        && !subject
            .bytes()
            .any(|byte| ends(byte) || byte <= b' ' || byte == 0x7f)
}

fn tokens(text: &str, alphabet: Alphabet) -> Result<Vec<Token>, &'static str> {
    const SUBJECT: &str = "{subject}";
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let wild = matches!(tokens.last(), Some(Token::Segment | Token::Any));
        let after_subject = matches!(tokens.last(), Some(Token::Subject(_)));
        if let Some(after) = rest.strip_prefix('*') {
            let (deep, after) = match (alphabet, after.strip_prefix('*')) {
                (Alphabet::Names, Some(_)) => return Err("one * is enough in a name"),
                (Alphabet::Names, None) => (true, after),
                (Alphabet::Uris, Some(after)) => (true, after),
                (Alphabet::Uris, None) => (false, after),
            };
            if wild || after.starts_with('*') {
                return Err("write * for a part of a path, or ** for any number of parts");
            }
            if after_subject {
                return Err(BESIDE);
            }
            tokens.push(if deep { Token::Any } else { Token::Segment });
            rest = after;
        } else if first == '{' || first == '}' {
            let Some(after) = rest.strip_prefix(SUBJECT) else {
                return Err("the only variable is {subject}: write * where anything may be");
            };
            if alphabet == Alphabet::Names {
                return Err("{subject} has a place in resources only");
            }
            if wild || after_subject {
                return Err(BESIDE);
            }
            tokens.push(Token::Subject(after.bytes().next()));
            rest = after;
        } else {
            let end = rest.find(['*', '{', '}']).unwrap_or(rest.len());
            let (literal, after) = rest.split_at(end);
            tokens.push(Token::Literal(literal.into()));
            rest = after;
        }
    }
    Ok(tokens)
}

const BESIDE: &str = "a * beside {subject} would match the names of others: put a / between them";

/// Greedy with two places to come back to. What follows a wildcard is matched as early as
/// possible, so that only the last wildcard of each kind can have to take more.
fn matches<'a>(
    tokens: &[Token],
    text: &[u8],
    subject: &dyn Fn(Option<u8>) -> Option<&'a str>,
) -> bool {
    let (mut token, mut at) = (0, 0);
    let mut segment: Option<(usize, usize)> = None;
    let mut any: Option<(usize, usize)> = None;
    loop {
        let literal = match tokens.get(token) {
            None if at == text.len() => return true,
            None => None,
            Some(Token::Segment) => {
                token += 1;
                segment = Some((token, at));
                continue;
            }
            Some(Token::Any) => {
                token += 1;
                (any, segment) = (Some((token, at)), None);
                continue;
            }
            Some(Token::Literal(literal)) => Some(&**literal),
            Some(Token::Subject(until)) => subject(*until),
        };
        let rest = text.get(at..).unwrap_or_default();
        if let Some(literal) = literal.filter(|literal| rest.starts_with(literal.as_bytes())) {
            at += literal.len();
            token += 1;
            continue;
        }
        let more = |from: usize| text.get(from).copied();
        match (segment, any) {
            (Some((after, from)), _) if more(from).is_some_and(|byte| !is_delimiter(byte)) => {
                segment = Some((after, from + 1));
                (token, at) = (after, from + 1);
            }
            (_, Some((after, from))) if more(from).is_some() => {
                (any, segment) = (Some((after, from + 1)), None);
                (token, at) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'/' | b'?' | b'#')
}

/// A piece of a pattern, byte by byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Byte(u8),
    Segment,
    Any,
}

impl Element {
    fn takes(self, other: Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (Self::Segment, Self::Segment | Self::Any) => true,
            (Self::Segment, Self::Byte(byte)) => !is_delimiter(byte),
            (Self::Byte(_), _) => false,
        }
    }
}

/// The text around the variables of a template, and a wildcard for each of them.
fn of_template(template: &str) -> Vec<Element> {
    let mut elements = Vec::new();
    for (position, part) in template.split('{').enumerate() {
        let text = match part.split_once('}') {
            Some((variable, after)) if position > 0 => {
                let simple = variable.starts_with(|first: char| first.is_ascii_alphanumeric());
                elements.push(if simple {
                    Element::Segment
                } else {
                    Element::Any
                });
                after
            }
            _ => part,
        };
        elements.extend(text.bytes().map(Element::Byte));
    }
    elements
}

/// Whether some text is matched by both.
fn meet(left: &[Element], right: &[Element]) -> bool {
    let width = right.len() + 1;
    let mut seen = vec![false; (left.len() + 1) * width];
    let mut ahead = vec![(0, 0)];
    while let Some((l, r)) = ahead.pop() {
        match seen.get_mut(l * width + r) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        match (left.get(l), right.get(r)) {
            (None, None) => return true,
            (Some(Element::Byte(one)), Some(Element::Byte(other))) => {
                if one == other {
                    ahead.push((l + 1, r + 1));
                }
            }
            (one, other) => {
                if let Some(wild) = one.filter(|one| !matches!(one, Element::Byte(_))) {
                    ahead.push((l + 1, r));
                    if other.is_some_and(|other| wild.takes(*other)) {
                        ahead.push((l, r + 1));
                    }
                }
                if let Some(wild) = other.filter(|other| !matches!(other, Element::Byte(_))) {
                    ahead.push((l, r + 1));
                    if one.is_some_and(|one| wild.takes(*one)) {
                        ahead.push((l + 1, r));
                    }
                }
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Pattern {
        Pattern::parse(text, Alphabet::Uris).unwrap()
    }

    fn allowed(pattern: &str, text: &str, subject: Option<&str>) -> bool {
        uri(pattern).allows(text, || spelling::is_plain(text), subject)
    }

    #[test]
    fn a_pattern_that_means_more_than_it_seems_is_refused() {
        for text in ["", "a**", "**", "a{subject}", "a{x}", "a}b", "a\nb"] {
            assert!(Pattern::parse(text, Alphabet::Names).is_err(), "{text:?}");
        }
        for text in [
            "",
            "user://{subject}*",
            "user://*{subject}",
            "user://{subject}{subject}",
            "user://{subject}**",
            "user://***",
            "user://{id}",
            "user://{subject",
            "user://{Subject}/x",
            "a\u{0}b",
        ] {
            assert!(Pattern::parse(text, Alphabet::Uris).is_err(), "{text:?}");
        }
        assert!(Pattern::parse(&"a".repeat(257), Alphabet::Names).is_err());
    }

    #[test]
    fn rs_31_a_subject_is_compared_and_never_interpreted() {
        let own = "user://{subject}/*";
        for (subject, text) in [
            ("*", "user://bob/private"),
            ("**", "user://bob/private"),
            ("..", "user://../private"),
            ("../bob", "user://../bob/private"),
            ("bob/private", "user://bob/private/x"),
            ("bob?x", "user://bob?x/private"),
            ("bob#x", "user://bob#x/private"),
            ("b%6fb", "user://b%6fb/private"),
            ("", "user:///private"),
            ("{subject}", "user://bob/private"),
            ("Bob", "user://bob/private"),
            ("bo", "user://bob/private"),
            ("bob\\x", "user://bob\\x/private"),
            ("b ob", "user://b ob/private"),
        ] {
            assert!(!allowed(own, text, Some(subject)), "{subject} {text}");
        }
        assert!(!allowed(own, "user://bob/private", None));
        // What follows the subject in the pattern ends it.
        assert!(!allowed("note:{subject}:*", "note:bob:x:y", Some("bob:x")));
        assert!(!allowed(own, "user://bob/private/x", Some("bob")));
        assert!(!allowed(own, "user://bob/../eve/x", Some("bob")));
        assert!(!allowed(
            "user://{subject}/**",
            "user://bob/../eve",
            Some("bob")
        ));
        for subject in ["bob", "auth0|5f7c", "a@b.example", "*", "jos\u{e9}"] {
            let text = format!("user://{subject}/private");
            assert!(allowed(own, &text, Some(subject)), "{subject}");
        }
    }

    #[test]
    fn a_wildcard_ends_where_it_should() {
        for (pattern, text, expected) in [
            ("a://*", "a://b", true),
            ("a://*", "a://b/c", false),
            ("a://*", "a://b?c", false),
            ("a://**", "a://b/c?d#e", true),
            ("a://*/c", "a://b/c", true),
            ("a://*/c", "a://b/d/c", false),
            ("a://**/c", "a://b/d/c", true),
            ("a://**/c/*", "a://b/c/d/c/e", true),
            ("a://**/c/*", "a://b/c/d/c/e/f", false),
            ("a://*x*y", "a://1x2x3y", true),
            ("a://*x*y", "a://1x2x3", false),
            ("a://b", "a://bc", false),
            ("a://b", "A://b", false),
            ("a://**b**c", "a://bbcbc", true),
        ] {
            assert_eq!(allowed(pattern, text, None), expected, "{pattern} {text}");
        }
        let name = Pattern::parse("ticket_*", Alphabet::Names).unwrap();
        for (text, expected) in [
            ("ticket_", true),
            ("ticket_read/all", true),
            ("Ticket_read", false),
            ("ticket", false),
        ] {
            assert_eq!(name.allows(text, || true, None), expected, "{text}");
        }
        assert!(name.catches(&spelling::folded(" TICKET_Read "), None));
    }

    #[test]
    fn a_template_is_shown_to_whom_one_of_its_uris_is_allowed() {
        for (pattern, template, subject, expected) in [
            (
                "user://{subject}/*",
                "user://{id}/private",
                Some("bob"),
                true,
            ),
            (
                "user://{subject}/*",
                "user://{id}/private",
                Some("../x"),
                false,
            ),
            ("user://{subject}/*", "user://{id}/private", None, false),
            (
                "user://{subject}/*",
                "note://{id}/private",
                Some("bob"),
                false,
            ),
            ("user://bob/private", "user://{id}/private", None, true),
            ("user://bob/public", "user://{id}/private", None, false),
            ("file:///etc/**", "file:///{+path}", None, true),
            ("file:///etc/**", "file:///{name}", None, false),
            ("**", "x://{y}", None, true),
        ] {
            let could = uri(pattern).could_allow(template, subject);
            assert_eq!(could, expected, "{pattern} {template}");
        }
    }
}
