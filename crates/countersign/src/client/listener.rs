//! The stream on which a server of 2026-07-28 tells of changes, and another one when it
//! breaks or something else is wanted.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::FutureExt;
use rmcp::RoleClient;
use rmcp::model::{ServerNotification, SubscriptionFilter};
use rmcp::service::{Peer, ServiceError, Subscription};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::ClientError;
use super::changes::{Change, Changes};
use super::error::ErrorKind;
use super::patience::{Patience, delay};
use super::sending::GettingCredentials;

/// A stream that lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(30);

/// Somebody wants to hear of one more resource, or of one less.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) uri: String,
    pub(super) is_wanted: bool,
    pub(super) done: oneshot::Sender<Result<(), ClientError>>,
}

enum Event {
    Order(Order),
    Told(Box<Result<Option<ServerNotification>, ServiceError>>),
    Again,
    Over,
}

/// Whoever keeps the stream.
pub(super) struct Listener {
    peer: Peer<RoleClient>,
    changes: Changes,
    lists: Vec<Change>,
    waits: (Patience, GettingCredentials),
    wanted: BTreeSet<String>,
    current: Option<Subscription>,
    since: Instant,
    /// When to listen again, after an interruption.
    again: Option<Instant>,
    failures: u32,
}

impl Listener {
    pub(super) fn new(
        peer: Peer<RoleClient>,
        changes: Changes,
        lists: Vec<Change>,
        waits: (Patience, GettingCredentials),
    ) -> Self {
        Self {
            peer,
            changes,
            lists,
            waits,
            wanted: BTreeSet::new(),
            current: None,
            since: Instant::now(),
            again: None,
            failures: 0,
        }
    }

    /// Listens for the lists that the server announced.
    pub(super) async fn begin(&mut self) -> Result<(), ClientError> {
        if !self.lists.is_empty() {
            let opened = self.listen(&self.wanted).await?;
            self.keep(opened);
        }
        Ok(())
    }

    /// Until nobody can give an order any more.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            let event = tokio::select! {
                order = orders.recv() => order.map_or(Event::Over, Event::Order),
                told = next(&mut self.current) => Event::Told(Box::new(told)),
                () = at(self.again) => Event::Again,
            };
            match event {
                Event::Order(order) => self.obey(order).await,
                Event::Told(told) => match *told {
                    Ok(Some(notification)) => self.tell(notification),
                    told => {
                        tracing::debug!(?told, "the stream of changes ended");
                        self.current = None;
                        if self.since.elapsed() >= GOOD {
                            self.failures = 0;
                        }
                        self.try_again();
                    }
                },
                Event::Again => self.listen_again().await,
                Event::Over => return,
            }
        }
    }

    async fn obey(&mut self, mut order: Order) {
        let mut wanted = self.wanted.clone();
        let is_news = match order.is_wanted {
            true => wanted.insert(order.uri.clone()),
            false => wanted.remove(&order.uri),
        };
        let answer = if !is_news && self.current.is_some() {
            Ok(())
        } else if wanted.is_empty() && self.lists.is_empty() {
            (self.current, self.again) = (None, None);
            self.wanted = wanted;
            Ok(())
        } else {
            let opened = tokio::select! {
                () = order.done.closed() => return,
                opened = self.listen(&wanted) => opened,
            };
            opened.and_then(|opened| {
                let granted = opened.acknowledged().resource_subscriptions.as_deref();
                let is_granted = granted.unwrap_or_default().contains(&order.uri);
                let refused = order.is_wanted && !is_granted;
                if refused {
                    wanted.remove(&order.uri);
                }
                self.wanted = wanted;
                self.keep(opened);
                match refused {
                    true => Err(ClientError::NoSubscription(order.uri.clone())),
                    false => Ok(()),
                }
            })
        };
        let _ = order.done.send(answer);
    }

    /// `opened` is listened to instead of what was, whose last words are heard.
    fn keep(&mut self, opened: Subscription) {
        if let Some(mut old) = self.current.replace(opened) {
            while let Some(Ok(Some(notification))) = old.next().now_or_never() {
                self.tell(notification);
            }
        }
        (self.since, self.again) = (Instant::now(), None);
    }

    fn try_again(&mut self) {
        let is_over = self.peer.is_transport_closed();
        self.again = (!is_over).then(|| Instant::now() + delay(self.failures));
        self.failures = self.failures.saturating_add(1);
    }

    async fn listen_again(&mut self) {
        match self.listen(&self.wanted).await {
            Ok(opened) => {
                let granted = opened.acknowledged().clone();
                self.keep(opened);
                // Nobody knows what happened meanwhile.
                let resources = granted.resource_subscriptions.unwrap_or_default();
                let resources = resources.into_iter().map(Change::Resource);
                for change in self.lists.iter().cloned().chain(resources) {
                    self.changes.tell(change);
                }
            }
            Err(error) if error.kind() == ErrorKind::Transport => self.try_again(),
            Err(error) => {
                tracing::warn!(%error, "the server tells of no more changes");
                self.again = None;
            }
        }
    }

    async fn listen(&self, wanted: &BTreeSet<String>) -> Result<Subscription, ClientError> {
        let mut filter = SubscriptionFilter::new();
        let lists = |change| self.lists.contains(&change).then_some(true);
        filter.tools_list_changed = lists(Change::Tools);
        filter.prompts_list_changed = lists(Change::Prompts);
        filter.resources_list_changed = lists(Change::Resources);
        let uris = || wanted.iter().cloned().collect();
        filter.resource_subscriptions = (!wanted.is_empty()).then(uris);
        let (patience, credentials) = &self.waits;
        let opened = async { Ok(self.peer.listen(filter).await?) };
        let deadline = patience.deadline();
        patience.wait(deadline, credentials, || None, opened).await
    }

    fn tell(&self, notification: ServerNotification) {
        use ServerNotification as Told;
        let change = match notification {
            Told::ToolListChangedNotification(_) => Change::Tools,
            Told::PromptListChangedNotification(_) => Change::Prompts,
            Told::ResourceListChangedNotification(_) => Change::Resources,
            Told::ResourceUpdatedNotification(told) => Change::Resource(told.params.uri),
            _ => return,
        };
        self.changes.tell(change);
    }
}

/// What is told next; nothing ever without a stream.
async fn next(
    current: &mut Option<Subscription>,
) -> Result<Option<ServerNotification>, ServiceError> {
    match current {
        Some(current) => current.next().await,
        None => std::future::pending().await,
    }
}

/// Ready at `time`, and never without one.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
