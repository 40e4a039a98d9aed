//! The address of a client behind proxies: RFC 7239 §8.1, for `X-Forwarded-For`.
//!
//! The header is believed as far as proxies of the operator wrote it, from its end on:
//! each appends whom it talked to, and what stands before is whatever the client sent.
//! Nothing else about a request is taken from such headers.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::HeaderName;

/// The header that common proxies append to.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A network: all addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads an address, or an address and a number of bits behind `/`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits: u32 = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
            None => most,
        };
        // Addresses are compared in their short form (RFC 4291 §2.5.5.2).
        match (address.to_canonical(), bits.checked_sub(96)) {
            (short @ IpAddr::V4(_), Some(bits)) if address.is_ipv6() => Some(Self {
                address: short,
                bits,
            }),
            _ => Some(Self { address, bits }),
        }
    }

    fn has(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differs = u32::from(ours) ^ u32::from(theirs);
                differs.checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differs = u128::from(ours) ^ u128::from(theirs);
                differs.checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Whether `address` is one of `trusted`.
pub(super) fn is_trusted(trusted: &[Network], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.has(address))
}

/// Whom the connection from `peer` carries a request of: `peer` itself, unless it is a
/// proxy in `trusted`.
pub(super) fn client(
    peer: Option<IpAddr>,
    trusted: &[Network],
    headers: &HeaderMap,
) -> Option<IpAddr> {
    let is_trusted = |address| is_trusted(trusted, address);
    let mut client = peer?;
    let lines: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().collect();
    let hops = lines
        .iter()
        .rev()
        .flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    for hop in hops {
        if !is_trusted(client) {
            break;
        }
        // What is no address was not written by a proxy of ours.
        match hop.trim().parse::<IpAddr>() {
            Ok(address) => client = address,
            Err(_) => break,
        }
    }
    Some(client.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"];
        let trusted: Vec<Network> = trusted
            .iter()
            .map(|text| Network::parse(text).unwrap())
            .collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        let client = client(Some(peer.parse().unwrap()), &trusted, &headers);
        client.unwrap().to_string()
    }

    #[test]
    fn g1_g3_e6_what_strangers_say_about_their_address_is_ignored() {
        assert_eq!(seen("203.0.113.5", &["1.2.3.4"]), "203.0.113.5");
        assert_eq!(seen("11.0.0.1", &["1.2.3.4"]), "11.0.0.1");
        assert_eq!(seen("2001:db9::1", &["1.2.3.4"]), "2001:db9::1");
        // Nor does a trusted proxy make sense of nonsense.
        for junk in ["", "unknown", "1.2.3.4:80", "[::1]", "1.2.3", "_hidden"] {
            assert_eq!(seen("10.1.2.3", &[junk]), "10.1.2.3", "{junk}");
        }
        let none = client(Some("10.1.2.3".parse().unwrap()), &[], &HeaderMap::new());
        assert_eq!(none.unwrap().to_string(), "10.1.2.3");
        assert_eq!(client(None, &[], &HeaderMap::new()), None);
    }

    #[test]
    fn g2_the_hop_that_the_trusted_proxy_appended_counts() {
        assert_eq!(seen("10.1.2.3", &["1.2.3.4, 203.0.113.5"]), "203.0.113.5");
        assert_eq!(seen("10.1.2.3", &["1.2.3.4", "203.0.113.5"]), "203.0.113.5");
        assert_eq!(
            seen("192.0.2.1", &["1.2.3.4, 203.0.113.5 , 10.9.9.9"]),
            "203.0.113.5"
        );
        assert_eq!(seen("::ffff:10.1.2.3", &["203.0.113.5"]), "203.0.113.5");
        assert_eq!(seen("2001:db8::7", &["2001:db9::1"]), "2001:db9::1");
        // A client inside is itself, however many stand before it.
        assert_eq!(seen("10.1.2.3", &["junk, 10.4.4.4"]), "10.4.4.4");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/",
            "/8",
            "10.0.0/8",
            "proxy",
            "::/129",
            "10.0.0.0/-1",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
        let all = Network::parse("0.0.0.0/0").unwrap();
        assert!(all.has("203.0.113.5".parse().unwrap()));
        assert!(!all.has("2001:db8::1".parse().unwrap()));
        for mapped in ["::ffff:10.0.0.0/104", "::ffff:10.1.2.3"] {
            let mapped = Network::parse(mapped).unwrap();
            assert!(mapped.has("10.1.2.3".parse().unwrap()), "{mapped:?}");
            assert!(!mapped.has("11.1.2.3".parse().unwrap()), "{mapped:?}");
        }
        let one = Network::parse("::1").unwrap();
        assert!(one.has("::1".parse().unwrap()) && !one.has("::2".parse().unwrap()));
    }
}
