//! To a server in this process, without a network.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use http::Request;
use http_body_util::{BodyExt, Full};

use super::super::ClientError;
use super::{Exchange, Wire, WireAnswer};
use crate::App;

/// A server in this process: every step of a request over HTTP, and nothing on the
/// network.
#[derive(Clone, Debug)]
pub(in super::super) struct InProcess(pub(in super::super) App);

impl Wire for InProcess {
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_> {
        let app = self.0.clone();
        Box::pin(async move {
            let peer = Some(std::net::IpAddr::from([127, 0, 0, 1]));
            let answer = app.respond(request.map(Full::new), peer).await;
            let (head, body) = answer.into_parts();
            let frames = stream::unfold(Box::pin(body), |mut body| async {
                loop {
                    match body.frame().await? {
                        Ok(frame) => {
                            if let Ok(data) = frame.into_data() {
                                return Some((Ok(data), body));
                            }
                        }
                        Err(_) => return Some((Err(ClientError::Closed), body)),
                    }
                }
            });
            Ok(WireAnswer {
                status: head.status,
                headers: head.headers,
                body: frames.boxed(),
            })
        })
    }
}
