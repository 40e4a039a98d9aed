//! Keeps what a legacy session was told: a server that was started again knows none of
//! its sessions, and a client that only listens would never hear of that.

use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{ClientRequest, PingRequest};
use rmcp::service::Peer;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::ClientError;
use super::changes::{Change, Changes};
use super::ear::{Hearing, Session};
use super::error::ErrorKind;
use super::level::{Level, set_level};
use super::patience::delay;
use super::subscriptions::{Wanted, subscribe};

/// A question of its own is not waited for any longer.
const ANSWER: Duration = Duration::from_secs(30);

/// A session that lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(30);

/// Whoever watches over a session.
pub(super) struct Keeper {
    pub(super) peer: Peer<RoleClient>,
    pub(super) session: watch::Receiver<Session>,
    pub(super) level: Level,
    pub(super) wanted: Wanted,
    /// The lists of whose changes the server tells.
    pub(super) lists: Vec<Change>,
    pub(super) changes: Changes,
}

impl Keeper {
    /// Until the connection ends.
    pub(super) async fn run(mut self) {
        let mut known = self.session.borrow_and_update().number;
        let mut failures = 0;
        let mut renewed: Option<Instant> = None;
        while self.session.changed().await.is_ok() {
            let now = *self.session.borrow_and_update();
            if now.hearing == Hearing::Lost {
                if renewed.is_some_and(|at| at.elapsed() >= GOOD) {
                    failures = 0;
                }
                self.renew(&mut failures).await;
                renewed = Some(Instant::now());
            }
            if self.session.borrow().number > known {
                known = self.session.borrow_and_update().number;
                self.restore().await;
            }
        }
    }

    /// Asks for anything, which gives the connection another session if this one is gone.
    /// A server without streams may say the same of a session that is not.
    async fn renew(&self, failures: &mut u32) {
        while self.session.has_changed().is_ok() {
            sleep(delay(*failures)).await;
            *failures = failures.saturating_add(1);
            let ping = ClientRequest::PingRequest(PingRequest::default());
            match self.ask(ping).await {
                Ok(()) => return,
                Err(error) if error.kind() == ErrorKind::Transport => {}
                Err(error) => {
                    tracing::warn!(%error, "the session is lost, and there is no other");
                    return;
                }
            }
        }
    }

    /// Tells a new session what the last one was told.
    async fn restore(&mut self) {
        let heard = self.session.wait_for(|now| now.hearing != Hearing::Soon);
        if timeout(ANSWER, heard).await.is_err() {
            tracing::debug!("a new session cannot be listened to");
        }
        if let Some(least) = self.level.least() {
            self.tell(set_level(least)).await;
        }
        let wanted = self.wanted.all();
        for uri in &wanted {
            self.tell(subscribe(uri)).await;
        }
        // Nobody knows what happened meanwhile.
        let resources = wanted.into_iter().map(Change::Resource);
        for change in self.lists.iter().cloned().chain(resources) {
            self.changes.tell(change);
        }
    }

    async fn tell(&self, request: ClientRequest) {
        if let Err(error) = self.ask(request).await {
            tracing::warn!(%error, "a new session is not told all that the last one was");
        }
    }

    async fn ask(&self, request: ClientRequest) -> Result<(), ClientError> {
        let answer = timeout(ANSWER, self.peer.send_request(request)).await;
        answer.map_err(|_| ClientError::TimedOut)??;
        Ok(())
    }
}
