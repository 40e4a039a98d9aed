//! The token endpoint: RFC 6749 §4.1.3, §5 and §6, RFC 7636 §4.6.

use countersign_oauth::form::{self, Form};
use countersign_oauth::pkce::CodeVerifier;
use serde_json::{Value, json};

use super::behaviour::{AnswerFormat, Endpoint, ErrorStyle, Rotation};
use super::client_authentication::authenticate;
use super::engine::Core;
use super::issue;
use super::state::{Application, Code};
use crate::fake_server::{ReceivedRequest, ScriptedAnswer};

/// Why no token is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Method,
    Request,
    GrantType,
    Client,
    Code,
    RedirectUri,
    Verifier,
    RefreshToken,
}

/// Answers POST at the token endpoint.
pub(super) fn answer(core: &Core, request: &ReceivedRequest) -> ScriptedAnswer {
    match redeem(core, request) {
        Ok(answer) => {
            let answer = core.altered(Endpoint::Token, answer);
            write(core, request, 200, &answer)
        }
        Err(Failure::Method) => ScriptedAnswer::status(405),
        Err(failure) => {
            let (status, answer) = told(core.behaviour.errors, failure);
            write(core, request, status, &answer)
        }
    }
    .header("cache-control", "no-store")
}

fn redeem(core: &Core, request: &ReceivedRequest) -> Result<Value, Failure> {
    if request.method != "POST" {
        return Err(Failure::Method);
    }
    let content_type = request.headers.get("content-type");
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let form = Form::parse_post(content_type, None, &request.body);
    let form = form.map_err(|_| Failure::Request)?;
    if form.has_repeated(&["resource"]) {
        return Err(Failure::Request);
    }
    let refused = &core.behaviour.refused_parameters;
    if refused
        .iter()
        .any(|(name, _)| form.names().any(|sent| sent == *name))
    {
        return Err(Failure::Request);
    }
    let application = {
        let state = core.state();
        authenticate(core, &state, request, &form).ok_or(Failure::Client)?
    };
    match form.one("grant_type").unwrap_or_default() {
        Some("authorization_code") => code(core, &application, &form),
        Some("refresh_token") => refresh(core, &application, &form),
        // GitHub and Slack do not ask for it where there is a code.
        None if core.behaviour.errors != ErrorStyle::Standard => code(core, &application, &form),
        _ => Err(Failure::GrantType),
    }
}

fn code(core: &Core, application: &Application, form: &Form) -> Result<Value, Failure> {
    let one = |name: &str| form.one(name).unwrap_or_default();
    let grant = {
        let now = core.clock.now();
        let mut state = core.state();
        let text = one("code").ok_or(Failure::Code)?;
        let code = state.codes.get(text).cloned().ok_or(Failure::Code)?;
        if state.grant(code.grant).asked.client_id != application.client_id {
            return Err(Failure::Code);
        }
        if code.used {
            // RFC 6749 §4.1.2: what was issued for it should be revoked.
            state.end_grant(code.grant);
            return Err(Failure::Code);
        }
        if now >= code.expires_at {
            return Err(Failure::Code);
        }
        check_redirect_uri(core, &code, one("redirect_uri"))?;
        if let Some(challenge) = &code.challenge {
            let verifier = one("code_verifier").and_then(|text| CodeVerifier::parse(text).ok());
            challenge
                .check(verifier.as_ref())
                .map_err(|_| Failure::Verifier)?;
        }
        let code = state.codes.get_mut(text).ok_or(Failure::Code)?;
        code.used = true;
        code.grant
    };
    let (issued, setting) = issue::tokens(core, grant, None, false);
    Ok(issue::response(core, &issued, &setting))
}

/// RFC 6749 §4.1.3: the same as in the authorization request.
fn check_redirect_uri(core: &Core, code: &Code, sent: Option<&str>) -> Result<(), Failure> {
    let optional = core.behaviour.errors == ErrorStyle::Status200;
    match sent {
        Some(sent) if sent == code.redirect_uri => Ok(()),
        None if optional => Ok(()),
        _ => Err(Failure::RedirectUri),
    }
}

fn refresh(core: &Core, application: &Application, form: &Form) -> Result<Value, Failure> {
    let text = form.one("refresh_token").unwrap_or_default();
    let text = text.ok_or(Failure::RefreshToken)?;
    let rotation = core.behaviour.rotation;
    let rotates = matches!(
        rotation,
        Rotation::Replaced | Rotation::ReplacedWithAccess | Rotation::ReplacedOrEnded
    );
    let grant = {
        let mut state = core.state();
        let record = state.refresh.get(text).cloned();
        let record = record.ok_or(Failure::RefreshToken)?;
        let grant = state.grant(record.grant);
        if grant.asked.client_id != application.client_id || grant.revoked {
            return Err(Failure::RefreshToken);
        }
        if record.used {
            if rotation == Rotation::ReplacedOrEnded {
                state.end_grant(record.grant);
            }
            return Err(Failure::RefreshToken);
        }
        let stored = state.refresh.get_mut(text).ok_or(Failure::RefreshToken)?;
        stored.used = rotates;
        if rotation == Rotation::ReplacedWithAccess {
            state.end_access(record.grant);
        }
        record.grant
    };
    let repeated = match rotation {
        Rotation::Kept => None,
        Rotation::Repeated => Some(text.to_owned()),
        Rotation::Added
        | Rotation::Replaced
        | Rotation::ReplacedWithAccess
        | Rotation::ReplacedOrEnded => Some(issue::new_refresh_token(core, grant)),
    };
    let (issued, setting) = issue::tokens(core, grant, repeated, true);
    Ok(issue::response(core, &issued, &setting))
}

/// RFC 6749 §5.2, and what some make of it.
fn told(style: ErrorStyle, failure: Failure) -> (u16, Value) {
    let standard = match failure {
        Failure::Client => "invalid_client",
        Failure::GrantType => "unsupported_grant_type",
        Failure::Method | Failure::Request => "invalid_request",
        Failure::Code | Failure::RedirectUri | Failure::Verifier | Failure::RefreshToken => {
            "invalid_grant"
        }
    };
    let status = if failure == Failure::Client { 401 } else { 400 };
    match style {
        ErrorStyle::Standard => (
            status,
            json!({ "error": standard, "error_description": format!("{failure:?}") }),
        ),
        ErrorStyle::Status200 => {
            let (error, text) = match failure {
                Failure::Client => (
                    "incorrect_client_credentials",
                    "The client_id and/or client_secret passed are incorrect.",
                ),
                Failure::RedirectUri => (
                    "redirect_uri_mismatch",
                    "The redirect_uri MUST match the registered callback URL for this application.",
                ),
                Failure::RefreshToken => (
                    "bad_refresh_token",
                    "The refresh token passed is incorrect or expired.",
                ),
                Failure::GrantType => ("unsupported_grant_type", "The grant type is unknown."),
                _ => (
                    "bad_verification_code",
                    "The code passed is incorrect or expired.",
                ),
            };
            (200, json!({ "error": error, "error_description": text }))
        }
        ErrorStyle::OkFalse => {
            let error = match failure {
                Failure::Client => "bad_client_secret",
                Failure::RedirectUri => "bad_redirect_uri",
                Failure::RefreshToken => "invalid_refresh_token",
                Failure::GrantType => "invalid_grant_type",
                _ => "invalid_code",
            };
            (200, json!({ "ok": false, "error": error }))
        }
        ErrorStyle::Numbered => {
            let number = match failure {
                Failure::Client => 7_000_215,
                Failure::RedirectUri => 50_011,
                Failure::Verifier => 501_481,
                Failure::Request => 901_002,
                _ => 70_008,
            };
            let text = format!("AADSTS{number}: {failure:?}");
            let members = json!({
                "error": standard,
                "error_description": text,
                "error_codes": [number],
            });
            (status, members)
        }
    }
}

fn write(core: &Core, request: &ReceivedRequest, status: u16, answer: &Value) -> ScriptedAnswer {
    let accept = request.headers.get("accept");
    let accept = accept.and_then(|value| value.to_str().ok());
    let json_accepted = accept.is_some_and(|accept| accept.contains("json"));
    if core.behaviour.answer_format == AnswerFormat::Json || json_accepted {
        return ScriptedAnswer::json(answer.to_string()).with_status(status);
    }
    let members = answer.as_object().into_iter().flatten();
    let pairs: Vec<String> = members
        .map(|(name, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={}", form::encode(&text))
        })
        .collect();
    ScriptedAnswer::status(status)
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        .body(pairs.join("&"))
}
