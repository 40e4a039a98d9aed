//! The server as a tower service, for axum and whatever else serves tower services.
//!
//! What it adds to [`AuthorizationServer::respond`] is nothing but the type.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower_service::Service;

use crate::exchange::Answer;
use crate::server::AuthorizationServer;

impl<B> Service<Request<B>> for AuthorizationServer
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move { Ok(server.respond(request).await) })
    }
}
