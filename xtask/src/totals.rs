//! How many passed and how many failed.

use std::fmt;
use std::ops::AddAssign;

/// Tests or conformance checks, counted.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Totals {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Totals {
    /// One failure, for what cannot be counted: a suite that did not build or run.
    pub(crate) const ONE_FAILURE: Self = Self {
        passed: 0,
        failed: 1,
    };

    /// A suite that ended badly counts as failed even when it named no failure.
    pub(crate) fn and_success(mut self, success: bool) -> Self {
        if !success && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}
