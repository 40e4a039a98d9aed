//! Endpoints that are asked by the application itself: introspection (RFC 7662),
//! revocation (RFC 7009), and GitHub's own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign_oauth::form::Form;
use serde_json::{Value, json};

use super::behaviour::{Endpoint, RevocationRule};
use super::client_authentication::authenticate;
use super::engine::Core;
use super::fact::Shape;
use super::issue::Setting;
use super::metadata::json_answer;
use super::state::State;
use crate::fake_server::{ReceivedRequest, ScriptedAnswer};

fn unauthorized() -> ScriptedAnswer {
    ScriptedAnswer::json(json!({ "error": "invalid_client" }).to_string())
        .with_status(401)
        .header("www-authenticate", "Basic realm=\"provider\"")
}

/// RFC 7662 §2.
pub(super) fn introspect(
    core: &Core,
    shape: &Shape,
    foreign_tokens: bool,
    request: &ReceivedRequest,
) -> ScriptedAnswer {
    let form = Form::parse(&request.body).unwrap_or_default();
    let application = authenticate(core, &core.state(), request, &form);
    let Some(application) = application.filter(|known| known.secret.is_some()) else {
        return unauthorized();
    };
    let token = form.one("token").unwrap_or_default();
    let live = token.and_then(|token| core.state().live(token, core.clock.now()));
    let own = live.filter(|token| {
        let state = core.state();
        let owner = &state.grant(token.grant).asked.client_id;
        foreign_tokens || *owner == application.client_id
    });
    let answer = match own {
        Some(token) => Setting::new(core, token).scene(core).object(shape),
        None => json!({ "active": false }),
    };
    json_answer(core, Endpoint::Introspection, answer)
}

/// RFC 7009 §2.
pub(super) fn revoke(
    core: &Core,
    rule: RevocationRule,
    request: &ReceivedRequest,
) -> ScriptedAnswer {
    let refused =
        |error: &str| ScriptedAnswer::json(json!({ "error": error }).to_string()).with_status(400);
    let form = Form::parse(&request.body).unwrap_or_default();
    let mut state = core.state();
    let application = authenticate(core, &state, request, &form);
    let open = rule == RevocationRule::Unauthenticated;
    if application.is_none() && !open {
        return unauthorized();
    }
    let token = form.one("token").unwrap_or_default().unwrap_or_default();
    let refresh = state.refresh.get(token).map(|record| record.grant);
    let access = state.access.get(token).map(|record| record.grant);
    let Some(grant) = refresh.or(access) else {
        return match open {
            true => refused("invalid_token"),
            false => ScriptedAnswer::status(200),
        };
    };
    let owner = &state.grant(grant).asked.client_id;
    if application.is_some_and(|application| *owner != application.client_id) {
        return refused("invalid_client");
    }
    match (rule, access) {
        (RevocationRule::RefreshTokensAlone, Some(_)) => return refused("unsupported_token_type"),
        (RevocationRule::Unauthenticated, _) => state.end_grant(grant),
        _ => end(&mut state, token, grant),
    }
    ScriptedAnswer::status(200)
}

/// A refresh token takes its grant with it, an access token goes alone.
fn end(state: &mut State, token: &str, grant: usize) {
    match state.access.get_mut(token) {
        Some(record) => record.revoked = true,
        None => state.end_grant(grant),
    }
}

/// GitHub's `/applications/{client_id}/token` and `/applications/{client_id}/grant`.
pub(super) fn application_token(
    core: &Core,
    shape: &Shape,
    whole_grant: bool,
    request: &ReceivedRequest,
) -> ScriptedAnswer {
    let basic = request.headers.get("authorization");
    let basic = basic.and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let basic = basic.and_then(|text| String::from_utf8(STANDARD.decode(text).ok()?).ok());
    let application = basic.as_deref().and_then(|pair| {
        let (id, secret) = pair.split_once(':')?;
        let application = core.state().application(id)?;
        (application.secret.as_deref() == Some(secret)).then_some(application)
    });
    let Some(application) = application else {
        return ScriptedAnswer::json(json!({ "message": "Requires authentication" }).to_string())
            .with_status(401);
    };
    if !request.path.contains(&application.client_id) {
        return ScriptedAnswer::status(404);
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let token = body.get("access_token").and_then(Value::as_str);
    let token = token.unwrap_or_default();
    let live = core.state().live(token, core.clock.now());
    let live =
        live.filter(|live| core.state().grant(live.grant).asked.client_id == application.client_id);
    let Some(live) = live else {
        return ScriptedAnswer::json(json!({ "message": "Not Found" }).to_string())
            .with_status(404);
    };
    match (request.method.as_str(), whole_grant) {
        ("POST", false) => {
            let answer = Setting::new(core, live).scene(core).object(shape);
            json_answer(core, Endpoint::Application, answer)
        }
        ("DELETE", true) => {
            core.state().end_grant(live.grant);
            ScriptedAnswer::status(204)
        }
        ("DELETE", false) => {
            end(&mut core.state(), token, live.grant);
            ScriptedAnswer::status(204)
        }
        _ => ScriptedAnswer::status(404),
    }
}
