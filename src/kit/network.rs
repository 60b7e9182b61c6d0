//! Blocks of IP addresses, as `10.0.0.0/8` or `2001:db8::/32` writes them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// A block of addresses; a single address is a block of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    address: IpAddr,
    prefix: u32,
}

impl Block {
    /// None for a text that is neither an address nor a CIDR block.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse::<IpAddr>().ok()?, Some(prefix.parse::<u32>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        (prefix <= longest).then_some(Self { address, prefix })
    }

    /// Of the first `v4` bits of an IPv4 address, or the first `v6` of another.
    pub fn around(address: IpAddr, v4: u32, v6: u32) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - v4).unwrap_or(0);
                Self { address: Ipv4Addr::from(u32::from(address) & mask).into(), prefix: v4 }
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - v6).unwrap_or(0);
                Self { address: Ipv6Addr::from(u128::from(address) & mask).into(), prefix: v6 }
            }
        }
    }

    /// Never across families: `::ffff:10.0.0.1` is made canonical before it is asked about.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - self.prefix;
                u32::from(own).checked_shr(shift) == u32::from(other).checked_shr(shift)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - self.prefix;
                u128::from(own).checked_shr(shift) == u128::from(other).checked_shr(shift)
            }
            _ => false,
        }
    }

    /// Whether each of its addresses is one of the other block's.
    pub fn is_within(&self, other: &Self) -> bool {
        other.prefix <= self.prefix && other.holds(self.address)
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_its_addresses_and_no_others() {
        let holds = |block: &str, address: &str| Block::parse(block).unwrap().holds(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("203.0.113.7", "203.0.113.7") && !holds("203.0.113.7", "203.0.113.8"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "::1"));
        let within = |one: &str, other: &str| Block::parse(one).unwrap().is_within(&Block::parse(other).unwrap());
        assert!(within("10.1.0.0/16", "10.0.0.0/8") && within("10.0.0.0/8", "10.0.0.0/8") && within("::1", "::/0"));
        assert!(
            !within("10.0.0.0/7", "10.0.0.0/8") && !within("11.0.0.0/16", "10.0.0.0/8") && !within("::", "0.0.0.0/0")
        );
        for nonsense in ["10.0.0.0/33", "::/129", "proxy.example", "", "10.0.0.0/", "/8", "10.0.0.0/-1"] {
            assert_eq!(Block::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_block_is_drawn_around_an_address() {
        let around = |address: &str| Block::around(address.parse().unwrap(), 24, 64).to_string();
        assert_eq!(around("203.0.113.7"), "203.0.113.0/24");
        assert_eq!(around("::ffff:203.0.113.7"), "203.0.113.0/24");
        assert_eq!(around("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(Block::around("203.0.113.7".parse().unwrap(), 32, 64).to_string(), "203.0.113.7/32");
        assert_eq!(Block::around("203.0.113.7".parse().unwrap(), 0, 0).to_string(), "0.0.0.0/0");
    }
}
