//! The authorization endpoint and the login page: RFC 6749 §3.1 and §4.1.

use countersign_oauth::Lifetime;
use countersign_oauth::form::{self, Form};
use countersign_oauth::pkce::CodeChallenge;

use super::behaviour::{AudienceRule, Behaviour, PkceRule, RedirectRule, RefreshRule};
use super::engine::Core;
use super::fact::Fact;
use super::issue::Setting;
use super::misbehaviour::{Misbehaviour, OTHER_ISSUER};
use super::page;
use super::scopes;
use super::state::{Application, Asked, Code, Grant, Refresh};
use crate::fake_server::{ReceivedRequest, ScriptedAnswer};

/// Answers GET at the authorization endpoint: a page to choose a person, an
/// error page, or a redirect that tells of an error.
pub(super) fn show(core: &Core, request: &ReceivedRequest) -> ScriptedAnswer {
    let query = request.query.as_deref().unwrap_or_default();
    let Ok(form) = Form::parse(query.as_bytes()) else {
        return page::error(400, "the query cannot be read");
    };
    if form.has_repeated(&["resource"]) {
        return page::error(400, "a parameter is repeated");
    }
    let one = |name: &str| form.one(name).unwrap_or_default();
    let Some(application) = one("client_id").and_then(|id| core.state().application(id)) else {
        return page::error(400, "there is no such application");
    };
    let redirect_uri = match redirect_uri(core, &application, one("redirect_uri")) {
        Ok(uri) => uri,
        Err(answer) => return answer,
    };
    let state = one("state");
    match asked(core, &application, &redirect_uri, &form) {
        Err((code, text)) if core.behaviour.refuses_on_page => {
            page::error(400, &format!("{code}: {text}"))
        }
        Err((code, text)) => redirect_with_error(core, &redirect_uri, state, code, Some(&text)),
        Ok(asked) => {
            let ticket = core.fresh("ticket-");
            let mut state = core.state();
            let page = page::choose(core.behaviour.name, &ticket, &asked, &state.people);
            state.asked.insert(ticket, asked);
            page
        }
    }
}

/// RFC 6749 §4.1.2.1: with a redirect URI that does not fit, nobody is redirected.
fn redirect_uri(
    core: &Core,
    application: &Application,
    asked: Option<&str>,
) -> Result<String, ScriptedAnswer> {
    let registered = &application.redirect_uris;
    match (core.behaviour.redirect, asked) {
        (RedirectRule::Exact, None) => Err(page::error(400, "redirect_uri is missing")),
        (RedirectRule::Exact, Some(uri)) if registered.iter().any(|known| known == uri) => {
            Ok(uri.to_owned())
        }
        (RedirectRule::Exact, Some(_)) => Err(page::error(400, "redirect_uri_mismatch")),
        (RedirectRule::Subfolder, None) => registered
            .first()
            .cloned()
            .ok_or_else(|| page::error(400, "the application has no callback URL")),
        (RedirectRule::Subfolder, Some(uri)) => {
            let below = |known: &&String| {
                let rest = uri.strip_prefix(known.as_str());
                rest.is_some_and(|rest| {
                    rest.is_empty() || known.ends_with('/') || rest.starts_with('/')
                })
            };
            if registered.iter().any(|known| below(&known)) {
                return Ok(uri.to_owned());
            }
            let text = "The redirect_uri is not associated with this application.";
            match registered.first() {
                Some(first) => Err(redirect_with_error(
                    core,
                    first,
                    None,
                    "redirect_uri_mismatch",
                    Some(text),
                )),
                None => Err(page::error(400, text)),
            }
        }
    }
}

type Refused = (&'static str, String);

fn asked(
    core: &Core,
    application: &Application,
    redirect_uri: &str,
    form: &Form,
) -> Result<Asked, Refused> {
    let behaviour = &core.behaviour;
    let one = |name: &str| form.one(name).unwrap_or_default();
    if one("response_type") != Some("code") {
        return Err(("unsupported_response_type", "only code".to_owned()));
    }
    for (name, text) in &behaviour.refused_parameters {
        if form.names().any(|sent| sent == *name) {
            return Err(("invalid_request", (*text).to_owned()));
        }
    }
    for name in &behaviour.required_parameters {
        if one(name).is_none() {
            return Err(("invalid_request", format!("{name} is required")));
        }
    }
    let challenge = challenge(behaviour.pkce, application, form)?;
    if one("prompt") == Some("none") {
        return Err(("login_required", "nobody is logged in".to_owned()));
    }
    let scopes = scopes::asked(&behaviour.scopes, &application.client_id, form)?;
    let refresh = match behaviour.refresh {
        RefreshRule::Never => Refresh::No,
        RefreshRule::Always => Refresh::Yes,
        RefreshRule::WithScope(scope) if scopes.iter().any(|asked| asked == scope) => Refresh::Yes,
        RefreshRule::WithScope(_) => Refresh::No,
        RefreshRule::OnceWithParameter((name, value), (again, consent)) => {
            match (one(name) == Some(value), one(again) == Some(consent)) {
                (false, _) => Refresh::No,
                (true, true) => Refresh::Yes,
                (true, false) => Refresh::IfFirst,
            }
        }
    };
    let (audience, audience_named) = audience(behaviour, &application.client_id, form)?;
    Ok(Asked {
        client_id: application.client_id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        state: one("state").map(str::to_owned),
        nonce: one("nonce").map(str::to_owned),
        challenge,
        scopes,
        audience,
        audience_named,
        refresh,
    })
}

/// Whom the access token will be for, and whether the request said so.
fn audience(
    behaviour: &Behaviour,
    client_id: &str,
    form: &Form,
) -> Result<(Option<String>, bool), Refused> {
    Ok(match &behaviour.audience {
        AudienceRule::Nobody => (None, false),
        AudienceRule::Client => (Some(client_id.to_owned()), false),
        AudienceRule::Fixed(audience) => (Some(audience.clone()), false),
        AudienceRule::Parameter(name, otherwise) => match form.one(name).unwrap_or_default() {
            Some(named) => {
                let known = &behaviour.known_audiences;
                if !known.is_empty() && !known.contains(&named) {
                    return Err(("access_denied", format!("Service not found: {named}")));
                }
                (Some(named.to_owned()), true)
            }
            None => (otherwise.clone(), false),
        },
    })
}

/// RFC 7636 §4.3 and §4.4.1.
fn challenge(
    rule: PkceRule,
    application: &Application,
    form: &Form,
) -> Result<Option<CodeChallenge>, Refused> {
    let refused = |text: &str| ("invalid_request", text.to_owned());
    if rule == PkceRule::Unknown {
        return Ok(None);
    }
    let sent = form.one("code_challenge").unwrap_or_default();
    let Some(sent) = sent else {
        let needed = rule == PkceRule::Required || application.secret.is_none();
        return match needed {
            true => Err(refused("code_challenge is required")),
            false => Ok(None),
        };
    };
    if form.one("code_challenge_method") != Ok(Some("S256")) {
        return Err(refused("code_challenge_method must be S256"));
    }
    let challenge = CodeChallenge::parse(sent);
    let challenge = challenge.map_err(|_| refused("code_challenge is malformed"))?;
    Ok(Some(challenge))
}

/// Answers the form of the login page.
pub(super) fn decide(core: &Core, request: &ReceivedRequest) -> ScriptedAnswer {
    let form = Form::parse(&request.body).unwrap_or_default();
    let one = |name: &str| form.one(name).unwrap_or_default();
    let asked = one("ticket").and_then(|ticket| core.state().asked.remove(ticket));
    let (Some(asked), "POST") = (asked, request.method.as_str()) else {
        return page::error(400, "this login page is over");
    };
    let state = asked.state.clone();
    let person = one("person").and_then(|key| core.state().person(key));
    let Some(person) = person else {
        let text = "The user has denied your application access.";
        let to = &asked.redirect_uri;
        return redirect_with_error(core, to, state.as_deref(), "access_denied", Some(text));
    };
    let forced = core.state().misbehaviour.iter().find_map(|how| match how {
        Misbehaviour::AuthorizationError(code, text) => Some((*code, *text)),
        _ => None,
    });
    if let Some((code, text)) = forced {
        return redirect_with_error(core, &asked.redirect_uri, state.as_deref(), code, text);
    }
    if core
        .behaviour
        .tenant
        .is_some_and(|tenant| tenant != person.tenant)
    {
        return page::error(
            400,
            "AADSTS50020: the account does not exist in this tenant",
        );
    }
    let redirect_uri = asked.redirect_uri.clone();
    let issuer = core.behaviour.sends_iss.then(|| core.issuer(&person));
    let code = issue_code(core, &person.key, asked);
    let mut parameters = more_parameters(core, &code);
    parameters.insert(0, ("code", code));
    parameters.extend(state.map(|state| ("state", state)));
    parameters.extend(issuer.flatten().map(|issuer| ("iss", issuer)));
    redirect(core, &redirect_uri, parameters)
}

/// What some providers add to their answer.
fn more_parameters(core: &Core, code: &str) -> Vec<(&'static str, String)> {
    if core.behaviour.answer_parameters.is_empty() {
        return Vec::new();
    }
    let grant = core.state().codes.get(code).map(|code| code.grant);
    let setting = Setting::of_grant(core, grant.expect("it was just made"));
    let scene = setting.scene(core);
    let named = |(name, fact): &(&'static str, Fact)| {
        let value = scene.value(fact)?;
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        Some((*name, text))
    };
    core.behaviour
        .answer_parameters
        .iter()
        .filter_map(named)
        .collect()
}

/// Makes the grant of `person` and a code for it.
pub(super) fn issue_code(core: &Core, person: &str, mut asked: Asked) -> String {
    let now = core.clock.now();
    let code = core.fresh("code-");
    let mut state = core.state();
    if asked.refresh == Refresh::IfFirst {
        let before = |grant: &Grant| {
            let same = grant.person == person && grant.asked.client_id == asked.client_id;
            same && !grant.revoked && grant.asked.refresh == Refresh::Yes
        };
        asked.refresh = match state.grants.iter().any(before) {
            true => Refresh::No,
            false => Refresh::Yes,
        };
    }
    let grant = state.grants.len();
    state.codes.insert(
        code.clone(),
        Code {
            grant,
            redirect_uri: asked.redirect_uri.clone(),
            challenge: asked.challenge.clone(),
            expires_at: now.saturating_add(Lifetime::from_secs(core.behaviour.code_seconds)),
            used: false,
        },
    );
    state.grants.push(Grant {
        person: person.to_owned(),
        asked,
        auth_time: now,
        revoked: false,
    });
    code
}

fn redirect_with_error(
    core: &Core,
    redirect_uri: &str,
    state: Option<&str>,
    code: &str,
    text: Option<&str>,
) -> ScriptedAnswer {
    let mut parameters = vec![("error", code.to_owned())];
    parameters.extend(text.map(|text| ("error_description", text.to_owned())));
    parameters.extend(state.map(|state| ("state", state.to_owned())));
    if core.behaviour.sends_iss {
        parameters.extend(core.metadata_issuer().map(|issuer| ("iss", issuer)));
    }
    redirect(core, redirect_uri, parameters)
}

fn redirect(
    core: &Core,
    redirect_uri: &str,
    mut parameters: Vec<(&str, String)>,
) -> ScriptedAnswer {
    for how in &core.state().misbehaviour {
        match how {
            Misbehaviour::AnswerOfOtherIssuer => {
                parameters.retain(|(name, _)| *name != "iss");
                parameters.push(("iss", OTHER_ISSUER.to_owned()));
            }
            Misbehaviour::AnswerParameter(name, value) => {
                parameters.push((name, (*value).to_owned()));
            }
            Misbehaviour::AnswerWithout(without) => {
                parameters.retain(|(name, _)| name != without);
            }
            _ => {}
        }
    }
    let mut location = redirect_uri.to_owned();
    for (name, value) in parameters {
        location.push(if location.contains('?') { '&' } else { '?' });
        location.push_str(&format!("{name}={}", form::encode(&value)));
    }
    ScriptedAnswer::redirect(302, &location)
}
