//! The answer of a token endpoint: RFC 6749 §5.1 and §5.2.
//!
//! Refused, although other clients accept it: a type of token that is not a bearer
//! token, or none; a lifetime that is negative, a fraction, or longer than ten years;
//! a token that is no text or that could not stand in a header. A member `error` decides
//! whatever the status is, because some providers answer 200 with it.

use countersign_oauth::received_tokens::{MAX_SCOPE_BYTES, is_token, lifetime};
use countersign_oauth::{Secret, UnixTime};
use countersign_resource_server::provider::{LoginProfile, Pointer};
use http::StatusCode;
use serde_json::Value;

use super::error::{INVALID_GRANT, UpstreamError};
use super::tokens::UpstreamTokens;

/// What the token endpoint issued.
#[derive(Clone, Debug)]
pub(super) struct TokenAnswer {
    pub(super) tokens: UpstreamTokens,
    /// The ID token, not verified.
    pub(super) id_token: Option<Secret>,
}

/// Reads `document`, an answer with `status` at the time `now`.
pub(super) fn read(
    login: &LoginProfile,
    status: StatusCode,
    document: &Value,
    now: UnixTime,
) -> Result<TokenAnswer, UpstreamError> {
    let profile = &login.token_response;
    refuse_errors(login, status, document)?;
    // RFC 6749 §5.1: "token_type REQUIRED. […] Value is case insensitive."
    let token_type = text(document, &profile.token_type, "token_type")?;
    let token_type = token_type.ok_or_else(|| bad("the provider does not say the token type"))?;
    let mut bearer = profile.token_types.iter();
    if !bearer.any(|one| one.eq_ignore_ascii_case(token_type)) {
        return Err(bad("the provider issues something else than bearer tokens"));
    }
    let access_token = token(document, &profile.access_token, "access token")?;
    let access_token = access_token.ok_or_else(|| bad("the provider issues no access token"))?;
    let lifetime = match profile.expires_in.find(document) {
        None | Some(Value::Null) => profile.default_lifetime,
        Some(value) => Some(
            lifetime(value)
                .ok_or_else(|| bad("the lifetime of the access token is no number of seconds"))?,
        ),
    };
    let scope = text(document, &profile.scope, "scope")?;
    if scope.is_some_and(|scope| scope.len() > MAX_SCOPE_BYTES || scope.contains(char::is_control))
    {
        return Err(bad("the scope of the provider is no list of scopes"));
    }
    let scope = scope.map(|scope| login.granted_scopes(scope).join(" "));
    Ok(TokenAnswer {
        tokens: UpstreamTokens {
            access_token,
            refresh_token: token(document, &profile.refresh_token, "refresh token")?,
            expires_at: lifetime.map(|lifetime| now.saturating_add(lifetime)),
            scope: scope.filter(|scope| !scope.is_empty()),
        },
        id_token: token(document, &profile.id_token, "ID token")?,
    })
}

fn refuse_errors(
    login: &LoginProfile,
    status: StatusCode,
    document: &Value,
) -> Result<(), UpstreamError> {
    let profile = &login.token_response;
    if !document.is_object() {
        return Err(bad("the answer of the token endpoint is no JSON object"));
    }
    let error = match profile.error.find(document) {
        None | Some(Value::Null) => None,
        Some(Value::String(code)) => Some(code.as_str()),
        Some(_) => return Err(bad("the error of the token endpoint is no text")),
    };
    match error {
        Some("temporarily_unavailable" | "server_error") => {
            return Err(UpstreamError::unavailable(
                "the token endpoint of the provider",
            ));
        }
        Some(code) if profile.invalid_grant.iter().any(|own| own == code) => {
            return Err(UpstreamError::refused(INVALID_GRANT));
        }
        Some(code) => return Err(UpstreamError::refused(code)),
        None => {}
    }
    let success = profile.success.as_ref();
    let is_success = success.is_none_or(|flag| flag.find(document) == Some(&Value::Bool(true)));
    if status != StatusCode::OK || !is_success {
        let status = status.as_u16();
        return Err(UpstreamError::BadAnswer(format!(
            "the token endpoint answers with status {status} and neither tokens nor an error code"
        )));
    }
    Ok(())
}

/// RFC 6749 appendix A.12: visible characters.
fn token(document: &Value, pointer: &Pointer, what: &str) -> Result<Option<Secret>, UpstreamError> {
    let Some(token) = text(document, pointer, what)?.filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    if !is_token(token) {
        return Err(UpstreamError::BadAnswer(format!(
            "the {what} of the provider is too long or has characters that no token has"
        )));
    }
    Ok(Some(Secret::new(token)))
}

fn text<'a>(
    document: &'a Value,
    pointer: &Pointer,
    what: &str,
) -> Result<Option<&'a str>, UpstreamError> {
    match pointer.find(document) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(UpstreamError::BadAnswer(format!(
            "the {what} of the provider is no text"
        ))),
    }
}

fn bad(sentence: &str) -> UpstreamError {
    UpstreamError::BadAnswer(sentence.to_owned())
}
