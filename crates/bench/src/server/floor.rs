//! The floor: the least that an HTTP server for JSON-RPC does. It parses the body
//! and answers with a constant; nothing is checked, dispatched or made.

use std::borrow::Cow;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::serve::ListenerExt;
use serde::Deserialize;
use serde_json::value::RawValue;

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

/// Serves.
pub(super) async fn serve() -> Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    super::announce(listener.local_addr()?)?;
    let listener = listener.tap_io(|stream| {
        // Left as it is if the option cannot be set: only latency suffers.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, Router::new().route("/mcp", post(answer))).await?;
    Ok(())
}
