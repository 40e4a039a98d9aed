//! The JSON-RPC envelope, parsed once: RFC 8259, JSON-RPC 2.0 §4.
//!
//! What was done before: the caller is authenticated and the body is complete
//! and below its cap. Parameters stay text here; their members are looked at
//! once, by [`Params`].

use std::borrow::Cow;
use std::fmt;

use countersign_resource_server::oauth::json;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, Visitor};
use serde_json::value::RawValue;

use crate::protocol::{ErrorCode, ErrorData};

/// How deep a message may nest.
const MAX_DEPTH: usize = 64;
/// The longest `id`, in bytes of JSON text.
const MAX_ID: usize = 1024;

/// Text that is borrowed from the message unless it has escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// Keeps `null` apart from an absent member.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Members by their exact names; a doubled one is an error, an unknown one is passed over.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    jsonrpc: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// One message of a client.
#[derive(Debug)]
pub(crate) enum Envelope<'a> {
    /// It wants an answer.
    Request {
        /// The JSON text of the id: a string or an integer.
        id: &'a str,
        method: Text<'a>,
        params: Option<&'a RawValue>,
    },
    /// It wants none.
    Notification,
    /// It answers a request of the server.
    Response,
}

fn invalid_request() -> ErrorData {
    ErrorData::new(ErrorCode::INVALID_REQUEST, "Invalid request", None)
}

fn parse_error() -> ErrorData {
    ErrorData::new(ErrorCode::PARSE_ERROR, "Parse error", None)
}

impl<'a> Envelope<'a> {
    /// Parses `body`.
    ///
    /// # Errors
    ///
    /// −32700 for text that is not JSON or nests too deep, −32600 for JSON that is
    /// not one JSON-RPC 2.0 message; batches are not.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ErrorData> {
        let text = std::str::from_utf8(body).map_err(|_| parse_error())?;
        check_text(text)?;
        // A struct may be read from an array too; members by position are no message.
        let is_object = text.trim_start().starts_with('{');
        let wire: Wire<'a> = match serde_json::from_str(text) {
            Ok(wire) if is_object => wire,
            // A member may be wrong long before the text stops being JSON.
            _ if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
                return Err(invalid_request());
            }
            _ => return Err(parse_error()),
        };
        if wire.jsonrpc.is_none_or(|version| version.0 != "2.0") {
            return Err(invalid_request());
        }
        let id = wire.id.map(|id| check_id(id.get())).transpose()?;
        match (wire.method, id, wire.result.or(wire.error)) {
            (Some(method), Some(id), None) => Ok(Self::Request {
                id,
                method,
                params: wire.params,
            }),
            (Some(_), None, None) => Ok(Self::Notification),
            (None, Some(_), Some(_)) => Ok(Self::Response),
            _ => Err(invalid_request()),
        }
    }
}

/// A string or an integer, as text: it is echoed byte for byte, never rounded.
fn check_id(text: &str) -> Result<&str, ErrorData> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_integer =
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && text != "-0";
    if text.len() <= MAX_ID && (text.starts_with('"') || is_integer) {
        Ok(text)
    } else {
        Err(invalid_request())
    }
}

/// What the parser does not look at inside members that stay text: nesting, and
/// halves of surrogate pairs.
fn check_text(text: &str) -> Result<(), ErrorData> {
    // Most messages have no escape and few brackets, in strings or not.
    if !text.as_bytes().contains(&b'\\') && json::brackets(text) <= MAX_DEPTH {
        return Ok(());
    }
    let mut bytes = text.bytes();
    let mut depth = 0_usize;
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(parse_error());
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes)?,
            _ => {}
        }
    }
    Ok(())
}

fn skip_string(bytes: &mut std::str::Bytes<'_>) -> Result<(), ErrorData> {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return Ok(()),
            b'\\' if bytes.next() == Some(b'u') => match code_unit(bytes)? {
                0xD800..=0xDBFF => {
                    let escaped = bytes.next() == Some(b'\\') && bytes.next() == Some(b'u');
                    if !escaped || !(0xDC00..=0xDFFF).contains(&code_unit(bytes)?) {
                        return Err(parse_error());
                    }
                }
                0xDC00..=0xDFFF => return Err(parse_error()),
                _ => {}
            },
            _ => {}
        }
    }
    Err(parse_error())
}

fn code_unit(bytes: &mut std::str::Bytes<'_>) -> Result<u32, ErrorData> {
    let mut unit = 0;
    for _ in 0..4 {
        let digit = bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        unit = unit * 16 + digit.ok_or_else(parse_error)?;
    }
    Ok(unit)
}

/// The members of `params` that any method has, each looked at once.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Params<'a> {
    #[serde(borrow, rename = "_meta")]
    pub(crate) meta: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) uri: Option<Text<'a>>,
    #[serde(borrow, rename = "taskId")]
    pub(crate) task: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) cursor: Option<&'a RawValue>,
    #[serde(borrow, rename = "inputResponses")]
    pub(crate) input_responses: Option<&'a RawValue>,
    #[serde(borrow, rename = "requestState")]
    pub(crate) request_state: Option<Text<'a>>,
}

impl<'a> Params<'a> {
    /// Looks at `_meta` only, which means the same for every method.
    ///
    /// # Errors
    ///
    /// −32602 if they are not an object or `_meta` is doubled.
    pub(crate) fn parse_meta(params: Option<&'a RawValue>) -> Result<Self, ErrorData> {
        let Some(params) = params else {
            return Ok(Self::default());
        };
        if !params.get().starts_with('{') {
            return Err(invalid_params());
        }
        let MetaOnly { meta } = serde_json::from_str(params.get()).map_err(|_| invalid_params())?;
        Ok(Self {
            meta,
            ..Self::default()
        })
    }

    /// Looks into `params`; absent ones have no members.
    ///
    /// # Errors
    ///
    /// −32602 if they are not an object, a member is doubled or has the wrong type.
    pub(crate) fn parse(params: Option<&'a RawValue>) -> Result<Self, ErrorData> {
        match params {
            None => Ok(Self::default()),
            // A struct may be read from an array too; parameters by position are not ours.
            Some(params) if !params.get().starts_with('{') => Err(invalid_params()),
            Some(params) => serde_json::from_str(params.get()).map_err(|_| invalid_params()),
        }
    }
}

/// `_meta` alone.
#[derive(Debug, Default, Deserialize)]
struct MetaOnly<'a> {
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

pub(crate) fn invalid_params() -> ErrorData {
    ErrorData::new(ErrorCode::INVALID_PARAMS, "Invalid params", None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &[u8]) -> i32 {
        Envelope::parse(body)
            .map(|_| 0)
            .unwrap_or_else(|error| error.code.0)
    }

    #[test]
    fn e10_a_batch_is_no_message() {
        let one = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        assert_eq!(code(b"[]"), -32600);
        assert_eq!(code(format!("[{one}]").as_bytes()), -32600);
        let many = vec![one; 10_000].join(",");
        assert_eq!(code(format!("[{many}]").as_bytes()), -32600);
    }

    #[test]
    fn e11_deep_nesting_is_refused_without_recursion() {
        for depth in [128, 1_000, 100_000] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let params = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                let body =
                    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"x":{params}}}}}"#);
                assert_eq!(code(body.as_bytes()), -32700, "{depth}");
            }
        }
    }

    #[test]
    fn e13_text_that_is_not_json_is_a_parse_error() {
        for body in [
            &br#"{"jsonrpc":"2.0","id":1,"method":"#[..],
            b"\xEF\xBB\xBF{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}",
            br#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"x":"\ud800"}}"#,
            br#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"x":"\udc00\ud800"}}"#,
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xFF\"}",
            br#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"x":NaN}}"#,
            br#"{"jsonrpc":"2.0","id":1,"method":"m",}"#,
            b"",
        ] {
            assert_eq!(code(body), -32700, "{}", String::from_utf8_lossy(body));
        }
        let pair = br#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"x":"\ud83d\ude00"}}"#;
        assert_eq!(code(pair), 0);
    }

    #[test]
    fn e14_doubled_members_are_refused_and_names_are_exact() {
        for body in [
            r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#,
            r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"a"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{},"params":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}"#,
            r#"{"jsonrpc":"2.0","id":1,"Method":"a"}"#,
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\\u0000\":\"a\"}",
            r#"{"jsonrpc":"2.0","id":1,"method":"a","m\u0065thod":"b"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#,
            r#"{"id":1,"method":"a"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"a","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#""text""#,
            "1",
        ] {
            assert_eq!(code(body.as_bytes()), -32600, "{body}");
        }
        assert_eq!(
            code(br#"{"jsonrpc":"2.0","id":1,"method":"a","unknown":1,"unknown":2}"#),
            0
        );
    }

    #[test]
    fn e15_ids_are_strings_or_integers_and_stay_text() {
        for id in ["null", "1.5", "1e30", "-0", "{}", "[]", "true", "-"] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"a"}}"#);
            assert_ne!(code(body.as_bytes()), 0, "{id}");
        }
        let long = format!(
            r#"{{"jsonrpc":"2.0","id":"{}","method":"a"}}"#,
            "x".repeat(64 * 1024)
        );
        assert_eq!(code(long.as_bytes()), -32600);
        let body = br#"{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"a"}"#;
        let Ok(Envelope::Request { id, .. }) = Envelope::parse(body) else {
            panic!("not a request")
        };
        assert_eq!(id, "123456789012345678901234567890");
    }

    #[test]
    fn e16_params_of_the_wrong_type_are_invalid_params() {
        for params in [
            "1",
            "[]",
            "\"x\"",
            "null",
            r#"{"name":1}"#,
            r#"{"name":"a","name":"b"}"#,
        ] {
            let raw = RawValue::from_string(params.to_owned()).unwrap();
            assert_eq!(
                Params::parse(Some(&raw)).unwrap_err().code.0,
                -32602,
                "{params}"
            );
        }
    }
}
