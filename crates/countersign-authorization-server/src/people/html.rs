//! Pages as answers, with the headers that every page has: OAuth 2.1 §7.10.

use askama::Template;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::People;
use crate::exchange::{Answer, STYLE, html};

/// What a page is filled with besides its own content.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// What the server is called.
    pub(super) server: &'a str,
    /// What stands before the paths.
    pub(super) base: &'a str,
}

impl Frame<'_> {
    /// For the templates.
    pub(super) fn style(&self) -> &'static str {
        STYLE
    }
}

impl People {
    pub(super) fn frame(&self) -> Frame<'_> {
        Frame {
            server: &self.name,
            base: &self.base,
        }
    }
}

/// A page whose forms go to this server alone.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Answer {
    page_with_forms_to(status, template, "")
}

/// A page whose forms go to this server, which redirects to `target`, a source of
/// Content Security Policy.
pub(super) fn page_with_forms_to(
    status: StatusCode,
    template: &impl Template,
    target: &str,
) -> Answer {
    html(status, template, format!("'self' {target}").trim_end())
}

/// Fixed sentences for when something cannot go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notice {
    heading: &'static str,
    sentence: &'static str,
    advice: &'static str,
}

impl Notice {
    pub(super) const BUSY: Self = Self {
        heading: "This takes longer than usual",
        sentence: "The server is busy or cannot reach its data. Nothing was changed for certain.",
        advice: "Wait a moment, go back and try again.",
    };
    pub(super) const FORGED: Self = Self {
        heading: "This page is out of date",
        sentence: "The form does not belong to the login of this browser. You may have logged in \
                   or out in another tab, or cookies are blocked. Nothing was changed.",
        advice: "Go back to the application and begin again.",
    };
    pub(super) const GONE: Self = Self {
        heading: "This request is over",
        sentence: "It was answered already, or it waited too long. Nothing more was shared.",
        advice: "If the application still waits, begin again there.",
    };
    pub(super) const MALFORMED: Self = Self {
        heading: "This cannot be read",
        sentence: "The form did not arrive as this server sent it. Nothing was changed.",
        advice: "Go back and try again.",
    };
    pub(super) const SETUP_OVER: Self = Self {
        heading: "This link does not work any more",
        sentence: "It was used, it has expired, or this server has an account already.",
        advice: "Log in, or restart the server to get a new link if there is no account yet.",
    };
    pub(super) const NO_SUCH_GRANT: Self = Self {
        heading: "There is nothing to disconnect",
        sentence: "The application is not connected to your account any more.",
        advice: "Go back to your account to see what is.",
    };
}

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticePage<'a> {
    frame: Frame<'a>,
    notice: Notice,
}

/// A page that says `notice`.
pub(super) fn notice(people: &People, status: StatusCode, notice: Notice) -> Answer {
    let frame = people.frame();
    let mut answer = page(status, &NoticePage { frame, notice });
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let headers = answer.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    answer
}
