//! Pages as answers, and those of fixed sentences for what must not be redirected
//! (RFC 6749 §4.1.2.1).

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use http_body_util::Full;

use super::answer::{Answer, plain};

/// The style sheet of every page, inside the page.
pub(crate) const STYLE: &str = include_str!("style.css");

/// The only style that a browser applies, as a source of Content Security Policy.
static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!("'sha256-{hash}'")
});

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage {
    style: &'static str,
    sentence: &'static str,
}

/// A page that says one fixed sentence; never input.
pub(crate) fn page(status: StatusCode, sentence: &'static str) -> Answer {
    let style = STYLE;
    html(status, &RefusalPage { style, sentence }, "'none'")
}

/// A page whose forms may lead to `form_action`, sources of Content Security Policy.
pub(crate) fn html(status: StatusCode, template: &impl Template, form_action: &str) -> Answer {
    let Ok(html) = template.render() else {
        return plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the page cannot be rendered",
        );
    };
    let mut answer = plain(status, "");
    *answer.body_mut() = Full::new(html.into());
    protect(&mut answer);
    let style = STYLE_SOURCE.as_str();
    let policy = format!(
        "default-src 'none'; style-src {style}; form-action {form_action}; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

/// The headers of every HTML page: no scripts, no frames, no referrer (RFC 9700 §4.16).
fn protect(answer: &mut Answer) {
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-frame-options"), "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
