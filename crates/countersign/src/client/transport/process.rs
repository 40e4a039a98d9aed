//! One message a line, to and from a process that was started for it.

use std::io;
use std::sync::Arc;

use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;

use super::super::bulk::is_bulky;

/// The standard output and input of a process.
pub(in super::super) struct Process<R, W> {
    input: BufReader<R>,
    output: Arc<Mutex<Option<W>>>,
    /// What has arrived of the line that is being read.
    line: Vec<u8>,
    limit: usize,
}

impl<R: AsyncRead + Unpin, W> Process<R, W> {
    /// Lines of at most `limit` bytes from `input`; messages go to `output`.
    pub(in super::super) fn new(input: R, output: W, limit: usize) -> Self {
        Self {
            input: BufReader::new(input),
            output: Arc::new(Mutex::new(Some(output))),
            line: Vec::new(),
            limit,
        }
    }

    /// The next line; none at the end, or if one is too long to be one.
    async fn read_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let arrived = self.input.fill_buf().await?;
            if arrived.is_empty() {
                return Ok(None);
            }
            let end = memchr::memchr(b'\n', arrived);
            let part = arrived.get(..end.unwrap_or(arrived.len()));
            let part = part.unwrap_or_default();
            if self.line.len() + part.len() > self.limit {
                let why = "the server wrote a line that has no end";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            self.line.extend_from_slice(part);
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.line)));
            }
        }
    }
}

impl<R, W> Transport<RoleClient> for Process<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let output = Arc::clone(&self.output);
        async move {
            let mut text = serde_json::to_vec(&message)?;
            text.push(b'\n');
            let mut output = output.lock().await;
            let output = output.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            output.write_all(&text).await?;
            output.flush().await
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            let line = match self.read_line().await {
                Ok(line) => line?,
                Err(error) => {
                    tracing::warn!(%error, "the server cannot be read any more");
                    return None;
                }
            };
            if is_bulky(&line) {
                tracing::warn!("the server wrote a line with too many values");
                return None;
            }
            match serde_json::from_slice(&line) {
                Ok(message) => return Some(message),
                Err(_) => tracing::debug!("a line that is no message is passed over"),
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.output.lock().await.take();
        Ok(())
    }
}
