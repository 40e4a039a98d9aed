//! Addresses that a person may be asked to open: checklist CO-06 and CO-09.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use countersign_resource_server::oauth::Secret;
use url::{Host, Url};

/// Longer addresses do not survive every browser and chat.
const LONGEST: usize = 2048;

/// Says what is wrong with `url`, as the end of a sentence.
pub(super) fn check(url: &str, token: Option<&Secret>) -> Result<(), &'static str> {
    if url.len() > LONGEST {
        return Err("is longer than 2048 bytes");
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains('\\') {
        return Err("has characters that a URL has not");
    }
    let parsed = Url::parse(url).map_err(|_| "is not a URL")?;
    if !parsed.username().is_empty() || parsed.password().is_some() || authority(url).contains('@')
    {
        return Err("has user information");
    }
    if token.is_some_and(|token| !token.reveal().is_empty() && url.contains(token.reveal())) {
        return Err("has the caller's token in it");
    }
    let host = parsed.host().ok_or("has no host")?;
    match (parsed.scheme(), place(&host)) {
        (_, Place::Inside) => Err("leads inside of a network"),
        ("https", _) | ("http", Place::Loopback) => Ok(()),
        _ => Err("is neither https nor http on loopback"),
    }
}

/// What stands between `//` and the next `/`, `?` or `#`, as it was written: a
/// parser drops an empty user name.
fn authority(url: &str) -> &str {
    let rest = url.split_once("//").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

enum Place {
    Public,
    Loopback,
    Inside,
}

fn place(host: &Host<&str>) -> Place {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            if name == "localhost" || name.ends_with(".localhost") {
                Place::Loopback
            } else if !name.contains('.')
                || [".internal", ".local", ".lan", ".home.arpa"]
                    .iter()
                    .any(|suffix| name.ends_with(suffix))
            {
                Place::Inside
            } else {
                Place::Public
            }
        }
        Host::Ipv4(address) => v4(*address),
        Host::Ipv6(address) => v6(*address),
    }
}

fn v4(address: Ipv4Addr) -> Place {
    let [a, b, ..] = address.octets();
    if address.is_loopback() {
        Place::Loopback
    } else if address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
    {
        Place::Inside
    } else {
        Place::Public
    }
}

fn v6(address: Ipv6Addr) -> Place {
    if let IpAddr::V4(mapped) = address.to_canonical() {
        return match v4(mapped) {
            Place::Public => Place::Public,
            Place::Loopback | Place::Inside => Place::Inside,
        };
    }
    if address.is_loopback() {
        return Place::Loopback;
    }
    // RFC 4291 §2.4: of the global unicast space only 2000::/3 is given out.
    if address
        .segments()
        .first()
        .is_some_and(|first| first & 0xe000 == 0x2000)
    {
        Place::Public
    } else {
        Place::Inside
    }
}
