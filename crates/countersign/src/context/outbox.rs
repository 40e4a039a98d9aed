//! Notifications of a call that is polled inline, on their way to its answer.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use rmcp::model::{JsonRpcNotification, JsonRpcVersion2_0, ServerNotification};

/// How many notifications wait at most for a client that does not read.
const CAPACITY: usize = 1024;

/// Serialized messages in the order in which the handler emitted them.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    messages: Mutex<VecDeque<Bytes>>,
    reader: AtomicWaker,
}

impl Outbox {
    /// Queues a message. The oldest is given up when the client does not read.
    pub(crate) fn push(&self, notification: ServerNotification) {
        let message = JsonRpcNotification {
            jsonrpc: JsonRpcVersion2_0,
            notification,
        };
        match serde_json::to_vec(&message) {
            Ok(text) => {
                let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
                if messages.len() >= CAPACITY {
                    messages.pop_front();
                }
                messages.push_back(Bytes::from(text));
                drop(messages);
                self.reader.wake();
            }
            Err(error) => tracing::error!(error = %error, "a notification is not JSON"),
        }
    }

    /// The oldest message.
    pub(crate) fn pop(&self) -> Option<Bytes> {
        self.messages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    /// Whether a message waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    /// Wakes `reader` at the next message.
    pub(crate) fn wake_at_next(&self, reader: &Waker) {
        self.reader.register(reader);
    }
}
