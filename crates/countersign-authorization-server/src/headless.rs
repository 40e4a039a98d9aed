//! A person who is always there and agrees to everything, for tests of servers from
//! the first request to the last and for conformance suites.

use countersign_oauth::ClientId;

use crate::authorize::Approval;
use crate::exchange::{Answer, Incoming};
use crate::interaction::{Interaction, InteractionFuture, Step, Waiting};
use crate::server::AuthorizationServer;

/// Login and consent without a person.
#[derive(Clone, Debug)]
pub struct Headless {
    subject: String,
}

impl Headless {
    /// Every request is approved as `subject`, whoever sends it.
    ///
    /// # Security
    ///
    /// Whoever reaches the server gets tokens of `subject`. For tests on loopback.
    pub fn danger_approve_everything(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
        }
    }
}

impl Interaction for Headless {
    fn begin<'a>(&'a self, waiting: Waiting<'a>) -> InteractionFuture<'a, Step> {
        let scope = waiting.authorization.scope.clone();
        let approval = Approval::new(self.subject.as_str(), scope);
        Box::pin(async { Ok(Step::Approve(approval)) })
    }

    fn respond<'a>(
        &'a self,
        _incoming: &'a Incoming,
        _server: &'a AuthorizationServer,
    ) -> InteractionFuture<'a, Option<Answer>> {
        Box::pin(async { Ok(None) })
    }

    fn still_allows<'a>(
        &'a self,
        _subject: &'a str,
        _client: &'a ClientId,
    ) -> InteractionFuture<'a, bool> {
        Box::pin(async { Ok(true) })
    }
}
