//! The files of a log, by name: `audit.jsonl` is written, `audit.jsonl.` and the number
//! of its first line is a file that is full, `audit.jsonl.head` says where the log ends,
//! `audit.jsonl.key` is the key, `audit.jsonl.lock` is held by the one who writes.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::chain::{ChainKey, Head};
use crate::{owner_only, random};

/// Digits of the number of a line in the name of a file: enough for every `u64`.
const DIGITS: usize = 20;

/// Where a log is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The file that is written.
    pub(crate) log: PathBuf,
    /// The file with the key.
    pub(crate) key: PathBuf,
}

impl Place {
    pub(crate) fn new(log: PathBuf, key: Option<PathBuf>) -> Self {
        let key = key.unwrap_or_else(|| beside(&log, ".key"));
        Self { log, key }
    }

    pub(crate) fn head(&self) -> PathBuf {
        beside(&self.log, ".head")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        beside(&self.log, ".lock")
    }

    /// The name of the file whose first line is `seq`, once it is full.
    pub(crate) fn full(&self, seq: u64) -> PathBuf {
        beside(&self.log, &format!(".{seq:0DIGITS$}"))
    }

    /// The files that are full, the oldest first, with the numbers of their first lines.
    pub(crate) fn all_full(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let folder = match self.log.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut prefix = self.log.file_name().unwrap_or_default().to_owned();
        prefix.push(".");
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let Some(digits) = name
                .to_str()
                .and_then(|name| name.strip_prefix(prefix.to_str()?))
            else {
                continue;
            };
            let plain = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
            if let (true, Ok(seq)) = (plain, digits.parse()) {
                found.push((seq, folder.join(&name)));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// All files with lines, the oldest first.
    pub(crate) fn all(&self) -> io::Result<Vec<PathBuf>> {
        let mut files: Vec<_> = self.all_full()?.into_iter().map(|(_, path)| path).collect();
        if self.log.exists() {
            files.push(self.log.clone());
        }
        Ok(files)
    }

    /// The key; made at the first start if `may_make` it.
    pub(crate) fn chain_key(&self, may_make: bool) -> io::Result<ChainKey> {
        match File::open(&self.key) {
            Ok(file) => read_key(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_make => self.make_key(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(io::Error::new(
                error.kind(),
                format!("there is no key {}", self.key.display()),
            )),
            Err(error) => Err(error),
        }
    }

    fn make_key(&self) -> io::Result<ChainKey> {
        let bytes = random::key()?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let mut file = owner_only::open(&mut options, &self.key)?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(file, "{text}")?;
        file.sync_all()?;
        Ok(ChainKey::new(&bytes))
    }

    /// What the head says: nothing if there is none, `Err(Ok(()))` if it was not written
    /// with this key.
    pub(crate) fn read_head(&self, key: &ChainKey) -> io::Result<HeadRead> {
        match fs::read_to_string(self.head()) {
            Ok(text) => Ok(Head::open(key, &text).map_or(HeadRead::Foreign, HeadRead::Good)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HeadRead::Missing),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(HeadRead::Foreign),
            Err(error) => Err(error),
        }
    }

    /// Puts `head` in the place of the earlier one, in one step.
    pub(crate) fn write_head(&self, head: &Head, key: &ChainKey) -> io::Result<()> {
        let new = beside(&self.log, ".head.new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let mut file = owner_only::open(&mut options, &new)?;
        writeln!(file, "{}", head.sealed(key))?;
        drop(file);
        fs::rename(&new, self.head())
    }
}

/// What there is for a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadRead {
    Good(Head),
    /// There is none.
    Missing,
    /// It was not written with this key.
    Foreign,
}

fn beside(log: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(log);
    name.push(ending);
    PathBuf::from(name)
}

fn read_key(mut file: File) -> io::Result<ChainKey> {
    if let Some(mode) = owner_only::looser_mode(&file.metadata()?) {
        return Err(io::Error::other(format!(
            "others may read the key (mode {mode:o}): make it its owner's alone with chmod 600"
        )));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let broken = || io::Error::other("the key is not 64 hexadecimal digits");
    let digits = text.trim_end();
    if digits.len() != 64 || !digits.is_ascii() {
        return Err(broken());
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let pair = digits.get(at * 2..at * 2 + 2).ok_or_else(broken)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| broken())?;
    }
    Ok(ChainKey::new(&bytes))
}
