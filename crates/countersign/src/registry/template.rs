//! URI templates: RFC 6570 level 1, `{+name}` and `{name*}` for a rest of the path.
//!
//! Matching is one pass without going back, so its time is linear in the URI. A
//! value that could climb out of a folder never reaches a handler.

use std::borrow::Cow;

use countersign_resource_server::ConfigurationError;

use crate::component::Variables;

/// A parsed template: literals with a variable between each two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UriTemplate {
    first: String,
    rest: Vec<(Variable, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    name: String,
    reach: Reach,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Up to the next `/`.
    Segment,
    /// Over `/`.
    Path,
}

impl UriTemplate {
    /// Parses `text`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] for braces that do not pair, names outside
    /// `A–Z a–z 0–9 _`, operators other than `+`, a name used twice, and variables
    /// without a literal between them, which could be read in two ways.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigurationError> {
        let refuse = |why: &str| {
            let shown: String = text.chars().take(80).collect();
            Err(ConfigurationError::new(format!(
                "the URI template `{shown}` {why}"
            )))
        };
        let mut pieces = text.split('{');
        let first = pieces.next().unwrap_or_default().to_owned();
        if first.contains('}') {
            return refuse("has a `}` without `{`");
        }
        let mut rest: Vec<(Variable, String)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        for piece in pieces {
            let Some((expression, literal)) = piece.split_once('}') else {
                return refuse("has a `{` without `}`");
            };
            if literal.contains('}') {
                return refuse("has a `}` without `{`");
            }
            if rest.last().is_some_and(|(_, literal)| literal.is_empty()) {
                return refuse("has two variables without a literal between them");
            }
            let variable = Variable::parse(expression);
            let Some(variable) = variable else {
                return refuse("has a variable that is not `{name}`, `{+name}` or `{name*}`");
            };
            if !names.insert(variable.name.clone()) {
                return refuse("names a variable twice");
            }
            rest.push((variable, literal.to_owned()));
        }
        if rest.is_empty() {
            return refuse("has no variable: register it as a resource");
        }
        Ok(Self { first, rest })
    }

    /// The variables of `uri`, decoded and screened; `None` if it does not match.
    pub(crate) fn matches(&self, uri: &str) -> Option<Variables> {
        let mut remaining = uri.strip_prefix(self.first.as_str())?;
        let mut variables = Variables::new();
        for (variable, literal) in &self.rest {
            let end = if literal.is_empty() {
                remaining.len()
            } else {
                remaining.find(literal.as_str())?
            };
            let raw = remaining.get(..end)?;
            variables.insert(variable.name.clone(), variable.value(raw)?);
            remaining = remaining.get(end + literal.len()..)?;
        }
        remaining.is_empty().then_some(variables)
    }
}

impl Variable {
    fn parse(expression: &str) -> Option<Self> {
        let (name, reach) = match (expression.strip_prefix('+'), expression.strip_suffix('*')) {
            (Some(name), None) | (None, Some(name)) => (name, Reach::Path),
            (None, None) => (expression, Reach::Segment),
            (Some(_), Some(_)) => return None,
        };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (!name.is_empty() && name.bytes().all(legal)).then(|| Self {
            name: name.to_owned(),
            reach,
        })
    }

    /// The decoded value, or `None` if it is empty, reaches too far or could climb.
    fn value(&self, raw: &str) -> Option<String> {
        if raw.is_empty() || (self.reach == Reach::Segment && raw.contains('/')) {
            return None;
        }
        let value = percent_decoded(raw)?;
        let crosses = self.reach == Reach::Segment && value.contains('/');
        (!crosses && is_harmless(&value)).then(|| value.into_owned())
    }
}

/// CO-14: no climbing, no absolute path, no second encoding, no control character.
fn is_harmless(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    !value.starts_with('/')
        && !value.contains('\\')
        && !value.chars().any(char::is_control)
        && !["%2e", "%2f", "%5c", "%00"]
            .iter()
            .any(|code| lower.contains(code))
        && value
            .split('/')
            .all(|segment| segment != "." && segment != "..")
        && !has_drive(value)
}

fn has_drive(value: &str) -> bool {
    let mut bytes = value.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.next() == Some(b':')
        && bytes.next().is_none_or(|byte| byte == b'/')
}

fn percent_decoded(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains('%') {
        return Some(Cow::Borrowed(raw));
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut input = raw.bytes();
    while let Some(byte) = input.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = char::from(input.next()?).to_digit(16)?;
        let low = char::from(input.next()?).to_digit(16)?;
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(template: &str, uri: &str) -> Option<String> {
        let variables = UriTemplate::parse(template).unwrap().matches(uri)?;
        variables.into_values().next()
    }

    #[test]
    fn a_segment_stops_at_the_slash_and_a_path_does_not() {
        assert_eq!(
            value("user://{id}/private", "user://al%20ice/private").unwrap(),
            "al ice"
        );
        assert_eq!(value("user://{id}/private", "user://a/b/private"), None);
        assert_eq!(
            value("file:///{+path}", "file:///a/b.txt").unwrap(),
            "a/b.txt"
        );
        assert_eq!(
            value("file:///{path*}", "file:///a/b.txt").unwrap(),
            "a/b.txt"
        );
    }

    #[test]
    fn e44_values_that_could_climb_out_match_nothing() {
        for raw in [
            "../x",
            "%2e%2e%2f",
            "..%2fx",
            "..\\x",
            "..%5cx",
            "/etc/passwd",
            "%2fetc",
            "a%00b",
            "%252e%252e%252f",
            "C:/x",
            "C:",
            "a/../b",
            ".",
            "%zz",
            "%2",
        ] {
            assert_eq!(
                value("file:///{+path}", &format!("file:///{raw}")),
                None,
                "{raw}"
            );
            assert_eq!(
                value("item://{id}", &format!("item://{raw}")),
                None,
                "{raw}"
            );
        }
    }

    #[test]
    fn e48_hostile_templates_are_judged_in_one_pass() {
        for text in [
            "{".repeat(50_000),
            "{a}".repeat(50_000),
            format!("x{}", "{{a*}*}".repeat(10_000)),
            "}".repeat(50_000),
        ] {
            assert!(UriTemplate::parse(&text).is_err());
        }
        let long: String = (0..10_000).map(|n| format!("/{{v{n}}}")).collect();
        let template = UriTemplate::parse(&format!("x:{long}")).unwrap();
        assert_eq!(template.matches(&format!("x:{}", "/a".repeat(9_999))), None);
        assert!(
            template
                .matches(&format!("x:{}", "/a".repeat(10_000)))
                .is_some()
        );
    }
}
