//! HTTP with SSE, as of 2024-11-05: one stream of the server, which names an address
//! for what is said to it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use url::Url;

use super::super::ClientError;
use super::super::events::{Events, events};
use super::super::sending::{Sender, Sending};
use super::streamable::MAX_ANSWER;

/// A stream that is open, and the address for messages.
pub(in super::super) struct HttpSse {
    sender: Arc<Sender>,
    messages: Arc<Url>,
    events: Events,
}

impl HttpSse {
    /// Opens the stream at `url` and waits for the address.
    pub(in super::super) async fn open(
        url: &Url,
        sender: Arc<Sender>,
    ) -> Result<Self, ClientError> {
        let headers =
            HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("text/event-stream"))]);
        let sending = Sending {
            method: Method::GET,
            url,
            headers,
            body: Bytes::new(),
            operation: "messages of the server",
        };
        let answer = sender.send(sending).await?;
        if !answer.status.is_success() {
            return Err(ClientError::from_status(
                answer.status.as_u16(),
                super::super::ReceivedChallenge::default(),
            ));
        }
        if !answer.is("text/event-stream") {
            return Err(ClientError::NotMcp("the answer is no event stream".into()));
        }
        let mut events = events(answer.body, MAX_ANSWER);
        while let Some(event) = events.next().await {
            let event = event.map_err(|_| ClientError::Closed)?;
            if event.event.as_deref() != Some("endpoint") {
                continue;
            }
            let told = event.data.unwrap_or_default();
            let messages = url.join(told.trim()).ok();
            // Whoever is there gets the token.
            let messages = messages.filter(|messages| messages.origin() == url.origin());
            let messages = messages.ok_or_else(|| {
                ClientError::NotMcp("it names an address for messages that is not its own".into())
            })?;
            return Ok(Self {
                sender,
                messages: Arc::new(messages),
                events,
            });
        }
        Err(ClientError::Closed)
    }
}

impl Transport<RoleClient> for HttpSse {
    type Error = ClientError;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), ClientError>> + Send + 'static {
        let (sender, url) = (Arc::clone(&self.sender), Arc::clone(&self.messages));
        async move {
            let body = serde_json::to_vec(&message)
                .map_err(|error| ClientError::Setup(error.to_string()))?;
            let headers = HeaderMap::from_iter([(
                CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            )]);
            let operation = match &message {
                ClientJsonRpcMessage::Request(request) => request.request.method(),
                _ => "an answer",
            };
            let sending = Sending {
                method: Method::POST,
                url: &url,
                headers,
                body: Bytes::from(body),
                operation,
            };
            let answer = sender.send(sending).await?;
            match answer.status.is_success() {
                true => Ok(()),
                false => Err(ClientError::Status(answer.status.as_u16())),
            }
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            let event = match self.events.next().await? {
                Ok(event) => event,
                Err(error) => {
                    tracing::debug!(%error, "the stream of the server broke");
                    return None;
                }
            };
            let data = event.data.unwrap_or_default();
            match serde_json::from_str(&data) {
                Ok(message) => return Some(message),
                Err(_) => tracing::debug!("an event that is no message is passed over"),
            }
        }
    }

    async fn close(&mut self) -> Result<(), ClientError> {
        self.events = futures_util::stream::empty().boxed();
        Ok(())
    }
}
