//! Exit codes, and the one sentence of each failure.

use std::fmt;
use std::io;
use std::process::ExitCode;

use clap::error::ErrorKind;
use countersign::client::ClientError;

use crate::output;

/// The exit codes, for the end of `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  it failed: a file, a key, an address, a server
  2  the command was not understood
  3  the tool that was called reported an error
  4  the server refused the caller (HTTP 401 or 403)";

const FAILED: u8 = 1;
const NOT_UNDERSTOOD: u8 = 2;
const TOOL_FAILED: u8 = 3;
const REFUSED: u8 = 4;

/// The tool answered that it failed, in these words.
#[derive(Debug)]
pub(crate) struct ToolFailed(pub(crate) String);

impl fmt::Display for ToolFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ToolFailed {}

/// Says what went wrong and returns the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        return not_understood(usage);
    }
    if let Some(error) = error.downcast_ref::<io::Error>()
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        // Whoever read our output has read enough.
        return ExitCode::SUCCESS;
    }
    output::note(&format!("error: {}", sentence(&format!("{error:#}"))));
    let refused = matches!(
        error.downcast_ref(),
        Some(ClientError::Unauthorized(_) | ClientError::Forbidden(_))
    );
    ExitCode::from(if refused {
        REFUSED
    } else if error.is::<ToolFailed>() {
        TOOL_FAILED
    } else {
        FAILED
    })
}

/// Help that was asked for goes to standard output; a mistake is one line.
fn not_understood(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            return match error.print() {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::from(FAILED),
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

/// Several lines as one.
fn sentence(text: &str) -> String {
    output::harmless(text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
