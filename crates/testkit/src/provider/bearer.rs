//! Endpoints that are asked with the person's access token: userinfo, the API,
//! and what names the application of a token.

use countersign_oauth::form::Form;
use serde_json::json;

use super::behaviour::{ErrorStyle, Route};
use super::engine::Core;
use super::fact::{Fact, Shape};
use super::issue::Setting;
use super::metadata::json_answer;
use super::scopes;
use crate::fake_server::{ReceivedRequest, ScriptedAnswer};

/// Answers a request with `Authorization: Bearer` (RFC 6750 §2.1).
pub(super) fn bearer(
    core: &Core,
    route: &Route,
    answer: &Fact,
    scope: Option<&str>,
    request: &ReceivedRequest,
) -> ScriptedAnswer {
    let live = presented(request).and_then(|token| core.state().live(token, core.clock.now()));
    let Some(token) = live else {
        if core.behaviour.errors == ErrorStyle::OkFalse {
            return not_ok("invalid_auth");
        }
        return ScriptedAnswer::json(json!({ "message": "Bad credentials" }).to_string())
            .with_status(401)
            .header("www-authenticate", "Bearer error=\"invalid_token\"");
    };
    let setting = Setting::new(core, token);
    if let Some(scope) = scope
        && !scopes::covers(&core.behaviour.scopes, &setting.grant.asked.scopes, scope)
    {
        return ScriptedAnswer::json(json!({ "message": "Missing scope" }).to_string())
            .with_status(403)
            .header("www-authenticate", "Bearer error=\"insufficient_scope\"");
    }
    told(core, route, answer, &setting)
}

/// Answers a request with the token in the query.
pub(super) fn in_query(
    core: &Core,
    route: &Route,
    shape: &Shape,
    request: &ReceivedRequest,
) -> ScriptedAnswer {
    let query = request.query.as_deref().unwrap_or_default();
    let form = Form::parse(query.as_bytes()).unwrap_or_default();
    let token = form.one("access_token").unwrap_or_default();
    let live = token.and_then(|token| core.state().live(token, core.clock.now()));
    match live {
        Some(token) => {
            let answer = Fact::Object(shape.clone());
            told(core, route, &answer, &Setting::new(core, token))
        }
        None => {
            let answer = json!({ "error": "invalid_token", "error_description": "Invalid Value" });
            ScriptedAnswer::json(answer.to_string()).with_status(400)
        }
    }
}

/// `auth.revoke` of Slack: the token ends itself and all that came with it.
pub(super) fn revoke(core: &Core, request: &ReceivedRequest) -> ScriptedAnswer {
    let mut state = core.state();
    let live = presented(request).and_then(|token| state.live(token, core.clock.now()));
    let Some(live) = live else {
        return not_ok("invalid_auth");
    };
    state.end_grant(live.grant);
    ScriptedAnswer::json(json!({ "ok": true, "revoked": true }).to_string())
}

/// The bearer token of a request (RFC 6750 §2.1).
fn presented(request: &ReceivedRequest) -> Option<&str> {
    let mut headers = request.headers.get_all("authorization").iter();
    let (scheme, token) = headers.next()?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// How Slack tells failures.
fn not_ok(error: &str) -> ScriptedAnswer {
    ScriptedAnswer::json(json!({ "ok": false, "error": error }).to_string())
}

fn told(core: &Core, route: &Route, answer: &Fact, setting: &Setting) -> ScriptedAnswer {
    let scene = setting.scene(core);
    let answer = scene.value(answer).unwrap_or_default();
    let mut answer = json_answer(core, route.endpoint, answer);
    for (name, fact) in &route.headers {
        if let Some(value) = scene.value(fact) {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            answer = answer.header(name, &text);
        }
    }
    answer
}
