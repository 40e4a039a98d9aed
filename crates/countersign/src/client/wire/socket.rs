//! Over the network.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use http::Request;

use super::super::ClientError;
use super::super::error::http as told;
use super::{Exchange, Wire, WireAnswer};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// HTTP over TCP and TLS.
#[derive(Debug)]
pub(in super::super) struct Socket(reqwest::Client);

impl Socket {
    /// One that follows no redirect, because the token would go along. With `local`
    /// it asks no proxy: one elsewhere must not see what stays on this machine.
    #[expect(
        clippy::disallowed_methods,
        reason = "the guarded fetcher serves servers, which must not reach private networks; this \
                  client goes where its user points it"
    )]
    pub(in super::super) fn new(local: bool) -> Result<Self, ClientError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT);
        if local {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| ClientError::Setup(error.to_string()))?;
        Ok(Self(client))
    }
}

impl Wire for Socket {
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_> {
        Box::pin(async move {
            let request = reqwest::Request::try_from(request).map_err(|error| told(&error))?;
            let answer = self.0.execute(request).await;
            let mut answer = answer.map_err(|error| told(&error))?;
            Ok(WireAnswer {
                status: answer.status(),
                headers: std::mem::take(answer.headers_mut()),
                body: stream::unfold(Some(answer), |answer| async {
                    let mut answer = answer?;
                    match answer.chunk().await {
                        Ok(Some(chunk)) => Some((Ok(chunk), Some(answer))),
                        Ok(None) => None,
                        Err(error) => Some((Err(told(&error)), None)),
                    }
                })
                .boxed(),
            })
        })
    }
}
