//! HTTP requests that the SDK serves: sessions of legacy clients (2025-11-25 and
//! before), streams of the 2026-07-28 wire, and handlers written for the SDK.
//!
//! What was done before: Host and Origin are allowed, the caller is verified, the
//! body is one well-formed message below its cap, its headers agree with it, and
//! every policy agreed. What is left: whose session it is, and how long a stream
//! may live. A session is never a credential (TR-24).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use countersign_resource_server::oauth::UnixTime;
use countersign_resource_server::{AccessToken, Caller, Clock, Principal};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, PROXY_AUTHORIZATION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full as FullBody};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, GetMeta, ProtocolVersion, RequestId};
use serde::Deserialize;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::body::{Bounded, EventStream, ResponseBody, event, priming_event};
use super::event_log::{EventLog, LogReader};
use super::handlers::{Handlers, HandlersOf};
use super::http_sse::OverSse;
use super::limits::SessionLimits;
use super::outbound::{NotTaken, Shape};
use super::reply::{self, LAST_EVENT_ID, SESSION_ID};
use super::session::{NotSent, Session};
use super::subscriptions::Watched;
use super::table::{Full, Owner, Place, SessionTable};
use crate::front::{Era, answer};
use crate::protocol::{ErrorCode, ErrorData};
use crate::random;

const VERSION: &str = "mcp-protocol-version";
/// Suggested to callers that reached a limit, in seconds.
const RETRY_AFTER: u32 = 30;

/// Serves what the direct lane does not.
pub(crate) struct SessionLane {
    handlers: Arc<dyn Handlers>,
    pub(super) table: Arc<SessionTable>,
    pub(super) limits: SessionLimits,
    pub(super) clock: Arc<dyn Clock>,
    sessions: bool,
    pub(super) ended: CancellationToken,
    _end_with_the_lane: DropGuard,
}

impl std::fmt::Debug for SessionLane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionLane")
            .field("sessions", &self.table.len())
            .finish_non_exhaustive()
    }
}

/// Whether legacy clients get sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionMode {
    /// `initialize` opens one.
    Offered,
    /// Every request stands alone.
    Stateless,
}

impl SessionLane {
    /// A lane whose handlers `make` makes, one for each session and one for each
    /// request without a session, for the caller who opens it.
    pub(crate) fn new<F, H>(
        make: F,
        mode: SessionMode,
        limits: SessionLimits,
        clock: Arc<dyn Clock>,
    ) -> Self
    where
        F: Fn(Caller) -> H + Send + Sync + 'static,
        H: Watched,
    {
        let ended = CancellationToken::new();
        Self {
            handlers: Arc::new(HandlersOf(Arc::new(make))),
            table: SessionTable::new(&limits),
            limits,
            clock,
            sessions: mode == SessionMode::Offered,
            _end_with_the_lane: ended.clone().drop_guard(),
            ended,
        }
    }

    /// Answers one request of `caller`.
    pub(crate) async fn handle(
        &self,
        caller: &Caller,
        mut parts: Parts,
        body: Bytes,
    ) -> Response<ResponseBody> {
        conceal(&mut parts.headers);
        parts.extensions.insert(caller.clone());
        if let Some(over) = parts.extensions.get::<OverSse>().cloned() {
            return self.sse_message(caller, &over, parts, &body).await;
        }
        match parts.method {
            Method::POST => self.post(caller, parts, body).await,
            Method::GET if self.sessions => self.listen(caller, &parts.headers),
            Method::DELETE if self.sessions => self.delete(caller, &parts.headers),
            _ if self.sessions => reply::method_not_allowed("GET, POST, DELETE"),
            _ => reply::method_not_allowed("POST"),
        }
    }

    /// Ends every session and stream of `principal`: it logged out, or its tokens
    /// were revoked. Returns how many there were.
    pub(crate) fn end_sessions_of(&self, principal: &Principal) -> usize {
        self.table
            .end_where(|owner| matches!(owner, Owner::Principal(own) if own == principal))
    }

    /// Ends every session and stream of a subject, whichever client it used.
    pub(crate) fn end_sessions_of_subject(&self, issuer: &str, subject: &str) -> usize {
        self.table.end_where(|owner| {
            matches!(owner, Owner::Principal(own)
                if &*own.issuer == issuer && &*own.subject == subject)
        })
    }

    /// How many sessions there are.
    pub(crate) fn open_sessions(&self) -> usize {
        self.table.len()
    }

    /// How many streams there are.
    pub(crate) fn open_streams(&self) -> usize {
        self.table.streams()
    }

    /// Ends everything.
    pub(crate) fn shut_down(&self) {
        self.table.end_where(|_| true);
        self.ended.cancel();
    }

    async fn post(&self, caller: &Caller, parts: Parts, body: Bytes) -> Response<ResponseBody> {
        if !self.sessions || names_modern_version(&parts.headers) {
            return self.alone(caller, parts, body).await;
        }
        let Ok(mut message) = serde_json::from_slice::<ClientJsonRpcMessage>(&body) else {
            return reply::invalid_message();
        };
        if let ClientJsonRpcMessage::Request(request) = &message {
            match &request.request {
                // Whatever session the client names: it gets a new one.
                ClientRequest::InitializeRequest(_) => {
                    let id = request.id.clone();
                    message.insert_extension(parts);
                    return self.open(caller, id, message).await;
                }
                ClientRequest::DiscoverRequest(_) => return self.alone(caller, parts, body).await,
                other if is_modern(other.get_meta().protocol_version()) => {
                    return self.alone(caller, parts, body).await;
                }
                _ => {}
            }
        }
        let session = match self.session(caller, &parts.headers) {
            Ok(session) => session,
            Err(refusal) => return refusal,
        };
        match hand_over(&session, message, parts).await {
            Ok(Some(log)) => self.answer(caller, &session, &log).await,
            Ok(None) => reply::empty(StatusCode::ACCEPTED),
            Err(refusal) => refusal,
        }
    }

    /// Opens a session: after authentication, for a message that is an `initialize`,
    /// and only kept if the handler accepts it.
    async fn open(
        &self,
        caller: &Caller,
        id: RequestId,
        message: ClientJsonRpcMessage,
    ) -> Response<ResponseBody> {
        let place = match self.table.take_place(caller) {
            Ok(place) => place,
            Err(full) => return refuse_full(full, Some(id)),
        };
        let Some(session) = self.start(caller, Shape::PerRequest, place) else {
            return reply::internal(Some(id));
        };
        // Ends the session again unless it was accepted, also if this future is dropped.
        let unless_accepted = session.ended().clone().drop_guard();
        let Ok(Some(log)) = session.send(message).await else {
            return reply::internal(Some(id));
        };
        let Ok(reader) = log.read() else {
            return reply::internal(Some(id));
        };
        let Ok(Some(first)) = tokio::time::timeout(self.limits.initialize, reader.next()).await
        else {
            return reply::internal(Some(id));
        };
        if session.outbound().version().is_none() {
            let mut refusal = reply::json(first.text);
            *refusal.status_mut() = StatusCode::BAD_REQUEST;
            return refusal;
        }
        let Ok(header) = HeaderValue::from_str(session.id()) else {
            return reply::internal(Some(id));
        };
        unless_accepted.disarm();
        self.table.insert(Arc::clone(&session));
        if session.has_ended() {
            // It ended between the answer and its registration.
            self.table.remove(session.id());
        }
        let mut response = reply::json(first.text);
        response.headers_mut().insert(SESSION_ID, header);
        response
    }

    /// Starts the handler of a new session. `None` if the random generator fails.
    pub(super) fn start(
        &self,
        caller: &Caller,
        shape: Shape,
        place: Place,
    ) -> Option<Arc<Session>> {
        let id = random::bytes::<32>().ok()?;
        let id: Arc<str> = URL_SAFE_NO_PAD.encode(id).into();
        let (session, transport) = Session::new(
            id,
            Owner::of(caller),
            (shape, &self.limits),
            self.ended.child_token(),
        );
        let serving = self.handlers.session(
            caller.clone(),
            transport,
            session.ended().clone(),
            self.limits.initialize,
        );
        let table = Arc::clone(&self.table);
        let (idle, supervised) = (self.limits.idle, Arc::clone(&session));
        tokio::spawn(async move {
            let ended = supervised.ended().clone();
            let mut serving = serving;
            tokio::select! {
                () = &mut serving => {}
                () = ended.cancelled() => {}
                () = supervised.idle(idle) => tracing::debug!("an idle session ends"),
            }
            supervised.end();
            table.remove(supervised.id());
            supervised.outbound().close();
            drop(place);
        });
        Some(session)
    }

    /// The session that a request names, if it is the caller's.
    #[expect(clippy::result_large_err, reason = "the answer is sent, not passed on")]
    fn session(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
    ) -> Result<Arc<Session>, Response<ResponseBody>> {
        let mut values = headers.get_all(SESSION_ID).iter();
        let Some(value) = values.next() else {
            return Err(reply::session_required());
        };
        let id = value.to_str().ok().filter(|_| values.next().is_none());
        id.and_then(|id| self.table.find(caller, id, Shape::PerRequest))
            .ok_or_else(reply::no_such_session)
    }

    /// The answer to a request in a session: JSON if the first message is the last,
    /// a stream otherwise or if it takes long.
    async fn answer(
        &self,
        caller: &Caller,
        session: &Arc<Session>,
        log: &Arc<EventLog>,
    ) -> Response<ResponseBody> {
        let Ok(reader) = log.read() else {
            return reply::internal(None);
        };
        let (priming, first) = match tokio::time::timeout(self.limits.patience, reader.next()).await
        {
            Ok(Some(only)) if reader.is_at_end() => return reply::json(only.text),
            Ok(Some(first)) => (can_resume(session), Some(event(log.number(), &first, true))),
            // The client cancelled the request, or the session ended.
            Ok(None) => (false, None),
            Err(_elapsed) => (can_resume(session), None),
        };
        let priming = priming.then(|| priming_event(log.number(), 0));
        let head = match (priming, first) {
            (Some(priming), Some(first)) => Some([priming, first].concat().into()),
            (priming, first) => priming.or(first),
        };
        log.mark_streamed();
        self.stream(caller, session, head, reader)
    }

    /// An event stream of a session.
    pub(super) fn stream(
        &self,
        caller: &Caller,
        session: &Arc<Session>,
        head: Option<Bytes>,
        reader: LogReader,
    ) -> Response<ResponseBody> {
        let stream = EventStream::new(head, reader, true, session.open_stream());
        let remaining = remaining(caller, self.clock.now());
        let bounded = Bounded::new(
            stream,
            remaining,
            session.ended().clone(),
            self.limits.keep_alive,
        );
        reply::event_stream(bounded.boxed_unsync())
    }

    /// GET: messages that relate to no request, or the rest of a stream whose
    /// connection was lost.
    fn listen(&self, caller: &Caller, headers: &HeaderMap) -> Response<ResponseBody> {
        if names_modern_version(headers) {
            return reply::method_not_allowed("POST");
        }
        let session = match self.session(caller, headers) {
            Ok(session) => session,
            Err(refusal) => return refusal,
        };
        session.touch();
        let resumed = headers
            .get(LAST_EVENT_ID)
            .and_then(|value| parse_event_id(value.to_str().ok()?))
            .and_then(|(number, index)| session.outbound().stream(number)?.read_after(index));
        let reader = match resumed {
            Some(reader) => reader,
            None => match session.outbound().common().read() {
                Ok(reader) => reader,
                Err(_occupied) => return reply::occupied(),
            },
        };
        let head = can_resume(&session).then(|| {
            let log = reader.log();
            priming_event(log.number(), log.last_handed_out())
        });
        let head = head.filter(|_| !headers.contains_key(LAST_EVENT_ID));
        self.stream(caller, &session, head, reader)
    }

    /// DELETE: the client ends its session.
    fn delete(&self, caller: &Caller, headers: &HeaderMap) -> Response<ResponseBody> {
        match self.session(caller, headers) {
            Ok(session) => {
                self.table.remove(session.id());
                session.end();
                reply::empty(StatusCode::NO_CONTENT)
            }
            Err(refusal) => refusal,
        }
    }

    /// Serves a request that stands alone. The stream it may open counts against
    /// the limits and ends with the caller's token.
    async fn alone(
        &self,
        caller: &Caller,
        mut parts: Parts,
        body: Bytes,
    ) -> Response<ResponseBody> {
        let modern = names_modern_version(&parts.headers);
        let ended = self.ended.child_token();
        let place = match self.table.take_stream(caller, ended.clone()) {
            Ok(place) => place,
            Err(full) => return refuse_full(full, None),
        };
        parts.headers.remove(SESSION_ID);
        parts.headers.remove(LAST_EVENT_ID);
        // The front judged both; here they must only be what the SDK wants to see.
        parts.headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        parts
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let request = Request::from_parts(parts, FullBody::new(body));
        let response = self
            .handlers
            .request(caller.clone(), request, ended.clone())
            .await;
        let (head, body) = response.into_parts();
        let kind = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        if kind == Some(b"text/event-stream") {
            let remaining = remaining(caller, self.clock.now());
            let bounded = Bounded::new(body, remaining, ended, self.limits.keep_alive);
            let held = bounded.map_frame(move |frame| {
                let _until_the_stream_ends = &place;
                frame
            });
            return reply::event_stream(held.boxed_unsync());
        }
        if head.status == StatusCode::ACCEPTED {
            return reply::empty(StatusCode::ACCEPTED);
        }
        if kind != Some(b"application/json") {
            // Texts of the SDK may repeat what was sent.
            return match head.status {
                status if status.is_server_error() => reply::internal(None),
                _ => reply::invalid_message(),
            };
        }
        let text = body.collect().await.map(|body| body.to_bytes());
        let text = text.unwrap_or_default();
        let status = match error_code(&text) {
            Some(code) if modern && head.status == StatusCode::OK => {
                answer::error_status(&Era::Modern, code)
            }
            _ => head.status,
        };
        let mut response = reply::json(text);
        *response.status_mut() = status;
        response
    }
}

/// The code of a JSON-RPC error.
fn error_code(text: &[u8]) -> Option<ErrorCode> {
    #[derive(Deserialize)]
    struct Failed {
        error: ErrorData,
    }
    let failed: Failed = serde_json::from_slice(text).ok()?;
    Some(failed.error.code)
}

/// Gives `session` a message with the head of its HTTP request; for a request, where its
/// answer comes. What is refused is refused with the answer.
pub(super) async fn hand_over(
    session: &Session,
    mut message: ClientJsonRpcMessage,
    parts: Parts,
) -> Result<Option<Arc<EventLog>>, Response<ResponseBody>> {
    let id = match &message {
        ClientJsonRpcMessage::Request(request) => Some(request.id.clone()),
        _ => None,
    };
    message.insert_extension(parts);
    session.send(message).await.map_err(|why| match why {
        NotSent::Ended => reply::no_such_session(),
        NotSent::NotTaken(NotTaken::Duplicate) => reply::error(
            StatusCode::BAD_REQUEST,
            id,
            ErrorData::invalid_request("A request with this id is running", None),
        ),
        NotSent::NotTaken(NotTaken::TooMany) => {
            reply::full_house(StatusCode::TOO_MANY_REQUESTS, id, 1)
        }
    })
}

pub(super) fn refuse_full(full: Full, id: Option<RequestId>) -> Response<ResponseBody> {
    match full {
        Full::Caller => reply::full_house(StatusCode::TOO_MANY_REQUESTS, id, RETRY_AFTER),
        Full::Total => reply::full_house(StatusCode::SERVICE_UNAVAILABLE, id, RETRY_AFTER),
    }
}

/// The caller was verified: what proved it is for nobody behind, nor for the SDK's logs.
fn conceal(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, PROXY_AUTHORIZATION] {
        headers.remove(name);
    }
    if let http::header::Entry::Occupied(mut entry) = headers.entry(COOKIE) {
        for value in entry.iter_mut() {
            value.set_sensitive(true);
        }
    }
}

/// How long a stream of `caller` may live: as long as each of its credentials; at least
/// a second, so that a token within its leeway still gets an answer.
pub(crate) fn remaining(caller: &Caller, now: UnixTime) -> Option<Duration> {
    let expiry = caller.credentials().filter_map(AccessToken::exp).min()?;
    Some(expiry.since(now).as_duration().max(Duration::from_secs(1)))
}

fn is_modern(version: Option<ProtocolVersion>) -> bool {
    version.is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

fn names_modern_version(headers: &HeaderMap) -> bool {
    headers
        .get(VERSION)
        .is_some_and(|value| value.as_bytes() >= ProtocolVersion::V_2026_07_28.as_str().as_bytes())
}

/// Whether the client of this session understands events without a message
/// (from 2025-11-25 on).
fn can_resume(session: &Session) -> bool {
    session
        .outbound()
        .version()
        .is_some_and(|version| version.as_str() >= ProtocolVersion::V_2025_11_25.as_str())
}

/// The stream and the event that `Last-Event-ID` names.
fn parse_event_id(text: &str) -> Option<(u64, u64)> {
    let digits = |text: &str| {
        let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| all)
    };
    let (number, index) = text.split_once('.')?;
    Some((digits(number)?, digits(index)?))
}
