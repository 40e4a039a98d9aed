//! Somebody who comes back from a provider is answered once, and told the same if the
//! browser asks again (`authorize/returned.rs`).
//!
//! A browser that sends a request again gives up the first one. What was begun goes on
//! without it, as a task of its own: the code of the provider is spent, and only the answer
//! to it is still of use.

use std::time::Duration;

use countersign_oauth::Secret;
use tokio::time::sleep;

use super::callback::{CallbackRefusal, ProviderAnswer};
use super::visit::Visit;
use super::{People, cookies};
use crate::audit::AuditTrail;
use crate::authorize::{AGAIN, Attempt, Returned, tag_of};
use crate::exchange::{Answer, Incoming};
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;
use crate::upstream::Upstream;

/// How long somebody who sends the same again waits for the first answer: how often it is
/// looked for, and in which distance.
const LOOKS: u32 = 100;
const DISTANCE: Duration = Duration::from_millis(100);

/// Somebody who came back, whose attempt was taken.
struct Returning {
    people: People,
    incoming: Incoming,
    server: AuthorizationServer,
    upstream: Upstream,
    state: Secret,
    attempt: Attempt,
    provider_answer: ProviderAnswer,
}

impl Visit<'_> {
    /// Finishes `attempt` with what the provider answered, whether or not anybody waits.
    pub(super) async fn finish(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
        (state, attempt): (Secret, Attempt),
        provider_answer: ProviderAnswer,
    ) -> Result<Answer, Unavailable> {
        let returning = Returning {
            people: self.people.clone(),
            incoming: self.incoming.clone(),
            server: server.clone(),
            upstream: upstream.clone(),
            state,
            attempt,
            provider_answer,
        };
        let task = tokio::spawn(AuditTrail::carried(returning.finish()));
        task.await.map_err(|_| Unavailable::Login)?
    }

    /// The answer that was given to the same a moment ago, or is about to be.
    pub(super) async fn call_back_again(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
        state: &Secret,
    ) -> Result<Answer, Unavailable> {
        let inner = server.inner();
        let name = upstream.provider().name.as_str();
        let cookie = self.attempt_cookie(state);
        for _ in 0..LOOKS {
            let Some(taken) = inner.taken_attempt(state).await? else {
                break;
            };
            let is_same = taken.provider == name && taken.answer.matches(&self.whole_answer());
            let is_here = cookie.as_ref().is_some_and(|it| taken.cookie.matches(it));
            if !is_same || !is_here {
                break;
            }
            if let Some(told) = taken.told {
                inner.note_returned_again(name);
                return Ok(told);
            }
            sleep(DISTANCE).await;
        }
        Ok(self.refuse_callback(upstream, server, CallbackRefusal::Over))
    }

    /// What binds the attempt with `state` to this browser.
    pub(super) fn attempt_cookie(&self, state: &Secret) -> Option<Secret> {
        let name = self.people.cookies.attempt(&tag_of(state));
        cookies::read(&self.incoming.headers, &name)
    }

    /// All that the provider answered, byte for byte.
    pub(super) fn whole_answer(&self) -> Secret {
        Secret::new(self.incoming.query().unwrap_or_default())
    }
}

impl Returning {
    async fn finish(self) -> Result<Answer, Unavailable> {
        let visit = Visit::new(&self.people, &self.incoming)?;
        let (upstream, server) = (&self.upstream, &self.server);
        let mut returned: Returned = match self.provider_answer {
            ProviderAnswer::Code(code) => {
                visit.redeem(upstream, server, self.attempt, &code).await?
            }
            ProviderAnswer::Error(error, said) => {
                let (purpose, said) = (self.attempt.purpose, said.as_deref());
                let turned = visit.turned_back(upstream, server, purpose, (&error, said));
                turned.await?.into()
            }
        };
        // It tells this browser from others for as long as the answer is told again.
        if let Some(cookie) = visit.attempt_cookie(&self.state) {
            let cookies = &self.people.cookies;
            let name = cookies.attempt(&tag_of(&self.state));
            cookies.set(&mut returned.answer, &name, &cookie, Some(AGAIN));
        }
        Ok(server.inner().conclude(&self.state, returned).await)
    }
}
