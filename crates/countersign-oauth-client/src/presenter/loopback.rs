//! A listener on this computer for one answer: RFC 8252 §7.3 and §8.3.
//!
//! It is on the literal loopback address, on a port that the system chooses, and open
//! only while somebody waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::page::Page;
use super::request::{Expected, PATH};
use super::{CallbackParameters, PresenterError};

/// The longest head of a request: a code may be long.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long one connection may take. Browsers open some that they never use.
const MAX_CONNECTION: Duration = Duration::from_secs(10);

/// How many connections may be open at once.
const MAX_CONNECTIONS: usize = 32;

/// Bound, and not read from yet.
#[derive(Debug)]
pub(super) struct Loopback {
    listener: TcpListener,
    authority: String,
}

impl Loopback {
    /// Binds `127.0.0.1`, or `[::1]` where there is no IPv4.
    pub(super) async fn bind() -> Result<Self, PresenterError> {
        let listener = match TcpListener::bind(("127.0.0.1", 0)).await {
            Ok(listener) => Ok(listener),
            Err(_) => TcpListener::bind(("::1", 0)).await,
        };
        let failed = |error: std::io::Error| PresenterError::Listener(error.to_string());
        let listener = listener.map_err(failed)?;
        let authority = listener.local_addr().map_err(failed)?.to_string();
        Ok(Self {
            listener,
            authority,
        })
    }

    /// Address and port.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn redirect_uri(&self) -> String {
        format!("http://{}{PATH}", self.authority)
    }

    /// Waits for the first answer that is expected. Whoever sends anything else is told
    /// so. The listener is closed when this answers or is dropped.
    pub(super) async fn wait(
        self,
        expected: Expected,
    ) -> Result<CallbackParameters, PresenterError> {
        let expected = Arc::new(expected);
        let is_answered = Arc::new(AtomicBool::new(false));
        let (answers, mut answered) = channel(1);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                Some(answer) = answered.recv() => return Ok(answer),
                _ = connections.join_next(), if !connections.is_empty() => {}
                accepted = self.listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                    let (stream, _) = accepted
                        .map_err(|error| PresenterError::Listener(error.to_string()))?;
                    let connection = Connection {
                        expected: expected.clone(),
                        is_answered: is_answered.clone(),
                        answers: answers.clone(),
                    };
                    connections.spawn(timeout(MAX_CONNECTION, connection.serve(stream)));
                }
            }
        }
    }
}

struct Connection {
    expected: Arc<Expected>,
    is_answered: Arc<AtomicBool>,
    answers: Sender<CallbackParameters>,
}

impl Connection {
    async fn serve(self, mut stream: TcpStream) {
        let answer = match read_head(&mut stream).await {
            Some(head) => self.expected.answer_in(&head),
            None => Err(Page::Malformed),
        };
        let (page, answer) = match answer {
            Err(page) => (page, None),
            Ok(_) if self.is_answered.swap(true, Ordering::SeqCst) => (Page::TooLate, None),
            Ok(answer) if answer.has_code() => (Page::Arrived, Some(answer)),
            Ok(answer) => (Page::Refused, Some(answer)),
        };
        // The page first: whoever waits may end the process with the answer. A browser
        // that is gone has answered nevertheless.
        let shown = async {
            stream.write_all(&page.response()).await?;
            stream.shutdown().await
        };
        drop(timeout(MAX_CONNECTION / 2, shown).await);
        if let Some(answer) = answer {
            drop(self.answers.send(answer).await);
        }
    }
}

/// The bytes up to the empty line; nothing if they do not come or are too many.
async fn read_head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::with_capacity(2048);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > MAX_HEAD_BYTES || stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let end = head.windows(4).position(|end| end == b"\r\n\r\n")?;
    head.truncate(end);
    Some(head)
}

#[cfg(test)]
mod tests {
    use countersign_oauth::Secret;

    use super::*;

    #[tokio::test]
    async fn i6_of_two_answers_at_once_the_first_counts() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let state = Secret::new("right");
        let expected = Arc::new(Expected {
            authority: authority.clone(),
            state,
        });
        let is_answered = Arc::new(AtomicBool::new(false));
        let (answers, mut answered) = channel(2);
        let mut pages = Vec::new();
        for code in ["one", "two"] {
            let mut browser = TcpStream::connect(&authority).await.unwrap();
            let line = format!("GET /callback?code={code}&state=right HTTP/1.1");
            let request = format!("{line}\r\nHost: {authority}\r\n\r\n");
            browser.write_all(request.as_bytes()).await.unwrap();
            let connection = Connection {
                expected: expected.clone(),
                is_answered: is_answered.clone(),
                answers: answers.clone(),
            };
            connection.serve(listener.accept().await.unwrap().0).await;
            let mut page = String::new();
            browser.read_to_string(&mut page).await.unwrap();
            pages.push(page);
        }
        assert!(pages[0].starts_with("HTTP/1.1 200 "), "{}", pages[0]);
        assert!(pages[1].starts_with("HTTP/1.1 410 "), "{}", pages[1]);
        drop(answers);
        let first = answered.recv().await.unwrap();
        assert_eq!(first.reveal(), "code=one&state=right");
        assert!(answered.recv().await.is_none());
    }
}
