//! Endpoints that are asked with the person's access token: userinfo, the API,
//! and what names the application of a token.

use countersign_oauth::form::Form;
use serde_json::json;

use super::behaviour::Route;
use super::engine::Core;
use super::fact::Shape;
use super::issue::Setting;
use super::metadata::json_answer;
use crate::fake_server::{ReceivedRequest, ScriptedAnswer};

/// Answers a request with `Authorization: Bearer` (RFC 6750 §2.1).
pub(super) fn bearer(
    core: &Core,
    route: &Route,
    shape: &Shape,
    scope: Option<&str>,
    request: &ReceivedRequest,
) -> ScriptedAnswer {
    let mut headers = request.headers.get_all("authorization").iter();
    let token = headers
        .next()
        .and_then(|value| value.to_str().ok()?.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token);
    let live = token.and_then(|token| core.state().live(token, core.clock.now()));
    let Some(token) = live else {
        return ScriptedAnswer::json(json!({ "message": "Bad credentials" }).to_string())
            .with_status(401)
            .header("www-authenticate", "Bearer error=\"invalid_token\"");
    };
    let setting = Setting::new(core, token);
    let granted = |wanted: &str| setting.grant.asked.scopes.iter().any(|have| have == wanted);
    if let Some(scope) = scope
        && !granted(scope)
    {
        return ScriptedAnswer::json(json!({ "message": "Missing scope" }).to_string())
            .with_status(403)
            .header("www-authenticate", "Bearer error=\"insufficient_scope\"");
    }
    told(core, route, shape, &setting)
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
        Some(token) => told(core, route, shape, &Setting::new(core, token)),
        None => {
            let answer = json!({ "error": "invalid_token", "error_description": "Invalid Value" });
            ScriptedAnswer::json(answer.to_string()).with_status(400)
        }
    }
}

fn told(core: &Core, route: &Route, shape: &Shape, setting: &Setting) -> ScriptedAnswer {
    let scene = setting.scene(core);
    let mut answer = json_answer(core, route.endpoint, scene.object(shape));
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
