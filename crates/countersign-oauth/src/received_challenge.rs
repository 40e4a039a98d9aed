//! The challenges of an answer 401 or 403, read by a client: RFC 9110 §11.6.1,
//! RFC 6750 §3, RFC 9728 §5.1, RFC 9449 §7.1.
//!
//! A field value has one reading or none: a parameter that occurs twice in one challenge,
//! an unfinished quoted text or anything outside the grammar make it worth nothing, so
//! that a client goes on as if there had been no challenge.

use crate::ScopeSet;

/// The longest field value that is read, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// One challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedChallenge {
    /// The scheme as written; it is compared without regard to case.
    pub scheme: String,
    /// Whether tokens must be bound to a key: `DPoP` was asked for and `Bearer` was not
    /// (RFC 9449 §7.1). Only [`for_token`](Self::for_token) knows.
    pub demands_proof: bool,
    /// Names in lower case, with their values, unquoted.
    parameters: Vec<(String, String)>,
}

impl ReceivedChallenge {
    /// All challenges in the values of `WWW-Authenticate`, in their order. A value that
    /// is malformed has none.
    pub fn parse_all<'a, I>(values: I) -> Vec<Self>
    where
        I: IntoIterator<Item = &'a [u8]>,
    {
        let read = |value: &[u8]| parse(value).unwrap_or_default();
        values.into_iter().flat_map(read).collect()
    }

    /// The first challenge that asks for an access token: `Bearer` or `DPoP`; one that
    /// says more comes before one that says nothing.
    pub fn for_token<'a, I>(values: I) -> Option<Self>
    where
        I: IntoIterator<Item = &'a [u8]>,
    {
        let mut found: Vec<Self> = Self::parse_all(values);
        found.retain(|one| one.is_scheme("Bearer") || one.is_scheme("DPoP"));
        let demands_proof = found.iter().all(|one| one.is_scheme("DPoP"));
        for one in &mut found {
            one.demands_proof = demands_proof;
        }
        let best = found.iter().position(|one| !one.parameters.is_empty());
        (!found.is_empty()).then(|| found.swap_remove(best.unwrap_or(0)))
    }

    /// Whether the scheme is `name`.
    pub fn is_scheme(&self, name: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(name)
    }

    /// The value of the parameter `name`, which is given in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut all = self.parameters.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The error code (RFC 6750 §3.1).
    pub fn error(&self) -> Option<&str> {
        self.parameter("error")
    }

    /// The scopes that the request needs (RFC 6750 §3); nothing if they are not said or
    /// are no list of scopes.
    pub fn scope(&self) -> Option<ScopeSet> {
        let scope = ScopeSet::parse(self.parameter("scope")?).ok()?;
        (!scope.is_empty()).then_some(scope)
    }

    /// The address of the metadata of the resource (RFC 9728 §5.1), not judged.
    pub fn resource_metadata(&self) -> Option<&str> {
        self.parameter("resource_metadata")
    }
}

/// What is left of one field value.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn advance(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take_while(&mut self, fits: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|byte| !fits(*byte));
        let (taken, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }

    fn blanks(&mut self) -> bool {
        !self
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .is_empty()
    }

    fn token(&mut self) -> Option<String> {
        let token = self.take_while(is_token_byte);
        let token = std::str::from_utf8(token).ok()?;
        (!token.is_empty()).then(|| token.to_owned())
    }

    /// RFC 9110 §5.6.4.
    fn quoted(&mut self) -> Option<String> {
        let mut text = Vec::new();
        loop {
            match self.advance()? {
                b'"' => return String::from_utf8(text).ok(),
                b'\\' => text.push(self.advance().filter(|byte| is_text_byte(*byte))?),
                byte if is_text_byte(byte) => text.push(byte),
                _ => return None,
            }
        }
    }
}

/// RFC 9110 §5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

const fn is_text_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= 0x20 && byte != 0x7F)
}

fn parse(value: &[u8]) -> Option<Vec<ReceivedChallenge>> {
    if value.len() > MAX_BYTES {
        return None;
    }
    let mut rest = Rest(value);
    let mut challenges: Vec<ReceivedChallenge> = Vec::new();
    loop {
        rest.take_while(|byte| matches!(byte, b' ' | b'\t' | b','));
        if rest.peek().is_none() {
            return Some(challenges);
        }
        let name = rest.token()?;
        let has_blanks = rest.blanks();
        if rest.peek() == Some(b'=') {
            let challenge = challenges.last_mut()?;
            parameter(&mut rest, challenge, &name)?;
        } else {
            let mut challenge = ReceivedChallenge {
                scheme: name,
                demands_proof: false,
                parameters: Vec::new(),
            };
            if has_blanks && !matches!(rest.peek(), None | Some(b',')) {
                first_of(&mut rest, &mut challenge)?;
            }
            challenges.push(challenge);
        }
        rest.blanks();
        if !matches!(rest.peek(), None | Some(b',')) {
            return None;
        }
    }
}

/// What follows a scheme: its first parameter, or a `token68`, which no scheme of ours has.
fn first_of(rest: &mut Rest<'_>, challenge: &mut ReceivedChallenge) -> Option<()> {
    let before = rest.0;
    if let Some(name) = rest.token() {
        rest.blanks();
        let mut ahead = Rest(rest.0);
        let is_parameter = ahead.advance() == Some(b'=') && {
            ahead.blanks();
            ahead
                .peek()
                .is_some_and(|byte| byte == b'"' || is_token_byte(byte))
        };
        if is_parameter {
            return parameter(rest, challenge, &name);
        }
    }
    rest.0 = before;
    let is_token68 = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let token = rest.take_while(is_token68);
    rest.take_while(|byte| byte == b'=');
    (!token.is_empty()).then_some(())
}

/// `= value` of the parameter `name`.
fn parameter(rest: &mut Rest<'_>, challenge: &mut ReceivedChallenge, name: &str) -> Option<()> {
    let name = name.to_ascii_lowercase();
    if rest.advance() != Some(b'=') || challenge.parameter(&name).is_some() {
        return None;
    }
    rest.blanks();
    let value = if rest.peek() == Some(b'"') {
        rest.advance();
        rest.quoted()?
    } else {
        rest.token()?
    };
    challenge.parameters.push((name, value));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Vec<ReceivedChallenge> {
        ReceivedChallenge::parse_all([value.as_bytes()])
    }

    #[test]
    fn cl_02_what_has_two_readings_or_none_is_no_challenge() {
        for value in [
            r#"Bearer scope="a", scope="b""#,
            r#"Bearer scope="a", SCOPE="b""#,
            r#"Bearer scope="a"#,
            r#"Bearer scope="a" error="b""#,
            r#"realm="x""#,
            "Bearer \"a\"",
            "Bearer scope=\"a\u{7f}\"",
            "(Bearer)",
        ] {
            assert_eq!(read(value), [], "{value}");
        }
        let long = format!("Bearer realm=\"{}\"", "x".repeat(9_000));
        assert_eq!(read(&long), []);
    }

    #[test]
    fn cl_02_the_challenge_for_a_token_is_found_among_others() {
        let value = r#"Basic realm="a, b", Negotiate dG9rZW4=, , bearer Realm = "x\"y" ,resource_metadata="https://rs.test/m?a=1,2", scope="a b", error=insufficient_scope"#;
        let challenge = ReceivedChallenge::for_token([value.as_bytes()]).unwrap();
        assert_eq!(challenge.parameter("realm"), Some("x\"y"));
        assert_eq!(challenge.error(), Some("insufficient_scope"));
        assert_eq!(challenge.scope(), ScopeSet::parse("a b").ok());
        assert_eq!(
            challenge.resource_metadata(),
            Some("https://rs.test/m?a=1,2")
        );
        assert_eq!(read(value).len(), 3);
    }

    #[test]
    fn cl_02_a_name_without_a_value_is_no_parameter() {
        // RFC 9110 §11.2: it is a token68, which says nothing here.
        let challenge = ReceivedChallenge::for_token([&b"Bearer scope="[..]]).unwrap();
        assert_eq!(challenge.parameter("scope"), None);
    }

    #[test]
    fn cl_02_a_bound_token_can_be_asked_for_and_what_says_more_comes_first() {
        let values: [&[u8]; 3] = [b"Bearer", br#"DPoP algs="ES256""#, b"ApiKey header=\"x\""];
        let challenge = ReceivedChallenge::for_token(values).unwrap();
        assert!(challenge.is_scheme("dpop") && !challenge.demands_proof);
        let alone = ReceivedChallenge::for_token([&b"DPoP"[..]]).unwrap();
        assert!(alone.demands_proof);
        assert!(ReceivedChallenge::for_token([&b"Bearer"[..]]).is_some());
        assert!(ReceivedChallenge::for_token([&b"Basic realm=x"[..]]).is_none());
    }

    #[test]
    fn cl_26_scopes_outside_the_grammar_are_none() {
        for value in [r#"Bearer scope="a  b""#, r#"Bearer scope="""#, "Bearer x=y"] {
            let challenge = ReceivedChallenge::for_token([value.as_bytes()]).unwrap();
            assert_eq!(challenge.scope(), None, "{value}");
        }
    }
}
