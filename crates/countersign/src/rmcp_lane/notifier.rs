//! Tells clients that a list or a resource has changed.

use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{
    PromptListChangedNotification, ResourceListChangedNotification, ResourceUpdatedNotification,
    ResourceUpdatedNotificationParam, ServerNotification, SubscriptionFilter,
    ToolListChangedNotification,
};
use rmcp::service::{Peer, SubscriptionContext};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::subscriptions::Subscriptions;
use crate::protocol::ServerCapabilities;

/// Changes that a slow stream may fall behind by before it is told that
/// everything changed.
const CAPACITY: usize = 256;

/// Tells every client that asked for it what has changed. Clones tell the same
/// clients. Give it to [`crate::Server::notifier`].
#[derive(Clone, Debug)]
pub struct Notifier(broadcast::Sender<Change>);

#[derive(Clone, Debug)]
pub(super) enum Change {
    Tools,
    Prompts,
    Resources,
    Updated(Arc<str>),
}

impl Default for Notifier {
    fn default() -> Self {
        Self::new()
    }
}

impl Notifier {
    /// A notifier that no client listens to yet.
    pub fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    /// The list of tools has changed, for some callers at least.
    pub fn tools_changed(&self) {
        self.tell(Change::Tools);
    }

    /// The list of prompts has changed.
    pub fn prompts_changed(&self) {
        self.tell(Change::Prompts);
    }

    /// The list of resources has changed.
    pub fn resources_changed(&self) {
        self.tell(Change::Resources);
    }

    /// What is at `uri` has changed. Told to clients that subscribed to `uri`.
    pub fn resource_updated(&self, uri: impl Into<Arc<str>>) {
        self.tell(Change::Updated(uri.into()));
    }

    fn tell(&self, change: Change) {
        // An error means that nobody listens.
        let _ = self.0.send(change);
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }

    /// Adds what a notifier makes possible.
    pub(crate) fn announce(capabilities: &mut ServerCapabilities) {
        if let Some(tools) = &mut capabilities.tools {
            tools.list_changed = Some(true);
        }
        if let Some(prompts) = &mut capabilities.prompts {
            prompts.list_changed = Some(true);
        }
        if let Some(resources) = &mut capabilities.resources {
            resources.list_changed = Some(true);
            resources.subscribe = Some(true);
        }
    }
}

impl Change {
    fn notification(&self) -> ServerNotification {
        match self {
            Self::Tools => ServerNotification::ToolListChangedNotification(
                ToolListChangedNotification::default(),
            ),
            Self::Prompts => ServerNotification::PromptListChangedNotification(
                PromptListChangedNotification::default(),
            ),
            Self::Resources => ServerNotification::ResourceListChangedNotification(
                ResourceListChangedNotification::default(),
            ),
            Self::Updated(uri) => {
                ServerNotification::ResourceUpdatedNotification(ResourceUpdatedNotification::new(
                    ResourceUpdatedNotificationParam::new(uri.to_string()),
                ))
            }
        }
    }
}

/// The next changes; after a gap, every change that there could have been.
/// `None` when the server is gone.
async fn next_changes(
    changes: &mut broadcast::Receiver<Change>,
    uris: impl FnOnce() -> Vec<Arc<str>>,
) -> Option<Vec<Change>> {
    match changes.recv().await {
        Ok(change) => Some(vec![change]),
        Err(RecvError::Lagged(_)) => {
            let lists = [Change::Tools, Change::Prompts, Change::Resources];
            let updates = uris().into_iter().map(Change::Updated);
            Some(lists.into_iter().chain(updates).collect())
        }
        Err(RecvError::Closed) => None,
    }
}

/// Tells a legacy session what has changed, until it ends.
pub(super) async fn tell_session(
    mut changes: broadcast::Receiver<Change>,
    peer: Peer<RoleServer>,
    subscriptions: Subscriptions,
    ended: CancellationToken,
) {
    loop {
        let next = tokio::select! {
            next = next_changes(&mut changes, || subscriptions.all()) => next,
            () = ended.cancelled() => None,
        };
        let Some(next) = next else { return };
        for change in next {
            if matches!(&change, Change::Updated(uri) if !subscriptions.hears(uri)) {
                continue;
            }
            if peer.send_notification(change.notification()).await.is_err() {
                return;
            }
        }
    }
}

/// Tells one `subscriptions/listen` stream what has changed, until the client
/// closes it: of the resources those that `may_hear` says. The SDK sent the
/// acknowledgement and tags each notification.
pub(super) async fn tell_stream(
    mut changes: broadcast::Receiver<Change>,
    stream: SubscriptionContext,
    may_hear: impl Fn(&str) -> bool,
) {
    let accepted = stream.accepted().clone();
    let uris = || {
        let uris = accepted.resource_subscriptions.iter().flatten();
        uris.map(|uri| uri.as_str().into()).collect()
    };
    loop {
        let next = tokio::select! {
            next = next_changes(&mut changes, uris) => next,
            () = stream.cancelled() => None,
        };
        let Some(next) = next else { return };
        for change in next.iter().filter(|change| asked_for(&accepted, change)) {
            if matches!(change, Change::Updated(uri) if !may_hear(uri)) {
                continue;
            }
            if stream.sink().send(change.notification()).await.is_err() {
                return;
            }
        }
    }
}

fn asked_for(accepted: &SubscriptionFilter, change: &Change) -> bool {
    match change {
        Change::Tools => accepted.tools_list_changed == Some(true),
        Change::Prompts => accepted.prompts_list_changed == Some(true),
        Change::Resources => accepted.resources_list_changed == Some(true),
        Change::Updated(uri) => accepted
            .resource_subscriptions
            .as_ref()
            .is_some_and(|uris| uris.iter().any(|own| **own == **uri)),
    }
}
