//! How long requests take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the buckets, in microseconds, and as they are written in seconds.
const ENDS: [(u64, &str); 14] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
];

/// The upper ends of the buckets, in seconds.
#[cfg(feature = "otel")]
pub(crate) fn duration_ends() -> Vec<f64> {
    let seconds = |(end, _): &(u64, &str)| Duration::from_micros(*end).as_secs_f64();
    ENDS.iter().map(seconds).collect()
}

/// Durations in buckets.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// One for each end, and one for what is longer than all of them.
    buckets: [AtomicU64; ENDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// What was observed until now.
pub(super) struct Observed {
    /// Upper ends and how many were not above them, in ascending order.
    pub(super) buckets: Vec<(&'static str, u64)>,
    pub(super) count: u64,
    pub(super) sum: Duration,
}

impl Histogram {
    pub(super) fn observe(&self, took: Duration) {
        let place = ENDS.partition_point(|(end, _)| Duration::from_micros(*end) < took);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(super) fn observed(&self) -> Observed {
        let mut count = 0;
        let ends = ENDS.iter().map(|(_, end)| *end).chain(["+Inf"]);
        let buckets = ends.zip(&self.buckets).map(|(end, bucket)| {
            count += bucket.load(Ordering::Relaxed);
            (end, count)
        });
        Observed {
            buckets: buckets.collect(),
            count,
            sum: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)),
        }
    }
}
