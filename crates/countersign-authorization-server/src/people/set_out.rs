//! The way to a provider, and what is said when it is closed.
//!
//! The cookie that binds the way back to this browser is set here, in the answer to the
//! consent, and nowhere else.

use askama::Template;
use countersign_oauth::Lifetime;
use http::StatusCode;

use super::visit::Visit;
use crate::audit::AuditEvent;
use crate::authorize::{Departure, PATIENCE};
use crate::exchange::{Answer, Frame, page, see_other};
use crate::server::AuthorizationServer;
use crate::upstream::{Upstream, UpstreamError};

/// How long a provider that does not answer is left alone, in seconds.
const WAIT: u64 = 5;

/// What is wrong with a provider, in words for people.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) status: StatusCode,
    pub(super) sentence: String,
    /// How long to wait, where the provider says it.
    pub(super) wait: Option<Lifetime>,
}

impl Trouble {
    /// After how many seconds to try again, if that helps.
    pub(super) fn wait(&self) -> Option<u64> {
        let wait = self.wait.map_or(WAIT, |wait| wait.as_secs().max(1));
        (self.status == StatusCode::SERVICE_UNAVAILABLE).then_some(wait)
    }
}

#[derive(Template)]
#[template(path = "set_out.html")]
struct SetOutPage<'a> {
    frame: Frame<'a>,
    provider: &'a str,
    target: &'a str,
}

impl Visit<'_> {
    /// Sends the browser to `upstream`, by a page for the reason that `hand_over.rs`
    /// gives.
    pub(super) fn set_out(&self, upstream: &Upstream, departure: &Departure) -> Answer {
        let target = departure.location.reveal();
        let mut answer = if self.incoming.accepts_html() {
            let template = SetOutPage {
                frame: self.people.frame(),
                provider: &upstream.provider().display_name,
                target,
            };
            page(StatusCode::OK, &template)
        } else {
            see_other(target)
        };
        let cookies = &self.people.cookies;
        cookies.make_room(&mut answer, &self.incoming.headers);
        let name = cookies.attempt(&departure.tag());
        cookies.set(&mut answer, &name, &departure.cookie, Some(PATIENCE));
        answer
    }

    /// Notes `error`, and says it in words.
    pub(super) fn trouble(
        &self,
        upstream: &Upstream,
        error: &UpstreamError,
        server: &AuthorizationServer,
    ) -> Trouble {
        let provider = upstream.provider();
        let name = provider.name.clone();
        let event = AuditEvent::UpstreamFailed(name, error.into(), error.to_string());
        server.inner().audit.note(event);
        let called = &provider.display_name;
        if let Some(wait) = error.retry_after() {
            return Trouble {
                status: StatusCode::SERVICE_UNAVAILABLE,
                sentence: format!(
                    "{called} does not answer at the moment. Nothing was shared. Wait {} and try \
                     again.",
                    in_words(wait)
                ),
                wait: Some(wait),
            };
        }
        Trouble {
            status: StatusCode::BAD_GATEWAY,
            sentence: format!(
                "{called} answered with something that this server cannot use. Nothing was \
                 shared. You can try again; if it stays so, tell whoever runs this server."
            ),
            wait: None,
        }
    }
}

/// How long somebody is told to wait.
pub(super) fn in_words(wait: Lifetime) -> String {
    match wait.as_secs() {
        ..=WAIT => "a moment".to_owned(),
        seconds @ ..=90 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds.div_ceil(60)),
    }
}
