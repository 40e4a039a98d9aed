//! Headers that repeat the body, so that an intermediary can decide by them:
//! MCP 2026-07-28, transport, standard and custom headers.
//!
//! What was done before: the era is 2026-07-28. What comes after: policy. A
//! difference is refused before anything is decided by either side of it.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AsHeaderName;
use http::{HeaderMap, HeaderName};

use super::era::header_mismatch;
use crate::protocol::ErrorData;

static METHOD: HeaderName = HeaderName::from_static("mcp-method");
static NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Compares `Mcp-Method`, and `Mcp-Name` where the method names something.
///
/// # Errors
///
/// −32020 if a header is missing, doubled, malformed or different (TR-09, TR-10).
pub(crate) fn check(
    headers: &HeaderMap,
    method: &str,
    name: Option<&str>,
) -> Result<(), ErrorData> {
    let Some(value) = single(headers, &METHOD)? else {
        return Err(header_mismatch("Mcp-Method is missing"));
    };
    if value != method {
        return Err(header_mismatch("Mcp-Method differs from the body"));
    }
    let Some(name) = name else {
        return Ok(());
    };
    match single(headers, &NAME)? {
        None => Err(header_mismatch("Mcp-Name is missing")),
        Some(value) if decoded(value)? != name => {
            Err(header_mismatch("Mcp-Name differs from the body"))
        }
        Some(_) => Ok(()),
    }
}

/// The one value of a header, without the blanks around it (RFC 9110 §5.5).
pub(crate) fn single(
    headers: &HeaderMap,
    name: impl AsHeaderName,
) -> Result<Option<&str>, ErrorData> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(header_mismatch("a mirrored header is repeated"));
    }
    let text = value
        .to_str()
        .map_err(|_| header_mismatch("a mirrored header has invalid characters"))?;
    Ok(Some(text.trim_matches([' ', '\t'])))
}

/// Takes a value out of the base64 sentinel `=?base64?…?=`; other values are literal.
pub(crate) fn decoded(value: &str) -> Result<Cow<'_, str>, ErrorData> {
    let Some(encoded) = value
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="))
    else {
        return Ok(Cow::Borrowed(value));
    };
    STANDARD
        .decode(encoded)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(Cow::Owned)
        .ok_or_else(|| header_mismatch("a mirrored header is not valid base64"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const METHOD: &str = "mcp-method";
    const NAME: &str = "mcp-name";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn e32_e33_tr_09_tr_10_headers_that_do_not_repeat_the_body_are_refused() {
        let call = "tools/call";
        for pairs in [
            &[][..],
            &[(METHOD, "TOOLS/CALL"), (NAME, "greet")],
            &[(METHOD, "tools/list"), (NAME, "greet")],
            &[(METHOD, call)],
            &[(METHOD, call), (NAME, "Greet")],
            &[(METHOD, call), (NAME, "safe")],
            &[(METHOD, call), (METHOD, call), (NAME, "greet")],
            &[(METHOD, call), (NAME, "greet"), (NAME, "greet")],
            &[(METHOD, call), (NAME, "=?base64?Z3JlZXQ?=")],
            &[(METHOD, call), (NAME, "=?base64?????=")],
            &[(METHOD, call), (NAME, "=?BASE64?Z3JlZXQ=?=")],
            &[(METHOD, call), (NAME, "gr\u{e9}et")],
        ] {
            let refused = check(&headers(pairs), call, Some("greet")).unwrap_err();
            assert_eq!(refused.code.0, -32020, "{pairs:?}");
        }
        for value in ["greet", "  greet\t", "=?base64?Z3JlZXQ=?="] {
            let pairs = [(METHOD, call), (NAME, value)];
            assert!(
                check(&headers(&pairs), call, Some("greet")).is_ok(),
                "{value}"
            );
        }
    }
}
