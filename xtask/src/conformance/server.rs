//! The fixture server: built, started on a free port, killed at the end.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::{self, Running};
use crate::workspace::Workspace;

/// The package and its binary.
pub(super) const NAME: &str = "conformance-server";

/// How long the server may take to answer for the first time.
const START: Duration = Duration::from_secs(20);

/// Whether the server asks for a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Authentication {
    Off,
    /// The server prints a token of one hour as `token: …`.
    Required,
    /// The server is its own authorization server.
    Issued,
}

/// A running fixture server.
pub(super) struct FixtureServer {
    _process: Running,
    port: u16,
    lines: Receiver<String>,
}

/// Builds the fixture `name`, a package with a binary of that name, and returns its
/// path.
pub(super) fn build(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let arguments = ["build", "--locked", "--quiet", "--package", name];
    command::stdout(&mut command::cargo(&workspace.root, &arguments))?;
    let binary = workspace.metadata.target_directory.join("debug").join(name);
    if !binary.is_file() {
        bail!("{name} was built but is not in the target folder");
    }
    Ok(binary)
}

impl FixtureServer {
    /// Starts `binary` and waits until it answers. What it logs goes to a file
    /// in `out`.
    pub(super) fn start(binary: &Path, out: &Path, authentication: Authentication) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(binary);
        let log = match authentication {
            Authentication::Off => "server-plain.log",
            Authentication::Required => {
                command.arg("--require-token");
                "server-authenticated.log"
            }
            Authentication::Issued => {
                command.arg("--issue-tokens");
                "server-authorization.log"
            }
        };
        command
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(out.join(log))?);
        let mut process = Running(command.spawn().with_context(|| format!("start {NAME}"))?);
        let stdout = process.0.stdout.take().context("a piped output")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody listens any more once the token is known; the pipe is
                // read on so that the server never blocks on it.
                let _ = sender.send(line);
            }
        });
        let started = Instant::now();
        while status(port).is_none() {
            if let Some(ended) = process.0.try_wait()? {
                bail!("{NAME} ended with {ended}, see out/conformance/{log}");
            }
            if started.elapsed() > START {
                bail!("{NAME} does not answer on port {port}, see out/conformance/{log}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self {
            _process: process,
            port,
            lines,
        })
    }

    /// The port of 127.0.0.1 it listens on.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The token it printed.
    pub(super) fn token(&self) -> Result<String> {
        let deadline = Instant::now() + START;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .with_context(|| format!("{NAME} --require-token prints no line `token: …`"))?;
            if let Some(token) = line.strip_prefix("token: ") {
                return Ok(token.trim().to_owned());
            }
        }
    }

    /// Makes sure that what the authenticated legs prove is not proved without
    /// a token.
    pub(super) fn refuses_without_token(&self) -> Result<()> {
        match status(self.port) {
            Some(401) => Ok(()),
            other => bail!("without a token the guarded server answers {other:?}, not 401"),
        }
    }
}

/// A port of 127.0.0.1 where nobody listens.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// The status of an empty POST to `/mcp`; nothing if there is no answer.
fn status(port: u16) -> Option<u16> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    // The status is all that counts, also when the body breaks off.
    let _ = socket.take(4096).read_to_string(&mut answer);
    answer.split(' ').nth(1)?.parse().ok()
}
