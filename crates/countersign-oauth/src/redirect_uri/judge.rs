//! The grammar of a redirection URI: RFC 3986 §3, narrowed.

use url::Url;

use super::{InvalidRedirectUri, MAX_REDIRECT_URI_BYTES, Parts, is_loopback};

/// Schemes that run, open or disclose something instead of handing over an
/// answer. They are refused whatever an operator allows.
const FORBIDDEN_SCHEMES: [&str; 29] = [
    "about",
    "blob",
    "chrome",
    "chrome-extension",
    "cid",
    "content",
    "data",
    "edge",
    "feed",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "jar",
    "javascript",
    "mailto",
    "mhtml",
    "moz-extension",
    "ms-msdt",
    "resource",
    "search",
    "search-ms",
    "sms",
    "smb",
    "ssh",
    "tel",
    "vbscript",
    "view-source",
    "ws",
];

pub(super) fn judge(text: &str) -> Result<Parts, InvalidRedirectUri> {
    if text.len() > MAX_REDIRECT_URI_BYTES {
        return Err(InvalidRedirectUri::TooLong);
    }
    if text.contains('#') {
        return Err(InvalidRedirectUri::Fragment);
    }
    if !text.bytes().all(is_uri_character) {
        return Err(InvalidRedirectUri::Characters);
    }
    let (scheme, rest) = text
        .split_once(':')
        .ok_or(InvalidRedirectUri::NotAbsolute)?;
    check_scheme(scheme)?;
    let (hierarchy, query) = rest.split_once('?').unwrap_or((rest, ""));
    check_percent(hierarchy, true)?;
    check_percent(query, false)?;
    let (authority, path) = match hierarchy.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (Some(authority), path)
        }
        None => (None, hierarchy),
    };
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(InvalidRedirectUri::UserInfo);
    }
    // RFC 3986 §3.2.2: brackets are for address literals alone.
    if path.contains(['[', ']']) || query.contains(['[', ']']) {
        return Err(InvalidRedirectUri::Characters);
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(InvalidRedirectUri::DotSegments);
    }
    let scheme_end = scheme.len();
    if !matches!(scheme, "https" | "http") {
        // `urn:…` and `tel:…` have no path that an application could answer.
        if !hierarchy.starts_with('/') {
            return Err(InvalidRedirectUri::NotAbsolute);
        }
        Url::parse(text).map_err(|_| InvalidRedirectUri::Host)?;
        return Ok(Parts {
            scheme_end,
            host: (scheme_end, scheme_end),
            authority_end: scheme_end,
        });
    }
    let authority = authority.ok_or(InvalidRedirectUri::Host)?;
    let host = split_port(authority)?;
    check_host(scheme, host)?;
    let start = scheme_end + "://".len();
    Ok(Parts {
        scheme_end,
        host: (start, start + host.len()),
        authority_end: start + authority.len(),
    })
}

/// RFC 3986 §2.2 and §2.3, without `*`, which nobody needs and some read as a pattern.
fn is_uri_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()+,;=%".contains(&byte)
}

/// `scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )` (RFC 3986 §3.1), in lower case.
fn check_scheme(scheme: &str) -> Result<(), InvalidRedirectUri> {
    let legal =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    let starts_well = scheme.starts_with(|first: char| first.is_ascii_lowercase());
    if is_forbidden(&scheme.to_ascii_lowercase()) {
        return Err(InvalidRedirectUri::ForbiddenScheme);
    }
    if !starts_well || !scheme.bytes().all(legal) {
        return Err(InvalidRedirectUri::NotAbsolute);
    }
    Ok(())
}

pub(super) fn is_forbidden(scheme: &str) -> bool {
    FORBIDDEN_SCHEMES.contains(&scheme)
}

/// Before the query a `%` may not hide a delimiter or a dot; nowhere a control.
fn check_percent(text: &str, before_query: bool) -> Result<(), InvalidRedirectUri> {
    let mut pieces = text.split('%');
    pieces.next();
    for piece in pieces {
        let byte = piece
            .get(..2)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or(InvalidRedirectUri::PercentEncoding)?;
        if byte < 0x20 || byte == 0x7F || (before_query && b"./\\%?#@:".contains(&byte)) {
            return Err(InvalidRedirectUri::PercentEncoding);
        }
    }
    Ok(())
}

/// The host; the port behind it is judged.
fn split_port(authority: &str) -> Result<&str, InvalidRedirectUri> {
    let host_end = match authority.find(']') {
        Some(at) => at + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_end);
    if let Some(digits) = port.strip_prefix(':') {
        let plain = !digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit());
        if !plain || digits.parse::<u16>().is_err() {
            return Err(InvalidRedirectUri::Port);
        }
    } else if !port.is_empty() {
        return Err(InvalidRedirectUri::Host);
    }
    Ok(host)
}

/// The host must be written as every parser would write it, so that `127.1`,
/// `0x7f.0.0.1`, percent-encoding and upper case cannot stand for another one.
fn check_host(scheme: &str, host: &str) -> Result<(), InvalidRedirectUri> {
    let url = Url::parse(&format!("https://{host}/")).map_err(|_| InvalidRedirectUri::Host)?;
    if host.is_empty() || host.ends_with('.') || url.host_str() != Some(host) {
        return Err(InvalidRedirectUri::Host);
    }
    if scheme == "http" && !is_loopback(host) {
        return Err(InvalidRedirectUri::PlainHttp);
    }
    Ok(())
}
