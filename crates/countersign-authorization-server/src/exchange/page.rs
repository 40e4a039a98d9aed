//! Pages as answers: OAuth 2.1 §7.10, RFC 9700 §4.16.

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use http_body_util::Full;

use super::answer::{Answer, plain};

/// What every page looks like, inside the page.
const FRAME_STYLE: &str = include_str!("frame.css");

/// What pages with forms look like besides.
const FORM_STYLE: &str = include_str!("form.css");

/// No scripts, no frames, nothing from elsewhere, these two styles, and forms that go
/// to this server alone. Browsers apply `form-action` to the redirects after a form
/// too: no form of ours is answered with a redirect to somebody else
/// (`people/hand_over.rs`).
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let [frame, form] = [FRAME_STYLE, FORM_STYLE].map(|style| {
        let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
        format!("'sha256-{hash}'")
    });
    format!(
        "default-src 'none'; style-src {frame} {form}; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'"
    )
});

/// What a page is filled with besides its own content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// What the server is called.
    pub(crate) server: &'a str,
    /// What stands before the paths.
    pub(crate) base: &'a str,
}

impl Frame<'_> {
    /// For the templates.
    #[expect(clippy::unused_self, reason = "a template reaches what it is given")]
    pub(crate) const fn style(&self) -> &'static str {
        FRAME_STYLE
    }

    /// For the templates of pages with forms.
    #[expect(clippy::unused_self, reason = "a template reaches what it is given")]
    pub(crate) const fn form_style(&self) -> &'static str {
        FORM_STYLE
    }
}

/// A page.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Answer {
    let Ok(html) = template.render() else {
        return plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the page cannot be rendered",
        );
    };
    let mut answer = plain(status, "");
    *answer.body_mut() = Full::new(html.into());
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-frame-options"), "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A page without its policy must not be shown.
    match HeaderValue::from_str(&POLICY) {
        Ok(policy) => {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
            answer
        }
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the page has no policy"),
    }
}
