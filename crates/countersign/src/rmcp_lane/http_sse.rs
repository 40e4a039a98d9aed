//! Sessions over HTTP with SSE (2024-11-05, transports): one stream for everything
//! that the server says, and a POST for each message of the client.
//!
//! What was done before: the caller of the stream and of each POST is verified, and
//! each request is permitted. The stream belongs to its caller: for everybody else
//! its address does not exist (TR-25).

use std::sync::Arc;

use bytes::Bytes;
use countersign_resource_server::Caller;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use rmcp::model::ClientJsonRpcMessage;

use super::body::{Bounded, EventStream, ResponseBody};
use super::lane::{SessionLane, hand_over, refuse_full, remaining};
use super::outbound::Shape;
use super::reply;
use super::session::Session;

/// The member of the query that names the session.
const SESSION: &str = "session_id";

/// Marks a request that came over this transport, with the session it names.
#[derive(Clone, Debug)]
pub(crate) struct OverSse(Option<Arc<str>>);

impl OverSse {
    /// The mark of a request with this query.
    pub(crate) fn of(query: Option<&str>) -> Self {
        let mut named = query
            .unwrap_or_default()
            .split('&')
            .filter_map(|member| member.split_once('='))
            .filter(|(name, _)| *name == SESSION)
            .map(|(_, id)| id);
        let id = named.next().filter(|_| named.next().is_none());
        Self(id.map(Arc::from))
    }
}

impl SessionLane {
    /// Opens a session and its stream. `messages` is where the client posts.
    pub(crate) fn open_sse(&self, caller: &Caller, messages: &str) -> Response<ResponseBody> {
        let place = match self.table.take_place(caller) {
            Ok(place) => place,
            Err(full) => return refuse_full(full, None),
        };
        let Some(session) = self.start(caller, Shape::Single, place) else {
            return reply::internal(None);
        };
        // The stream is the session: without a reader it ends.
        let while_read = session.ended().clone().drop_guard();
        let Ok(reader) = session.outbound().common().read() else {
            return reply::internal(None);
        };
        self.table.insert(Arc::clone(&session));
        let address = format!("{messages}?{SESSION}={}", session.id());
        let head = Bytes::from(format!("event: endpoint\ndata: {address}\n\n"));
        let stream = EventStream::new(Some(head), reader, false, session.open_stream());
        let stream = stream.map_frame(move |frame| {
            let _while_read = &while_read;
            frame
        });
        let bounded = Bounded::new(
            stream,
            remaining(caller, self.clock.now()),
            session.ended().clone(),
            self.limits.keep_alive,
        );
        reply::event_stream(bounded.boxed_unsync())
    }

    /// Hands a message to its session; the answer goes on the stream.
    pub(super) async fn sse_message(
        &self,
        caller: &Caller,
        over: &OverSse,
        parts: Parts,
        body: &Bytes,
    ) -> Response<ResponseBody> {
        let Some(session) = self.of_sse(caller, over) else {
            return reply::no_such_session();
        };
        let Ok(message) = serde_json::from_slice::<ClientJsonRpcMessage>(body) else {
            return reply::invalid_message();
        };
        match hand_over(&session, message, parts).await {
            Ok(_) => reply::empty(StatusCode::ACCEPTED),
            Err(refusal) => refusal,
        }
    }

    /// Puts an answer of the front on the stream.
    pub(crate) fn tell_sse(
        &self,
        caller: &Caller,
        over: &OverSse,
        text: Bytes,
    ) -> Response<ResponseBody> {
        let Some(session) = self.of_sse(caller, over) else {
            return reply::no_such_session();
        };
        session.touch();
        session.outbound().common().append(text);
        reply::empty(StatusCode::ACCEPTED)
    }

    fn of_sse(&self, caller: &Caller, OverSse(id): &OverSse) -> Option<Arc<Session>> {
        self.table.find(caller, id.as_deref()?, Shape::Single)
    }
}
