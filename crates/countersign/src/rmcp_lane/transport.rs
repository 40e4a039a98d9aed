//! A session as the SDK sees it: messages come in and go out.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::sync::mpsc;

use super::outbound::Outbound;
use super::subscriptions::Subscriptions;

/// The end of a session that a [`rmcp::ServerHandler`] is served on.
#[derive(Debug)]
pub(crate) struct SessionTransport {
    inbound: mpsc::Receiver<ClientJsonRpcMessage>,
    outbound: Arc<Outbound>,
    /// Judges what the handler tells of resources.
    subscriptions: Option<Subscriptions>,
}

impl SessionTransport {
    pub(crate) const fn new(
        inbound: mpsc::Receiver<ClientJsonRpcMessage>,
        outbound: Arc<Outbound>,
    ) -> Self {
        Self {
            inbound,
            outbound,
            subscriptions: None,
        }
    }

    /// The same, where `subscriptions` judge what goes out.
    pub(crate) fn judged_by(mut self, subscriptions: Subscriptions) -> Self {
        self.subscriptions = Some(subscriptions);
        self
    }
}

impl Transport<RoleServer> for SessionTransport {
    type Error = Infallible;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Infallible>> + Send + 'static {
        let judge = self.subscriptions.as_ref();
        if judge.is_none_or(|judge| judge.passes(&message)) {
            self.outbound.deliver(&message);
        }
        ready(Ok(()))
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.inbound.recv().await
    }

    async fn close(&mut self) -> Result<(), Infallible> {
        self.inbound.close();
        self.outbound.close();
        Ok(())
    }
}
