//! The credential of a request: RFC 6750 §2.1, RFC 9110 §11.4.
//!
//! *Not presented*, *presented* and *malformed* are three different answers:
//! only the last is an error of the client (400), and only the second is ever
//! shown to a verifier.

use thiserror::Error;

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How a token is presented in `Authorization`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "each needs another proof")]
pub enum Scheme {
    /// Whoever has the token may use it (RFC 6750 §2.1).
    Bearer,
    /// With a proof that its holder has a key (RFC 9449 §7.1).
    Dpop,
}

impl Scheme {
    /// The name, which is compared without regard to case (RFC 9110 §11.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => crate::dpop::SCHEME,
        }
    }
}

/// What a request carried.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each answer leads to another status code"
)]
pub enum Credential<'a> {
    /// No credential of the Bearer scheme.
    NotPresented,
    /// A token that fits the grammar. Nothing about it is verified.
    Presented(&'a str),
}

impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotPresented => "NotPresented",
            Self::Presented(_) => "Presented(redacted)",
        })
    }
}

/// Why a credential is malformed. Maps to `invalid_request`, except
/// [`MalformedCredential::TooLong`], which is a token nobody issued.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each reason is mapped to an answer"
)]
pub enum MalformedCredential {
    /// More than one header that a credential of this kind is in.
    #[error("more than one header with a credential of this kind")]
    Repeated,
    /// The header is not visible ASCII.
    #[error("the header with the credential has characters outside visible ASCII")]
    Characters,
    /// `Bearer` without a token, or a token outside `b64token` (RFC 6750 §2.1); a header
    /// of its own with nothing, or with several values in it.
    #[error("the credential does not fit its grammar")]
    Grammar,
    /// A credential in the query beside the header (RFC 6750 §2).
    #[error("a credential in the query beside the header")]
    TwoMethods,
    /// The token is longer than [`MAX_TOKEN_BYTES`].
    #[error("the credential is too long")]
    TooLong,
}

/// Reads the values of all `Authorization` headers of a request and its query.
///
/// `query` is the part of the target behind `?`. A token there is never used
/// (RFC 6750 §2.3 is not supported); beside a Bearer header it is an error.
///
/// # Errors
///
/// [`MalformedCredential`] if the request is malformed (RFC 6750 §3.1, `invalid_request`).
pub fn parse<'a, I>(
    authorization: I,
    query: Option<&str>,
) -> Result<Credential<'a>, MalformedCredential>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    let found = parse_scheme(authorization, query, |scheme| {
        is(scheme, Scheme::Bearer).then_some(())
    })?;
    Ok(match found {
        Some((token, ())) => Credential::Presented(token),
        None => Credential::NotPresented,
    })
}

/// As [`parse`], for a server that takes tokens in either scheme; `None` if there is no
/// token of either.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_either<'a, I>(
    authorization: I,
    query: Option<&str>,
) -> Result<Option<(&'a str, Scheme)>, MalformedCredential>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    parse_scheme(authorization, query, |scheme| {
        let mut schemes = [Scheme::Bearer, Scheme::Dpop].into_iter();
        schemes.find(|known| is(scheme, *known))
    })
}

fn is(written: &str, scheme: Scheme) -> bool {
    written.eq_ignore_ascii_case(scheme.as_str())
}

fn parse_scheme<'a, I, S>(
    authorization: I,
    query: Option<&str>,
    known: impl FnOnce(&str) -> Option<S>,
) -> Result<Option<(&'a str, S)>, MalformedCredential>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    let mut values = authorization.into_iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(MalformedCredential::Repeated);
    }
    let text = std::str::from_utf8(value).map_err(|_| MalformedCredential::Characters)?;
    let scheme_end = text
        .find(|character: char| !is_token_character(character))
        .unwrap_or(text.len());
    let (scheme, rest) = text.split_at(scheme_end);
    let scheme = known(scheme);
    // RFC 9110 §11.4: credentials = auth-scheme [ 1*SP ( token68 / … ) ]
    let token = rest.trim_start_matches(' ');
    let fits = scheme.is_some() && token.len() < rest.len() && is_b64token(token);
    // What fits has no other characters.
    if !fits && !all(text, |byte| (byte == b'\t') | (0x20..0x7F).contains(&byte)) {
        return Err(MalformedCredential::Characters);
    }
    let Some(scheme) = scheme else {
        return Ok(None);
    };
    if !fits {
        return Err(MalformedCredential::Grammar);
    }
    if query.is_some_and(has_access_token) {
        return Err(MalformedCredential::TwoMethods);
    }
    if token.len() > MAX_TOKEN_BYTES {
        return Err(MalformedCredential::TooLong);
    }
    Ok(Some((token, scheme)))
}

fn is_token_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

/// `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750 §2.1).
fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    // In as few comparisons as there are: from `-` to `9` there are `-`, `.`, `/` and
    // the digits, and one bit tells the cases of a letter apart.
    let is_allowed = |byte: u8| {
        (byte.wrapping_sub(b'-') <= b'9' - b'-')
            | ((byte | 0x20).wrapping_sub(b'a') <= b'z' - b'a')
            | (byte == b'_')
            | (byte == b'~')
            | (byte == b'+')
    };
    !body.is_empty() && all(body, is_allowed)
}

/// Looks at every byte, without a way out in between: so the compiler looks at many
/// at a time, and a token is some hundred bytes of every request.
fn all(text: &str, is_allowed: impl Fn(u8) -> bool) -> bool {
    text.bytes()
        .fold(true, |allowed, byte| allowed & is_allowed(byte))
}

/// The name may be percent-encoded, as in every form-encoded query.
fn has_access_token(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}
