//! Form-encoded parameters: RFC 6749 §3.1, §3.2 and appendix B.
//!
//! One text of parameters has one reading or none. Refused, although other
//! libraries accept it: a `%` without two hexadecimal digits, bytes that are
//! not UTF-8, and a parameter that is read although it occurs twice. A
//! parameter without a value is treated as if it were omitted, except where
//! [`Form::sent`] is asked. The size of the text is limited by the caller.

use std::fmt;

use thiserror::Error;

use crate::Secret;

/// The largest number of parameters in one request.
pub const MAX_PARAMETERS: usize = 1_024;

/// The media type of form bodies (RFC 6749 appendix B).
pub const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// Why a query or a form body is refused.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormError {
    /// The body does not say that it is a form, or names another charset than UTF-8.
    #[error("the body must be application/x-www-form-urlencoded in UTF-8")]
    MediaType,
    /// Parameters in the query of a request whose parameters belong in its body
    /// (RFC 6749 §3.2: they "MUST NOT be included in the request URI" where they are credentials).
    #[error("parameters must be in the body, not in the query")]
    InQuery,
    /// A `%` is not followed by two hexadecimal digits.
    #[error("a percent sign is not followed by two hexadecimal digits")]
    PercentEncoding,
    /// A decoded name or value is not UTF-8.
    #[error("the parameters are not UTF-8")]
    NotUtf8,
    /// There are more than [`MAX_PARAMETERS`].
    #[error("there are too many parameters")]
    TooMany,
}

/// A parameter that occurs more than once (RFC 6749 §3.1: "Request and response
/// parameters MUST NOT be included more than once").
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("a parameter is included more than once")]
#[non_exhaustive]
pub struct Repeated;

/// The decoded parameters of one request, in their order. Values are wiped on drop.
#[derive(Clone, Default)]
pub struct Form(Vec<(String, Secret)>);

impl Form {
    /// Decodes a query (the text behind `?`) or the bytes of a form body.
    ///
    /// # Errors
    ///
    /// [`FormError`] if the text has no reading or too many parameters.
    pub fn parse(text: &[u8]) -> Result<Self, FormError> {
        let mut pairs = Vec::new();
        for pair in text.split(|byte| *byte == b'&') {
            if pair.is_empty() {
                continue;
            }
            if pairs.len() == MAX_PARAMETERS {
                return Err(FormError::TooMany);
            }
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => {
                    let (name, value) = pair.split_at(at);
                    (name, value.get(1..).unwrap_or_default())
                }
                None => (pair, &[][..]),
            };
            pairs.push((decode(name)?, Secret::new(decode(value)?)));
        }
        Ok(Self(pairs))
    }

    /// Decodes the body of a POST request to an endpoint that takes its
    /// parameters in the body alone (RFC 6749 §3.2).
    ///
    /// `content_type` is the value of the only such header, `query` the part of
    /// the target behind `?`.
    ///
    /// # Errors
    ///
    /// [`FormError`] if the body is no form, or if there is anything in the query.
    pub fn parse_post(
        content_type: Option<&str>,
        query: Option<&str>,
        body: &[u8],
    ) -> Result<Self, FormError> {
        if !content_type.is_some_and(is_form) {
            return Err(FormError::MediaType);
        }
        if query.is_some_and(|query| !query.is_empty()) {
            return Err(FormError::InQuery);
        }
        Self::parse(body)
    }

    /// The value of the parameter `name`; nothing if it is omitted or empty.
    ///
    /// # Errors
    ///
    /// [`Repeated`] if it occurs more than once, also with equal or empty values.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Repeated> {
        Ok(self.sent(name)?.filter(|value| !value.is_empty()))
    }

    /// As [`Form::one`], but a parameter without a value is the empty text.
    ///
    /// # Errors
    ///
    /// [`Repeated`] if it occurs more than once.
    pub fn sent(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.named(name);
        let value = values.next();
        match values.next() {
            None => Ok(value),
            Some(_) => Err(Repeated),
        }
    }

    /// All values of a parameter that may be repeated, such as `resource`
    /// (RFC 8707 §2), without empty ones.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.named(name).filter(|value| !value.is_empty())
    }

    /// Whether any parameter occurs more than once, other than those of `repeatable`.
    pub fn has_repeated(&self, repeatable: &[&str]) -> bool {
        let mut names: Vec<&str> = self.names().collect();
        names.retain(|name| !repeatable.contains(name));
        names.sort_unstable();
        names.windows(2).any(|pair| pair.first() == pair.last())
    }

    /// The names, in their order, as often as they occur.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The parameters of this form, then those of `other`.
    #[must_use]
    pub fn joined(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn named<'a>(&'a self, wanted: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(name, _)| name == wanted)
            .map(|(_, value)| value.reveal())
    }
}

/// Names only: values may be codes, tokens and secrets.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// Decodes one name or value.
pub(crate) fn decode(text: &[u8]) -> Result<String, FormError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    let digit = rest.next().copied().map(char::from);
                    let digit = digit.and_then(|digit| digit.to_digit(16));
                    digit.ok_or(FormError::PercentEncoding)
                };
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).map_err(|_| FormError::PercentEncoding)?
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| FormError::NotUtf8)
}

/// Writes `text` so that it is one value of a form or a query, whatever it holds.
/// Only unreserved characters (RFC 3986 §2.3) stay as they are.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                encoded.push(digit.to_ascii_uppercase());
            }
        }
    }
    encoded
}

fn is_form(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_form = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case(MEDIA_TYPE));
    is_form
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}
