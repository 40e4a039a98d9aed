//! Whom an address stands for, where something is counted.

use std::net::IpAddr;

/// The network that one person usually has: an IPv4 /24, an IPv6 /64.
pub fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// How many times as much as one network those around it may try together.
pub(super) const NETWORKS_AROUND: u32 = 10;

/// The networks for which a request from `address` counts, and how much each may if
/// one network may `most`. From an IPv6 /48 one customer can have any number of
/// networks; nobody gets many IPv4 networks for nothing.
pub fn shares_of(address: IpAddr, most: u64) -> impl Iterator<Item = (String, u64)> {
    let around = match address.to_canonical() {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            let most = most.saturating_mul(u64::from(NETWORKS_AROUND));
            Some((format!("{a:x}:{b:x}:{c:x}::/48"), most))
        }
    };
    [(network_of(address), most)].into_iter().chain(around)
}

/// One machine: an IPv4 address, an IPv6 /64. Networks have more neighbours whom
/// somebody could keep out.
pub fn machine_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        address @ IpAddr::V6(_) => network_of(address),
    }
}

/// `address`, if it can be that of one stranger alone. On this machine, in private
/// networks (RFC 1918, RFC 4193) and in shared address space (RFC 6598), which hosters
/// use inside, it is often that of a proxy, behind which everybody is: one of them could
/// use up what is there for all.
pub fn of_one_stranger(address: Option<IpAddr>) -> Option<IpAddr> {
    address.filter(|address| match address.to_canonical() {
        IpAddr::V4(address) => {
            let is_shared = matches!(address.octets(), [100, 64..=127, ..]);
            let is_ours = address.is_loopback() || address.is_private();
            !(is_shared || is_ours || address.is_link_local())
        }
        IpAddr::V6(address) => {
            !(address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_of_proxies_stand_for_nobody() {
        for shared in [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "::1",
            "::ffff:127.0.0.1",
            "fd00::1",
            "fe80::1",
        ] {
            assert_eq!(of_one_stranger(Some(address(shared))), None, "{shared}");
        }
        for own in [
            "192.0.2.1",
            "172.32.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "8.8.8.8",
            "2001:db8::1",
        ] {
            assert_eq!(of_one_stranger(Some(address(own))), Some(address(own)));
        }
        assert_eq!(of_one_stranger(None), None);
    }

    #[test]
    fn a_network_is_a_24_or_a_64_and_a_machine_is_less() {
        for (one, network, machine) in [
            ("192.0.2.7", "192.0.2.0/24", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.0/24", "192.0.2.7"),
            ("2001:db8::7", "2001:db8:0:0::/64", "2001:db8:0:0::/64"),
        ] {
            assert_eq!(network_of(address(one)), network);
            assert_eq!(machine_of(address(one)), machine);
        }
        let shares = |text| shares_of(address(text), 20).collect::<Vec<_>>();
        let share = |network: &str, most| (network.to_owned(), most);
        let (own, around) = ("2001:db8:7:8::/64", "2001:db8:7::/48");
        assert_eq!(
            shares("2001:db8:7:8::9"),
            [share(own, 20), share(around, 200)]
        );
        assert_eq!(shares("::ffff:192.0.2.7"), [share("192.0.2.0/24", 20)]);
    }
}
