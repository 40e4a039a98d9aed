//! A folder with a server, a client's tokens and the time, and who is on the way between
//! the two.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use countersign::Clock;
use countersign::oauth_client::oauth::{Lifetime, UnixTime};
use countersign::oauth_client::{FileStore, StoredTokens, TokenStore as _};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::Outcome;
use crate::relay::Relay;

/// When it begins, in seconds since 1970.
const BEGIN: u64 = 1_800_000_000;

pub(crate) struct Place {
    folder: tempfile::TempDir,
    now: u64,
    pub(crate) relay: Relay,
    /// Ends with this.
    _server: Child,
}

impl Place {
    /// Starts a server of this kind; `server.rs` knows which there are.
    pub(crate) async fn open(kind: &str) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        write_time(folder.path(), BEGIN)?;
        let relay = Relay::start().await?;
        let mut server = itself("server", folder.path(), relay.origin())?
            .arg(kind)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = server.stdout.take().ok_or("the output is piped")?;
        let mut lines = BufReader::new(output).lines();
        let line = lines.next_line().await?;
        relay.lead_to(line.ok_or("the server ended")?);
        Ok(Self {
            folder,
            now: BEGIN,
            relay,
            _server: server,
        })
    }

    /// Lets time go by, for all processes.
    pub(crate) fn advance(&mut self, span: Lifetime) -> Outcome {
        self.now = self.now.saturating_add(span.as_secs());
        write_time(self.folder.path(), self.now)
    }

    /// Where the client keeps its tokens.
    pub(crate) fn store(&self) -> FileStore {
        FileStore::new(tokens_in(self.folder.path()))
    }

    /// What is kept. What cannot be read would be a person who is logged out.
    pub(crate) async fn tokens(&self) -> Outcome<Option<StoredTokens>> {
        let mut kept = self.store().list().await?;
        if kept.len() > 1 {
            return Err("a login is kept twice".into());
        }
        Ok(kept.pop().map(|(_, tokens)| tokens))
    }

    /// A client that does `action`; `worker.rs` knows which there are.
    pub(crate) fn client(&self, action: &str) -> Outcome<Child> {
        let mut command = itself("worker", self.folder.path(), self.relay.origin())?;
        Ok(command.arg(action).spawn()?)
    }

    /// Whether a client could do `action`.
    pub(crate) async fn does(&self, action: &str) -> Outcome<bool> {
        Ok(self.client(action)?.wait().await?.success())
    }

    /// Whether a client could not do `action`, which is no surprise.
    pub(crate) async fn fails_to(&self, action: &str) -> Outcome<bool> {
        let mut command = itself("worker", self.folder.path(), self.relay.origin())?;
        let mut client = command.arg(action).stderr(Stdio::null()).spawn()?;
        Ok(!client.wait().await?.success())
    }
}

/// Where the tokens are in `folder`.
pub(crate) fn tokens_in(folder: &Path) -> PathBuf {
    folder.join("tokens")
}

fn itself(role: &str, folder: &Path, origin: &str) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(role).arg(folder).arg(origin);
    command.stdin(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

fn write_time(folder: &Path, now: u64) -> Outcome {
    let written = folder.join("next");
    std::fs::write(&written, now.to_string())?;
    Ok(std::fs::rename(written, folder.join("time"))?)
}

/// The time in the file of a folder.
pub(crate) struct FileClock(PathBuf);

impl FileClock {
    pub(crate) fn of(folder: &Path) -> Self {
        Self(folder.join("time"))
    }
}

impl Clock for FileClock {
    fn now(&self) -> UnixTime {
        // It is replaced as a whole, so that there is always one.
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        UnixTime::from_secs(text.parse().unwrap_or(0))
    }
}

impl fmt::Debug for FileClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileClock")
    }
}
