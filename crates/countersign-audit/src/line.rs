//! A record as the members of one flat JSON object, and back.

use std::fmt::Write as _;

use countersign_oauth::json;
use serde_json::{Map, Value};

use crate::chain::{Link, Mac, split};
use crate::{Outcome, Record, Severity, Text, moment};

/// The members of `record`, without braces, in the order of `docs/audit.md`. Signs that
/// could end a line or command a terminal are escaped.
pub fn members(record: &Record) -> String {
    let mut text = String::with_capacity(512);
    let mut write = |name: &str, value: &str| member(&mut text, name, value);
    write("at", &moment::written(record.at));
    write("event", record.event.as_str());
    write("outcome", record.outcome.as_str());
    write("severity", record.severity.as_str());
    write("sentence", record.sentence.as_str());
    for (name, value) in texts(record) {
        if let Some(value) = value {
            write(name, value.as_str());
        }
    }
    if let Some(address) = record.address {
        write("address", &address.to_string());
    }
    if let Some(status) = record.status {
        // Writing into a string cannot fail.
        let _ = write!(text, ",\"status\":{status}");
    }
    text
}

/// The texts that a record may have, by name.
fn texts(record: &Record) -> [(&'static str, &Option<Text>); 15] {
    [
        ("subject", &record.subject),
        ("issuer", &record.issuer),
        ("source", &record.source),
        ("client", &record.client),
        ("grant", &record.grant),
        ("method", &record.method),
        ("component_kind", &record.component_kind),
        ("component", &record.component),
        ("reason", &record.reason),
        ("detail", &record.detail),
        ("request", &record.request),
        ("provider", &record.provider),
        ("grant_type", &record.grant_type),
        ("key", &record.key),
        ("scopes", &record.scopes),
    ]
}

fn member(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() {
        text.push(',');
    }
    text.push('"');
    text.push_str(name);
    text.push_str("\":\"");
    for sign in value.chars() {
        match sign {
            '"' | '\\' => {
                text.push('\\');
                text.push(sign);
            }
            sign if is_commanding(sign) => {
                let mut units = [0; 2];
                for unit in sign.encode_utf16(&mut units) {
                    // Writing into a string cannot fail.
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
            sign => text.push(sign),
        }
    }
    text.push('"');
}

/// Control characters, ends of lines, and what turns the direction of writing around.
pub fn is_commanding(sign: char) -> bool {
    sign.is_control()
        || matches!(sign, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}'
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A line of a log that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its place in the chain.
    pub link: Link,
    /// The code of the line before.
    pub prev: Mac,
    /// What it says.
    pub record: Record,
}

impl Entry {
    /// Reads a line without its end. Whether its code is right is not looked at.
    pub fn parse(line: &str) -> Option<Self> {
        let (_, mac) = split(line)?;
        let object = json::parse_object(line.as_bytes()).ok()?;
        let text = |name: &str| object.get(name)?.as_str();
        let seq = object.get("seq")?.as_u64()?;
        Some(Self {
            link: Link { seq, mac },
            prev: Mac::parse(text("prev")?)?,
            record: record(&object)?,
        })
    }
}

fn record(object: &Map<String, Value>) -> Option<Record> {
    let text = |name: &str| object.get(name)?.as_str();
    let copied = |name: &str| text(name).map(Text::copy);
    let at = moment::read(text("at")?)?;
    let mut record = Record::new(copied("event")?, copied("sentence")?, at)
        .outcome(Outcome::parse(text("outcome")?)?)
        .severity(Severity::parse(text("severity")?)?);
    record.subject = copied("subject");
    record.issuer = copied("issuer");
    record.source = copied("source");
    record.client = copied("client");
    record.grant = copied("grant");
    record.method = copied("method");
    record.component_kind = copied("component_kind");
    record.component = copied("component");
    record.reason = copied("reason");
    record.detail = copied("detail");
    record.request = copied("request");
    record.provider = copied("provider");
    record.grant_type = copied("grant_type");
    record.key = copied("key");
    record.scopes = copied("scopes");
    record.address = text("address").and_then(|text| text.parse().ok());
    let status = object.get("status").and_then(Value::as_u64);
    record.status = status.and_then(|status| u16::try_from(status).ok());
    Some(record)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chain::{ChainKey, next};

    fn round(record: &Record) -> (String, Entry) {
        let key = ChainKey::new(&[7; 32]);
        let (line, link) = next(&key, Link::START, &members(record));
        let entry = Entry::parse(&line).unwrap();
        assert_eq!((entry.link, entry.prev), (link, Link::START.mac));
        (line, entry)
    }

    #[test]
    fn every_member_is_read_back() {
        let record = Record::new("e", "s", 1_900_000_000_001)
            .outcome(Outcome::Refused)
            .severity(Severity::Alert)
            .subject("s1")
            .issuer("i1")
            .source("o1")
            .client("c1")
            .grant("g1")
            .method("m1")
            .component("tool", "t1")
            .reason("r1")
            .detail("d1")
            .request("q1")
            .provider("p1")
            .grant_type("y1")
            .key("k1")
            .scopes("a b")
            .status(403)
            .address("2001:db8::1".parse().unwrap());
        assert_eq!(round(&record).1.record, record);
    }

    #[test]
    fn h10_line_ends_escapes_and_json_in_a_text_stay_in_one_line_and_one_member() {
        let hostile = "a\r\nb\u{1b}[31m\"}\\,\"mac\":\"00\u{0}\u{9b}\u{2028}\u{202e}x";
        let record = Record::new("e", "s", 0).subject(hostile.to_owned());
        let (line, entry) = round(&record);
        assert!(!line.chars().any(is_commanding), "{line}");
        assert_eq!(entry.record.subject.unwrap().as_str(), hostile);
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was_noted(text in "\\PC{0,80}|.{0,80}") {
            let record = Record::new("e", "s", 0).component("tool", text.clone());
            let (line, entry) = round(&record);
            prop_assert!(!line.contains('\n'));
            let component = entry.record.component.unwrap();
            prop_assert_eq!(component.as_str(), text);
        }
    }
}
