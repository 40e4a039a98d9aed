//! The envelope and its parameters, read in one pass: RFC 8259, JSON-RPC 2.0 §4.
//!
//! What was done before: the caller is authenticated and the body is complete
//! and below its cap. Every byte is looked at, once; what only a handler
//! understands stays text.

use std::borrow::Cow;

use countersign_resource_server::oauth::json::{JsonError, Reader};

use crate::protocol::{ErrorCode, ErrorData};

/// How deep a message may nest.
const MAX_DEPTH: usize = 64;
/// The longest `id`, in bytes of JSON text.
const MAX_ID: usize = 1024;

/// Members by their exact names; a doubled one or one of the wrong type is noted, an
/// unknown one is passed over.
#[derive(Default)]
struct Wire<'a> {
    seen: Seen,
    jsonrpc: Option<Cow<'a, str>>,
    id: Option<&'a str>,
    method: Option<Cow<'a, str>>,
    params: Option<Parameters<'a>>,
    answers: bool,
}

/// Which members an object has, and whether one of them is wrong. Reading goes on
/// then: a text that is no JSON is another fault than JSON that is no message.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    members: u8,
    is_wrong: bool,
}

impl Seen {
    /// Notes a member; each has its own `bit`.
    fn note(&mut self, bit: u8) {
        self.is_wrong |= self.members & bit != 0;
        self.members |= bit;
    }

    /// A string, or `null`, which is none.
    fn text<'a>(&mut self, reader: &mut Reader<'a>) -> Result<Option<Cow<'a, str>>, JsonError> {
        if reader.first_byte() == Some(b'"') {
            return reader.string().map(Some);
        }
        self.is_wrong |= reader.pass()? != "null";
        Ok(None)
    }
}

/// The text of a value; that of `null` is none.
fn unless_null<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a str>, JsonError> {
    Ok(Some(reader.pass()?).filter(|text| *text != "null"))
}

impl<'a> Wire<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, JsonError> {
        let mut wire = Self::default();
        reader.open_object()?;
        let mut is_first = true;
        while let Some(name) = reader.member(is_first)? {
            is_first = false;
            match name.as_ref() {
                "jsonrpc" => {
                    wire.seen.note(1);
                    wire.jsonrpc = wire.seen.text(reader)?;
                }
                "id" => {
                    wire.seen.note(2);
                    wire.id = Some(reader.pass()?);
                }
                "method" => {
                    wire.seen.note(4);
                    wire.method = wire.seen.text(reader)?;
                }
                "params" => {
                    wire.seen.note(8);
                    wire.params = Some(Parameters::read(reader)?);
                }
                "result" => {
                    wire.seen.note(16);
                    wire.answers = true;
                    reader.pass()?;
                }
                "error" => {
                    wire.seen.note(32);
                    wire.answers = true;
                    reader.pass()?;
                }
                _ => {
                    reader.pass()?;
                }
            }
        }
        Ok(wire)
    }
}

/// One message of a client.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every message is a request, and a box would cost each an allocation"
)]
pub(crate) enum Envelope<'a> {
    /// It wants an answer.
    Request {
        /// The JSON text of the id: a string or an integer.
        id: &'a str,
        method: Cow<'a, str>,
        params: Option<Parameters<'a>>,
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
    /// Reads `body`.
    ///
    /// # Errors
    ///
    /// −32700 for text that is not JSON or nests too deep, −32600 for JSON that is
    /// not one JSON-RPC 2.0 message; batches are not.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ErrorData> {
        let text = std::str::from_utf8(body).map_err(|_| parse_error())?;
        let wire = read(text).map_err(|_| parse_error())?;
        let Some(wire) = wire.filter(|wire| !wire.seen.is_wrong) else {
            return Err(invalid_request());
        };
        if wire.jsonrpc.is_none_or(|version| version != "2.0") {
            return Err(invalid_request());
        }
        let id = wire.id.map(check_id).transpose()?;
        match (wire.method, id, wire.answers) {
            (Some(method), Some(id), false) => Ok(Self::Request {
                id,
                method,
                params: wire.params,
            }),
            (Some(_), None, false) => Ok(Self::Notification),
            (None, Some(_), true) => Ok(Self::Response),
            _ => Err(invalid_request()),
        }
    }
}

/// The members of the object that `text` is; nothing if it is something else.
fn read(text: &str) -> Result<Option<Wire<'_>>, JsonError> {
    let mut reader = Reader::new(text, MAX_DEPTH);
    let wire = if reader.first_byte() == Some(b'{') {
        Some(Wire::read(&mut reader)?)
    } else {
        reader.pass()?;
        None
    };
    reader.end()?;
    Ok(wire)
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

/// The member `params`, which may be anything.
#[derive(Clone, Debug)]
pub(crate) struct Parameters<'a> {
    /// Its JSON text.
    pub(crate) text: &'a str,
    members: Params<'a>,
    /// It is no object, or a member beside `_meta` is doubled or has the wrong type.
    is_wrong: bool,
    /// It is no object, or `_meta` is doubled, or has the wrong type, or so a member of it.
    is_meta_wrong: bool,
}

/// The members of `params` that any method has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params<'a> {
    pub(crate) meta: Option<Meta<'a>>,
    pub(crate) name: Option<Cow<'a, str>>,
    pub(crate) uri: Option<Cow<'a, str>>,
    pub(crate) task: Option<Cow<'a, str>>,
    /// JSON text, like the other members that are no strings.
    pub(crate) arguments: Option<&'a str>,
    pub(crate) cursor: Option<&'a str>,
    pub(crate) input_responses: Option<&'a str>,
    pub(crate) request_state: Option<Cow<'a, str>>,
}

/// The members of `_meta` that the transport looks at.
#[derive(Clone, Debug)]
pub(crate) struct Meta<'a> {
    /// The JSON text of the whole.
    pub(crate) text: &'a str,
    /// `io.modelcontextprotocol/protocolVersion`
    pub(crate) version: Option<Cow<'a, str>>,
    /// `io.modelcontextprotocol/clientCapabilities`, JSON text.
    pub(crate) capabilities: Option<&'a str>,
    /// `traceparent`, JSON text. Whatever is wrong with it is nobody's fault but its own.
    pub(crate) trace_parent: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    /// Its members as far as they can be read, whatever is wrong with it.
    pub(super) const fn members(&self) -> &Params<'a> {
        &self.members
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, JsonError> {
        if reader.first_byte() != Some(b'{') {
            return Ok(Self {
                text: reader.pass()?,
                members: Params::default(),
                is_wrong: true,
                is_meta_wrong: true,
            });
        }
        let place = reader.place();
        reader.open_object()?;
        let mut params = Params::default();
        let (mut seen, mut meta_seen) = (Seen::default(), Seen::default());
        let mut is_first = true;
        while let Some(name) = reader.member(is_first)? {
            is_first = false;
            match name.as_ref() {
                "_meta" => {
                    meta_seen.note(1);
                    params.meta = Meta::read(reader, &mut meta_seen)?;
                }
                "name" => {
                    seen.note(2);
                    params.name = seen.text(reader)?;
                }
                "uri" => {
                    seen.note(4);
                    params.uri = seen.text(reader)?;
                }
                "taskId" => {
                    seen.note(8);
                    params.task = seen.text(reader)?;
                }
                "arguments" => {
                    seen.note(16);
                    params.arguments = unless_null(reader)?;
                }
                "cursor" => {
                    seen.note(32);
                    params.cursor = unless_null(reader)?;
                }
                "inputResponses" => {
                    seen.note(64);
                    params.input_responses = unless_null(reader)?;
                }
                "requestState" => {
                    seen.note(128);
                    params.request_state = seen.text(reader)?;
                }
                _ => {
                    reader.pass()?;
                }
            }
        }
        Ok(Self {
            text: reader.text_from(place)?,
            members: params,
            is_wrong: seen.is_wrong,
            is_meta_wrong: meta_seen.is_wrong,
        })
    }
}

impl<'a> Meta<'a> {
    /// `null` is none; what is no object is wrong.
    fn read(reader: &mut Reader<'a>, seen: &mut Seen) -> Result<Option<Self>, JsonError> {
        if reader.first_byte() != Some(b'{') {
            seen.is_wrong |= reader.pass()? != "null";
            return Ok(None);
        }
        let place = reader.place();
        reader.open_object()?;
        let (mut version, mut capabilities, mut trace_parent) = (None, None, None);
        let mut members = Seen::default();
        let mut is_first = true;
        while let Some(name) = reader.member(is_first)? {
            is_first = false;
            match name.as_ref() {
                "io.modelcontextprotocol/protocolVersion" => {
                    members.note(1);
                    version = members.text(reader)?;
                }
                "io.modelcontextprotocol/clientCapabilities" => {
                    members.note(2);
                    capabilities = unless_null(reader)?;
                }
                "traceparent" => trace_parent = Some(reader.pass()?),
                _ => {
                    reader.pass()?;
                }
            }
        }
        seen.is_wrong |= members.is_wrong;
        Ok(Some(Self {
            text: reader.text_from(place)?,
            version,
            capabilities,
            trace_parent,
        }))
    }
}

impl<'a> Params<'a> {
    /// Takes `_meta` only, which means the same for every method.
    ///
    /// # Errors
    ///
    /// −32602 if `params` are not an object, or `_meta` is doubled or wrong.
    pub(crate) fn meta_of(params: Option<Parameters<'a>>) -> Result<Self, ErrorData> {
        match params {
            None => Ok(Self::default()),
            Some(params) if params.is_meta_wrong => Err(invalid_params()),
            Some(params) => Ok(Self {
                meta: params.members.meta,
                ..Self::default()
            }),
        }
    }

    /// Takes the members of `params`; absent ones have none.
    ///
    /// # Errors
    ///
    /// −32602 if they are not an object, a member is doubled or has the wrong type.
    pub(crate) fn of(params: Option<Parameters<'a>>) -> Result<Self, ErrorData> {
        match params {
            None => Ok(Self::default()),
            Some(params) if params.is_wrong || params.is_meta_wrong => Err(invalid_params()),
            Some(params) => Ok(params.members),
        }
    }
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
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{params}}}"#);
            let Ok(Envelope::Request { params, .. }) = Envelope::parse(body.as_bytes()) else {
                panic!("not a request")
            };
            assert_eq!(Params::of(params).unwrap_err().code.0, -32602, "{body}");
        }
    }
}
