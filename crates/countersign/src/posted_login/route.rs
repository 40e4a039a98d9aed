//! The page and what it posts.
//!
//! `GET` gives the page and, if it has none, a cookie to the browser. `POST` takes the ID
//! token if the page of that browser sends it, for the request that waits (RFC 6749
//! §10.12): the field `forgery_token` is an HMAC under the cookie of where to go on.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_resource_server::oauth::Secret;
use countersign_resource_server::oauth::form::{Form, encode};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, LOCATION, REFERRER_POLICY,
    RETRY_AFTER, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};

use super::{Ready, SignIn};
use crate::random;

/// The cookies of a login: behind TLS, and on this machine without it.
pub(super) const SESSION: [&str; 2] = [
    "__Host-countersign-signed-in",
    "countersign-development-signed-in",
];
/// The cookies of a browser that sees the page.
const BROWSER: [&str; 2] = [
    "__Host-countersign-signing-in",
    "countersign-development-signing-in",
];

/// The longest body, in bytes.
const MAX_BODY: usize = 32 * 1024;

const FAILED: &str = "That did not work. Please sign in again.";

pub(super) fn route(ready: Ready) -> MethodRouter {
    let posted = ready.clone();
    get(move |request: Request| {
        let answer = show(&ready, &request.into_parts().0);
        async move { answer }
    })
    .post(move |request: Request| async move { take(&posted, request).await })
}

/// Where in the site the browser has to go on: never to another one.
fn return_to(parts: &Parts) -> Option<String> {
    let query = Form::parse(parts.uri.query().unwrap_or_default().as_bytes()).ok()?;
    // RFC 6750 §5.3: what is in an address is in histories and logs.
    if query.one("id_token").is_ok_and(|token| token.is_some()) {
        return None;
    }
    let address = query.one("return_to").ok()??;
    let plain = address.bytes().all(|byte| byte.is_ascii_graphic());
    let inside = address.starts_with('/') && !address.starts_with("//");
    (plain && inside && !address.contains('\\')).then(|| address.to_owned())
}

/// Which of two cookies: programs of this machine are reached without TLS.
fn kind(parts: &Parts) -> usize {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| parts.uri.host()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    usize::from(matches!(name, "localhost" | "127.0.0.1" | "[::1]"))
}

fn cookie(parts: &Parts, name: &str) -> Option<String> {
    let lines = parts.headers.get_all(COOKIE).iter();
    let mut values = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, value)| *key == name && !value.is_empty())
        .map(|(_, value)| value.to_owned());
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

fn name_of(names: [&'static str; 2], parts: &Parts) -> &'static str {
    let [protected, unprotected] = names;
    if kind(parts) == 0 {
        protected
    } else {
        unprotected
    }
}

fn set(parts: &Parts, names: [&'static str; 2], value: &str) -> String {
    let name = name_of(names, parts);
    let secure = if kind(parts) == 0 { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")
}

fn tag(browser: &str, purpose: &str, return_to: &str) -> String {
    let key = Key::new(HMAC_SHA256, browser.as_bytes());
    URL_SAFE_NO_PAD.encode(sign(&key, format!("{purpose} {return_to}").as_bytes()))
}

fn is_genuine(browser: &str, return_to: &str, presented: &str) -> bool {
    let Ok(presented) = URL_SAFE_NO_PAD.decode(presented) else {
        return false;
    };
    let key = Key::new(HMAC_SHA256, browser.as_bytes());
    verify(&key, format!("forgery {return_to}").as_bytes(), &presented).is_ok()
}

fn show(ready: &Ready, parts: &Parts) -> Response {
    match return_to(parts) {
        Some(return_to) => page(ready, parts, &return_to, None),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn page(ready: &Ready, parts: &Parts, return_to: &str, trouble: Option<&str>) -> Response {
    let known = cookie(parts, name_of(BROWSER, parts));
    let (browser, is_new) = match known {
        Some(known) => (known, false),
        None => match random::hex::<32>() {
            Ok(drawn) => (drawn, true),
            Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    };
    let form = SignIn {
        action: &format!("{}?return_to={}", ready.0.path, encode(return_to)),
        forgery_token: &tag(&browser, "forgery", return_to),
        nonce: &tag(&browser, "nonce", return_to),
        trouble,
    };
    let status = match trouble {
        None => StatusCode::OK,
        Some(_) => StatusCode::FORBIDDEN,
    };
    let mut answer = (status, (ready.0.page)(&form)).into_response();
    guard(&mut answer);
    if is_new && let Ok(value) = HeaderValue::from_str(&set(parts, BROWSER, &browser)) {
        answer.headers_mut().append(SET_COOKIE, value);
    }
    answer
}

/// What every page for people has. Which scripts may run is said by the page.
fn guard(answer: &mut Response) {
    let headers: [(HeaderName, &'static str); 5] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        // Without any, browsers would keep back the origin of the form too.
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            CONTENT_SECURITY_POLICY,
            "frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
        ),
    ];
    for (name, value) in headers {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
}

async fn take(ready: &Ready, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(return_to) = return_to(&parts) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let is_form = parts.headers.get(CONTENT_TYPE).is_some_and(|value| {
        value
            .as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    let form = match Form::parse(&body) {
        Ok(form) if is_form && !form.has_repeated(&[]) => form,
        _ => return StatusCode::BAD_REQUEST.into_response(),
    };
    let field = |name| form.one(name).ok().flatten().unwrap_or_default();
    // Browsers say which site a form is from; one of another is not ours.
    let site = parts.headers.get("sec-fetch-site");
    let foreign = site.is_some_and(|site| site.as_bytes() != b"same-origin");
    let browser = cookie(&parts, name_of(BROWSER, &parts)).unwrap_or_default();
    if foreign || browser.is_empty() || !is_genuine(&browser, &return_to, field("forgery_token")) {
        tracing::info!("refused: an ID token that the page of this browser did not send");
        return page(ready, &parts, &return_to, Some(FAILED));
    }
    let nonce = Secret::new(tag(&browser, "nonce", &return_to));
    let now = ready.0.clock.now();
    let judged = ready.0.judge.judge(field("id_token"), &nonce, now);
    let (identity, until) = match judged.await {
        Ok(Ok(judged)) => judged,
        Ok(Err(reason)) => {
            tracing::info!(%reason, "refused: an ID token");
            return page(ready, &parts, &return_to, Some(FAILED));
        }
        Err(unavailable) => {
            tracing::warn!(%unavailable, "an ID token cannot be judged");
            let mut answer = StatusCode::SERVICE_UNAVAILABLE.into_response();
            let seconds = HeaderValue::from(unavailable.retry_after.as_secs());
            answer.headers_mut().insert(RETRY_AFTER, seconds);
            return answer;
        }
    };
    if !(ready.0.rule)(&identity) {
        tracing::info!("refused: somebody who may not log in");
        return page(ready, &parts, &return_to, Some(FAILED));
    }
    let Ok(secret) = random::hex::<32>() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    if !ready.0.sessions.begin(&secret, identity, until, now) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let headers: [(HeaderName, String); 3] = [
        (SET_COOKIE, set(&parts, SESSION, &secret)),
        (LOCATION, return_to),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}
