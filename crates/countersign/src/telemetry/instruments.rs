//! What was counted, as instruments of OpenTelemetry, under the names that Prometheus has.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use crate::metrics::{COUNTERS, DURATIONS, GAUGES, Label, Metrics, duration_ends};

/// Lets `meter` read `metrics`.
pub(super) fn observe(meter: &Meter, metrics: &Metrics) {
    for family in COUNTERS {
        let metrics = metrics.clone();
        meter
            .u64_observable_counter(family.name)
            .with_description(family.help)
            .with_callback(move |observer| {
                metrics.each_count(family, &mut |labels, count| {
                    observer.observe(count, &attributes(labels));
                });
            })
            .build();
    }
    for family in GAUGES {
        let metrics = metrics.clone();
        meter
            .i64_observable_gauge(family.name)
            .with_description(family.help)
            .with_callback(move |observer| {
                if let Some(level) = metrics.level(family) {
                    observer.observe(level, &[]);
                }
            })
            .build();
    }
    let durations = meter
        .f64_histogram(DURATIONS.name)
        .with_description(DURATIONS.help)
        .with_unit("s")
        .with_boundaries(duration_ends())
        .build();
    metrics.also_tell(move |class, took| {
        durations.record(took.as_secs_f64(), &[KeyValue::new("class", class)]);
    });
}

fn attributes(labels: &[Label<'_>]) -> Vec<KeyValue> {
    let labels = labels.iter();
    labels
        .map(|(label, value)| KeyValue::new(*label, (*value).to_owned()))
        .collect()
}
