//! Whether a log is as it was written.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::chain::{ChainKey, Head, Link, check, split};
use crate::json_lines::place::{HeadRead, Place};
use crate::line::Entry;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// In which file, if it is in one.
    pub file: Option<PathBuf>,
    /// Which line of the file, counted from 1.
    pub line: u64,
    /// What is wrong.
    pub damage: Damage,
}

/// What can be wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// The line was changed, or written by somebody without the key.
    Changed,
    /// Lines are missing before this one.
    Missing {
        /// The number of the first one that is missing.
        from: u64,
        /// The number of the last one.
        to: u64,
    },
    /// The line belongs elsewhere, or was there before.
    Moved {
        /// The number of the line that should be here.
        expected: u64,
        /// The number of the line that is.
        found: u64,
    },
    /// It has the right number and hangs on another line than the one before it.
    Unchained,
    /// The end of the log is missing.
    CutOff {
        /// The number of the first line that is missing.
        from: u64,
        /// The number of the last one.
        to: u64,
    },
    /// There is no head, which says where the log begins and ends.
    NoHead,
    /// The head was not written with the key.
    ForgedHead,
    /// The head is about another log.
    OtherHead,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("the line was changed"),
            Self::Missing { from, to } if from == to => write!(f, "record {from} is missing"),
            Self::Missing { from, to } => write!(f, "records {from} to {to} are missing"),
            Self::Moved { expected, found } => {
                write!(f, "record {found} is where record {expected} should be")
            }
            Self::Unchained => f.write_str("the line does not follow the one before it"),
            Self::CutOff { from, to } if from == to => {
                write!(f, "the log is cut off: its last record, {from}, is missing")
            }
            Self::CutOff { from, to } => {
                write!(f, "the log is cut off: records {from} to {to} are missing")
            }
            Self::NoHead => f.write_str("the file that says where the log ends is missing"),
            Self::ForgedHead => {
                f.write_str("the file that says where the log ends was not written with this key")
            }
            Self::OtherHead => {
                f.write_str("the file that says where the log ends is about another log")
            }
        }
    }
}

/// What was found out about a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many good lines there are.
    pub lines: u64,
    /// The place of the first good line.
    pub first: Option<Link>,
    /// The place of the last good line: noted elsewhere now and then, it tells later
    /// that nothing before it was replaced, with the key or without.
    pub last: Option<Link>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// The last line was not written to its end, as a kill or a power cut leaves it. That
    /// is no damage: it was never acknowledged, and is taken away at the next start.
    pub is_torn: bool,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_intact(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Verifies the log at `log` with its older files; `key` is the file of the key if it is
/// not beside it.
///
/// # Errors
///
/// If the files or the key cannot be read, or there is no log at all.
pub fn files(log: &Path, key: Option<&Path>) -> io::Result<Report> {
    let place = Place::new(log.to_owned(), key.map(Path::to_owned));
    let key = place.chain_key(false)?;
    let head = place.read_head(&key)?;
    let files = place.all()?;
    if files.is_empty() && head == HeadRead::Missing {
        return Err(io::Error::new(io::ErrorKind::NotFound, "there is no log"));
    }
    let mut walk = Walk::from(&key, head);
    let newest = files.len().saturating_sub(1);
    for (at, file) in files.iter().enumerate() {
        walk.file(file, at == newest)?;
    }
    Ok(walk.end())
}

/// Verifies `lines`, each without its end, as those between the ends of `head`.
pub fn lines<'a>(
    key: &ChainKey,
    head: Option<Head>,
    lines: impl IntoIterator<Item = &'a str>,
) -> Report {
    let head = head.map_or(HeadRead::Missing, HeadRead::Good);
    let mut walk = Walk::from(key, head);
    for line in lines {
        walk.number += 1;
        walk.line(line);
    }
    walk.end()
}

/// From line to line.
struct Walk<'k> {
    key: &'k ChainKey,
    head: Option<Head>,
    /// What the next line hangs on.
    last: Link,
    /// The line that the head names as the last one was seen.
    met_head: bool,
    file: Option<PathBuf>,
    number: u64,
    report: Report,
}

impl<'k> Walk<'k> {
    fn from(key: &'k ChainKey, read: HeadRead) -> Self {
        let head = match read {
            HeadRead::Good(head) => Some(head),
            HeadRead::Missing | HeadRead::Foreign => None,
        };
        let mut walk = Self {
            key,
            head,
            last: head.map_or(Link::START, |head| head.before),
            met_head: head.is_none_or(|head| head.last == head.before),
            file: None,
            number: 0,
            report: Report {
                lines: 0,
                first: None,
                last: None,
                findings: Vec::new(),
                is_torn: false,
            },
        };
        match read {
            HeadRead::Good(_) => {}
            HeadRead::Missing => walk.find(Damage::NoHead),
            HeadRead::Foreign => walk.find(Damage::ForgedHead),
        }
        walk
    }

    fn find(&mut self, damage: Damage) {
        self.report.findings.push(Finding {
            file: self.file.clone(),
            line: self.number,
            damage,
        });
    }

    fn file(&mut self, path: &Path, is_newest: bool) -> io::Result<()> {
        self.file = Some(path.to_owned());
        self.number = 0;
        let mut reader = BufReader::new(File::open(path)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            self.number += 1;
            let whole = line.pop_if(|sign| *sign == b'\n').is_some();
            match std::str::from_utf8(&line) {
                Ok(line) if whole => self.line(line),
                _ if !whole && is_newest => self.report.is_torn = true,
                _ => {
                    self.find(Damage::Changed);
                    self.last.seq = self.last.seq.saturating_add(1);
                }
            }
        }
    }

    fn line(&mut self, line: &str) {
        let entry = Entry::parse(line);
        let (Some(entry), Some(_)) = (entry.as_ref(), check(self.key, line)) else {
            self.find(Damage::Changed);
            // What follows is judged as if this line were what it says it is.
            self.last.seq = self.last.seq.saturating_add(1);
            if let Some((_, mac)) = split(line) {
                self.last.mac = mac;
            }
            return;
        };
        // A file that was to be deleted when the process ended.
        if self
            .head
            .is_some_and(|head| entry.link.seq <= head.before.seq)
        {
            if self.report.lines == 0 && self.report.findings.is_empty() {
                return;
            }
            self.find(Damage::Moved {
                expected: self.last.seq.saturating_add(1),
                found: entry.link.seq,
            });
            return;
        }
        let expected = self.last.seq.saturating_add(1);
        if entry.link.seq > expected {
            self.find(Damage::Missing {
                from: expected,
                to: entry.link.seq - 1,
            });
        } else if entry.link.seq < expected {
            self.find(Damage::Moved {
                expected,
                found: entry.link.seq,
            });
        } else if entry.prev != self.last.mac {
            self.find(Damage::Unchained);
        }
        self.last = entry.link;
        self.met_head |= self.head.is_some_and(|head| head.last == entry.link);
        self.report.first.get_or_insert(entry.link);
        self.report.last = Some(entry.link);
        self.report.lines += 1;
    }

    fn end(mut self) -> Report {
        let last = self.last.seq;
        if let Some(head) = self.head {
            if head.last.seq > last {
                self.find(Damage::CutOff {
                    from: last.saturating_add(1),
                    to: head.last.seq,
                });
            } else if !self.met_head && self.report.findings.is_empty() {
                self.find(Damage::OtherHead);
            }
        }
        self.report
    }
}
