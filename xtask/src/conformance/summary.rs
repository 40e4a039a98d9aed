//! What the suite prints at its end, held against what the revision requires.
//!
//! A required scenario has to be there and to have passed a check. Scenarios that
//! the suite runs without scoring them yet must not fail either; only those of
//! extensions, which a server need not offer, may.

use std::collections::{BTreeMap, BTreeSet};

use crate::totals::Totals;

/// Why a scenario is not scored when it belongs to an extension.
const EXTENSION: &str = "extension";

/// The scenarios of one leg with their checks.
pub(super) struct Summary {
    scenarios: BTreeMap<String, Totals>,
    /// Those of extensions; they never count.
    extensions: BTreeSet<String>,
    required: BTreeSet<String>,
}

/// Reads `✓ name: N passed, M failed` and the list of what is not scored.
/// Nothing if there is no summary.
pub(super) fn parse(printed: &str, required: BTreeSet<String>) -> Option<Summary> {
    let (_, summary) = printed.rsplit_once("SUMMARY ===")?;
    let (scenarios, not_scored) = summary
        .split_once("Not scored for")
        .unwrap_or((summary, ""));
    let scenarios: BTreeMap<String, Totals> = scenarios.lines().filter_map(scenario).collect();
    let extensions = not_scored
        .lines()
        .filter_map(|line| marked(line)?.strip_suffix(')')?.split_once(" ("))
        .filter(|(name, reason)| *reason == EXTENSION && !required.contains(*name))
        .map(|(name, _)| name.to_owned())
        .collect();
    (!scenarios.is_empty()).then_some(Summary {
        scenarios,
        extensions,
        required,
    })
}

impl Summary {
    /// The checks of all scenarios that count, and a failure for each required
    /// one of which no check has passed.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for (_, checks) in self.counting() {
            totals += *checks;
        }
        for _ in self.unproven() {
            totals += Totals::ONE_FAILURE;
        }
        totals
    }

    /// How many scenarios are required.
    pub(super) fn required(&self) -> usize {
        self.required.len()
    }

    /// How many others ran and count.
    pub(super) fn others(&self) -> usize {
        let others = self
            .counting()
            .filter(|(name, _)| !self.required.contains(*name));
        others.count()
    }

    /// What is wrong, one line each.
    pub(super) fn problems(&self) -> Vec<String> {
        let failed = self
            .counting()
            .filter(|(_, checks)| checks.failed > 0)
            .map(|(name, _)| format!("{name} failed"));
        let unproven = self
            .unproven()
            .map(|name| format!("{name} is required and has no check that passed"));
        failed.chain(unproven).collect()
    }

    /// How many scenarios of extensions failed; none of them counts.
    pub(super) fn failing_extensions(&self) -> usize {
        let failing = |name: &&String| {
            let checks = self.scenarios.get(*name);
            checks.is_some_and(|checks| checks.failed > 0)
        };
        self.extensions.iter().filter(failing).count()
    }

    /// Whether `scenario` counts.
    pub(super) fn counts(&self, scenario: &str) -> bool {
        !self.extensions.contains(scenario)
    }

    fn counting(&self) -> impl Iterator<Item = (&String, &Totals)> {
        self.scenarios.iter().filter(|(name, _)| self.counts(name))
    }

    /// The required scenarios that did not run, or checked nothing.
    fn unproven(&self) -> impl Iterator<Item = &String> {
        self.required.iter().filter(|name| {
            let checks = self.scenarios.get(*name);
            checks.is_none_or(|checks| checks.passed == 0 && checks.failed == 0)
        })
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

    const PRINTED: &str = "=== Running scenario: ping ===\n\n=== SUMMARY ===\n✓ ping: 2 passed, 0 failed\n✗ tools-list: 1 passed, 1 failed\n✓ sse: 0 passed, 0 failed\n✗ headers: 1 passed, 1 failed\n✗ tasks: 1 passed, 3 failed\n\nTotal: 5 passed, 5 failed\n\nNot scored for 2026-07-28: 3 scenario(s) run, 2 failing. These do not affect conformance.\n  ✗ headers (pending)\n  ✗ tasks (extension)\n  ✓ sse (pending)\n";

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn scenarios_of_extensions_do_not_count_and_pending_ones_do() {
        let summary = parse(PRINTED, names(&["ping", "tools-list"])).unwrap();
        assert_eq!(
            summary.totals(),
            Totals {
                passed: 4,
                failed: 2
            }
        );
        assert_eq!((summary.required(), summary.others()), (2, 2));
        assert_eq!(summary.failing_extensions(), 1);
        assert_eq!(summary.problems(), ["headers failed", "tools-list failed"]);
    }

    #[test]
    fn a_required_scenario_that_proved_nothing_has_failed() {
        let required = names(&["ping", "sse", "absent", "tasks"]);
        let summary = parse(PRINTED, required).unwrap();
        assert_eq!(summary.failing_extensions(), 0);
        assert_eq!(summary.totals().failed, 5 + 2);
        assert_eq!(summary.problems().len(), 3 + 2);
    }

    #[test]
    fn no_summary_is_no_success() {
        assert!(parse("Error: fetch failed", names(&["ping"])).is_none());
        assert!(parse("=== SUMMARY ===\n", names(&["ping"])).is_none());
        assert!(parse("=== SUITE SUMMARY ===\n", names(&["ping"])).is_none());
    }
}
