//! A record as a line for people: who did what, what became of it, and why.

use countersign::audit::{Record, Severity, Text, moment};

pub(super) const HEAD: [&str; 6] = ["TIME (UTC)", "WHO", "WHAT", "OUTCOME", "WHY", "FROM"];

/// The cells of `record`.
pub(super) fn row(record: &Record) -> [String; 6] {
    let mut outcome = record.outcome.as_str().to_owned();
    if record.severity >= Severity::Warning {
        outcome = format!("{outcome} ({})", record.severity.as_str());
    }
    [
        time(record.at),
        who(record),
        what(record),
        outcome,
        why(record),
        record
            .address
            .map(|address| address.to_string())
            .unwrap_or_default(),
    ]
}

/// To the second.
fn time(at: u64) -> String {
    let text = moment::written(at);
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

fn text(text: &Option<Text>) -> Option<&str> {
    text.as_ref().map(Text::as_str)
}

fn who(record: &Record) -> String {
    let mut who = text(&record.subject).unwrap_or_default().to_owned();
    if let Some(client) = text(&record.client) {
        who = format!("{who} via {client}").trim_start().to_owned();
    }
    match text(&record.source) {
        Some(source) if source != "oauth" => format!("{who} ({source})"),
        _ => who,
    }
}

fn what(record: &Record) -> String {
    let mut what = match (text(&record.method), text(&record.component)) {
        (Some(method), Some(component)) => format!("{method} {component}"),
        (Some(method), None) => method.to_owned(),
        (None, _) => record.sentence.as_str().to_owned(),
    };
    for (name, value) in [
        ("", &record.grant_type),
        ("grant ", &record.grant),
        ("at ", &record.provider),
        // Whoever calls with an API key is named by it already.
        (
            "key ",
            if record.key == record.client {
                &None
            } else {
                &record.key
            },
        ),
    ] {
        if let Some(value) = text(value) {
            what = format!("{what}, {name}{value}");
        }
    }
    what
}

fn why(record: &Record) -> String {
    match (text(&record.reason), text(&record.detail)) {
        (Some(reason), Some(detail)) => format!("{reason}: {detail}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => record
            .status
            .filter(|status| *status >= 400)
            .map(|status| status.to_string())
            .unwrap_or_default(),
    }
}
