//! What a client wants to hear of, in either era.
#![expect(
    deprecated,
    reason = "resources/subscribe is how legacy servers are asked, and they are still asked"
)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{
    ClientRequest, SubscribeRequest, SubscribeRequestParams, UnsubscribeRequest,
    UnsubscribeRequestParams,
};
use tokio::sync::{mpsc, oneshot};

use super::changes::{Change, Changes};
use super::ear::Ear;
use super::keeper::Keeper;
use super::level::set_level;
use super::listener::{Listener, Order};
use super::request::Terms;
use super::{Client, ClientError};

/// The URIs that a legacy session subscribed to.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted(Arc<Mutex<BTreeSet<String>>>);

impl Wanted {
    pub(super) fn all(&self) -> BTreeSet<String> {
        let wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.clone()
    }

    fn set(&self, uri: &str, is_wanted: bool) {
        let mut wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match is_wanted {
            true => wanted.insert(uri.to_owned()),
            false => wanted.remove(uri),
        };
    }
}

/// How a connection hears of changes.
#[derive(Debug, Default)]
pub(super) enum Subscriptions {
    /// Nobody does.
    #[default]
    Nobody,
    /// The session hears, of lists and of these.
    Legacy(Wanted),
    /// A stream is kept for it, by whom this reaches.
    Modern(mpsc::Sender<Order>),
}

impl Client {
    /// Hears of changes of the resource at `uri` from now on, as
    /// [`on_change`](super::Connect::on_change) said. It lasts as long as the connection:
    /// streams that break and sessions that are lost are replaced.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoSubscription`] if the server tells of no changes there,
    /// [`ClientError::NobodyHears`] without `on_change`, and others.
    pub async fn subscribe(&self, uri: &str) -> Result<(), ClientError> {
        self.want(uri, true).await
    }

    /// Hears no more of changes of the resource at `uri`.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if the server cannot be told.
    pub async fn unsubscribe(&self, uri: &str) -> Result<(), ClientError> {
        self.want(uri, false).await
    }

    async fn want(&self, uri: &str, is_wanted: bool) -> Result<(), ClientError> {
        match &self.subscriptions {
            Subscriptions::Nobody => Err(ClientError::NobodyHears),
            Subscriptions::Legacy(wanted) => {
                let request = match is_wanted {
                    true => subscribe(uri),
                    false => ClientRequest::UnsubscribeRequest(UnsubscribeRequest::new(
                        UnsubscribeRequestParams::new(uri),
                    )),
                };
                self.request(&Terms::of(self.patience), request).await?;
                wanted.set(uri, is_wanted);
                Ok(())
            }
            Subscriptions::Modern(orders) => {
                let (done, answer) = oneshot::channel();
                let order = Order {
                    uri: uri.to_owned(),
                    is_wanted,
                    done,
                };
                let sent = orders.send(order).await;
                sent.map_err(|_| ClientError::Closed)?;
                answer.await.unwrap_or(Err(ClientError::Closed))
            }
        }
    }

    /// The lists of which the server says that it tells of changes.
    fn announced(&self) -> Vec<Change> {
        let Some(info) = self.service.peer_info() else {
            return Vec::new();
        };
        let offers = &info.capabilities;
        let tools = offers.tools.as_ref().and_then(|it| it.list_changed);
        let prompts = offers.prompts.as_ref().and_then(|it| it.list_changed);
        let resources = offers.resources.as_ref().and_then(|it| it.list_changed);
        [
            (tools, Change::Tools),
            (prompts, Change::Prompts),
            (resources, Change::Resources),
        ]
        .into_iter()
        .filter(|(told, _)| *told == Some(true))
        .map(|(_, change)| change)
        .collect()
    }

    /// Begins to hear what `changes` and log messages are for, now that the server is
    /// known.
    pub(super) async fn begin(&mut self, changes: Changes, ear: &Ear) {
        if self.is_modern() {
            if changes.are_heard() {
                self.begin_listening(changes).await;
            }
            return;
        }
        let logs = |info: &crate::protocol::ServerPeerInfo| info.capabilities.logging.is_some();
        if !self.service.peer_info().is_some_and(|info| logs(&info)) {
            self.level = super::level::Level::default();
        }
        if let Some(least) = self.level.least() {
            let terms = Terms::of(self.patience);
            if let Err(error) = self.request(&terms, set_level(least)).await {
                tracing::warn!(%error, "the server was asked for log messages in vain");
            }
        }
        let wanted = Wanted::default();
        let keeper = Keeper {
            peer: self.service.peer().clone(),
            session: ear.follow(),
            level: self.level.clone(),
            wanted: wanted.clone(),
            lists: self.announced(),
            changes: changes.clone(),
        };
        if changes.are_heard() {
            self.subscriptions = Subscriptions::Legacy(wanted);
        }
        tokio::spawn(keeper.run());
    }

    async fn begin_listening(&mut self, changes: Changes) {
        let (orders, received) = mpsc::channel(1);
        let mut listener = Listener::new(
            self.service.peer().clone(),
            changes,
            self.announced(),
            (self.patience, self.credentials.clone()),
        );
        if let Err(error) = listener.begin().await {
            tracing::warn!(%error, "the server announces changes and does not tell of them");
        }
        tokio::spawn(listener.run(received));
        self.subscriptions = Subscriptions::Modern(orders);
    }
}

/// The request of legacy wires.
pub(super) fn subscribe(uri: &str) -> ClientRequest {
    ClientRequest::SubscribeRequest(SubscribeRequest::new(SubscribeRequestParams::new(uri)))
}
