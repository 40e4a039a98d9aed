//! HTTP with SSE, the transport of protocol version 2024-11-05, for clients that
//! know no other. Off unless [`crate::Http::http_with_sse`] was said.
//!
//! What was done before: Host and Origin are allowed. What is the same as for the
//! endpoint: authentication before the body, on the stream and on every message;
//! envelope and policy; a denial is an HTTP status with its challenge. What is
//! different: every JSON-RPC answer goes on the stream, and the stream is the
//! session, which ends with it.

use std::net::IpAddr;

use bytes::Bytes;
use countersign_resource_server::Caller;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body::Body;

use super::era::{self, Era};
use super::{Answer, BoxError, Front, Keeper, answer, body, media_types};
use crate::audit;
use crate::protocol::{ErrorCode, ErrorData};
use crate::rmcp_lane::OverSse;

/// Where a client opens its stream.
pub(crate) const STREAM: &str = "/sse";
/// Where it posts its messages.
pub(crate) const MESSAGES: &str = "/messages";

/// Whether this transport has something at `path`.
pub(super) fn is_path(path: &str) -> bool {
    [STREAM, MESSAGES].contains(&path)
}

impl Front {
    /// Answers a request for [`STREAM`] or [`MESSAGES`].
    pub(super) async fn http_sse<B>(
        &self,
        keeper: &Keeper,
        parts: Parts,
        body: B,
        peer: Option<IpAddr>,
    ) -> Response<Answer>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let caller = match self.admit(&parts, peer).await {
            Ok(caller) => caller,
            Err(refused) => return refused,
        };
        let nonce = caller.dpop_nonce().cloned();
        let response = self.http_sse_of(keeper, parts, body, caller).await;
        answer::bringing(nonce, response)
    }

    async fn http_sse_of<B>(
        &self,
        keeper: &Keeper,
        parts: Parts,
        body: B,
        caller: Caller,
    ) -> Response<Answer>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        match (parts.uri.path(), &parts.method) {
            (STREAM, &Method::GET) if !media_types::accepts_events(&parts.headers) => {
                answer::status(StatusCode::NOT_ACCEPTABLE)
            }
            (STREAM, &Method::GET) => {
                if let Err(refused) = self.charge(&caller) {
                    return *refused;
                }
                audit::asked_for("GET");
                audit::permitted();
                self.lane.open_sse(&caller, MESSAGES).map(Answer::stream)
            }
            (STREAM, _) => answer::method_not_allowed("GET"),
            (_, &Method::POST) if !media_types::is_json(&parts.headers) => {
                answer::status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            (_, &Method::POST) => {
                let limits = self.place.limits;
                match body::read(body, limits.body, limits.body_patience).await {
                    Ok(body) => self.sse_message(keeper, parts, body, caller).await,
                    Err(why) => answer::unread(why),
                }
            }
            _ => answer::method_not_allowed("POST"),
        }
    }

    async fn sse_message(
        &self,
        keeper: &Keeper,
        mut parts: Parts,
        body: Bytes,
        caller: Caller,
    ) -> Response<Answer> {
        if matches!(era::version_header(&parts.headers), Ok(Some(era::MODERN))) {
            let error = ErrorData::new(
                ErrorCode::INVALID_REQUEST,
                "This transport is older than the protocol version",
                None,
            );
            return answer::error(&Era::Modern, None, &error);
        }
        let over = OverSse::of(parts.uri.query());
        parts.extensions.insert(over.clone());
        let answer = self.post(keeper, &mut parts, body, caller.clone()).await;
        // The client waits for it on its stream.
        match answer.extensions().get::<answer::Told>() {
            Some(answer::Told(text)) => {
                let told = self.lane.tell_sse(&caller, &over, text.clone());
                told.map(Answer::stream)
            }
            None => answer,
        }
    }
}
