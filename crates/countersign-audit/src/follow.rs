//! Records as they come.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::line::Entry;

/// Reads what is added to a log, also when it goes on in another file.
#[derive(Debug)]
pub struct Follow {
    log: PathBuf,
    file: BufReader<File>,
    /// The number of the last line that was read.
    seq: u64,
    /// What was read of a line that is not whole yet.
    begun: Vec<u8>,
}

impl Follow {
    /// From the line behind `seq` in the newest file of the log at `log` on.
    ///
    /// # Errors
    ///
    /// If the log cannot be opened.
    pub fn behind(log: &Path, seq: u64) -> io::Result<Self> {
        Ok(Self {
            log: log.to_owned(),
            file: BufReader::new(File::open(log)?),
            seq,
            begun: Vec::new(),
        })
    }

    /// What was added since the last call, with its lines, the oldest first. Lines that
    /// cannot be read are left out: [`crate::verify`] finds them.
    ///
    /// # Errors
    ///
    /// If the log cannot be read.
    pub fn added(&mut self) -> io::Result<Vec<(Entry, String)>> {
        let mut added = Vec::new();
        self.drain(&mut added)?;
        if self.goes_on()? {
            // The rest of the old file was written before there was a new one.
            self.drain(&mut added)?;
            self.file = BufReader::new(File::open(&self.log)?);
            self.begun.clear();
            self.drain(&mut added)?;
        }
        Ok(added)
    }

    fn drain(&mut self, added: &mut Vec<(Entry, String)>) -> io::Result<()> {
        while self.file.read_until(b'\n', &mut self.begun)? > 0 {
            if self.begun.pop_if(|sign| *sign == b'\n').is_none() {
                return Ok(());
            }
            let line = std::mem::take(&mut self.begun);
            let line = String::from_utf8(line).ok();
            let entry = line.and_then(|line| Some((Entry::parse(&line)?, line)));
            if let Some((entry, line)) = entry
                && entry.link.seq > self.seq
            {
                self.seq = entry.link.seq;
                added.push((entry, line));
            }
        }
        Ok(())
    }

    /// Whether the file of this name is not the one that is open.
    fn goes_on(&mut self) -> io::Result<bool> {
        let open = self.file.stream_position()?;
        let mut named = match File::open(&self.log) {
            Ok(named) => named,
            // Just now it has no name.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if named.seek(SeekFrom::End(0))? < open {
            return Ok(true);
        }
        named.seek(SeekFrom::Start(0))?;
        let mut first = String::new();
        BufReader::new(named).read_line(&mut first)?;
        let first = Entry::parse(first.trim_end_matches('\n'));
        Ok(first.is_some_and(|entry| entry.link.seq > self.seq) && open > 0)
    }
}
