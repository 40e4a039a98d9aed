//! `cargo xtask test`: everything that runs, counted.

use anyhow::Result;

use crate::totals::Totals;
use crate::workspace::Workspace;
use crate::{command, conformance};

/// Unit and integration tests, then the examples in the documentation. Without
/// `--all-targets`, which makes tests of the examples: some tests run them as programs.
const TESTS: [&str; 4] = ["test", "--locked", "--workspace", "--no-fail-fast"];

/// Runs all suites, also after one has failed; true if nothing failed.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let mut totals = Totals::default();
    totals += cargo_test(workspace, &TESTS)?;
    totals += match conformance::run(workspace) {
        Ok(totals) => totals,
        Err(error) => {
            println!("error: conformance: {error:#}");
            Totals::ONE_FAILURE
        }
    };
    println!("{totals}");
    Ok(totals.failed == 0)
}

fn cargo_test(workspace: &Workspace, arguments: &[&str]) -> Result<Totals> {
    let mut totals = Totals::default();
    let mut ignored = 0;
    let success = command::follow(
        command::cargo(&workspace.root, arguments).env("RUST_BACKTRACE", "0"),
        |line| {
            if let Some(counts) = counts(line) {
                totals += counts.totals;
                ignored += counts.ignored;
            }
        },
    )?;
    if ignored > 0 {
        println!("{ignored} tests are ignored");
        if command::in_ci() {
            totals.failed += ignored;
        }
    }
    Ok(totals.and_success(success))
}

struct Counts {
    totals: Totals,
    ignored: u64,
}

/// The numbers in `test result: ok. 7 passed; 0 failed; 0 ignored; …`.
fn counts(line: &str) -> Option<Counts> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |name: &str| {
        numbers
            .split("; ")
            .find_map(|part| part.strip_suffix(name)?.trim().parse().ok())
    };
    Some(Counts {
        totals: Totals {
            passed: number("passed")?,
            failed: number("failed")?,
        },
        ignored: number("ignored")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted_from_the_line_that_sums_them_up() {
        let line = "test result: FAILED. 5 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.15s";
        let counts = counts(line).unwrap();
        assert_eq!(
            counts.totals,
            Totals {
                passed: 5,
                failed: 1
            }
        );
        assert_eq!(counts.ignored, 2);
        assert!(super::counts("test a ... ok").is_none());
    }

    #[test]
    fn a_suite_that_ends_badly_has_failed() {
        let totals = Totals {
            passed: 3,
            failed: 0,
        };
        assert_eq!(totals.and_success(false).failed, 1);
        assert_eq!(totals.and_success(true).failed, 0);
    }
}
