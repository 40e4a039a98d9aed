//! Exit codes, and the one sentence of each failure.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use countersign::client::ClientError;

use crate::output;

/// The exit codes, for the end of `--help`.
pub(crate) const HELP: &str = "\
Start with `countersign serve`: it prints what to type next.

Exit codes:
  0    done
  1    it failed: a file, a key, an address, a server
  2    the command was not understood
  3    the tool that was called reported an error
  4    the server refused the caller (HTTP 401 or 403)
  130  it was interrupted with Ctrl-C";

const FAILED: u8 = 1;
const NOT_UNDERSTOOD: u8 = 2;
const TOOL_FAILED: u8 = 3;
const REFUSED: u8 = 4;
const INTERRUPTED: u8 = 130;

/// The library names its settings; this is what they are called here.
const OPTIONS: [(&str, &str); 8] = [
    ("client_id(…)", "--client-id"),
    ("client_secret(…)", "--client-secret-file"),
    ("client_metadata_url(…)", "--client-metadata-url"),
    ("issuer(…)", "--issuer"),
    ("scopes(…)", "--scopes"),
    ("private_key(…)", "a key, which only programs can have"),
    (
        "danger_allow_private_networks()",
        "--danger-private-networks",
    ),
    ("log in first", "log in with countersign login"),
];

/// The tool answered that it failed, in these words.
#[derive(Debug)]
pub(crate) struct ToolFailed(pub(crate) String);

impl fmt::Display for ToolFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ToolFailed {}

/// Somebody pressed Ctrl-C; what may have happened until then.
#[derive(Debug)]
pub(crate) struct Interrupted(pub(crate) &'static str);

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interrupted: {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

/// A log is not as it was written; the number of things that are wrong with it.
#[derive(Debug)]
pub(crate) struct Tampered(pub(crate) usize);

impl fmt::Display for Tampered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("the audit log is not as it was written: 1 thing is wrong"),
            found => write!(
                f,
                "the audit log is not as it was written: {found} things are wrong"
            ),
        }
    }
}

impl std::error::Error for Tampered {}

/// Says what went wrong and returns the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        return not_understood(usage);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return not_written(error);
    }
    if error.is::<Interrupted>() && io::stderr().is_terminal() {
        // After the ^C that the terminal shows.
        output::note("");
    }
    let advice = advice(error.downcast_ref()).unwrap_or_default();
    let told = format!("error: {}{advice}", in_options(&format!("{error:#}")));
    output::note(&sentence(&told));
    let refused = matches!(
        error.downcast_ref(),
        Some(ClientError::Unauthorized(_) | ClientError::Forbidden(_))
    );
    ExitCode::from(if refused {
        REFUSED
    } else if error.is::<ToolFailed>() {
        TOOL_FAILED
    } else if error.is::<Interrupted>() {
        INTERRUPTED
    } else {
        FAILED
    })
}

/// What is said about settings of the library, as it is said at a terminal.
fn in_options(told: &str) -> String {
    let mut told = told.to_owned();
    for (setting, option) in OPTIONS {
        told = told.replace(setting, option);
    }
    told
}

/// Standard output does not take what was written.
fn not_written(error: &io::Error) -> ExitCode {
    if error.kind() == io::ErrorKind::BrokenPipe {
        // Whoever read our output has read enough.
        return ExitCode::SUCCESS;
    }
    output::note(&sentence(&format!("error: standard output: {error}")));
    ExitCode::from(FAILED)
}

/// What to do about it.
fn advice(error: Option<&ClientError>) -> Option<&'static str> {
    match error? {
        ClientError::Unauthorized(challenge) => {
            match (&challenge.error, &challenge.error_description) {
                (None, _) => Some(
                    ": log in with countersign login, or pass one with --token or --token-file",
                ),
                (Some(_), None) => Some(": it may have expired, or be for another server"),
                _ => None,
            }
        }
        ClientError::PlainHttp(_) => Some("; --danger-plain-http sends it all the same"),
        _ => None,
    }
}

/// Help that was asked for goes to standard output; a mistake is one line.
fn not_understood(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            return match error.print() {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => not_written(&error),
            };
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => drop(error.print()),
        _ => {
            let text = error.to_string();
            let message = text.split("\n\nUsage:").next().unwrap_or(&text);
            let message = message.split("\n\nFor more").next().unwrap_or(message);
            let message = message.replace("\n\n  tip:", "; tip:");
            output::note(&format!("{} (see --help)", sentence(&message)));
        }
    }
    ExitCode::from(NOT_UNDERSTOOD)
}

/// Several lines as one, without the numbers of the operating system.
fn sentence(text: &str) -> String {
    let text = output::harmless(text);
    let mut words = text.split_whitespace();
    let mut kept: Vec<&str> = Vec::new();
    while let Some(word) = words.next() {
        // Written "(os error 2)".
        if word == "(os" && words.clone().next() == Some("error") {
            words.nth(1);
        } else {
            kept.push(word);
        }
    }
    kept.join(" ")
}
