//! One message a line, over two byte streams: the stdio transport of MCP.
//!
//! What is no message is answered here, as it is over HTTP: −32700 for text that is
//! not JSON, −32600 for JSON that is not one JSON-RPC message (JSON-RPC 2.0 §5.1).
//! A line has a cap, so that a client cannot fill the memory.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf,
};
use tokio::sync::Mutex;

use crate::front::answer::error_text;
use crate::front::envelope::Envelope;
use crate::protocol::{ErrorCode, ErrorData};

/// Both directions of a connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

type Written = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;
type Output = Arc<Mutex<Option<WriteHalf<Box<dyn Duplex>>>>>;

/// A connection that carries one message a line.
pub(crate) struct Lines {
    input: BufReader<ReadHalf<Box<dyn Duplex>>>,
    output: Output,
    /// What has arrived of the line that is being read.
    line: Vec<u8>,
    /// Whether that line is longer than the cap: then it is passed over.
    too_long: bool,
    limit: usize,
    /// An answer of this transport itself that is on its way out. It is kept here,
    /// because whoever receives may stop waiting at any time.
    answer: Option<Written>,
}

impl Lines {
    /// Messages of at most `limit` bytes over `connection`.
    pub(crate) fn new(connection: impl Duplex + 'static, limit: usize) -> Self {
        let connection: Box<dyn Duplex> = Box::new(connection);
        let (input, output) = tokio::io::split(connection);
        Self {
            input: BufReader::new(input),
            output: Arc::new(Mutex::new(Some(output))),
            line: Vec::new(),
            too_long: false,
            limit,
            answer: None,
        }
    }

    /// Reads up to the end of a line, or of the input. False if there is nothing more.
    async fn read_line(&mut self) -> io::Result<bool> {
        loop {
            let arrived = self.input.fill_buf().await?;
            if arrived.is_empty() {
                return Ok(!self.line.is_empty() || self.too_long);
            }
            let end = arrived.iter().position(|byte| *byte == b'\n');
            let part = arrived.get(..end.unwrap_or(arrived.len()));
            let part = part.unwrap_or_default();
            if self.too_long || self.line.len() + part.len() > self.limit {
                self.too_long = true;
                self.line.clear();
            } else {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// What the line that was read says: a message, or nothing.
    ///
    /// # Errors
    ///
    /// The answer to what is wrong with it.
    fn understand(&mut self) -> Result<Option<ClientJsonRpcMessage>, Bytes> {
        let line = std::mem::take(&mut self.line);
        let refuse = |id, why: &str| {
            let error = ErrorData::new(ErrorCode::INVALID_REQUEST, why.to_owned(), None);
            error_text(id, &error)
        };
        if std::mem::take(&mut self.too_long) {
            let why = format!("A message may have {} bytes", self.limit);
            return Err(refuse(None, &why));
        }
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        let envelope = Envelope::parse(&line).map_err(|error| error_text(None, &error))?;
        match (serde_json::from_slice(&line), envelope) {
            (Ok(message), _) => Ok(Some(message)),
            (Err(_), Envelope::Request { id, .. }) => Err(refuse(Some(id), "Invalid request")),
            // Nobody waits for an answer to these.
            (Err(_), Envelope::Notification | Envelope::Response) => Ok(None),
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Writes `text` and the end of a line, as a whole.
async fn write_line(output: Output, mut text: Vec<u8>) -> io::Result<()> {
    text.push(b'\n');
    let mut output = output.lock().await;
    let Some(output) = output.as_mut() else {
        return Err(io::ErrorKind::NotConnected.into());
    };
    output.write_all(&text).await?;
    output.flush().await
}

impl Transport<RoleServer> for Lines {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let output = Arc::clone(&self.output);
        async move { write_line(output, serde_json::to_vec(&message)?).await }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if let Some(answer) = &mut self.answer {
                let written = answer.await;
                self.answer = None;
                if let Err(error) = written {
                    tracing::debug!(%error, "the client reads no more");
                    return None;
                }
            }
            match self.read_line().await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    tracing::debug!(%error, "the client cannot be read");
                    return None;
                }
            }
            match self.understand() {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(text) => {
                    let output = Arc::clone(&self.output);
                    self.answer = Some(Box::pin(write_line(output, text.to_vec())));
                }
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.output.lock().await.take();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tokio::io::{AsyncReadExt, DuplexStream};

    use super::*;

    const LIMIT: usize = 256;

    /// What is received of `input`, and what is answered by the transport itself.
    async fn receive_all(input: &[u8]) -> (Vec<Value>, Vec<Value>) {
        let (theirs, mut ours): (DuplexStream, DuplexStream) = tokio::io::duplex(64 * 1024);
        ours.write_all(input).await.unwrap();
        ours.shutdown().await.unwrap();
        let mut lines = Lines::new(theirs, LIMIT);
        let mut received = Vec::new();
        while let Some(message) = lines.receive().await {
            received.push(serde_json::to_value(message).unwrap());
        }
        lines.close().await.unwrap();
        drop(lines);
        let mut text = String::new();
        ours.read_to_string(&mut text).await.unwrap();
        let answered = text.lines().map(|line| serde_json::from_str(line).unwrap());
        (received, answered.collect())
    }

    fn code(answer: &Value) -> i64 {
        assert_eq!(answer["id"], Value::Null, "{answer}");
        answer["error"]["code"].as_i64().unwrap()
    }

    #[tokio::test]
    async fn what_is_no_message_is_answered_with_its_registered_code_each() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(LIMIT));
        let deep = "[".repeat(200);
        for (line, expected) in [
            ("garbage", -32700),
            ("{\"jsonrpc\":\"2.0\",", -32700),
            ("\u{feff}{}", -32700),
            (deep.as_str(), -32700),
            ("[]", -32600),
            ("42", -32600),
            ("{\"jsonrpc\":\"2.0\",\"id\":1}", -32600),
            ("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", -32600),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}",
                -32600,
            ),
            (long.as_str(), -32600),
        ] {
            let good = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}";
            let (received, answered) = receive_all(format!("{line}\n{good}\n").as_bytes()).await;
            assert_eq!(answered.len(), 1, "{line}");
            assert_eq!(code(&answered[0]), expected, "{line}");
            assert_eq!(received.len(), 1, "{line}");
            assert_eq!(received[0]["id"], 7, "{line}");
        }
    }

    #[tokio::test]
    async fn a_request_that_cannot_be_read_is_answered_under_its_id() {
        let request = b"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"ping\",\"params\":7}\n";
        let (received, answered) = receive_all(request).await;
        assert!(received.is_empty(), "{received:?}");
        assert_eq!(answered.len(), 1);
        assert_eq!(answered[0]["id"], "a");
        assert_eq!(answered[0]["error"]["code"], -32600);
        let notification = b"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":7}\n";
        let (received, answered) = receive_all(notification).await;
        assert_eq!((received.len(), answered.len()), (0, 0));
    }

    #[tokio::test]
    async fn blank_lines_are_passed_over_and_the_last_line_needs_no_end() {
        let input = b"\r\n\n{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"ping\"}\r\n \
            {\"jsonrpc\":\"2.0\",\"id\":\"b\",\"method\":\"ping\"}";
        let (received, answered) = receive_all(input).await;
        assert!(answered.is_empty(), "{answered:?}");
        let ids: Vec<_> = received.iter().map(|message| &message["id"]).collect();
        assert_eq!(ids, ["a", "b"]);
    }

    #[tokio::test]
    async fn a_line_of_exactly_the_cap_is_read_and_one_byte_more_is_not() {
        let message = |padding: usize| {
            let blanks = " ".repeat(padding);
            format!("{{\"jsonrpc\":\"2.0\",\"id\":1,{blanks}\"method\":\"ping\"}}")
        };
        let room = LIMIT - message(0).len();
        let (received, answered) = receive_all(message(room).as_bytes()).await;
        assert_eq!((received.len(), answered.len()), (1, 0));
        let (received, answered) = receive_all(message(room + 1).as_bytes()).await;
        assert_eq!((received.len(), answered.len()), (0, 1));
    }

    #[tokio::test]
    async fn a_receiver_that_stops_waiting_loses_nothing() {
        let (theirs, mut ours) = tokio::io::duplex(64 * 1024);
        let mut lines = Lines::new(theirs, LIMIT);
        ours.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":3,")
            .await
            .unwrap();
        tokio::select! {
            biased;
            _ = lines.receive() => panic!("half a message was received"),
            () = tokio::task::yield_now() => {}
        }
        ours.write_all(b"\"method\":\"ping\"}\n").await.unwrap();
        let message = serde_json::to_value(lines.receive().await.unwrap()).unwrap();
        assert_eq!(message["id"], 3);
    }
}
