//! Which addresses a tenant may make this server call: those of the public internet, and what the operator allows.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// Networks that are not public and yet allowed: `10.0.0.0/8,fd12::/16,192.0.2.7`, or `all`.
///
/// The addresses of clouds' metadata services, which hand out credentials to whoever asks, are not covered by `all` or by
/// a network that holds them: only by their very address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedNetworks {
    everything: bool,
    networks: Vec<Network>,
}

/// A network, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that names no networks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no network: use addresses with a prefix length such as 10.0.0.0/8, separated by commas, or `all`"
)]
pub struct NotANetwork(String);

type V4 = (Ipv4Addr, u8, &'static str);
type V6 = (Ipv6Addr, u8, &'static str);

const LOOPBACK: &str = "this machine itself (loopback)";
const PRIVATE: &str = "a private network";
const LINK_LOCAL: &str = "a link-local network";
const DOCUMENTATION: &str = "a network for documentation and benchmarks only";
const MULTICAST: &str = "a multicast group";
const RESERVED: &str = "a reserved network";
const UNSPECIFIED: &str = "no address of a host (unspecified)";
pub(super) const METADATA: &str = "the metadata service of a cloud";

/// IANA's registry of special-purpose IPv4 addresses, as far as it is not globally reachable, and multicast.
const V4_REFUSED: [V4; 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, UNSPECIFIED),
    (Ipv4Addr::new(10, 0, 0, 0), 8, PRIVATE),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a provider's private network (CGNAT)"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, LOOPBACK),
    (Ipv4Addr::new(169, 254, 0, 0), 16, LINK_LOCAL),
    (Ipv4Addr::new(172, 16, 0, 0), 12, PRIVATE),
    (Ipv4Addr::new(192, 0, 0, 0), 24, RESERVED),
    (Ipv4Addr::new(192, 0, 2, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(192, 88, 99, 0), 24, RESERVED),
    (Ipv4Addr::new(192, 168, 0, 0), 16, PRIVATE),
    (Ipv4Addr::new(198, 18, 0, 0), 15, DOCUMENTATION),
    (Ipv4Addr::new(198, 51, 100, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(203, 0, 113, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(224, 0, 0, 0), 4, MULTICAST),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "a reserved network or broadcast"),
];

/// The same for IPv6. What is in none of them must be in 2000::/3, the only unicast space given out.
const V6_REFUSED: [V6; 11] = [
    (Ipv6Addr::UNSPECIFIED, 128, UNSPECIFIED),
    (Ipv6Addr::LOCALHOST, 128, LOOPBACK),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, PRIVATE),
    // Teredo, benchmarks, ORCHID and other assignments of the IETF.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, RESERVED),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, DOCUMENTATION),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, DOCUMENTATION),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, RESERVED),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, PRIVATE),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, LINK_LOCAL),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, PRIVATE),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, MULTICAST),
];
const GLOBAL_UNICAST: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Where clouds hand out credentials: AWS, Google and Azure; containers and pods of AWS; Oracle; Alibaba; Azure's host; AWS and Google
/// by IPv6.
const METADATA_ADDRESSES: [IpAddr; 9] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

impl AllowedNetworks {
    /// This machine itself: what a process may call that it started itself.
    pub fn loopback() -> Self {
        let networks = [(Ipv4Addr::new(127, 0, 0, 0).into(), 8), (Ipv6Addr::LOCALHOST.into(), 128)];
        let networks = networks.map(|(address, prefix)| Network { address, prefix });
        Self { everything: false, networks: networks.to_vec() }
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.everything |= other.everything;
        self.networks.extend(other.networks);
        self
    }

    /// These and one address.
    #[must_use]
    pub fn and_address(mut self, address: IpAddr) -> Self {
        self.networks.push(Network { address, prefix: bits(address) });
        self
    }

    /// What kind of address it is, when it may not be called.
    pub fn refusal(&self, address: IpAddr) -> Option<&'static str> {
        let address = address.to_canonical();
        if METADATA_ADDRESSES.contains(&address) {
            let named =
                self.networks.iter().any(|network| *network == Network { address, prefix: bits(address) });
            return (!named).then_some(METADATA);
        }
        if self.everything && embedded(address).is_none() || self.networks.iter().any(|n| n.contains(address))
        {
            return None;
        }
        match (address, embedded(address)) {
            (_, Some(inner)) => self.refusal(inner.into()),
            (IpAddr::V4(address), None) => find(&V4_REFUSED, |(start, prefix, _)| {
                same_start(start.to_bits().into(), address.to_bits().into(), 32 - u32::from(*prefix))
            })
            .map(|(_, _, reason)| *reason),
            (IpAddr::V6(address), None) => {
                let within = |start: Ipv6Addr, prefix: u8| {
                    same_start(start.to_bits(), address.to_bits(), 128 - u32::from(prefix))
                };
                let refused = find(&V6_REFUSED, |(start, prefix, _)| within(*start, *prefix));
                let reserved = !within(GLOBAL_UNICAST.0, GLOBAL_UNICAST.1);
                refused.map(|(_, _, reason)| *reason).or(reserved.then_some(RESERVED))
            }
        }
    }
}

/// The IPv4 address that an IPv6 address leads to: IPv4-compatible, translated (RFC 2765), NAT64 (RFC 6052) and 6to4
/// (RFC 3056). IPv4-mapped ones are canonicalised before.
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let s = address.segments();
    let join = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match s {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => join(high, low),
        _ => None,
    }
}

fn find<T>(table: &[T], matches: impl Fn(&T) -> bool) -> Option<&T> {
    table.iter().find(|entry| matches(entry))
}

/// Whether two addresses are equal but for their last bits.
fn same_start(left: u128, right: u128, last_bits: u32) -> bool {
    left.checked_shr(last_bits).unwrap_or(0) == right.checked_shr(last_bits).unwrap_or(0)
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let (left, right) = match (self.address, address) {
            (IpAddr::V4(left), IpAddr::V4(right)) => (left.to_bits().into(), right.to_bits().into()),
            (IpAddr::V6(left), IpAddr::V6(right)) => (left.to_bits(), right.to_bits()),
            _ => return false,
        };
        same_start(left, right, u32::from(bits(address) - self.prefix))
    }
}

impl FromStr for AllowedNetworks {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let mut allowed = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if part.eq_ignore_ascii_case("all") {
                allowed.everything = true;
            } else {
                allowed.networks.push(part.parse()?);
            }
        }
        Ok(allowed)
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let refuse = || NotANetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| refuse())?;
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| refuse())?,
            None => bits(address),
        };
        if prefix > bits(address) { Err(refuse()) } else { Ok(Self { address, prefix }) }
    }
}

impl fmt::Display for AllowedNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = self.networks.iter().map(|network| format!("{}/{}", network.address, network.prefix));
        let all = self.everything.then(|| "all".to_owned());
        f.write_str(&all.into_iter().chain(networks).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(allowed: &str, address: &str) -> Option<&'static str> {
        allowed.parse::<AllowedNetworks>().unwrap().refusal(address.parse().unwrap())
    }

    #[test]
    fn only_the_public_internet_may_be_called() {
        for (address, reason) in [
            ("0.0.0.0", UNSPECIFIED),
            ("0.1.2.3", UNSPECIFIED),
            ("10.0.0.1", PRIVATE),
            ("172.16.0.1", PRIVATE),
            ("172.31.255.255", PRIVATE),
            ("192.168.1.1", PRIVATE),
            ("100.64.0.1", "a provider's private network (CGNAT)"),
            ("100.127.255.255", "a provider's private network (CGNAT)"),
            ("127.0.0.1", LOOPBACK),
            ("127.255.255.254", LOOPBACK),
            ("169.254.1.1", LINK_LOCAL),
            ("169.254.169.254", METADATA),
            ("100.100.100.200", METADATA),
            ("168.63.129.16", METADATA),
            ("192.0.2.1", DOCUMENTATION),
            ("198.18.0.1", DOCUMENTATION),
            ("198.19.255.255", DOCUMENTATION),
            ("198.51.100.1", DOCUMENTATION),
            ("203.0.113.1", DOCUMENTATION),
            ("224.0.0.1", MULTICAST),
            ("239.255.255.255", MULTICAST),
            ("240.0.0.1", "a reserved network or broadcast"),
            ("255.255.255.255", "a reserved network or broadcast"),
            ("::", UNSPECIFIED),
            ("::1", LOOPBACK),
            ("fc00::1", PRIVATE),
            ("fd12:3456::1", PRIVATE),
            ("fd00:ec2::254", METADATA),
            ("fd20:ce::254", METADATA),
            ("fe80::1", LINK_LOCAL),
            ("fec0::1", PRIVATE),
            ("ff02::1", MULTICAST),
            ("2001:db8::1", DOCUMENTATION),
            ("3fff::1", DOCUMENTATION),
            ("2001::1", RESERVED),
            ("100::1", RESERVED),
            ("4000::1", RESERVED),
            // The same IPv4 addresses in the clothes of IPv6: mapped, compatible, translated, NAT64, 6to4.
            ("::ffff:127.0.0.1", LOOPBACK),
            ("::ffff:10.0.0.1", PRIVATE),
            ("::ffff:169.254.169.254", METADATA),
            ("::127.0.0.1", LOOPBACK),
            ("::ffff:0:10.0.0.1", PRIVATE),
            ("64:ff9b::10.0.0.1", PRIVATE),
            ("64:ff9b::a9fe:a9fe", METADATA),
            ("64:ff9b:1::8.8.8.8", PRIVATE),
            ("2002:7f00:1::", LOOPBACK),
            ("2002:c0a8:101::1", PRIVATE),
        ] {
            assert_eq!(refusal("", address), Some(reason), "{address}");
        }
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:4860::8888",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(refusal("", address), None, "{address}");
        }
    }

    #[test]
    fn the_operator_allows_networks_and_a_metadata_service_only_by_its_very_address() {
        assert_eq!(refusal("10.0.0.0/8, 127.0.0.0/8", "10.9.8.7"), None);
        assert_eq!(refusal("10.0.0.0/8, 127.0.0.0/8", "::ffff:127.0.0.1"), None);
        assert_eq!(refusal("10.0.0.0/8, 127.0.0.0/8", "192.168.0.1"), Some(PRIVATE));
        assert_eq!(refusal("10.0.0.0/9", "10.200.0.1"), Some(PRIVATE));
        assert_eq!(refusal("127.0.0.1", "127.0.0.1"), None);
        assert_eq!(refusal("127.0.0.1", "127.0.0.2"), Some(LOOPBACK));
        assert_eq!(refusal("fd00::/8", "fd12::1"), None);
        for address in ["10.0.0.1", "::1", "fe80::1", "64:ff9b::10.0.0.1"] {
            assert_eq!(refusal("all", address), None, "{address}");
        }
        assert_eq!(refusal("fd00::/8", "fd20:ce::254"), Some(METADATA));
        for allowed in ["all", "169.254.0.0/16", "0.0.0.0/0"] {
            assert_eq!(refusal(allowed, "169.254.169.254"), Some(METADATA), "{allowed}");
            assert_eq!(refusal(allowed, "64:ff9b::169.254.169.254"), Some(METADATA), "{allowed}");
        }
        assert_eq!(refusal("169.254.169.254", "169.254.169.254"), None);
        assert_eq!(AllowedNetworks::loopback().refusal("127.0.0.1".parse().unwrap()), None);
        assert_eq!(AllowedNetworks::loopback().refusal("::1".parse().unwrap()), None);
    }

    #[test]
    fn what_is_no_network_is_told() {
        for text in ["10.0.0.0/33", "10.0.0/8", "::/129", "localhost", "10.0.0.0/x", "10.0.0.0/8;127.0.0.1"] {
            let told = text.parse::<AllowedNetworks>().unwrap_err().to_string();
            assert!(told.contains("10.0.0.0/8, separated by commas"), "{told}");
        }
        assert_eq!("".parse(), Ok(AllowedNetworks::default()));
        assert_eq!("ALL,10.0.0.0/8".parse::<AllowedNetworks>().unwrap().to_string(), "all,10.0.0.0/8");
    }
}
