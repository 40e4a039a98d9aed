//! Host and Origin: MCP Streamable HTTP §Security, against DNS rebinding.
//!
//! This is the first check of a request. It looks at names that the client
//! wrote, and compares them with names from the configuration.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use url::Url;

/// The hosts and origins a server answers to.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedNames {
    hosts: Vec<Authority>,
    origins: Vec<String>,
    loopback: bool,
}

/// A host with or without a port, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Authority {
    host: String,
    port: Option<u16>,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForeignName {
    /// No host, two hosts, or not a host: 400.
    HostMalformed,
    /// A host that this server is not: 403.
    HostForeign,
    /// An origin that this server was not told to trust: 403.
    OriginForeign,
}

impl ForeignName {
    /// The reason as one stable word, for the audit log.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::HostMalformed => "malformed_host",
            Self::HostForeign => "foreign_host",
            Self::OriginForeign => "foreign_origin",
        }
    }
}

impl std::fmt::Display for ForeignName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::HostMalformed => "the Host header is missing, repeated or malformed",
            Self::HostForeign => "this server does not answer to the Host of the request",
            Self::OriginForeign => "the Origin of the request is not trusted",
        })
    }
}

impl AllowedNames {
    /// Names of a server that listens on a loopback address: any loopback name, any port.
    pub(crate) fn loopback() -> Self {
        Self {
            loopback: true,
            ..Self::default()
        }
    }

    /// Answers to `host`, written `name` (any port) or `name:port`. False if it is neither.
    pub(crate) fn add_host(&mut self, host: &str) -> bool {
        match Authority::parse(host) {
            Some(authority) => {
                self.hosts.push(authority);
                true
            }
            None => false,
        }
    }

    /// Whether this machine alone has the names that are answered to.
    pub(crate) fn are_loopback(&self) -> bool {
        self.hosts.iter().all(|host| is_loopback_name(&host.host))
    }

    /// Trusts `origin`, written `scheme://host` or `scheme://host:port`, and returns it
    /// as browsers spell it. `None` if it is not that.
    pub(crate) fn add_origin(&mut self, origin: &str) -> Option<String> {
        let origin = canonical_origin(origin)?;
        self.origins.push(origin.clone());
        Some(origin)
    }

    /// Judges the host and the origin of a request.
    pub(crate) fn check(&self, parts: &Parts) -> Result<(), ForeignName> {
        self.check_host(parts)?;
        self.check_origin(parts)
    }

    /// Judges the host alone.
    pub(super) fn check_host(&self, parts: &Parts) -> Result<(), ForeignName> {
        let mut hosts = parts.headers.get_all(HOST).iter();
        let header = hosts.next();
        if hosts.next().is_some() {
            return Err(ForeignName::HostMalformed);
        }
        let header = match header {
            Some(value) => Some(value.to_str().map_err(|_| ForeignName::HostMalformed)?),
            None => None,
        };
        // RFC 9112 §3.2.2: an absolute target overrides the header; both are judged.
        let target = parts.uri.authority().map(http::uri::Authority::as_str);
        if header.is_none() && target.is_none() {
            return Err(ForeignName::HostMalformed);
        }
        for name in header.into_iter().chain(target) {
            let authority = Authority::parse(name).ok_or(ForeignName::HostForeign)?;
            if !self.answers_to(&authority) {
                return Err(ForeignName::HostForeign);
            }
        }
        Ok(())
    }

    fn check_origin(&self, parts: &Parts) -> Result<(), ForeignName> {
        let mut origins = parts.headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return Ok(());
        };
        if origins.next().is_some() {
            return Err(ForeignName::OriginForeign);
        }
        let origin = origin.to_str().map_err(|_| ForeignName::OriginForeign)?;
        if self.trusts(origin) {
            Ok(())
        } else {
            Err(ForeignName::OriginForeign)
        }
    }

    /// Whether scripts of `origin` may read answers.
    pub(crate) fn trusts(&self, origin: &str) -> bool {
        let Some(origin) = canonical_origin(origin) else {
            return false;
        };
        self.origins.contains(&origin)
            || (self.loopback
                && Url::parse(&origin)
                    .is_ok_and(|url| url.host_str().is_some_and(is_loopback_name)))
    }

    /// Whether a request for `host`, written `name` or `name:port`, is answered.
    #[cfg_attr(
        not(feature = "authorization-server"),
        expect(dead_code, reason = "nobody issues tokens")
    )]
    pub(crate) fn answers_to_host(&self, host: &str) -> bool {
        Authority::parse(host).is_some_and(|authority| self.answers_to(&authority))
    }

    fn answers_to(&self, authority: &Authority) -> bool {
        (self.loopback && is_loopback_name(&authority.host))
            || self.hosts.iter().any(|allowed| {
                allowed.host == authority.host
                    && allowed.port.is_none_or(|port| authority.port == Some(port))
            })
    }
}

impl Authority {
    /// `host [ ":" port ]` (RFC 9110 §7.2): no user information, no path.
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                (host, Some(port.parse().ok()?))
            }
            _ => (text, None),
        };
        let is_name = |host: &str| {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        let is_address = |host: &str| {
            host.strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'))
                .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok())
        };
        (is_name(host) || is_address(host)).then(|| Self {
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

fn is_loopback_name(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// `scheme://host[:port]` in the one spelling that browsers send (RFC 6454 §6.2).
/// The parser would mend what is not spelled so, and is not asked to.
fn canonical_origin(text: &str) -> Option<String> {
    let (scheme, authority) = text.split_once("://")?;
    let is_web = ["http", "https"]
        .iter()
        .any(|web| scheme.eq_ignore_ascii_case(web));
    let is_bare = !authority
        .bytes()
        .any(|byte| byte <= 0x20 || b"/\\@?#%".contains(&byte))
        && !authority.ends_with(':');
    if !is_web || !is_bare {
        return None;
    }
    let url = Url::parse(text).ok()?;
    Some(url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(names: &AllowedNames, headers: &[(&str, &str)]) -> Result<(), ForeignName> {
        let mut request = http::Request::post("/mcp");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        names.check(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn e4_e5_tr_04_only_names_of_this_server_are_answered() {
        let names = AllowedNames::loopback();
        for host in [
            "localhost",
            "localhost:3000",
            "LOCALHOST",
            "127.0.0.1:8000",
            "[::1]:8000",
        ] {
            assert_eq!(judge(&names, &[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:3000",
            "127.0.0.1.evil.example",
            "localhost:3000@evil",
            "[::1]evil",
            "",
            "localhost:",
            "localhost:+80",
            "localhost.evil.example",
            "localhost/x",
        ] {
            assert_eq!(
                judge(&names, &[("host", host)]),
                Err(ForeignName::HostForeign),
                "{host}"
            );
        }
        assert_eq!(judge(&names, &[]), Err(ForeignName::HostMalformed));
        let two = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(judge(&names, &two), Err(ForeignName::HostMalformed));
    }

    #[test]
    fn e5_the_name_in_an_absolute_target_is_judged_beside_the_header() {
        let names = AllowedNames::loopback();
        for (target, host, verdict) in [
            (
                "http://evil.example/mcp",
                Some("localhost"),
                Err(ForeignName::HostForeign),
            ),
            (
                "http://localhost/mcp",
                Some("evil.example"),
                Err(ForeignName::HostForeign),
            ),
            (
                "http://evil.example/mcp",
                None,
                Err(ForeignName::HostForeign),
            ),
            (
                "http://localhost@evil.example/mcp",
                None,
                Err(ForeignName::HostForeign),
            ),
            ("http://localhost/mcp", Some("localhost"), Ok(())),
            ("http://localhost/mcp", None, Ok(())),
        ] {
            let mut request = http::Request::post(target);
            if let Some(host) = host {
                request = request.header("host", host);
            }
            let parts = request.body(()).unwrap().into_parts().0;
            assert_eq!(names.check(&parts), verdict, "{target} {host:?}");
        }
    }

    #[test]
    fn e1_e2_e3_tr_01_a_foreign_origin_is_refused_though_the_host_is_good() {
        let names = AllowedNames::loopback();
        for origin in [
            "https://evil.example",
            "null",
            "http://localhost.evil.example",
            "http://localhost/",
            "http://localhost@evil.example",
            "file://localhost",
            "http:localhost",
            "http:/localhost",
            "http:///localhost",
            "http://%6cocalhost",
            "http://localhost:",
            "http://localhost?",
            "http://localhost#",
            "",
        ] {
            let headers = [("host", "localhost"), ("origin", origin)];
            assert_eq!(
                judge(&names, &headers),
                Err(ForeignName::OriginForeign),
                "{origin}"
            );
        }
        let two = [
            ("host", "localhost"),
            ("origin", "http://localhost"),
            ("origin", "http://localhost"),
        ];
        assert_eq!(judge(&names, &two), Err(ForeignName::OriginForeign));
        assert_eq!(judge(&names, &[("host", "localhost")]), Ok(()));
        let good = [("host", "localhost"), ("origin", "http://localhost:6274")];
        assert_eq!(judge(&names, &good), Ok(()));
    }

    #[test]
    fn a_public_server_answers_to_what_was_configured_and_nothing_else() {
        let mut names = AllowedNames::default();
        assert!(names.add_host("mcp.example.com"));
        assert!(names.add_origin("https://app.example.com").is_some());
        assert!(!names.add_host("mcp.example.com/x"));
        assert!(names.add_origin("https://app.example.com/x").is_none());
        assert_eq!(judge(&names, &[("host", "mcp.example.com:443")]), Ok(()));
        assert_eq!(
            judge(&names, &[("host", "localhost")]),
            Err(ForeignName::HostForeign)
        );
        let good = [
            ("host", "mcp.example.com"),
            ("origin", "https://app.example.com:443"),
        ];
        assert_eq!(judge(&names, &good), Ok(()));
    }
}
