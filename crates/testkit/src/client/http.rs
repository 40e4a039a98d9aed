//! One HTTP request, one answer.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tower_service::Service;

use super::sse::{Event, EventReader};

type BoxError = Box<dyn Error + Send + Sync>;
type BoxedResponse = Response<UnsyncBoxBody<Bytes, BoxError>>;
type SendFn = dyn Fn(Request<Full<Bytes>>) -> Pin<Box<dyn Future<Output = BoxedResponse> + Send>>
    + Send
    + Sync;

/// Where requests go. Cloning is cheap.
#[derive(Clone)]
pub struct Http {
    send: Arc<SendFn>,
    host: Arc<str>,
}

impl Http {
    /// Hands each request to `answer`; a `Host` of `localhost` is added.
    pub fn function<F, Fut, B>(answer: F) -> Self
    where
        F: Fn(Request<Full<Bytes>>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self {
            send: Arc::new(move |request| {
                let answer = answer(request);
                Box::pin(async move { boxed(answer.await) })
            }),
            host: "localhost".into(),
        }
    }

    /// Hands each request to a clone of `service`.
    pub fn service<S, B>(service: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        S::Error: fmt::Debug,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::function(move |request| {
            let mut service = service.clone();
            async move {
                std::future::poll_fn(|context| service.poll_ready(context))
                    .await
                    .expect("the service is ready");
                service
                    .call(request)
                    .await
                    .expect("the service answers instead of failing")
            }
        })
    }

    /// Sends each request over a new HTTP/1 connection to `authority`, such as
    /// `127.0.0.1:8000`.
    pub fn socket(authority: &str) -> Self {
        let address: Arc<str> = authority.into();
        let host = Arc::clone(&address);
        Self {
            send: Arc::new(move |request| {
                let address = Arc::clone(&address);
                Box::pin(async move {
                    let socket = TcpStream::connect(&*address)
                        .await
                        .expect("the server listens");
                    let (mut sender, connection) =
                        hyper::client::conn::http1::handshake(TokioIo::new(socket))
                            .await
                            .expect("a connection");
                    // Ends with the connection; its errors reach the sender or the body.
                    tokio::spawn(connection);
                    let answer = sender.send_request(request).await.expect("an HTTP answer");
                    // The sender lives as long as the body: dropping it early would close.
                    boxed(answer.map(|body| {
                        body.map_frame(move |frame| {
                            let _alive = &sender;
                            frame
                        })
                    }))
                })
            }),
            host,
        }
    }

    /// A request with `method` to the path and query `target`.
    pub fn request(&self, method: Method, target: &str) -> RequestBuilder {
        let mut headers = HeaderMap::new();
        headers.insert(
            http::header::HOST,
            HeaderValue::from_str(&self.host).expect("a host"),
        );
        RequestBuilder {
            http: self.clone(),
            method,
            target: target.to_owned(),
            headers,
            body: Bytes::new(),
        }
    }

    /// A GET request.
    pub fn get(&self, target: &str) -> RequestBuilder {
        self.request(Method::GET, target)
    }

    /// A POST request.
    pub fn post(&self, target: &str) -> RequestBuilder {
        self.request(Method::POST, target)
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Http({})", self.host)
    }
}

/// A request in the making.
#[derive(Clone, Debug)]
#[must_use]
pub struct RequestBuilder {
    http: Http,
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

impl RequestBuilder {
    /// Sets a header, instead of any of that name. Values may hold any bytes
    /// that HTTP allows.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = header(name, value.as_ref());
        self.headers.insert(name, value);
        self
    }

    /// Adds a header line, next to any of that name.
    pub fn also(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = header(name, value.as_ref());
        self.headers.append(name, value);
        self
    }

    /// Removes a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// `Authorization: Bearer token`.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// The whole body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// A JSON body with its `Content-Type`.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// The request as it would be sent.
    pub fn build(self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self
            .target
            .parse()
            .unwrap_or_else(|error| panic!("target {}: {error}", self.target));
        *request.headers_mut() = self.headers;
        request
    }

    /// Sends it and waits for status and headers.
    pub async fn send(self) -> Answer {
        let send = Arc::clone(&self.http.send);
        let answer = send(self.build()).await;
        let (parts, body) = answer.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: Some(body),
            events: EventReader::default(),
        }
    }
}

/// An answer whose body is still to be read.
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Option<UnsyncBoxBody<Bytes, BoxError>>,
    events: EventReader,
}

impl Answer {
    /// The status as a number.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of the only header line called `name`; panics if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        assert!(values.next().is_none(), "several {name} headers");
        Some(value.to_str().expect("a header of visible ASCII"))
    }

    /// The `WWW-Authenticate` header, or nothing.
    pub fn challenge(&self) -> &str {
        self.header("www-authenticate").unwrap_or_default()
    }

    /// The rest of the body; panics if it breaks off.
    pub async fn bytes(&mut self) -> Bytes {
        match self.body.take() {
            Some(body) => body.collect().await.expect("a whole body").to_bytes(),
            None => Bytes::new(),
        }
    }

    /// The rest of the body as text.
    pub async fn text(&mut self) -> String {
        String::from_utf8(self.bytes().await.to_vec()).expect("a body in UTF-8")
    }

    /// The body as one JSON value.
    pub async fn json(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in the body {text:?}"))
    }

    /// The next event of an SSE body, or nothing at its end.
    pub async fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.next_event() {
                return Some(event);
            }
            let frame = self
                .body
                .as_mut()?
                .frame()
                .await?
                .expect("a body that does not break off");
            if let Ok(data) = frame.into_data() {
                self.events.feed(&data);
            }
        }
    }

    /// The next JSON-RPC message, from a JSON or an SSE body. Events without
    /// data are passed over.
    pub async fn next_message(&mut self) -> Option<Value> {
        if !self.is_event_stream() {
            self.body.as_ref()?;
            return Some(self.json().await);
        }
        loop {
            let event = self.next_event().await?;
            if !event.data.is_empty() {
                return Some(serde_json::from_str(&event.data).expect("an event holds JSON"));
            }
        }
    }

    /// All JSON-RPC messages up to the end of the body.
    pub async fn messages(&mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        while let Some(message) = self.next_message().await {
            messages.push(message);
        }
        messages
    }

    /// The last message, which is the response to a request.
    pub async fn response(&mut self) -> Value {
        self.messages().await.pop().expect("a response")
    }

    /// Whether the body is a stream of events.
    pub fn is_event_stream(&self) -> bool {
        self.header("content-type")
            .is_some_and(|value| value.starts_with("text/event-stream"))
    }

    /// The comments of the event stream so far.
    pub fn comments(&self) -> &[String] {
        self.events.comments()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {:?})", self.status, self.headers)
    }
}

fn header(name: &str, value: &[u8]) -> (HeaderName, HeaderValue) {
    (
        HeaderName::from_bytes(name.as_bytes()).expect("a header name"),
        HeaderValue::from_bytes(value).expect("a header value; use raw::exchange for others"),
    )
}

fn boxed<B>(answer: Response<B>) -> BoxedResponse
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    answer.map(|body| body.map_err(Into::into).boxed_unsync())
}
