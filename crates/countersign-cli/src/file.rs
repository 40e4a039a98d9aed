//! Files that are named on the command line.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::anyhow;
use countersign::keys::{KeyFileError, KeyPair};

use crate::output;

/// A key, secret or token is never longer.
const MAX_BYTES: u64 = 64 * 1024;

/// Rules with many members are longer.
const MAX_BYTES_OF_RULES: u64 = 2 * 1024 * 1024;

/// The text of `file`, at most 64 KiB.
pub(crate) fn text(file: &Path) -> anyhow::Result<String> {
    File::open(file)
        .and_then(limited)
        .map_err(|error| unreadable(file, &error))
}

/// The text of `source`, at most 64 KiB.
pub(crate) fn limited(source: impl Read) -> io::Result<String> {
    read_up_to(source, MAX_BYTES)
}

/// The text of `file`, as long as it may be: whoever reads it says what is too long.
pub(crate) fn long_text(file: &Path) -> anyhow::Result<String> {
    File::open(file)
        .and_then(|source| read_up_to(source, MAX_BYTES_OF_RULES))
        .map_err(|error| unreadable(file, &error))
}

fn read_up_to(source: impl Read, most: u64) -> io::Result<String> {
    let mut text = String::new();
    let read = source.take(most + 1).read_to_string(&mut text)? as u64;
    if read > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

/// What is wrong with `file`, which was to be read.
pub(crate) fn unreadable(file: &Path, error: &io::Error) -> anyhow::Error {
    anyhow!("{}: {}", file.display(), why(error))
}

/// An error of the operating system in words.
pub(crate) fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".into(),
        io::ErrorKind::PermissionDenied => "you may not do this (permission denied)".into(),
        io::ErrorKind::IsADirectory => "this is a folder, not a file".into(),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "there is a file where a folder should be".into()
        }
        io::ErrorKind::InvalidData => "this is not text".into(),
        io::ErrorKind::FileTooLarge => "this is too long, 64 KiB are enough".into(),
        _ => error.to_string(),
    }
}

/// The private key in `file`. Says so if others can read it.
pub(crate) fn key_pair(file: &Path) -> Result<KeyPair, KeyFileError> {
    let pair = KeyPair::load(file)?;
    #[cfg(unix)]
    if let Ok(about) = std::fs::metadata(file)
        && std::os::unix::fs::MetadataExt::mode(&about) & 0o077 != 0
    {
        let file = output::harmless(&file.display().to_string());
        output::note(&format!(
            "warning: other users of this machine can read {file}: chmod 600 {file}"
        ));
    }
    Ok(pair)
}

/// An error with a key file as one sentence that says what to do.
pub(crate) fn key_error(error: KeyFileError) -> anyhow::Error {
    match error {
        KeyFileError::Missing(_) => {
            anyhow!("{error}; make a key pair with: countersign keygen")
        }
        KeyFileError::Io { path, error } => unreadable(&path, &error),
        other => other.into(),
    }
}
