//! The envelope against a second reading of the same bytes: members as a list of
//! names and JSON texts, judged one rule after the other. The messages are made
//! from good ones by a generator that starts from the same seed in every run.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use testkit::SeededRandom;

use super::envelope::{Envelope, Params};

const ROUNDS: u64 = 40_000;

/// Messages that are good, and some that are not.
const SEEDS: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
    r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"greet","arguments":{"name":"World"}}}"#,
    r#"{"method":"ping","params":{"_meta":{"a":[1,2,{"b":null}]}},"id":-9007199254740993,"jsonrpc":"2.0"}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    r#"{"jsonrpc":"2.0","id":7,"result":{"a":"\u00e9\ud83d\ude00"}}"#,
    r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32000,"message":"no"}}"#,
    r#" { "jsonrpc" : "2.0" , "id" : 0 , "method" : "\u0070ing" , "x" : [ true , false , 1.5e3 ] } "#,
    r#"["2.0",1,"tools/call",{"name":"greet"},null,null]"#,
    r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"note://1"},"result":null}"#,
];

/// What is put in.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "-0",
    "1.0",
    "0",
    "true",
    "\"id\":2,",
    "\"method\":\"x\",",
    "\"jsonrpc\":\"2.0\",",
    "\"params\":{},",
    "\"Method\":\"x\",",
    "\"id\":null,",
    "\"result\":1,",
    "\\ud800",
    "\\udc00",
    "\\u0000",
    "\u{feff}",
    " ",
    "\n",
    "\0",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    "é",
];

/// The generator's choices.
struct Choice(SeededRandom);

impl Choice {
    fn below(&self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap();
        usize::try_from(self.0.next_u64() % bound).unwrap()
    }

    fn of<'a>(&self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    /// A good message with up to four changes.
    fn message(&self) -> Vec<u8> {
        let mut bytes = self.of(SEEDS).as_bytes().to_vec();
        for _ in 0..self.below(5) {
            let at = self.below(bytes.len() + 1);
            let to = (at + self.below(12)).min(bytes.len());
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 => drop(bytes.drain(at..to)),
                2 => {
                    let copy = bytes[at..to].to_vec();
                    bytes.splice(at..at, copy);
                }
                3 => bytes.truncate(at),
                _ => drop(bytes.splice(at..at, self.of(PIECES).bytes())),
            }
        }
        bytes
    }
}

/// The members of an object in their order, doubled ones too.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(List)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Reading {
    NotJson,
    NoMessage,
    Request { id: String, method: String },
    Notification,
    Response,
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The second reading; nothing where it cannot tell.
fn second_reading(body: &[u8]) -> Option<Reading> {
    if serde_json::from_slice::<IgnoredAny>(body).is_err() {
        return Some(Reading::NotJson);
    }
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        // Numbers beyond a double are JSON; half a surrogate pair is none that we take.
        Err(error) if error.to_string().starts_with("number out of range") => return None,
        Err(_) => return Some(Reading::NotJson),
    };
    if depth(&value) > 64 {
        return Some(Reading::NotJson);
    }
    let Ok(Members(members)) = serde_json::from_slice(body) else {
        return Some(Reading::NoMessage);
    };
    let all = |name: &str| -> Vec<&str> {
        let of_name = members.iter().filter(|(member, _)| member == name);
        of_name.map(|(_, text)| text.get()).collect()
    };
    let names = ["jsonrpc", "id", "method", "params", "result", "error"];
    if names.iter().any(|name| all(name).len() > 1) {
        return Some(Reading::NoMessage);
    }
    let one = |name: &str| all(name).first().copied();
    let text = |name: &str| one(name).and_then(|text| serde_json::from_str::<String>(text).ok());
    if text("jsonrpc").as_deref() != Some("2.0") {
        return Some(Reading::NoMessage);
    }
    // A member of the wrong type is not an absent one, but `null` is.
    if one("method").is_some_and(|raw| raw != "null") && text("method").is_none() {
        return Some(Reading::NoMessage);
    }
    let is_id = |id: &str| {
        id.starts_with('"') || id != "-0" && id.parse::<i128>().is_ok() && !id.contains('+')
    };
    if one("id").is_some_and(|id| !is_id(id)) {
        return Some(Reading::NoMessage);
    }
    let answers = one("result").is_some() || one("error").is_some();
    Some(match (text("method"), one("id"), answers) {
        (Some(method), Some(id), false) => Reading::Request {
            id: id.to_owned(),
            method,
        },
        (Some(_), None, false) => Reading::Notification,
        (None, Some(_), true) => Reading::Response,
        _ => Reading::NoMessage,
    })
}

fn first_reading(body: &[u8]) -> Reading {
    match Envelope::parse(body) {
        Err(error) if error.code.0 == -32700 => Reading::NotJson,
        Err(error) if error.code.0 == -32600 => Reading::NoMessage,
        Err(error) => panic!("an envelope fails with {}", error.code.0),
        Ok(Envelope::Notification) => Reading::Notification,
        Ok(Envelope::Response) => Reading::Response,
        Ok(Envelope::Request { id, method, params }) => {
            if let Ok(params) = Params::of(params) {
                drop(format!("{params:?}"));
            }
            Reading::Request {
                id: id.to_owned(),
                method: method.into_owned(),
            }
        }
    }
}

#[test]
fn e10_e13_e14_two_readings_of_a_message_never_differ() {
    let choice = Choice(SeededRandom::new(2026));
    let mut requests = 0;
    for _ in 0..ROUNDS {
        let message = choice.message();
        let Some(expected) = second_reading(&message) else {
            continue;
        };
        requests += usize::from(matches!(expected, Reading::Request { .. }));
        let shown = String::from_utf8_lossy(&message);
        assert_eq!(first_reading(&message), expected, "{shown}");
    }
    assert!(
        requests > 1000,
        "the generator makes good messages too: {requests}"
    );
}

#[test]
fn e10_a_message_by_position_is_no_message() {
    let call = r#"["2.0",1,"tools/call",{"name":"greet"}]"#;
    assert_eq!(first_reading(call.as_bytes()), Reading::NoMessage);
}
