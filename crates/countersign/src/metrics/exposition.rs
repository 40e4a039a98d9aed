//! The text that Prometheus reads (exposition format 0.0.4).

use std::fmt::Write;

use super::Inner;
use super::words::CLASSES;

/// Everything that was counted.
pub(super) fn text(inner: &Inner) -> String {
    let mut out = Out(String::with_capacity(4096));
    out.family(
        "countersign_decisions_total",
        "counter",
        "Requests by what was decided about them.",
    );
    for ([method, outcome, reason], count) in inner.decisions.counted() {
        let labels = [("method", method), ("outcome", outcome), ("reason", reason)];
        out.sample("countersign_decisions_total", &labels, &count.to_string());
    }
    out.family(
        "countersign_component_decisions_total",
        "counter",
        "Requests for a tool, resource or prompt by what was decided about them.",
    );
    for (kind, name, outcome, count) in inner.components() {
        let labels = [("kind", kind), ("component", name), ("outcome", outcome)];
        let family = "countersign_component_decisions_total";
        out.sample(family, &labels, &count.to_string());
    }
    out.family(
        "countersign_events_total",
        "counter",
        "What happened in the authorization server.",
    );
    for ([event, outcome, reason], count) in inner.events.counted() {
        let labels = [("event", event), ("outcome", outcome), ("reason", reason)];
        out.sample("countersign_events_total", &labels, &count.to_string());
    }
    out.family(
        "countersign_http_requests_in_progress",
        "gauge",
        "Requests that came and have no answer yet.",
    );
    let underway = inner.underway().to_string();
    out.sample("countersign_http_requests_in_progress", &[], &underway);
    durations(inner, &mut out);
    out.0
}

fn durations(inner: &Inner, out: &mut Out) {
    let family = "countersign_http_request_duration_seconds";
    out.family(
        family,
        "histogram",
        "Time from the headers of a request to those of its answer.",
    );
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
    fn family(&mut self, name: &str, kind: &str, help: &str) {
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
