//! A server that is a command on this machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;

use countersign_resource_server::oauth::Secret;
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::ClientError;
use super::challenge::printable;
use crate::environment::OfProcess;

/// What a program gets of the environment of this process: enough to find itself and
/// its files, and no credentials of others.
const INHERITED: [&str; 13] = [
    "HOME",
    "LANG",
    "LC_ALL",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "SYSTEMROOT",
    "TEMP",
    "USERPROFILE",
];

/// A command that serves MCP over its standard input and output.
///
/// ```
/// use countersign::client::Command;
///
/// let command = Command::new("notes-server")
///     .args(["--folder", "/srv/my notes"])
///     .env("NOTES_KEY", "k…");
/// assert_eq!(command.to_string(), r#"NOTES_KEY=… "notes-server" "--folder" "/srv/my notes""#);
/// ```
///
/// # Security
///
/// It is run as it is, without a shell: nothing in it is expanded. It sees a minimal
/// environment and what [`env`](Self::env) adds, which is where its credentials belong;
/// there is no OAuth over standard input and output. Whoever lets people choose
/// commands shows them the whole of one first, which its `Display` is for.
#[derive(Clone)]
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    variables: BTreeMap<String, Secret>,
    folder: Option<PathBuf>,
}

impl Command {
    /// The program `program`: a path, or a name that is looked for in `PATH`.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            variables: BTreeMap::new(),
            folder: None,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets the variable `name`, such as a credential of the server. Its value is not
    /// shown.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Starts it in the folder `folder`.
    #[must_use]
    pub fn current_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Starts it.
    pub(super) fn start(&self) -> Result<Running, ClientError> {
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(OfProcess.chosen(&INHERITED))
            .envs(self.variables.iter().map(|(k, v)| (k, v.reveal())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let started = command.spawn();
        let failed = |why: String| ClientError::Command {
            command: self.to_string(),
            why,
        };
        let mut child = started.map_err(|error| failed(printable(&error.to_string())))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Running {
                child,
                input,
                output,
            }),
            _ => Err(failed("it has no standard input and output".into())),
        }
    }
}

/// A process that was started. It ends with this.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) input: ChildStdin,
    pub(super) output: ChildStdout,
}

impl fmt::Display for Command {
    /// All of it but the values of variables, with what a terminal could obey escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in self.variables.keys() {
            write!(f, "{}=… ", name.escape_debug())?;
        }
        write!(f, "{:?}", self.program)?;
        for argument in &self.arguments {
            write!(f, " {argument:?}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({self})")
    }
}
