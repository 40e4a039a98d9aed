//! Which stream of a session a message of the server belongs to.
//!
//! 2025-11-25, transports: what relates to a request goes on the stream of that
//! request, everything else on the standalone stream; no message goes on two.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, GetExtensions, GetMeta, ProgressToken,
    ProtocolVersion, RequestId, ServerJsonRpcMessage, ServerNotification, ServerResult,
};
use rmcp::service::OriginatingRequestId;
use tokio::time::Instant;

use super::event_log::EventLog;
use super::limits::{Replay, SessionLimits};

/// Finished streams that a client may come back for, and for how long.
const MAX_FINISHED: usize = 4;
const FINISHED_TTL: Duration = Duration::from_secs(60);

/// The streams of a session.
#[derive(Debug)]
pub(crate) struct Outbound {
    common: Arc<EventLog>,
    shape: Shape,
    /// Requests that run at once.
    most_running: usize,
    replay: Replay,
    version: OnceLock<ProtocolVersion>,
    routes: Mutex<Routes>,
}

/// How the streams of a transport are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Streamable HTTP: each request has a stream of its own.
    PerRequest,
    /// HTTP with SSE (2024-11-05): everything goes on the one stream.
    Single,
}

#[derive(Debug, Default)]
struct Routes {
    last_number: u64,
    running: HashMap<RequestId, Running>,
    progress: HashMap<ProgressToken, Arc<EventLog>>,
    /// Requests of the server that wait for the client, by their stream.
    asked: HashMap<RequestId, Arc<EventLog>>,
    finished: VecDeque<(Instant, Arc<EventLog>)>,
}

#[derive(Debug)]
struct Running {
    log: Arc<EventLog>,
    progress: Option<ProgressToken>,
}

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// A request with this id runs.
    Duplicate,
    /// Too many requests of this session run.
    TooMany,
}

impl Outbound {
    pub(crate) fn new(shape: Shape, limits: &SessionLimits) -> Self {
        Self {
            common: EventLog::new(0, limits.replay),
            shape,
            most_running: limits.running_calls,
            replay: limits.replay,
            version: OnceLock::new(),
            routes: Mutex::default(),
        }
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The standalone stream.
    pub(crate) const fn common(&self) -> &Arc<EventLog> {
        &self.common
    }

    /// How the streams are cut.
    pub(crate) const fn shape(&self) -> Shape {
        self.shape
    }

    /// The version that was agreed on in `initialize`.
    pub(crate) fn version(&self) -> Option<&ProtocolVersion> {
        self.version.get()
    }

    /// Makes the stream for the answer to `message`; `None` if it wants none.
    ///
    /// # Errors
    ///
    /// [`NotTaken`] for a request whose id is in use and for one too many.
    pub(crate) fn admit(
        &self,
        message: &ClientJsonRpcMessage,
    ) -> Result<Option<Arc<EventLog>>, NotTaken> {
        let mut routes = self.routes();
        let request = match message {
            ClientJsonRpcMessage::Request(request) => request,
            ClientJsonRpcMessage::Response(response) => {
                routes.asked.remove(&response.id);
                return Ok(None);
            }
            ClientJsonRpcMessage::Error(error) => {
                if let Some(id) = &error.id {
                    routes.asked.remove(id);
                }
                return Ok(None);
            }
            ClientJsonRpcMessage::Notification(_) => return Ok(None),
        };
        if routes.running.contains_key(&request.id) {
            return Err(NotTaken::Duplicate);
        }
        if routes.running.len() >= self.most_running {
            return Err(NotTaken::TooMany);
        }
        let log = match self.shape {
            Shape::PerRequest => {
                routes.last_number += 1;
                EventLog::new(routes.last_number, self.replay)
            }
            Shape::Single => Arc::clone(&self.common),
        };
        let progress = request.request.get_meta().get_progress_token();
        if let Some(token) = &progress {
            routes.progress.insert(token.clone(), Arc::clone(&log));
        }
        let running = Running {
            log: Arc::clone(&log),
            progress,
        };
        routes.running.insert(request.id.clone(), running);
        Ok(Some(log))
    }

    /// The client gave up a request: it gets no answer.
    pub(crate) fn cancel(&self, message: &ClientJsonRpcMessage) {
        if let ClientJsonRpcMessage::Notification(notification) = message
            && let ClientNotification::CancelledNotification(cancelled) = &notification.notification
            && let Some(id) = &cancelled.params.request_id
            && let Some(log) = self.routes().end(id)
            && self.shape == Shape::PerRequest
        {
            log.close();
        }
    }

    /// Puts a message of the server on its stream.
    pub(crate) fn deliver(&self, message: &ServerJsonRpcMessage) {
        if let ServerJsonRpcMessage::Response(response) = message
            && let ServerResult::InitializeResult(result) = &response.result
        {
            let _ = self.version.set(result.protocol_version.clone());
        }
        let text = match serde_json::to_vec(message) {
            Ok(text) => Bytes::from(text),
            Err(error) => {
                tracing::error!(error = %error, "a message of the server is not JSON");
                return;
            }
        };
        let mut routes = self.routes();
        let answered = match message {
            ServerJsonRpcMessage::Response(response) => Some(&response.id),
            ServerJsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        match answered {
            Some(id) => match routes.end(id) {
                Some(log) if self.shape == Shape::PerRequest => {
                    log.finish(text);
                    routes.keep(log);
                }
                Some(log) => log.append(text),
                None => tracing::debug!("an answer that nobody waits for is dropped"),
            },
            None => {
                let log = routes.related(message).unwrap_or(&self.common);
                let log = Arc::clone(log);
                if let ServerJsonRpcMessage::Request(request) = message {
                    routes.asked.insert(request.id.clone(), Arc::clone(&log));
                }
                drop(routes);
                log.append(text);
            }
        }
    }

    /// The stream of this number, if its events are still kept.
    pub(crate) fn stream(&self, number: u64) -> Option<Arc<EventLog>> {
        if number == self.common.number() {
            return Some(Arc::clone(&self.common));
        }
        let mut routes = self.routes();
        routes.forget();
        let running = routes.running.values().map(|running| &running.log);
        let finished = routes.finished.iter().map(|(_, log)| log);
        running
            .chain(finished)
            .find(|log| log.number() == number)
            .cloned()
    }

    /// Ends all streams.
    pub(crate) fn close(&self) {
        let mut routes = self.routes();
        for (_, running) in routes.running.drain() {
            running.log.close();
        }
        routes.progress.clear();
        routes.asked.clear();
        routes.finished.clear();
        drop(routes);
        self.common.close();
    }
}

impl Routes {
    /// The request is over; its stream.
    fn end(&mut self, id: &RequestId) -> Option<Arc<EventLog>> {
        let Running { log, progress } = self.running.remove(id)?;
        if let Some(token) = progress
            && self
                .progress
                .get(&token)
                .is_some_and(|own| Arc::ptr_eq(own, &log))
        {
            self.progress.remove(&token);
        }
        self.asked.retain(|_, own| !Arc::ptr_eq(own, &log));
        Some(log)
    }

    /// Keeps a finished stream for a client that lost its connection.
    fn keep(&mut self, log: Arc<EventLog>) {
        self.forget();
        if log.was_streamed() {
            if self.finished.len() >= MAX_FINISHED {
                self.finished.pop_front();
            }
            self.finished
                .push_back((Instant::now() + FINISHED_TTL, log));
        }
    }

    fn forget(&mut self) {
        let now = Instant::now();
        self.finished.retain(|(until, _)| *until > now);
    }

    /// The stream of the request that `message` relates to.
    fn related(&self, message: &ServerJsonRpcMessage) -> Option<&Arc<EventLog>> {
        let extensions = match message {
            ServerJsonRpcMessage::Request(request) => request.request.extensions(),
            ServerJsonRpcMessage::Notification(notification) => match &notification.notification {
                ServerNotification::ProgressNotification(progress) => {
                    return self.progress.get(&progress.params.progress_token);
                }
                ServerNotification::CancelledNotification(cancelled) => {
                    return self.asked.get(cancelled.params.request_id.as_ref()?);
                }
                other => other.extensions(),
            },
            _ => return None,
        };
        let OriginatingRequestId(id) = extensions.get()?;
        self.running.get(id).map(|running| &running.log)
    }
}
