//! The text that Prometheus reads (exposition format 0.0.4).

use std::fmt::Write;

use super::Inner;
use super::families::{COUNTERS, DURATIONS, Family, GAUGES};
use super::words::CLASSES;

/// Everything that was counted.
pub(super) fn text(inner: &Inner) -> String {
    let mut out = Out(String::with_capacity(4096));
    for family in COUNTERS {
        out.family(family, "counter");
        inner.each_count(family, &mut |labels, count| {
            out.sample(family.name, labels, &count.to_string());
        });
    }
    for family in GAUGES {
        if let Some(level) = inner.level(family) {
            out.family(family, "gauge");
            out.sample(family.name, &[], &level.to_string());
        }
    }
    durations(inner, &mut out);
    out.0
}

fn durations(inner: &Inner, out: &mut Out) {
    out.family(DURATIONS, "histogram");
    let family = DURATIONS.name;
    for (class, histogram) in CLASSES.iter().zip(&inner.durations) {
        let observed = histogram.observed();
        if observed.count == 0 {
            continue;
        }
        for (end, count) in observed.buckets {
            let labels = [("class", *class), ("le", end)];
            out.sample(&format!("{family}_bucket"), &labels, &count.to_string());
        }
        let (labels, sum) = ([("class", *class)], observed.sum);
        let sum = format!("{}.{:09}", sum.as_secs(), sum.subsec_nanos());
        out.sample(&format!("{family}_sum"), &labels, &sum);
        let count = observed.count.to_string();
        out.sample(&format!("{family}_count"), &labels, &count);
    }
}

struct Out(String);

impl Out {
    fn family(&mut self, family: Family, kind: &str) {
        let Family { name, help, .. } = family;
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        self.0.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            self.0.push(if place == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"");
            for sign in value.chars() {
                match sign {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    _ => self.0.push(sign),
                }
            }
            self.0.push('"');
        }
        let _ = writeln!(
            self.0,
            "{} {value}",
            if labels.is_empty() { "" } else { "}" }
        );
    }
}
