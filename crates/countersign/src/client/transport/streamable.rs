//! Streamable HTTP of both eras. Sessions, resumption and mirrored headers are the
//! SDK's; what goes over the wire, with which credentials, and how much of an answer
//! is read, is decided here.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorData, JsonRpcMessage, ServerJsonRpcMessage,
};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use serde_json::Value;
use url::Url;

use super::super::ClientError;
use super::super::bulk::is_bulky;
use super::super::challenge::ReceivedChallenge;
use super::super::ear::Ear;
use super::super::events::{Answering, Events, events, same};
use super::super::failures::{Failure, Failures};
use super::super::pace::Pace;
use super::super::sending::{Sender, Sending};
use super::super::wire::WireAnswer;
use crate::protocol::{ProtocolVersion, RequestId};

/// An answer is never longer, in bytes.
pub(in super::super) const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// Nor is one that says what went wrong.
const MAX_ERROR: usize = 64 * 1024;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

type Failed = StreamableHttpError<ClientError>;

/// The address of a server, and who sends requests there.
#[derive(Clone, Debug)]
pub(in super::super) struct Streamable {
    pub(in super::super) url: Arc<Url>,
    pub(in super::super) sender: Arc<Sender>,
    pub(in super::super) failures: Failures,
    pub(in super::super) ear: Ear,
    pub(in super::super) pace: Pace,
}

/// The fields that the SDK wants in a request, with those of the transport.
fn fields(
    custom: HashMap<HeaderName, HeaderValue>,
    session: Option<Arc<str>>,
    accept: &'static str,
) -> Result<HeaderMap, Failed> {
    let mut headers: HeaderMap = custom.into_iter().collect();
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    if let Some(session) = session {
        let value = HeaderValue::from_str(&session)
            .map_err(|_| refuse(ClientError::NotMcp("its session id is none".into())))?;
        headers.insert(SESSION, value);
    }
    Ok(headers)
}

fn refuse(error: ClientError) -> Failed {
    StreamableHttpError::Client(error)
}

/// What `message` is about: its method, and what it names.
fn operation(message: &Value) -> String {
    let method = message.get("method").and_then(Value::as_str);
    let params = message.get("params");
    let name = params.and_then(|params| params.get("name").or_else(|| params.get("uri")));
    match (method, name.and_then(Value::as_str)) {
        (Some(method), Some(name)) => format!("{method} {name}"),
        (method, _) => method.unwrap_or("an answer").to_owned(),
    }
}

impl Streamable {
    async fn post(
        &self,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        custom: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failed> {
        let value = serde_json::to_value(&message)?;
        let body = Bytes::from(serde_json::to_vec(&value)?);
        let modern = is_modern(&custom);
        let in_session = session.is_some();
        let mut headers = fields(custom, session, "application/json, text/event-stream")?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        let sending = Sending {
            method: Method::POST,
            url: &self.url,
            headers,
            body,
            operation: &operation(&value),
        };
        let answer = self.deliver(sending, &message, modern).await?;
        if matches!(answer.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if answer.status == StatusCode::NOT_FOUND && in_session {
            return Err(StreamableHttpError::SessionExpired);
        }
        let JsonRpcMessage::Request(request) = message else {
            // Nobody waits for an answer to anything else.
            return match answer.status.is_success() {
                true => Ok(StreamableHttpPostResponse::Accepted),
                false => Err(refuse(ClientError::Status(answer.status.as_u16()))),
            };
        };
        if !answer.status.is_success() {
            let asks_for_era = asks_for_era(&request.request);
            return error(answer, request.id, asks_for_era)
                .await
                .map_err(refuse);
        }
        let session = answer.headers.get(SESSION);
        let session = session.and_then(|value| Some(value.to_str().ok()?.to_owned()));
        if session.is_some() && matches!(request.request, ClientRequest::InitializeRequest(_)) {
            self.ear.has_session();
        }
        if answer.is(EVENTS) {
            let answering = Answering {
                id: request.id,
                resumable: !modern,
                failures: is_awaited(&request.request).then(|| self.failures.clone()),
            };
            let events = answering.of(events(answer.body, MAX_ANSWER));
            return Ok(StreamableHttpPostResponse::Sse(events, session));
        }
        let message = json(answer, &request.id).await.map_err(refuse)?;
        Ok(StreamableHttpPostResponse::Json(message, session))
    }

    /// Sends `message`. If the connection ended before the head of an answer, the question
    /// for the era is asked again: one that was kept open may have ended just then. Other
    /// requests of the newer era are sent again as new ones.
    async fn deliver(
        &self,
        sending: Sending<'_>,
        message: &ClientJsonRpcMessage,
        modern: bool,
    ) -> Result<WireAnswer, Failed> {
        let sent = self.sender.send(sending.clone()).await;
        let (Err(ClientError::Closed), JsonRpcMessage::Request(request)) = (&sent, message) else {
            return sent.map_err(refuse);
        };
        if asks_for_era(&request.request) {
            return self.sender.send(sending).await.map_err(refuse);
        }
        if modern && is_awaited(&request.request) {
            self.failures.note(request.id.clone(), Failure::Broken);
        }
        sent.map_err(refuse)
    }

    async fn listen(
        &self,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        custom: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, Failed> {
        let mut headers = fields(custom, session, EVENTS)?;
        if let Some(id) = last_event {
            let value = HeaderValue::from_str(&id)
                .map_err(|_| refuse(ClientError::NotMcp("the id of an event is none".into())))?;
            headers.insert(LAST_EVENT, value);
        }
        let sending = Sending {
            method: Method::GET,
            url: &self.url,
            headers,
            body: Bytes::new(),
            operation: "messages of the server",
        };
        self.pace.turn().await;
        let answer = self.sender.send(sending).await;
        self.ear.is_answered();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(%error, "no stream of the server");
                // Asking again and again would not help.
                return match error {
                    ClientError::Unreachable(_) | ClientError::Closed => Err(refuse(error)),
                    _ => Err(StreamableHttpError::ServerDoesNotSupportSse),
                };
            }
        };
        match answer.status {
            StatusCode::NOT_FOUND => {
                // What was to be heard there is gone with the session.
                self.ear.lost();
                Err(StreamableHttpError::ServerDoesNotSupportSse)
            }
            status if status.is_server_error() => Err(refuse(ClientError::Status(status.as_u16()))),
            status if status.is_success() && answer.is(EVENTS) => {
                Ok(events(answer.body, MAX_ANSWER))
            }
            _ => Err(StreamableHttpError::ServerDoesNotSupportSse),
        }
    }
}

/// Whether somebody asks for what happened to `request` on the wire. Nobody does for a
/// subscription, which the SDK watches by itself.
const fn is_awaited(request: &ClientRequest) -> bool {
    !matches!(request, ClientRequest::SubscriptionsListenRequest(_))
}

const fn asks_for_era(request: &ClientRequest) -> bool {
    matches!(request, ClientRequest::DiscoverRequest(_))
}

fn is_modern(custom: &HashMap<HeaderName, HeaderValue>) -> bool {
    let version = custom.get(&VERSION).and_then(|value| value.to_str().ok());
    version.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28.as_str())
}

/// The message in a successful answer to the request `id`.
async fn json(answer: WireAnswer, id: &RequestId) -> Result<ServerJsonRpcMessage, ClientError> {
    if !answer.is(JSON) {
        let why = "the answer is neither JSON nor an event stream";
        return Err(ClientError::NotMcp(why.into()));
    }
    let text = answer.text(MAX_ANSWER).await?;
    if is_bulky(&text) {
        return Err(ClientError::TooLarge);
    }
    let mut message = serde_json::from_slice(&text)
        .map_err(|_| ClientError::NotMcp("the answer is not JSON-RPC".into()))?;
    correlate(&mut message, id)?;
    Ok(message)
}

/// Makes sure that `message` answers the request `id` (JSON-RPC 2.0 §5).
fn correlate(message: &mut ServerJsonRpcMessage, id: &RequestId) -> Result<(), ClientError> {
    let told = match message {
        JsonRpcMessage::Response(response) => &response.id,
        // Nothing could be read of the request then, and this is its answer.
        JsonRpcMessage::Error(error) => error.id.get_or_insert_with(|| id.clone()),
        _ => return Err(ClientError::NotMcp("the answer is none".into())),
    };
    match same(id, told) {
        true => Ok(()),
        false => Err(ClientError::NotMcp(
            "the answer is one to another request".into(),
        )),
    }
}

/// What an answer says that is no success, to the request `id`. A server that does not
/// know `server/discover` is an older one, whatever it says.
async fn error(
    answer: WireAnswer,
    id: RequestId,
    asks_for_era: bool,
) -> Result<StreamableHttpPostResponse, ClientError> {
    let status = answer.status;
    let text = match answer.is(JSON) {
        true => answer.text(MAX_ERROR).await.unwrap_or_default(),
        false => Vec::new(),
    };
    if let Ok(mut message @ JsonRpcMessage::Error(_)) = serde_json::from_slice(&text) {
        // A filter in front of the server knows no id, or makes one up.
        let forgives = asks_for_era && status.is_client_error();
        if let (JsonRpcMessage::Error(error), true) = (&mut message, forgives) {
            error.id = Some(id.clone());
        }
        correlate(&mut message, &id)?;
        return Ok(StreamableHttpPostResponse::Json(message, None));
    }
    if asks_for_era && status.is_client_error() {
        let told = ErrorData::invalid_request(format!("HTTP {}", status.as_u16()), None);
        let message = ServerJsonRpcMessage::error(told, Some(id));
        return Ok(StreamableHttpPostResponse::Json(message, None));
    }
    Err(ClientError::from_status(
        status.as_u16(),
        ReceivedChallenge::default(),
    ))
}

impl StreamableHttpClient for Streamable {
    type Error = ClientError;

    async fn post_message(
        &self,
        _: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failed> {
        self.post(message, session_id, custom_headers).await
    }

    async fn delete_session(
        &self,
        _: Arc<str>,
        session_id: Arc<str>,
        _: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failed> {
        let sending = Sending {
            method: Method::DELETE,
            url: &self.url,
            headers: fields(custom_headers, Some(session_id), JSON)?,
            body: Bytes::new(),
            operation: "the end of the session",
        };
        // 405 says that sessions end by themselves.
        self.sender.send(sending).await.map_err(refuse)?;
        Ok(())
    }

    async fn get_stream(
        &self,
        _: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, Failed> {
        self.listen(session_id, last_event_id, custom_headers).await
    }
}
