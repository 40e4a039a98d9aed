//! Where in an address a variable stands, and what may stand there.

use std::fmt::Write;

use super::template::Part;
use super::variable::VariableKind;

const START: &str = "only a variable of kind url can begin an address";
const URL: &str = "a variable of kind url can only begin an address, followed by a path";
const HOST: &str = "a host name ends with a variable of kind host or with a name that is written \
                    out, and a variable of kind host ends it";
const LABEL: &str = "in a host name, a variable of kind label or uuid is followed by the domain";
const TEXT: &str = "a variable of kind text cannot be part of a host name: use kind label or host";
const DOTS: &str = "the value is a way up in the path of an address";

/// `value`, of `kind`, as it is written in an address after `before` and before what
/// `following` begins with.
pub(super) fn in_address<'v>(
    before: &str,
    kind: VariableKind,
    value: &'v str,
    following: &[Part<'_>],
) -> Result<std::borrow::Cow<'v, str>, &'static str> {
    let next = match following.first() {
        Some(Part::Literal(text)) => text.as_ref(),
        _ => "",
    };
    let Some((_, after_scheme)) = before.split_once("://") else {
        if !before.is_empty() || kind != VariableKind::Url {
            return Err(START);
        }
        return if following.is_empty() {
            Ok(value.into())
        } else if next.starts_with('/') {
            Ok(value.strip_suffix('/').unwrap_or(value).into())
        } else {
            Err(URL)
        };
    };
    if kind == VariableKind::Url {
        return Err(URL);
    }
    if after_scheme.contains(['/', '?']) {
        if matches!(value, "." | "..") {
            return Err(DOTS);
        }
        return Ok(percent_encoded(value).into());
    }
    match kind {
        VariableKind::Host => {
            let begins = after_scheme.is_empty() || after_scheme.ends_with('.');
            let ends = following.is_empty() || next.starts_with(['/', '?']);
            (begins && ends).then(|| value.into()).ok_or(HOST)
        }
        VariableKind::Label | VariableKind::Uuid => {
            let domain = next.split(['/', '?']).next().unwrap_or_default();
            let dot_follows = domain.contains('.') || (domain.is_empty() && following.len() > 1);
            dot_follows.then(|| value.into()).ok_or(LABEL)
        }
        VariableKind::Text | VariableKind::Url => Err(TEXT),
    }
}

/// All but the unreserved characters of RFC 3986 §2.3.
fn percent_encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
