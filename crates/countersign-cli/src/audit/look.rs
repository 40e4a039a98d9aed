//! Looking for records.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use clap::Args;
use countersign::audit::{Entry, Outcome, Search, Severity, moment};
use countersign::{Clock, SystemClock};

use super::place::Place;
use super::words;
use crate::{output, table};

/// How often it is looked for more.
const PERIOD: Duration = Duration::from_millis(250);

/// What to look for.
#[derive(Debug, Args)]
pub(super) struct Look {
    /// Done by this subject
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,

    /// About the tool, prompt, resource or route of this name; * at its end stands for anything
    #[arg(long, visible_alias = "component", value_name = "NAME")]
    tool: Option<String>,

    /// By the client of this id
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,

    /// Of this event, such as request_refused
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,

    /// For this reason, such as insufficient_scope
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,

    /// Of the request of this id
    #[arg(long, value_name = "ID")]
    request: Option<String>,

    /// With this outcome: allowed, refused, failed or noted
    #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
    outcome: Option<Outcome>,

    /// As severe as this or more: info, notice, warning or alert
    #[arg(long, value_name = "SEVERITY", default_value = "info", hide_default_value = true, value_parser = severity)]
    severity: Severity,

    /// Not before this time: 1h ago, written 1h, or 2026-02-07T18:05:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<u64>,

    /// Before this time, written like --since
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<u64>,
}

fn outcome(text: &str) -> Result<Outcome, &'static str> {
    Outcome::parse(text).ok_or("write allowed, refused, failed or noted")
}

fn severity(text: &str) -> Result<Severity, &'static str> {
    Severity::parse(text).ok_or("write info, notice, warning or alert")
}

/// A point in time in milliseconds: `1h` ago, or as RFC 3339 writes it.
fn time(text: &str) -> Result<u64, &'static str> {
    if let Some(time) = moment::read(text) {
        return Ok(time);
    }
    let now = SystemClock::default().now_millis();
    let ago = ago(text).ok_or("write 30m, 1h, 2d or a time such as 2026-02-07T18:05:00Z")?;
    Ok(now.saturating_sub(ago.saturating_mul(1000)))
}

/// A number of seconds, minutes, hours or days, in seconds.
fn ago(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let plain = number.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| number.parse::<u64>().ok()?.checked_mul(unit))?
}

impl Look {
    fn search(&self) -> Search {
        let mut search = Search::new();
        search.subject.clone_from(&self.subject);
        search.component.clone_from(&self.tool);
        search.client.clone_from(&self.client);
        search.event.clone_from(&self.event);
        search.reason.clone_from(&self.reason);
        search.request.clone_from(&self.request);
        search.outcome = self.outcome;
        search.severity = self.severity;
        search.since = self.since.unwrap_or_default();
        search.until = self.until;
        search
    }

    /// Prints what there is.
    pub(super) async fn list(&self, log: &Place, json: bool) -> io::Result<()> {
        let mut rows = Vec::new();
        let search = self.search();
        let read = log.each(&search, |entry, line| {
            if json {
                output::json_line(line)
            } else {
                rows.push(words::row(&entry.record));
                Ok(())
            }
        });
        let unread = read.await?;
        if !json && rows.is_empty() {
            output::note("Nothing of the kind is noted.");
        } else if !json {
            table::print(words::HEAD, rows)?;
        }
        if unread > 0 {
            output::note(&format!(
                "{unread} lines cannot be read: countersign audit verify says what is wrong"
            ));
        }
        Ok(())
    }

    /// Prints the last `lines`, and then what comes.
    pub(super) async fn tail(&self, log: &Place, lines: usize, json: bool) -> io::Result<()> {
        let search = self.search();
        let (mut last, mut seq) = (VecDeque::new(), 0);
        let all = Search::new();
        let read = log.each(&all, |entry, line| {
            seq = entry.link.seq;
            if search.finds(&entry.record) {
                last.push_back((entry.clone(), line.to_owned()));
                if last.len() > lines {
                    last.pop_front();
                }
            }
            Ok(())
        });
        read.await?;
        let show = |entry: &Entry, line: &str| -> io::Result<()> {
            match json {
                true => output::json_line(line),
                false => table::print_bare(vec![words::row(&entry.record)]),
            }
        };
        for (entry, line) in &last {
            show(entry, line)?;
        }
        let mut follow = log.follow(seq).await?;
        loop {
            for (entry, line) in follow.added().await? {
                if search.finds(&entry.record) {
                    show(&entry, &line)?;
                }
            }
            tokio::time::sleep(PERIOD).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_span_ago_or_written_out() {
        for text in ["", "h", "1", "1w", "-1h", "1.5h", "é", "2026-02-07"] {
            assert!(time(text).is_err(), "{text}");
        }
        assert_eq!(time("2030-03-17T17:46:40Z"), Ok(1_900_000_000_000));
        let (hour, day) = (time("1h").unwrap(), time("1d").unwrap());
        assert!(hour - day >= 23 * 3_600_000 && hour - day < 23 * 3_600_000 + 60_000);
    }
}
