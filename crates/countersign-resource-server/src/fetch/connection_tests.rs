//! Connections that end while a request is on its way over them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Fetch, FetchError, Fetcher, MOST_KEPT_OPEN, Repeatable};

/// What a server does with the requests of one connection, one after the other.
#[derive(Clone, Copy, Debug)]
enum Act {
    Answer,
    /// Ends the connection without a word.
    Close,
    /// Ends it with a reset: what was sent is not even read.
    Reset,
    /// Begins to answer with something that is not HTTP.
    Babble,
}

#[derive(Clone, Debug)]
struct Server {
    address: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// `acts` says what is done on the connection of that number.
    async fn start(acts: impl Fn(usize) -> Vec<Act> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let (connections, requests) = (Arc::default(), Arc::default());
        let server = Self {
            address,
            connections,
            requests,
        };
        let (connections, requests) = (server.connections.clone(), server.requests.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, acts(number), Arc::clone(&requests)));
            }
        });
        server
    }

    fn counts(&self) -> (usize, usize) {
        let count = |of: &AtomicUsize| of.load(Ordering::SeqCst);
        (count(&self.connections), count(&self.requests))
    }

    fn request(&self, method: Method) -> Request<Bytes> {
        let request = Request::builder().method(method).uri(&self.address);
        request.body(Bytes::from_static(b"x")).unwrap()
    }
}

async fn serve(mut stream: TcpStream, acts: Vec<Act>, requests: Arc<AtomicUsize>) {
    for act in acts {
        if matches!(act, Act::Reset) {
            let mut one = [0; 1];
            // What is left unread makes the end a reset.
            if stream.read(&mut one).await.unwrap_or(0) == 0 {
                return;
            }
            requests.fetch_add(1, Ordering::SeqCst);
            return;
        }
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\nx") {
            let mut part = [0; 1_024];
            match stream.read(&mut part).await {
                Ok(read) if read > 0 => seen.extend_from_slice(&part[..read]),
                _ => return,
            }
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let answer: &[u8] = match act {
            Act::Answer => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            Act::Babble => b"SMTP ready\r\n\r\n",
            Act::Close | Act::Reset => return,
        };
        stream.write_all(answer).await.unwrap();
    }
    std::future::pending::<()>().await;
}

fn fetcher() -> Fetcher {
    Fetcher::builder().danger_allow_loopback().build().unwrap()
}

async fn status(fetcher: &Fetcher, request: Request<Bytes>) -> Result<StatusCode, FetchError> {
    let answer = fetcher.fetch(request).await;
    // The connection is kept by a task of its own.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    answer.map(|answer| answer.status())
}

#[tokio::test]
async fn what_may_be_repeated_goes_over_a_new_connection_if_the_kept_one_had_ended() {
    for end in [Act::Close, Act::Reset] {
        for (method, is_marked) in [(Method::GET, false), (Method::POST, true)] {
            let server = Server::start(move |_| vec![Act::Answer, end]).await;
            let fetcher = fetcher();
            let request = || {
                let mut request = server.request(method.clone());
                if is_marked {
                    request.extensions_mut().insert(Repeatable);
                }
                request
            };
            assert_eq!(status(&fetcher, request()).await, Ok(StatusCode::OK));
            assert_eq!(server.counts(), (1, 1));
            assert_eq!(
                status(&fetcher, request()).await,
                Ok(StatusCode::OK),
                "{end:?}"
            );
            // The one that got no answer was not repeated on its connection.
            assert_eq!(server.counts(), (2, 3), "{method} {end:?}");
        }
    }
}

#[tokio::test]
async fn what_may_not_be_repeated_comes_back_as_stale_and_is_sent_once() {
    for end in [Act::Close, Act::Reset] {
        let server = Server::start(move |_| vec![Act::Answer, end]).await;
        let fetcher = fetcher();
        let post = || server.request(Method::POST);
        assert_eq!(status(&fetcher, post()).await, Ok(StatusCode::OK));
        assert_eq!(status(&fetcher, post()).await, Err(FetchError::Stale));
        assert_eq!(server.counts(), (1, 2), "{end:?}");
        assert_eq!(status(&fetcher, post()).await, Ok(StatusCode::OK));
        assert_eq!(server.counts(), (2, 3));
    }
}

#[tokio::test]
async fn a_new_connection_that_ends_without_an_answer_is_not_tried_again() {
    for end in [Act::Close, Act::Reset] {
        let server = Server::start(move |_| vec![end]).await;
        for method in [Method::GET, Method::POST] {
            let (before, _) = server.counts();
            let outcome = status(&fetcher(), server.request(method.clone())).await;
            assert_eq!(outcome, Err(FetchError::Exchange), "{method} {end:?}");
            assert_eq!(server.counts().0, before + 1, "{method} {end:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_on_a_kept_connection_that_is_not_http_is_final() {
    let server = Server::start(|_| vec![Act::Answer, Act::Babble]).await;
    let fetcher = fetcher();
    let get = || server.request(Method::GET);
    assert_eq!(status(&fetcher, get()).await, Ok(StatusCode::OK));
    assert_eq!(status(&fetcher, get()).await, Err(FetchError::Exchange));
    assert_eq!(server.counts(), (1, 2));
}

#[tokio::test]
async fn however_many_kept_connections_had_ended_the_last_attempt_has_a_new_one() {
    // As many as are kept open answer once each, all at the same time.
    let server = Server::start(|number| match number {
        0..MOST_KEPT_OPEN => vec![Act::Answer, Act::Close],
        _ => vec![Act::Answer],
    })
    .await;
    let fetcher = fetcher();
    let all = (0..MOST_KEPT_OPEN).map(|_| status(&fetcher, server.request(Method::GET)));
    for outcome in futures_util::future::join_all(all).await {
        assert_eq!(outcome, Ok(StatusCode::OK));
    }
    assert_eq!(server.counts().0, MOST_KEPT_OPEN);
    let outcome = status(&fetcher, server.request(Method::GET)).await;
    assert_eq!(outcome, Ok(StatusCode::OK));
    assert_eq!(
        server.counts(),
        (MOST_KEPT_OPEN + 1, 2 * MOST_KEPT_OPEN + 1)
    );
}
