//! The figures: medians over the rounds.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::load::Round;
use crate::report::{median, percentile};

/// What was measured of one call.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    name: &'static str,
    /// Calls in a second.
    per_second: f64,
    /// How many times the commits that the bare database made in a second of the same
    /// round that is.
    of_bare: f64,
    /// Microseconds of CPU time for one call.
    cpu_us: f64,
    /// The least and the greatest of the rounds, in microseconds.
    spread_us: (f64, f64),
    p50_us: f64,
    p99_us: f64,
    memory_kib: u64,
    #[serde(skip)]
    rounds: Vec<Figures>,
    #[serde(skip)]
    latencies: Vec<Duration>,
}

/// One round.
#[derive(Debug)]
struct Figures {
    per_second: f64,
    cpu_us: f64,
}

impl Line {
    pub(super) fn new(name: &'static str) -> Self {
        let none = f64::NAN;
        Self {
            name,
            per_second: none,
            of_bare: none,
            cpu_us: none,
            spread_us: (none, none),
            p50_us: none,
            p99_us: none,
            memory_kib: 0,
            rounds: Vec::new(),
            latencies: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, round: Round) {
        self.rounds.push(Figures {
            per_second: round.latencies.len() as f64 / round.elapsed.as_secs_f64(),
            cpu_us: round.cpu.as_secs_f64() * 1e6,
        });
        self.latencies.extend(round.latencies);
    }

    pub(super) fn memory(&mut self, kib: u64) {
        self.memory_kib = kib;
    }

    fn all(&self, figure: impl Fn(&Figures) -> f64) -> Vec<f64> {
        self.rounds.iter().map(figure).collect()
    }
}

/// Sums up the rounds, and compares each line with the one called `bare`.
pub(super) fn compare(lines: &mut [Line], bare: &str) {
    let bare = lines.iter().find(|line| line.name == bare);
    let bare = bare.map_or(Vec::new(), |bare| bare.all(|round| round.per_second));
    for line in lines {
        let per_second = line.all(|round| round.per_second);
        let ratios = per_second.iter().zip(&bare).map(|(ours, bare)| ours / bare);
        line.of_bare = median(ratios.collect());
        line.per_second = median(per_second);
        let cpu = line.all(|round| round.cpu_us);
        line.spread_us = (
            cpu.iter().copied().fold(f64::INFINITY, f64::min),
            cpu.iter().copied().fold(0.0, f64::max),
        );
        line.cpu_us = median(cpu);
        line.latencies.sort_unstable();
        line.p50_us = percentile(&line.latencies, 50);
        line.p99_us = percentile(&line.latencies, 99);
    }
}

/// The table; nothing without lines.
pub(crate) fn table(lines: &[Line], many: u64) -> String {
    let mut text = String::new();
    if lines.is_empty() {
        return text;
    }
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{:<36} {:>9} {:>7} {:>8} {:>15} {:>8} {:>8} {:>8}",
        format!("SQLite; many clients: {many}"),
        "a second",
        "× bare",
        "CPU µs",
        "rounds",
        "p50 µs",
        "p99 µs",
        "RSS MiB"
    );
    for line in lines {
        let (least, greatest) = line.spread_us;
        let spread = format!("{least:.1}–{greatest:.1}");
        let _ = writeln!(
            text,
            "{:<36} {:>9.0} {:>7.2} {:>8.2} {spread:>15} {:>8.0} {:>8.0} {:>8}",
            line.name,
            line.per_second,
            line.of_bare,
            line.cpu_us,
            line.p50_us,
            line.p99_us,
            line.memory_kib / 1024,
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &'static str, per_second: &[f64]) -> Line {
        let mut line = Line::new(name);
        line.rounds = per_second
            .iter()
            .map(|per_second| Figures {
                per_second: *per_second,
                cpu_us: 1.0,
            })
            .collect();
        line
    }

    #[test]
    fn calls_are_compared_with_the_commits_of_their_own_round() {
        let mut lines = [
            line("bare", &[10.0, 40.0, 20.0]),
            line("x", &[5.0, 80.0, 20.0]),
        ];
        compare(&mut lines, "bare");
        assert_eq!((lines[1].per_second, lines[1].of_bare), (20.0, 1.0));
        assert_eq!(lines[0].of_bare, 1.0);
    }
}
