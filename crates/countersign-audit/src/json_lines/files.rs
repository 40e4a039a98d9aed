//! The lines of a log on their way to its files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::mem;

use super::Limits;
use super::place::{HeadRead, Place};
use crate::chain::{ChainKey, Head, Link, check, next};
use crate::line::{Entry, members};
use crate::{Record, Severity, owner_only};

/// The open end of a log.
#[derive(Debug)]
pub(super) struct Files {
    place: Place,
    key: ChainKey,
    limits: Limits,
    file: File,
    /// The bytes of `file` that are whole lines.
    length: u64,
    /// Number and time of the first line in `file`.
    first: Option<(u64, u64)>,
    head: Head,
    /// Lines that are in the chain and not in the file yet.
    pending: Vec<u8>,
    /// What was found wrong at the start; noted before the first record.
    found: Vec<Record>,
}

impl Files {
    /// Goes on where the log ends.
    pub(super) fn open(place: Place, limits: Limits) -> io::Result<Self> {
        let key = place.chain_key(true)?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let file = owner_only::open(&mut options, &place.log)?;
        let end = End::of(&file, &key)?;
        let mut files = Self {
            length: end.length,
            first: end.first,
            head: Head {
                before: Link::START,
                last: Link::START,
            },
            place,
            key,
            limits,
            file,
            pending: Vec::new(),
            found: Vec::new(),
        };
        files.resume(&end)?;
        Ok(files)
    }

    /// Decides after which line the chain goes on. What is missing stays missing: the
    /// numbers of lines are never given twice.
    fn resume(&mut self, end: &End) -> io::Result<()> {
        let older = self.place.all_full()?;
        let is_new = end.last.is_none() && older.is_empty();
        if end.torn > 0 {
            self.file.set_len(end.length)?;
            self.find(
                "audit_line_torn",
                "the last line was not written to its end",
                Severity::Notice,
                format!("{} bytes were left of it", end.torn),
            );
        }
        let on_disk = end.last.unwrap_or(Link::START);
        match self.place.read_head(&self.key)? {
            HeadRead::Good(head)
                if head.last.seq > on_disk.seq && !(self.is_rotated(&head, end)) =>
            {
                self.head = head;
                self.find(
                    "audit_lines_missing",
                    "lines of the audit log are missing",
                    Severity::Alert,
                    format!("it ended at {} and ends at {}", head.last.seq, on_disk.seq),
                );
            }
            HeadRead::Good(head) => {
                self.head = head;
                if on_disk.seq > head.last.seq {
                    self.head.last = on_disk;
                }
            }
            HeadRead::Missing if is_new => {}
            HeadRead::Missing | HeadRead::Foreign => {
                self.head.last = on_disk;
                self.find(
                    "audit_head_missing",
                    "what says where the audit log ends is missing or forged",
                    Severity::Alert,
                    format!("it ends at {}", on_disk.seq),
                );
            }
        }
        if end.forged {
            self.find(
                "audit_line_forged",
                "the last line of the audit log was changed",
                Severity::Alert,
                format!("it is line {}", on_disk.seq),
            );
        }
        Ok(())
    }

    /// Whether the file is empty because the one before it has just become full.
    fn is_rotated(&self, head: &Head, end: &End) -> bool {
        end.last.is_none()
            && self.place.all_full().is_ok_and(|full| {
                let newest = full.last().and_then(|(_, path)| File::open(path).ok());
                let end = newest.and_then(|file| End::of(&file, &self.key).ok());
                end.and_then(|end| end.last) == Some(head.last)
            })
    }

    fn find(
        &mut self,
        event: &'static str,
        sentence: &'static str,
        severity: Severity,
        detail: String,
    ) {
        let record = Record::new(event, sentence, 0)
            .severity(severity)
            .detail(detail);
        self.found.push(record);
    }

    /// Adds `records` to the chain, and tries to write it.
    pub(super) fn write(&mut self, records: Vec<Record>) -> io::Result<()> {
        if let Some(first) = records.first() {
            for mut found in mem::take(&mut self.found) {
                found.at = first.at;
                self.add(&found)?;
            }
        }
        let mut failed = None;
        for record in &records {
            // A line that waits for another file is in the chain all the same.
            if let Err(error) = self.add(record) {
                failed = Some(error);
            }
        }
        match failed {
            Some(error) => Err(error),
            None => self.commit(),
        }
    }

    fn add(&mut self, record: &Record) -> io::Result<()> {
        let rotated = if self.is_full(record.at) {
            self.rotate()
        } else {
            Ok(())
        };
        let (line, link) = next(&self.key, self.head.last, &members(record));
        self.head.last = link;
        self.first.get_or_insert((link.seq, record.at));
        self.pending.extend_from_slice(line.as_bytes());
        self.pending.push(b'\n');
        rotated
    }

    fn is_full(&self, at: u64) -> bool {
        let size = self.length.saturating_add(self.pending.len() as u64);
        let age = |(_, first): (u64, u64)| at.saturating_sub(first) / 1000;
        size > 0
            && (size >= self.limits.bytes || self.first.map(age) >= Some(self.limits.age.as_secs()))
    }

    /// Writes what is pending. What cannot be written stays pending, and the file is as
    /// if it had never been tried.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            let written = self
                .file
                .write_all(&self.pending)
                .and_then(|()| self.file.sync_data());
            if let Err(error) = written {
                self.file.set_len(self.length)?;
                return Err(error);
            }
            self.length += self.pending.len() as u64;
            self.pending.clear();
        }
        self.place.write_head(&self.head, &self.key)
    }

    /// Goes on with a new file.
    fn rotate(&mut self) -> io::Result<()> {
        self.commit()?;
        let Some((seq, _)) = self.first else {
            return Ok(());
        };
        fs::rename(&self.place.log, self.place.full(seq))?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        self.file = owner_only::open(&mut options, &self.place.log)?;
        (self.length, self.first) = (0, None);
        self.forget_oldest()
    }

    /// Takes away files beyond the number that is kept. Where the log begins is written
    /// down first.
    fn forget_oldest(&mut self) -> io::Result<()> {
        let full = self.place.all_full()?;
        let Some(over) = full.len().checked_sub(self.limits.files) else {
            return Ok(());
        };
        let (gone, kept) = full.split_at(over);
        if gone.is_empty() {
            return Ok(());
        }
        self.head.before = match kept.first() {
            Some((_, path)) => first_entry(path).map_or(self.head.before, |entry| Link {
                seq: entry.link.seq.saturating_sub(1),
                mac: entry.prev,
            }),
            None => self.head.last,
        };
        self.place.write_head(&self.head, &self.key)?;
        gone.iter().try_for_each(|(_, path)| fs::remove_file(path))
    }

    #[cfg(test)]
    pub(super) fn danger_replace(&mut self, file: File) -> File {
        mem::replace(&mut self.file, file)
    }
}

fn first_entry(path: &std::path::Path) -> Option<Entry> {
    let mut line = String::new();
    BufReader::new(File::open(path).ok()?)
        .read_line(&mut line)
        .ok()?;
    Entry::parse(line.strip_suffix('\n')?)
}

/// How a file ends.
struct End {
    /// The last whole line.
    last: Option<Link>,
    /// Number and time of the first line.
    first: Option<(u64, u64)>,
    /// How many bytes are whole lines.
    length: u64,
    /// How many bytes follow that are none.
    torn: usize,
    /// The last line has a code that is not its own.
    forged: bool,
}

impl End {
    fn of(mut file: &File, key: &ChainKey) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(file);
        let (mut first, mut last) = (None, Vec::new());
        let (mut length, mut torn) = (0_u64, 0);
        let mut line = Vec::new();
        loop {
            line.clear();
            match reader.read_until(b'\n', &mut line)? {
                0 => break,
                read if line.ends_with(b"\n") => {
                    length += read as u64;
                    line.pop();
                    if first.is_none() {
                        first = entry(&line).map(|entry| (entry.link.seq, entry.record.at));
                    }
                    mem::swap(&mut last, &mut line);
                }
                read => torn = read,
            }
        }
        let text = std::str::from_utf8(&last).unwrap_or_default();
        let parsed = entry(&last);
        Ok(Self {
            last: parsed.map(|entry| entry.link),
            first,
            length,
            torn,
            forged: !last.is_empty() && check(key, text).is_none(),
        })
    }
}

fn entry(line: &[u8]) -> Option<Entry> {
    Entry::parse(std::str::from_utf8(line).ok()?)
}
