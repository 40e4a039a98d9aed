//! Pages of fixed sentences, for what cannot go on or must not be redirected
//! (RFC 6749 §4.1.2.1). Nothing of the request is on them.

use askama::Template;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::answer::Answer;
use super::page::{Frame, page};

/// What a page says when something cannot go on: what happened, what became of it,
/// and what to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notice {
    pub(crate) heading: &'static str,
    pub(crate) sentence: &'static str,
    pub(crate) advice: &'static str,
}

impl Notice {
    pub(crate) const BUSY: Self = Self {
        heading: "This server needs a moment",
        sentence: "It is busy or cannot reach its data. What you have just done may not have \
                   happened.",
        advice: "Wait a few seconds, go back and try again.",
    };
    pub(crate) const UNKNOWN_CLIENT: Self = Self {
        heading: "This application is not known here",
        sentence: "The application that sent you is unknown to this server, or was removed from \
                   it. Nothing was shared.",
        advice: "Go back to the application, remove the connection to this server and add it \
                 again.",
    };
    pub(crate) const FOREIGN_ADDRESS: Self = Self {
        heading: "This link cannot be trusted",
        sentence: "The answer was to go to an address that the application has not registered \
                   here. It may be a mistake in the application, or somebody else who uses its \
                   name. Nothing was shared.",
        advice: "Begin again in the application itself, and not from a link that was sent to you.",
    };
    pub(crate) const NO_CLIENT: Self = Self {
        heading: "This link is not complete",
        sentence: "It does not say which application sent you. Nothing was shared.",
        advice: "Go back to the application and begin again.",
    };
    pub(crate) const MALFORMED_REQUEST: Self = Self {
        heading: "This link cannot be read",
        sentence: "The request of the application is malformed. Nothing was shared.",
        advice: "Go back to the application and begin again. If it happens again, tell whoever \
                 makes the application.",
    };
    pub(crate) const GONE: Self = Self {
        heading: "This request is over",
        sentence: "It was answered already, it waited too long, or the application has changed. \
                   Nothing more was shared.",
        advice: "If the application still waits, begin again there.",
    };
    pub(crate) const REFUSED: Self = Self {
        heading: "There is nothing here for you",
        sentence: "Whoever runs this server does not let you connect applications.",
        advice: "If you think that you should, ask them.",
    };
    pub(crate) const NOT_FOUND: Self = Self {
        heading: "There is no such page",
        sentence: "The address is mistyped, or what was here has moved.",
        advice: "If an application sent you here, go back to it and begin again.",
    };
    pub(crate) const WRONG_METHOD: Self = Self {
        heading: "This page cannot be opened by its address",
        sentence: "It is one step of something longer. Nothing was changed.",
        advice: "Go back to where you came from and begin again.",
    };
    pub(crate) const TOO_MANY: Self = Self {
        heading: "Too many requests",
        sentence: "More came from your network than this server answers at once. Nothing was \
                   shared.",
        advice: "Wait some minutes, then begin again in the application.",
    };
    pub(crate) const TOO_LONG: Self = Self {
        heading: "This request is too long",
        sentence: "More was sent than this server reads. Nothing was changed.",
        advice: "Go back to the application and begin again.",
    };
}

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticePage<'a> {
    frame: Frame<'a>,
    notice: Notice,
    has_account: bool,
}

/// A page that says `notice`, with a way to the account page if there is one.
pub(crate) fn notice(
    frame: Frame<'_>,
    status: StatusCode,
    notice: Notice,
    has_account: bool,
) -> Answer {
    let template = NoticePage {
        frame,
        notice,
        has_account,
    };
    let mut answer = page(status, &template);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let headers = answer.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    answer
}
