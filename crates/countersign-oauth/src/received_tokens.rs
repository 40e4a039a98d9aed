//! The answer of the token endpoint of another server: RFC 6749 §5.1 and §5.2.
//!
//! Refused, although other clients accept it: a lifetime that is negative, a fraction, or
//! longer than ten years; a token that is no text or that could not stand in a header;
//! a second reading of the JSON. A member `error` decides whatever the status is, because
//! some servers answer 200 with it.

use std::fmt;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::json::{self, JsonError};
use crate::scope::ScopeSet;
use crate::{Lifetime, Secret};

/// The longest token, in bytes.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The longest text of scopes, in bytes.
pub const MAX_SCOPE_BYTES: usize = 8 * 1024;

/// The longest lifetime that is believed: more is a mistake, such as milliseconds.
const LONGEST: Lifetime = Lifetime::from_hours(24 * 3_660);

/// The longest error code that is kept, in bytes.
const MAX_CODE_BYTES: usize = 64;

/// The longest description that is kept, in characters.
const MAX_DESCRIPTION_CHARACTERS: usize = 300;

/// How a token is shown to its resource: `token_type` (RFC 6749 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there are no others that we can show"
)]
pub enum ReceivedTokenType {
    /// RFC 6750 §4.
    Bearer,
    /// RFC 9449 §5.
    Dpop,
}

/// Why an answer is none. The text never contains a part of it.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenAnswerError {
    /// It is no strict JSON object.
    #[error("it is unreadable: {0}")]
    Json(#[from] JsonError),
    /// It is a success by its status and has no tokens, or the other way round.
    #[error("it has status {0} and neither tokens nor an error code")]
    Neither(u16),
    /// A member that must be a text is something else.
    #[error("its member {0} is no text")]
    NoText(&'static str),
    /// The error code has characters that none has (RFC 6749 §5.2).
    #[error("it refuses with something that is no error code")]
    ErrorCode,
    /// `token_type` is absent or of a kind that we cannot show.
    #[error("its token type is none that this client can use")]
    TokenType,
    /// There is no access token.
    #[error("it has no access token")]
    NoAccessToken,
    /// A token is too long or has characters that no token has.
    #[error("its member {0} is too long or has characters that no token has")]
    Token(&'static str),
    /// `expires_in` is no number of seconds.
    #[error("its lifetime is no number of seconds")]
    Lifetime,
    /// `scope` is no list of scopes.
    #[error("its scope is no list of scopes")]
    Scope,
}

/// What a token endpoint says instead of tokens (RFC 6749 §5.2).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TokenRefusal {
    /// The code, of the characters of RFC 6749 §5.2.
    pub code: String,
    /// A sentence, without control characters and shortened; of a stranger.
    pub description: Option<String>,
}

/// What a token endpoint answers.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum TokenAnswer {
    /// Tokens.
    Issued(Box<ReceivedTokens>),
    /// An error.
    Refused(TokenRefusal),
}

/// Tokens as another server issued them. None of them is verified.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReceivedTokens {
    /// The access token.
    pub access_token: Secret,
    /// How it is shown; nothing for a token that is not to be shown at all, as `N_A` of
    /// RFC 8693 §2.2.1.
    pub token_type: Option<ReceivedTokenType>,
    /// How long it is valid, if that is said.
    pub expires_in: Option<Lifetime>,
    /// The refresh token.
    pub refresh_token: Option<Secret>,
    /// What it permits; nothing means what was asked for (RFC 6749 §5.1).
    pub scope: Option<ScopeSet>,
    /// The ID token.
    pub id_token: Option<Secret>,
    /// What kind of token it is (RFC 8693 §2.2.1).
    pub issued_token_type: Option<String>,
}

impl fmt::Debug for ReceivedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedTokens")
            .field("token_type", &self.token_type)
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl TokenAnswer {
    /// Reads the answer `body` that came with `status`.
    ///
    /// # Errors
    ///
    /// [`TokenAnswerError`] if it is no answer.
    pub fn read(status: u16, body: &[u8]) -> Result<Self, TokenAnswerError> {
        let document = json::parse_object(body)?;
        if let Some(refusal) = refusal(&document)? {
            return Ok(Self::Refused(refusal));
        }
        if status != 200 {
            return Err(TokenAnswerError::Neither(status));
        }
        let scope = text(&document, "scope")?;
        if scope.is_some_and(|scope| scope.len() > MAX_SCOPE_BYTES) {
            return Err(TokenAnswerError::Scope);
        }
        let scope = scope.map(|scope| ScopeSet::parse(scope.trim()));
        Ok(Self::Issued(Box::new(ReceivedTokens {
            token_type: token_type(&document)?,
            access_token: token(&document, "access_token")?
                .ok_or(TokenAnswerError::NoAccessToken)?,
            expires_in: match document.get("expires_in") {
                None | Some(Value::Null) => None,
                Some(value) => Some(lifetime(value).ok_or(TokenAnswerError::Lifetime)?),
            },
            refresh_token: token(&document, "refresh_token")?,
            scope: scope.transpose().map_err(|_| TokenAnswerError::Scope)?,
            id_token: token(&document, "id_token")?,
            issued_token_type: text(&document, "issued_token_type")?.map(str::to_owned),
        })))
    }
}

fn refusal(document: &Map<String, Value>) -> Result<Option<TokenRefusal>, TokenAnswerError> {
    let Some(code) = text(document, "error")? else {
        return Ok(None);
    };
    if !is_error_code(code) {
        return Err(TokenAnswerError::ErrorCode);
    }
    let description = document.get("error_description").and_then(Value::as_str);
    Ok(Some(TokenRefusal {
        code: code.to_owned(),
        description: description.map(printable).filter(|text| !text.is_empty()),
    }))
}

/// RFC 6749 §5.1: "token_type REQUIRED. […] Value is case insensitive."
fn token_type(
    document: &Map<String, Value>,
) -> Result<Option<ReceivedTokenType>, TokenAnswerError> {
    match text(document, "token_type")? {
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => Ok(Some(ReceivedTokenType::Bearer)),
        Some(kind) if kind.eq_ignore_ascii_case("dpop") => Ok(Some(ReceivedTokenType::Dpop)),
        Some(kind) if kind.eq_ignore_ascii_case("n_a") => Ok(None),
        _ => Err(TokenAnswerError::TokenType),
    }
}

fn text<'a>(
    document: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, TokenAnswerError> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TokenAnswerError::NoText(name)),
    }
}

fn token(
    document: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<Secret>, TokenAnswerError> {
    match text(document, name)? {
        None | Some("") => Ok(None),
        Some(text) if is_token(text) => Ok(Some(Secret::new(text))),
        Some(_) => Err(TokenAnswerError::Token(name)),
    }
}

/// Whether `text` has the characters of a token (RFC 6749 appendix A.12: visible ones)
/// and a length that anybody uses.
pub fn is_token(text: &str) -> bool {
    let visible = |byte: u8| (0x21..=0x7E).contains(&byte);
    (1..=MAX_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(visible)
}

/// A lifetime in seconds (RFC 6749 §5.1). Some servers write the digits as a text. Nothing
/// for what is negative, a fraction, or longer than ten years.
pub fn lifetime(value: &Value) -> Option<Lifetime> {
    let seconds = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok()
        }
        _ => None,
    };
    let lifetime = seconds.map(Lifetime::from_secs);
    lifetime.filter(|lifetime| *lifetime <= LONGEST)
}

/// Whether `text` has the characters of an error code (RFC 6749 §5.2).
pub fn is_error_code(text: &str) -> bool {
    let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    (1..=MAX_CODE_BYTES).contains(&text.len()) && text.bytes().all(fits)
}

/// A sentence of a stranger as the characters that RFC 6749 §5.2 allows in one; at most
/// 300 of them.
pub fn printable(text: &str) -> String {
    let harmless = |character: &char| matches!(character, ' '..='~');
    let kept = text
        .chars()
        .filter(harmless)
        .take(MAX_DESCRIPTION_CHARACTERS);
    kept.collect::<String>().trim().to_owned()
}
