//! The floor: the least that an HTTP server for JSON-RPC does. It parses the body
//! and answers with a constant; nothing is checked, dispatched or made.
//!
//! With a key it also verifies the signature of the token of each request: the
//! least that a token costs that was never seen before.

use std::borrow::Cow;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::signature::Signatures;

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"Hello, World! Your userid is hello@world.com."}],"resultType":"complete"}}"#;

/// A JSON-RPC request; whatever can be borrowed is.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: &'a RawValue,
}

async fn answer(body: Bytes) -> impl IntoResponse {
    let parsed = serde_json::from_slice::<Envelope<'_>>(&body);
    let status = match std::hint::black_box(&parsed) {
        Ok(envelope) if envelope.is_whole() => StatusCode::OK,
        _ => StatusCode::BAD_REQUEST,
    };
    let json = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, json)], ANSWER)
}

impl Envelope<'_> {
    fn is_whole(&self) -> bool {
        let parts = [
            &*self.jsonrpc,
            self.id.get(),
            &*self.method,
            self.params.get(),
        ];
        parts.iter().all(|part| !part.is_empty())
    }
}

async fn answer_signed(
    State(signatures): State<Arc<Signatures>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let value = headers.get(AUTHORIZATION);
    let value = value.and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.strip_prefix("Bearer "));
    if token.is_some_and(|token| signatures.are_good(token)) {
        answer(body).await.into_response()
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

/// Serves; with `signatures`, only requests whose token is signed.
pub(super) async fn serve(signatures: Option<Signatures>) -> Result<()> {
    let listener = super::listen().await?;
    let router = match signatures {
        None => Router::new().route("/mcp", post(answer)),
        Some(signatures) => Router::new()
            .route("/mcp", post(answer_signed))
            .with_state(Arc::new(signatures)),
    };
    axum::serve(listener, router).await?;
    Ok(())
}
