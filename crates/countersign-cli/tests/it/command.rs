//! Running the command in a folder of its own.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tempfile::TempDir;

/// What the command answered.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// The standard output of a command that succeeded.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.stdout
    }
}

/// A folder of its own.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env("COUNTERSIGN_TOKEN_STORE", folder.join("tokens"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs `countersign` with `arguments` in `folder` until it ends.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    finished(command(folder, arguments).spawn().unwrap())
}

/// The same, with `variables` in its environment.
pub(crate) fn run_in(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = command(folder, arguments);
    finished(command.envs(variables.iter().copied()).spawn().unwrap())
}

/// The same, with a file of certificates that are trusted.
pub(crate) fn run_trusting(folder: &Path, certificates: &Path, arguments: &[&str]) -> Output {
    let mut command = command(folder, arguments);
    finished(command.env("SSL_CERT_FILE", certificates).spawn().unwrap())
}

/// The same, with `proxy` in every variable that names a proxy.
pub(crate) fn run_with_proxy(folder: &Path, proxy: &str, arguments: &[&str]) -> Output {
    let mut command = command(folder, arguments);
    finished(name_proxy(&mut command, proxy).spawn().unwrap())
}

fn name_proxy<'a>(command: &'a mut Command, proxy: &str) -> &'a mut Command {
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, proxy);
        command.env(name.to_uppercase(), proxy);
    }
    command.env_remove("no_proxy").env_remove("NO_PROXY")
}

/// The same, with `input` as standard input.
pub(crate) fn run_with_input(folder: &Path, input: &str, arguments: &[&str]) -> Output {
    let mut child = command(folder, arguments)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    finished(child)
}

/// Talks to `countersign serve --stdio` and returns the first `answers` lines. The end
/// of the input then ends the server, with success.
pub(crate) fn converse(folder: &Path, input: &str, answers: usize) -> Vec<String> {
    let mut command = command(folder, &["serve", "--stdio"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines = lines.take(answers).map(Result::unwrap).collect();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    lines
}

/// A port that nobody listens on at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Runs a line of a shell in `folder`.
pub(crate) fn shell(folder: &Path, line: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(folder);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    finished(command.spawn().unwrap())
}

/// A command that asks somebody to log in.
pub(crate) struct Login {
    child: Child,
    errors: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Login {
    /// Runs `countersign` with `arguments` in `folder`.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::started(command(folder, arguments).stdin(Stdio::piped()))
    }

    /// The same at a terminal, on which all that it prints comes out together.
    pub(crate) fn start_at_a_terminal(folder: &Path, arguments: &[&str]) -> Self {
        let words = [&[env!("CARGO_BIN_EXE_countersign")], arguments].concat();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:=".contains(&byte);
        assert!(
            words.iter().all(|word| word.bytes().all(plain)),
            "{words:?}"
        );
        let line = words.join(" ");
        let mut terminal = command(folder, &[]);
        let variables: Vec<_> = terminal
            .get_envs()
            .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
            .collect();
        terminal = Command::new("sh");
        for (name, value) in variables {
            match value {
                Some(value) => terminal.env(name, value),
                None => terminal.env_remove(name),
            };
        }
        let script = "exec script --quiet --return --echo never --command";
        terminal.args(["-c", &format!("{script} '{line}' /dev/null 1>&2")]);
        terminal.current_dir(folder).stdin(Stdio::piped());
        terminal.stdout(Stdio::null()).stderr(Stdio::piped());
        Self::started(&mut terminal)
    }

    fn started(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        Self {
            child,
            errors,
            said: String::new(),
        }
    }

    /// The address that it asks somebody to open.
    pub(crate) fn address(&mut self) -> String {
        loop {
            let mut line = String::new();
            if self.errors.read_line(&mut line).unwrap() == 0 {
                panic!("it ended: {}", self.said);
            }
            self.said.push_str(&line);
            if let Some(address) = line.strip_prefix("  http") {
                return format!("http{}", address.trim_end());
            }
        }
    }

    /// Waits until it has said `text`.
    pub(crate) fn heard(&mut self, text: &str) {
        while !self.said.contains(text) {
            assert_ne!(
                self.errors.read_line(&mut self.said).unwrap(),
                0,
                "it ended: {}",
                self.said
            );
        }
    }

    /// Types a line.
    pub(crate) fn type_in(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    /// Presses a key.
    pub(crate) fn type_raw(&mut self, key: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(key.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// What it answered.
    pub(crate) fn finished(mut self) -> Output {
        let mut rest = String::new();
        self.errors.read_to_string(&mut rest).unwrap();
        self.said.push_str(&rest);
        let mut output = finished(self.child);
        output.stderr = self.said;
        output
    }
}

fn finished(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn serve(folder: &Path, arguments: &[&str]) -> Command {
    let arguments = [&["serve", "--bind", "127.0.0.1:0"], arguments].concat();
    command(folder, &arguments)
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    logs: Option<JoinHandle<String>>,
    so_far: Arc<Mutex<String>>,
    /// The MCP endpoint.
    pub(crate) url: String,
    /// What it printed before it served.
    pub(crate) printed: String,
}

impl Server {
    /// `countersign serve` with `arguments` on a free port, in `folder`.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::started(&mut serve(folder, arguments))
    }

    /// The same, on `port`.
    pub(crate) fn start_on(port: u16, folder: &Path, arguments: &[&str]) -> Self {
        let bind = format!("127.0.0.1:{port}");
        let arguments = [&["serve", "--bind", &bind], arguments].concat();
        Self::started(&mut command(folder, &arguments))
    }

    /// The same, accepting tokens signed with `.countersign/private.pem`, which is made
    /// if it is not there.
    pub(crate) fn with_key_pair(folder: &Path, arguments: &[&str]) -> Self {
        if !folder.join(".countersign").exists() {
            run(folder, &["keygen", "--out", ".countersign"]).ok();
        }
        let keys = ["--public-key", ".countersign/public.pem"];
        Self::start(folder, &[&keys, arguments].concat())
    }

    /// The same, with `variables` in its environment.
    pub(crate) fn start_in(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        Self::started(serve(folder, arguments).envs(variables.iter().copied()))
    }

    /// `countersign serve` without options, with `variables` in its environment.
    pub(crate) fn start_where_settings_say(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = command(folder, &["serve"]);
        Self::started(command.envs(variables.iter().copied()))
    }

    /// Tells it to read its settings again.
    #[cfg(unix)]
    pub(crate) fn hang_up(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// The same, with `proxy` in every variable that names a proxy.
    pub(crate) fn start_with_proxy(folder: &Path, proxy: &str, arguments: &[&str]) -> Self {
        Self::started(name_proxy(&mut serve(folder, arguments), proxy))
    }

    fn started(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let so_far = Arc::new(Mutex::new(String::new()));
        let logged = Arc::clone(&so_far);
        let logs = std::thread::spawn(move || {
            let mut line = String::new();
            while errors.read_line(&mut line).unwrap() > 0 {
                logged.lock().unwrap().push_str(&line);
                line.clear();
            }
            logged.lock().unwrap().clone()
        });
        let mut printed = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while !printed.contains("Stop with Ctrl-C.") {
            if lines.read_line(&mut printed).unwrap() == 0 {
                panic!("no server: {printed}{}", logs.join().unwrap());
            }
        }
        let url = printed.lines().next().unwrap().strip_prefix("Serving at ");
        let url = url.unwrap().to_owned();
        Self {
            child,
            logs: Some(logs),
            so_far,
            url,
            printed,
        }
    }

    /// The host and port.
    pub(crate) fn authority(&self) -> String {
        let (_, rest) = self.url.split_once("://localhost").unwrap();
        format!("127.0.0.1{}", rest.split('/').next().unwrap())
    }

    /// What it has logged so far.
    pub(crate) fn logged(&self) -> String {
        self.so_far.lock().unwrap().clone()
    }

    /// Sends a signal and returns the exit code and what was logged.
    pub(crate) fn signal(mut self, name: &str) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
        let status = self.child.wait().unwrap();
        (status.code(), self.logs.take().unwrap().join().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already after `signal`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
