//! Records of a log, by what they say.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::json_lines::place::Place;
use crate::line::Entry;
use crate::{Outcome, Record, Severity, Text};

/// What a record must be to be found. Nothing said finds everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Search {
    /// Done by this subject.
    pub subject: Option<String>,
    /// About the component of this name; a `*` at its end stands for anything.
    pub component: Option<String>,
    /// By this client.
    pub client: Option<String>,
    /// This event.
    pub event: Option<String>,
    /// For this reason.
    pub reason: Option<String>,
    /// Of this request.
    pub request: Option<String>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// As severe as this, or more.
    pub severity: Severity,
    /// Not before this time, in milliseconds since 1970.
    pub since: u64,
    /// Not at this time or later.
    pub until: Option<u64>,
}

impl Search {
    /// Finds everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether `record` is what is looked for.
    pub fn finds(&self, record: &Record) -> bool {
        let is = |wanted: &Option<String>, found: &Option<Text>| {
            let found = found.as_ref().map(Text::as_str);
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        let is_named = |wanted: &String| {
            let name = record.component.as_ref().map_or("", Text::as_str);
            match wanted.strip_suffix('*') {
                Some(beginning) => record.component.is_some() && name.starts_with(beginning),
                None => record.component.is_some() && name == wanted,
            }
        };
        record.at >= self.since
            && self.until.is_none_or(|until| record.at < until)
            && record.severity >= self.severity
            && self.outcome.is_none_or(|outcome| record.outcome == outcome)
            && self
                .event
                .as_deref()
                .is_none_or(|event| record.event.as_str() == event)
            && is(&self.subject, &record.subject)
            && is(&self.client, &record.client)
            && is(&self.reason, &record.reason)
            && is(&self.request, &record.request)
            && self.component.as_ref().is_none_or(is_named)
    }

    /// Hands each record of the log at `log` that is found to `found`, with its line, the
    /// oldest first. Answers how many lines could not be read. Whether the log is as it
    /// was written is not looked at: see [`crate::verify`].
    ///
    /// # Errors
    ///
    /// If a file cannot be read, there is no log, or `found` fails.
    pub fn files(
        &self,
        log: &Path,
        mut found: impl FnMut(&Entry, &str) -> io::Result<()>,
    ) -> io::Result<u64> {
        let files = Place::new(log.to_owned(), None).all()?;
        if files.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no log"));
        }
        let mut unread = 0;
        for file in files {
            let mut reader = BufReader::new(File::open(file)?);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line)? > 0 {
                line.pop_if(|sign| *sign == b'\n');
                let text = std::str::from_utf8(&line).ok();
                match text.and_then(|text| Some((Entry::parse(text)?, text))) {
                    Some((entry, text)) if self.finds(&entry.record) => found(&entry, text)?,
                    Some(_) => {}
                    None => unread += 1,
                }
                line.clear();
            }
        }
        Ok(unread)
    }
}
