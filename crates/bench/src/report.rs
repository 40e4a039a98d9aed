//! The figures: medians over the rounds, as a table or as JSON.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use countersign::oauth::jose::Algorithm;
use serde::Serialize;

use crate::authorization;

/// What was measured of one server.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    name: &'static str,
    /// Microseconds of CPU time for one call.
    cpu_us: f64,
    /// By how many microseconds that is more than the floor of the same round.
    above_floor_us: f64,
    /// How many times the floor of the same round that is.
    ratio: f64,
    /// The least and the greatest of the rounds, in microseconds.
    spread_us: (f64, f64),
    p50_us: f64,
    p99_us: f64,
    memory_kib: u64,
    /// By how many microseconds it is more than the floor that verifies the same
    /// signatures in the same round.
    #[serde(skip_serializing_if = "Option::is_none")]
    above_signature_us: Option<f64>,
    /// How it compares with calls that nothing is asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<Access>,
}

/// What limits, rules and an audit log cost, by what each round says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Access {
    /// How many times the call of a server that says nothing of them.
    warm_ratio: f64,
    /// How many times the call of a server where they are off.
    off_ratio: f64,
    /// By how many microseconds it is more than that.
    above_off_us: f64,
}

/// The cost of one signature verification.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) algorithm: Algorithm,
    /// Microseconds.
    pub(crate) cost: f64,
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) lines: Vec<Line>,
    pub(crate) signatures: Vec<Signature>,
    /// Of the authorization server.
    pub(crate) authorization: Vec<authorization::Line>,
    /// How many clients many are.
    pub(crate) many_clients: u64,
}

impl Line {
    /// `cpu` and `floor` have one figure for each round, in microseconds.
    pub(crate) fn new(
        name: &'static str,
        cpu: &[f64],
        floor: &[f64],
        mut latencies: Vec<Duration>,
        memory_kib: u64,
    ) -> Self {
        latencies.sort_unstable();
        let ratios = cpu.iter().zip(floor).map(|(cpu, floor)| cpu / floor);
        let above = cpu.iter().zip(floor).map(|(cpu, floor)| cpu - floor);
        let least = cpu.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = cpu.iter().copied().fold(0.0, f64::max);
        Self {
            name,
            cpu_us: median(cpu.to_vec()),
            above_floor_us: median(above.collect()),
            ratio: median(ratios.collect()),
            spread_us: (least, greatest),
            p50_us: percentile(&latencies, 50),
            p99_us: percentile(&latencies, 99),
            memory_kib,
            above_signature_us: None,
            access: None,
        }
    }

    /// Compared with the `warm` call of a server that says nothing of access control and
    /// with one where it is `off`; figures as above.
    pub(crate) fn access(mut self, cpu: &[f64], warm: &[f64], off: &[f64]) -> Self {
        let ratios = |other: &[f64]| median(cpu.iter().zip(other).map(|(a, b)| a / b).collect());
        self.access = Some(Access {
            warm_ratio: ratios(warm),
            off_ratio: ratios(off),
            above_off_us: median(cpu.iter().zip(off).map(|(a, b)| a - b).collect()),
        });
        self
    }

    /// Compared with a floor that verifies signatures, too; `cpu` and `floor` as above.
    pub(crate) fn beside(mut self, cpu: &[f64], floor: &[f64]) -> Self {
        let above = cpu.iter().zip(floor).map(|(cpu, floor)| cpu - floor);
        self.above_signature_us = Some(median(above.collect()));
        self
    }
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    let upper = figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN);
    let lower = figures.get(figures.len().saturating_sub(1) / 2).copied();
    (upper + lower.unwrap_or(f64::NAN)) / 2.0
}

/// `sorted` in ascending order; microseconds.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted
        .get(rank)
        .map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
}

impl Report {
    /// Prints everything to standard output.
    pub(crate) fn print(&self, json: bool) -> Result<()> {
        let text = if json {
            self.json()?
        } else {
            let calls = match self.lines.as_slice() {
                [] => String::new(),
                _ => self.table()? + "\n",
            };
            calls + &authorization::table(&self.authorization, self.many_clients)
        };
        std::io::stdout().write_all(text.as_bytes())?;
        Ok(())
    }

    fn json(&self) -> Result<String> {
        let signatures: serde_json::Map<_, _> = self
            .signatures
            .iter()
            .map(|signature| {
                (
                    signature.algorithm.as_str().to_owned(),
                    signature.cost.into(),
                )
            })
            .collect();
        let report = serde_json::json!({
            "lines": self.lines,
            "signature_us": signatures,
            "authorization": self.authorization,
            "many_clients": self.many_clients,
        });
        Ok(serde_json::to_string_pretty(&report)? + "\n")
    }

    fn table(&self) -> Result<String> {
        let mut text = String::new();
        writeln!(
            text,
            "{:<32} {:>8} {:>7} {:>8} {:>15} {:>8} {:>8} {:>8}",
            "tools/call", "CPU µs", "floor ×", "floor +", "rounds", "p50 µs", "p99 µs", "RSS MiB"
        )?;
        for line in &self.lines {
            let (least, greatest) = line.spread_us;
            let spread = format!("{least:.1}–{greatest:.1}");
            let memory = line.memory_kib / 1024;
            writeln!(
                text,
                "{:<32} {:>8.2} {:>7.2} {:>8.2} {spread:>15} {:>8.0} {:>8.0} {memory:>8}",
                line.name, line.cpu_us, line.ratio, line.above_floor_us, line.p50_us, line.p99_us,
            )?;
        }
        writeln!(text)?;
        for line in &self.lines {
            if let Some(above) = line.above_signature_us {
                let name = line.name;
                writeln!(
                    text,
                    "{name}: {above:.2} µs above the floor that verifies the same signatures"
                )?;
            }
        }
        self.access_table(&mut text)?;
        for signature in &self.signatures {
            writeln!(
                text,
                "one {} verification in a loop: {:.2} µs",
                signature.algorithm.as_str(),
                signature.cost
            )?;
        }
        Ok(text)
    }

    fn access_table(&self, text: &mut String) -> Result<()> {
        let mut lines = self
            .lines
            .iter()
            .filter_map(|line| Some((line, line.access?)))
            .peekable();
        if lines.peek().is_none() {
            return Ok(());
        }
        writeln!(
            text,
            "{:<32} {:>8} {:>7} {:>7} {:>7} {:>8}",
            "limits, rules, audit", "CPU µs", "floor ×", "warm ×", "off ×", "off +"
        )?;
        for (line, access) in lines {
            writeln!(
                text,
                "{:<32} {:>8.2} {:>7.2} {:>7.2} {:>7.2} {:>8.2}",
                line.name,
                line.cpu_us,
                line.ratio,
                access.warm_ratio,
                access.off_ratio,
                access.above_off_us,
            )?;
        }
        writeln!(text)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_are_what_they_are_called() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), 3.0);
        let times: Vec<_> = (1..=200).map(Duration::from_micros).collect();
        assert_eq!(percentile(&times, 50), 100.0);
        assert_eq!(percentile(&times, 99), 198.0);
        assert!(percentile(&[], 50).is_nan());
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let line = Line::new("x", &[2.0, 40.0, 3.0], &[1.0, 20.0, 1.0], Vec::new(), 0);
        assert_eq!(
            (line.cpu_us, line.ratio, line.above_floor_us),
            (3.0, 2.0, 2.0)
        );
        let (warm, off) = ([1.0, 10.0, 1.0], [2.0, 8.0, 1.0]);
        let access = line.access(&[2.0, 40.0, 3.0], &warm, &off).access;
        let expected = Access {
            warm_ratio: 3.0,
            off_ratio: 3.0,
            above_off_us: 2.0,
        };
        assert_eq!(access, Some(expected));
    }
}
