//! The way back to the client after a decision.
//!
//! A browser gets a page that leads on by itself, and not a redirect: browsers apply
//! `form-action` of the page with the form to every redirect after it (CSP 3 §6.4.1),
//! and an address of a client may redirect further, to an app or another site, which
//! no policy of ours could name. RFC 6749 §1.7 leaves the way of redirecting open. The
//! page stays where an app was opened and says what happened. Programs that ask for
//! no HTML get the redirect.

use askama::Template;
use http::StatusCode;
use http::header::LOCATION;

use super::visit::Visit;
use super::who_asks::{Destination, WhoAsks};
use crate::exchange::{Answer, Frame, page};

#[derive(Template)]
#[template(path = "hand_over.html")]
struct HandOverPage<'a> {
    frame: Frame<'a>,
    is_allowed: bool,
    who: WhoAsks,
    target: &'a str,
}

impl Visit<'_> {
    /// The redirect `answer` as a page for browsers. An answer that does not lead to
    /// the client stays as it is.
    pub(super) fn hand_over(&self, answer: Answer, is_allowed: bool, who: WhoAsks) -> Answer {
        let leads_on = answer.status() == StatusCode::SEE_OTHER && self.incoming.accepts_html();
        let target = answer.headers().get(LOCATION);
        let target = target.and_then(|target| target.to_str().ok());
        let Some(target) = target.filter(|_| leads_on) else {
            return answer;
        };
        let template = HandOverPage {
            frame: self.people.frame(),
            is_allowed,
            who,
            target,
        };
        page(StatusCode::OK, &template)
    }
}
