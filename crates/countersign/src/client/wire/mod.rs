//! How one HTTP request gets to a server and its answer back.

mod app;
mod socket;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::{HeaderMap, Request, StatusCode};

use super::ClientError;

pub(super) use app::InProcess;
pub(super) use socket::Socket;

/// An answer on its way.
pub(super) type Exchange<'a> =
    Pin<Box<dyn Future<Output = Result<WireAnswer, ClientError>> + Send + 'a>>;

/// Sends requests, and follows no redirect.
pub(super) trait Wire: fmt::Debug + Send + Sync + 'static {
    /// Sends `request`, whose URI is absolute; ready when the head of the answer is.
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_>;
}

/// An answer whose body has not been read.
pub(super) struct WireAnswer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: BoxStream<'static, Result<Bytes, ClientError>>,
}

impl WireAnswer {
    /// The whole body.
    ///
    /// # Errors
    ///
    /// [`ClientError::TooLarge`] if it has more than `most` bytes.
    pub(super) async fn text(mut self, most: usize) -> Result<Vec<u8>, ClientError> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.body.next().await {
            let chunk = chunk?;
            if chunk.len() > most.saturating_sub(whole.len()) {
                return Err(ClientError::TooLarge);
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }

    /// Whether the body is of the media type `name`.
    pub(super) fn is(&self, name: &str) -> bool {
        let value = self.headers.get(http::header::CONTENT_TYPE);
        let value = value.and_then(|value| value.to_str().ok());
        value.is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case(name)
        })
    }
}
