//! What the suite prints at its end.

use std::collections::BTreeSet;

use crate::totals::Totals;

/// The scenarios of one leg with their checks.
pub(super) struct Summary {
    scenarios: Vec<(String, Totals)>,
    /// Run and reported, but not part of conformance; those that failed.
    not_scored: BTreeSet<String>,
}

/// Reads `✓ name: N passed, M failed` and the list of what is not scored.
/// Nothing if there is no summary.
pub(super) fn parse(printed: &str) -> Option<Summary> {
    let (_, summary) = printed.rsplit_once("=== SUMMARY ===")?;
    let (scored, not_scored) = summary
        .split_once("Not scored for")
        .unwrap_or((summary, ""));
    let scenarios: Vec<(String, Totals)> = scored.lines().filter_map(scenario).collect();
    let not_scored = not_scored
        .lines()
        .filter_map(|line| marked(line)?.split(' ').next())
        .map(str::to_owned)
        .collect();
    (!scenarios.is_empty()).then_some(Summary {
        scenarios,
        not_scored,
    })
}

impl Summary {
    /// The checks of the required scenarios.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for (_, checks) in self.required_scenarios() {
            totals += *checks;
        }
        totals
    }

    /// How many required scenarios ran. One that is not scored and passed
    /// counts too: the suite names only those that failed.
    pub(super) fn required(&self) -> usize {
        self.required_scenarios().count()
    }

    /// The required scenarios that failed.
    pub(super) fn failing_required(&self) -> impl Iterator<Item = &str> {
        self.required_scenarios()
            .filter(|(_, checks)| checks.failed > 0)
            .map(|(name, _)| name.as_str())
    }

    /// What to add about scenarios that are not scored.
    pub(super) fn note(&self) -> String {
        if self.not_scored.is_empty() {
            return String::new();
        }
        let names: Vec<&str> = self.not_scored.iter().map(String::as_str).collect();
        format!(" (not scored, failing: {})", names.join(", "))
    }

    fn required_scenarios(&self) -> impl Iterator<Item = &(String, Totals)> {
        self.scenarios
            .iter()
            .filter(|(name, _)| !self.not_scored.contains(name))
    }
}

fn scenario(line: &str) -> Option<(String, Totals)> {
    let (name, counts) = marked(line)?.split_once(": ")?;
    let (passed, failed) = counts.split_once(" passed, ")?;
    let failed = failed.split(' ').next()?;
    let totals = Totals {
        passed: passed.parse().ok()?,
        failed: failed.parse().ok()?,
    };
    Some((name.to_owned(), totals))
}

fn marked(line: &str) -> Option<&str> {
    let line = line.trim();
    line.strip_prefix("✓ ").or_else(|| line.strip_prefix("✗ "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "=== Running scenario: ping ===\n\n=== SUMMARY ===\n✓ ping: 2 passed, 0 failed\n✗ tools-list: 1 passed, 1 failed\n✗ server-sse-polling: 0 passed, 3 failed\n\nTotal: 3 passed, 4 failed\n\nNot scored for 2025-11-25: 1 scenario(s) run, 1 failing. These do not affect conformance.\n  ✗ server-sse-polling (pending)\n";

    #[test]
    fn what_is_not_scored_does_not_count() {
        let summary = parse(PRINTED).unwrap();
        assert_eq!(
            summary.totals(),
            Totals {
                passed: 3,
                failed: 1
            }
        );
        assert_eq!(summary.required(), 2);
        assert_eq!(
            summary.failing_required().collect::<Vec<_>>(),
            ["tools-list"]
        );
        assert!(summary.note().contains("server-sse-polling"));
    }

    #[test]
    fn no_summary_is_no_success() {
        assert!(parse("Error: fetch failed").is_none());
        assert!(parse("=== SUMMARY ===\n").is_none());
    }
}
