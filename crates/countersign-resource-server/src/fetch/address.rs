//! What kind of network an address belongs to: RFC 6890 and the registries that
//! keep it up to date, with the IPv6 forms that carry an IPv4 address inside.
//!
//! The standard library knows `::1` as loopback and nothing of the mapped and
//! transition forms, so the table is our own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of network an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The public Internet.
    Public,
    /// This machine.
    Loopback,
    /// A network inside a company or a cloud (RFC 1918, RFC 4193, RFC 6598).
    Private,
    /// Anything else: link-local, cloud metadata, multicast, documentation,
    /// benchmarks, reserved and transition forms. Never an outbound target.
    Special,
}

/// `(network, prefix length, reach)`; the first match decides.
const IPV4: &[(Ipv4Addr, u32, Reach)] = &[
    // The metadata service of one large cloud, inside the shared address space.
    (Ipv4Addr::new(100, 100, 100, 200), 32, Reach::Special),
    (Ipv4Addr::new(0, 0, 0, 0), 8, Reach::Special), // RFC 791 §3.2
    (Ipv4Addr::new(10, 0, 0, 0), 8, Reach::Private), // RFC 1918
    (Ipv4Addr::new(100, 64, 0, 0), 10, Reach::Private), // RFC 6598
    (Ipv4Addr::new(127, 0, 0, 0), 8, Reach::Loopback), // RFC 1122 §3.2.1.3
    (Ipv4Addr::new(169, 254, 0, 0), 16, Reach::Special), // RFC 3927, cloud metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12, Reach::Private), // RFC 1918
    (Ipv4Addr::new(192, 0, 0, 0), 24, Reach::Special), // RFC 6890
    (Ipv4Addr::new(192, 0, 2, 0), 24, Reach::Special), // RFC 5737
    (Ipv4Addr::new(192, 31, 196, 0), 24, Reach::Special), // RFC 7535
    (Ipv4Addr::new(192, 52, 193, 0), 24, Reach::Special), // RFC 7450
    (Ipv4Addr::new(192, 88, 99, 0), 24, Reach::Special), // RFC 7526
    (Ipv4Addr::new(192, 168, 0, 0), 16, Reach::Private), // RFC 1918
    (Ipv4Addr::new(192, 175, 48, 0), 24, Reach::Special), // RFC 7534
    (Ipv4Addr::new(198, 18, 0, 0), 15, Reach::Special), // RFC 2544
    (Ipv4Addr::new(198, 51, 100, 0), 24, Reach::Special), // RFC 5737
    (Ipv4Addr::new(203, 0, 113, 0), 24, Reach::Special), // RFC 5737
    (Ipv4Addr::new(224, 0, 0, 0), 4, Reach::Special), // RFC 5771
    (Ipv4Addr::new(240, 0, 0, 0), 4, Reach::Special), // RFC 1112 §4, broadcast
];

/// How an IPv6 range is judged.
#[derive(Clone, Copy)]
enum Judgement {
    Is(Reach),
    /// By the IPv4 address in the last 32 bits.
    ByEmbedded,
}

const fn v6(segments: [u16; 8]) -> Ipv6Addr {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Addr::new(a, b, c, d, e, f, g, h)
}

/// `(network, prefix length, judgement)`; the first match decides, and what
/// matches nothing is special: only 2000::/3 is handed out (RFC 4291 §2.4).
const IPV6: &[(Ipv6Addr, u32, Judgement)] = &[
    (Ipv6Addr::LOCALHOST, 128, Judgement::Is(Reach::Loopback)),
    // RFC 4291 §2.5.5.2: IPv4-mapped. The system connects to the IPv4 address.
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0]), 96, Judgement::ByEmbedded),
    // RFC 6052 §2.1: the well-known prefix of NAT64.
    (
        v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0]),
        96,
        Judgement::ByEmbedded,
    ),
    // The metadata service of another large cloud, inside RFC 4193.
    (
        v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0]),
        32,
        Judgement::Is(Reach::Special),
    ),
    (
        v6([0xfc00, 0, 0, 0, 0, 0, 0, 0]),
        7,
        Judgement::Is(Reach::Private),
    ), // RFC 4193
    // RFC 2928, RFC 4380 (Teredo), RFC 5180, RFC 7343: protocol assignments.
    (
        v6([0x2001, 0, 0, 0, 0, 0, 0, 0]),
        23,
        Judgement::Is(Reach::Special),
    ),
    (
        v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]),
        32,
        Judgement::Is(Reach::Special),
    ), // RFC 3849
    (
        v6([0x2002, 0, 0, 0, 0, 0, 0, 0]),
        16,
        Judgement::Is(Reach::Special),
    ), // RFC 7526 (6to4)
    (
        v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0]),
        48,
        Judgement::Is(Reach::Special),
    ), // RFC 7534
    (
        v6([0x3fff, 0, 0, 0, 0, 0, 0, 0]),
        20,
        Judgement::Is(Reach::Special),
    ), // RFC 9637
    (
        v6([0x2000, 0, 0, 0, 0, 0, 0, 0]),
        3,
        Judgement::Is(Reach::Public),
    ),
];

impl Reach {
    /// The kind of network that `address` belongs to.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        IPV4.iter()
            .find(|(network, prefix, _)| same_v4(address, *network, *prefix))
            .map_or(Self::Public, |(_, _, reach)| *reach)
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if is_isatap(address) {
            return Self::Special;
        }
        let judgement = IPV6
            .iter()
            .find(|(network, prefix, _)| same_v6(address, *network, *prefix))
            .map(|(_, _, judgement)| *judgement);
        match judgement {
            None => Self::Special,
            Some(Judgement::Is(reach)) => reach,
            Some(Judgement::ByEmbedded) => Self::of_v4(embedded(address)),
        }
    }
}

fn same_v4(address: Ipv4Addr, network: Ipv4Addr, prefix: u32) -> bool {
    let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
    address.to_bits() & mask == network.to_bits() & mask
}

fn same_v6(address: Ipv6Addr, network: Ipv6Addr, prefix: u32) -> bool {
    let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
    address.to_bits() & mask == network.to_bits() & mask
}

/// RFC 5214 §6.1: an interface identifier `::0:5efe:a.b.c.d` or `::200:5efe:a.b.c.d`.
const fn is_isatap(address: Ipv6Addr) -> bool {
    let [_, _, _, _, high, low, _, _] = address.segments();
    (high & !0x0200) == 0 && low == 0x5efe
}

const fn embedded(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The list of row D26, and more.
    pub(in crate::fetch) const REFUSED: &[&str] = &[
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:a9fe:a9:fe00::",
        "100::1",
        "2001:0:0a00:1::f5ff:fffe",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
        "2606:4700::5efe:169.254.169.254",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "3fff::1",
        "5f00::1",
        "2606:4700::200:5efe:10.0.0.1",
    ];

    #[test]
    fn d26_no_special_use_address_is_public() {
        for text in REFUSED {
            let address = text.parse().unwrap();
            assert_ne!(Reach::of(address), Reach::Public, "{text}");
        }
    }

    #[test]
    fn d26_public_addresses_stay_reachable_in_both_families() {
        for text in [
            "64:ff9b::808:808",
            "2606:4700:4700::1111",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "::ffff:8.8.8.8",
        ] {
            let address = text.parse().unwrap();
            assert_eq!(Reach::of(address), Reach::Public, "{text}");
        }
    }

    #[test]
    fn d26_metadata_services_are_special_even_inside_private_ranges() {
        for text in [
            "100.100.100.200",
            "fd00:ec2::254",
            "169.254.169.254",
            "::ffff:169.254.169.254",
        ] {
            assert_eq!(Reach::of(text.parse().unwrap()), Reach::Special, "{text}");
        }
        for text in ["10.0.0.1", "fd12::1", "64:ff9b::10.0.0.1"] {
            assert_eq!(Reach::of(text.parse().unwrap()), Reach::Private, "{text}");
        }
        for text in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(Reach::of(text.parse().unwrap()), Reach::Loopback, "{text}");
        }
    }
}
