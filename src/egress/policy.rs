//! Which addresses may be dialled.
//!
//! By default only what is publicly routable: everything else (this machine, its network, the
//! cloud's metadata service) would let whoever registers a service reach what only we can reach.
//! An address that carries an IPv4 address inside is judged by that one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses: `10.0.0.0/8`, `::1/128`, or a single address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// The default refusals and the networks that the operator opened.
pub struct Policy {
    allow: Vec<Network>,
}

impl Policy {
    /// Opens `allow` besides what is public.
    pub fn new(allow: Vec<Network>) -> Self {
        Self { allow }
    }

    /// Whether the address may be dialled. An opened IPv4 network is also open in its IPv4-mapped
    /// form (`::ffff:0:0/96`), but in no tunnelled or translated one.
    pub fn permits(&self, address: IpAddr) -> bool {
        let plain = address.to_canonical();
        let opened = |address| self.allow.iter().any(|network| network.contains(address));
        if opened(address) || opened(plain) {
            return true;
        }
        match plain {
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        }
    }
}

impl Network {
    /// Whether the address lies in the range; an IPv4 address lies in no IPv6 range.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = mask(self.prefix, 32) as u32;
                own.to_bits() == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                own.to_bits() == other.to_bits() & mask(self.prefix, 128)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    /// Parses a range; the error tells what is wrong with it in a few words.
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("{text:?} is not an address or network such as 10.0.0.0/8"))?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|bits| *bits <= width)
                .ok_or_else(|| format!("{text:?} needs a prefix length of 0 to {width}"))?,
            None => width,
        };
        let network = Self { address, prefix };
        // A typing error here opens the wrong network: say so instead of rounding it down.
        if !network.contains(address) {
            return Err(format!("{text:?} has bits set beyond its prefix length"));
        }
        Ok(network)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A mask of `prefix` ones in a number of `width` bits.
fn mask(prefix: u8, width: u8) -> u128 {
    let ones = u128::MAX >> (128 - u32::from(width));
    let host_bits = u32::from(width - prefix);
    ones & u128::MAX.checked_shl(host_bits).unwrap_or(0)
}

/// IANA's IPv4 special-purpose registry (RFC 6890), multicast, and a cloud's platform address.
const NOT_PUBLIC_V4: [(Ipv4Addr, u8); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network; 0.0.0.0
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // Azure's platform services, public only by number
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local; 169.254.169.254 is cloud metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved; broadcast
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    NOT_PUBLIC_V4.iter().all(|(start, prefix)| {
        let network = Network {
            address: IpAddr::V4(*start),
            prefix: *prefix,
        };
        !network.contains(IpAddr::V4(address))
    })
}

/// Only global unicast, `2000::/3`, without its special parts; and what embeds a public IPv4
/// address: IPv4-compatible, NAT64 (RFC 6052), 6to4 (RFC 3056) and Teredo (RFC 4380).
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let pair = |at: usize| {
        Ipv4Addr::from_bits(u32::from(segments[at]) << 16 | u32::from(segments[at + 1]))
    };
    match segments {
        [0, 0, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(pair(6)),
        [0x2002, ..] => is_public_v4(pair(1)),
        [0x2001, 0, ..] => {
            let client = Ipv4Addr::from_bits(!pair(6).to_bits());
            is_public_v4(pair(2)) && is_public_v4(client)
        }
        // Protocol assignments, documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Local-use NAT64 (64:ff9b:1::/48) hides its IPv4 address where we can't know: it is
        // refused with all the rest that is no global unicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(allow: &[&str], address: &str) -> bool {
        let allow = allow.iter().map(|text| text.parse().unwrap()).collect();
        Policy::new(allow).permits(address.parse().unwrap())
    }

    #[test]
    fn what_is_not_public_is_denied() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::a9fe:a9fe",
            "::10.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "fc00::1",
            "fd00::1",
            "fd00:ec2::254",
            "ff02::1",
            "ff0e::1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::8.8.8.8",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::1",
            "2002:a00:1::1",
            "2002:a9fe:a9fe::",
            "2002:c0a8:101::1",
            // Teredo: a private server; a client whose inverted bits are 127.0.0.1.
            "2001:0:a00:1::f7f7:f7f7",
            "2001:0:808:808::80ff:fffe",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "3fff::1",
            "3fff:fff::1",
            "100::1",
            "5f00::1",
            "4000::1",
            "8000::1",
        ] {
            assert!(!permits(&[], address), "{address}");
        }
    }

    #[test]
    fn what_is_public_is_open() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "40.97.1.1",
            "2603:1026::1",
            "2a00:1450::1b",
            "2001:4860:4860::8888",
            "2001:200::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
            "2001:0:808:808::f7f7:f7f7",
            "3fff:1000::1",
        ] {
            assert!(permits(&[], address), "{address}");
        }
    }

    #[test]
    fn an_allowed_network_is_open_and_nothing_beside_it() {
        let allow = ["127.0.0.0/8", "10.1.2.3", "fd00:1::/32", "::1/128"];
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "::ffff:127.0.0.1",
            "10.1.2.3",
            "::ffff:10.1.2.3",
            "fd00:1::5",
            "::1",
        ] {
            assert!(permits(&allow, address), "{address}");
        }
        for address in [
            "10.1.2.4",
            "169.254.169.254",
            "fd00:2::5",
            "64:ff9b::127.0.0.1",
            "2002:7f00:1::1",
            "::7f00:1",
            "::",
        ] {
            assert!(!permits(&allow, address), "{address}");
        }
        assert!(permits(&["0.0.0.0/0"], "10.0.0.1") && permits(&["::/0"], "fe80::1"));
        assert!(!permits(&["::/0"], "10.0.0.1"));
    }

    #[test]
    fn networks_are_parsed_strictly() {
        assert_eq!(
            "10.0.0.0/8".parse::<Network>().unwrap().to_string(),
            "10.0.0.0/8"
        );
        assert_eq!("::1".parse::<Network>().unwrap().to_string(), "::1/128");
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.1/8",
            "10.0.0.0/",
            "10.0.0/8",
            "a.example",
            "10.0.0.0/-1",
        ] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
