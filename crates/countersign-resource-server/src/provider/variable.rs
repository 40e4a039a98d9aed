//! Variables of a preset: what one installation has to say about itself.

use countersign_oauth::uri::is_loopback_host;
use serde::Deserialize;
use url::Url;

/// The longest value, in bytes.
const MAX_BYTES: usize = 512;

/// What a preset needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Variable {
    /// What it is, in words: `the domain of your tenant`.
    pub description: String,
    /// What its values look like.
    pub kind: VariableKind,
    /// What a value looks like there; for people, and to check the preset with.
    #[serde(default)]
    pub example: Option<String>,
    /// The value if none is given.
    #[serde(default)]
    pub default: Option<String>,
    /// It may be left out; then every field, entry and parameter that names it is too.
    #[serde(default)]
    pub optional: bool,
}

/// What values of a variable look like. A value can only be where its kind cannot
/// leave its place in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VariableKind {
    /// The name of a host in lower case, with a port if it has one: `login.example.com`.
    Host,
    /// One label of a host name: `eu-central-1`.
    Label,
    /// A UUID with hyphens.
    Uuid,
    /// An https address without query and fragment; http on this machine. A slash at
    /// its end is kept where the value stands alone, and not doubled where a path
    /// follows.
    Url,
    /// Up to 256 visible ASCII characters without quote, backslash and braces; percent-encoded in
    /// the path and the query of an address.
    Text,
}

impl VariableKind {
    /// The name in a file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Label => "label",
            Self::Uuid => "uuid",
            Self::Url => "url",
            Self::Text => "text",
        }
    }

    /// Whether `value` is of this kind; the error says what it should be.
    pub(super) fn check(self, value: &str) -> Result<(), &'static str> {
        let fits = value.len() <= MAX_BYTES
            && match self {
                Self::Host => is_host(value),
                Self::Label => is_label(value),
                Self::Uuid => is_uuid(value),
                Self::Url => is_url(value),
                Self::Text => is_text(value),
            };
        if fits { Ok(()) } else { Err(self.advice()) }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Host => {
                "it is a host name in lower case, without https:// and without slash, such as \
                 login.example.com"
            }
            Self::Label => {
                "it is one label of a host name: lower-case letters, digits and hyphens, such as \
                 eu-central-1"
            }
            Self::Uuid => "it is a UUID, such as 0b9e62a7-1c5d-4f0e-9a53-6d2c8a7f1e44",
            Self::Url => {
                "it is an address that begins with https:// (http:// only on this machine), \
                 without query and fragment, such as https://login.example.com/realms/main"
            }
            Self::Text => {
                "it is up to 256 visible ASCII characters without blank, quote, backslash and \
                 braces"
            }
        }
    }

    /// A value to check a preset with.
    pub(super) const fn sample(self) -> &'static str {
        match self {
            Self::Host => "login.example.com",
            Self::Label => "example",
            Self::Uuid => "0b9e62a7-1c5d-4f0e-9a53-6d2c8a7f1e44",
            Self::Url => "https://login.example.com/main",
            Self::Text => "example",
        }
    }
}

fn is_host(value: &str) -> bool {
    let (name, port) = match value.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (value, None),
    };
    let port_fits = port.is_none_or(|port| {
        !port.starts_with('0') && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    // Names that a parser of URLs reads as something else, such as `0x7f.1`, differ.
    let verbatim = Url::parse(&format!("https://{name}/"))
        .is_ok_and(|url| url.host_str() == Some(name) && url.path() == "/");
    let named = name == "localhost" || name.contains('.');
    name.len() <= 253 && port_fits && verbatim && named && name.split('.').all(is_label)
}

pub(super) fn is_label(value: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&value.len())
        && value.bytes().all(legal)
        && !value.starts_with('-')
        && !value.ends_with('-')
}

fn is_uuid(value: &str) -> bool {
    let lengths = value.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12])
        && value
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn is_url(value: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]@!$&'()*+,;=".contains(&byte);
    let Ok(url) = Url::parse(value) else {
        return false;
    };
    let path = value.splitn(4, '/').nth(3).unwrap_or_default();
    let plain = path.is_empty()
        || path
            .strip_suffix('/')
            .unwrap_or(path)
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | ".."));
    value.bytes().all(legal)
        && plain
        && has_tls_or_is_local(&url)
        && url.username().is_empty()
        && url.password().is_none()
        && has_its_host(value, &url)
}

/// Whether the host of `url` stands in `text` as it was read: a parser of URLs makes
/// `https://a.test` of `https:///a.test` and of `HTTPS:A.test` too.
pub(super) fn has_its_host(text: &str, url: &Url) -> bool {
    let after_scheme = text
        .strip_prefix(url.scheme())
        .and_then(|rest| rest.strip_prefix("://"));
    let authority = after_scheme.and_then(|rest| rest.split(['/', '?', '#']).next());
    authority == Some(url.authority()) && url.has_host()
}

/// https, or http on this machine.
pub(super) fn has_tls_or_is_local(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback_host(url))
}

fn is_text(value: &str) -> bool {
    let legal = |byte: u8| (0x21..0x7F).contains(&byte) && !b"\"\\{}".contains(&byte);
    (1..=256).contains(&value.len()) && value.bytes().all(legal)
}
