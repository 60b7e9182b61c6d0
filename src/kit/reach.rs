//! Which addresses are asked at all.
//!
//! In production whoever names an address may be a stranger (a client that registers itself, a provider's description), and what
//! stands in the server's own network trusts its neighbours. So only public addresses are asked there, and the blocks that the
//! configuration names: `[outbound] allow`. In development everything is that a server of somebody may have: not the addresses at
//! which clouds answer with credentials, unless they are named. Addresses that mean many or none are never asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::{host::is_this_machine, network::Block};

/// Where clouds tell their machines secrets, other than by the link: Alibaba's, Oracle's, Amazon's and Google's.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// How far requests go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Whether private addresses and those of this machine are asked.
    pub private: bool,
    /// Whether plain http is spoken to other machines.
    pub plain_http: bool,
    /// What is asked in any case.
    pub allow: Vec<Block>,
}

impl Reach {
    /// Of development: everywhere.
    pub fn far() -> Self {
        Self { private: true, plain_http: true, allow: Vec::new() }
    }

    /// Of production: public addresses and these.
    pub fn public_and(allow: Vec<Block>) -> Self {
        Self { private: false, plain_http: false, allow }
    }

    /// Whether a server of somebody may stand there, and may be asked.
    pub fn may_ask(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let v4 = embedded(address);
        if is_nobodys(address) || v4.is_some_and(is_nobodys) {
            return false;
        }
        let is_named = self.allow.iter().any(|block| block.holds(address));
        is_named || (!is_of_a_cloud(address) && !v4.is_some_and(is_of_a_cloud) && (self.private || is_public(address)))
    }

    /// Whether what `url` names is asked, as far as the name alone can tell: what another name than this machine's leads to is seen
    /// when it is asked.
    pub fn may_ask_url(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => self.may_ask(address.into()),
            Some(Host::Ipv6(address)) => self.may_ask(address.into()),
            Some(Host::Domain(name)) if is_this_machine(name.trim_end_matches('.')) => {
                self.may_ask(Ipv4Addr::LOCALHOST.into()) || self.may_ask(Ipv6Addr::LOCALHOST.into())
            }
            Some(Host::Domain(_)) => true,
            None => false,
        }
    }
}

/// Whether `url` names an address that is never asked, whatever the configuration names.
pub fn is_never_asked(url: &Url) -> bool {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical(),
        Some(Host::Domain(_)) | None => return false,
    };
    is_nobodys(address) || embedded(address).is_some_and(is_nobodys)
}

/// Whether none of the block's addresses is ever asked.
pub fn is_nobodys_block(block: &Block) -> bool {
    let all = ["0.0.0.0", "255.255.255.255", "224.0.0.0/4", "::", "ff00::/8"];
    all.iter().filter_map(|nobodys| Block::parse(nobodys)).any(|nobodys| block.is_within(&nobodys))
}

/// Addresses that mean many machines, or none.
fn is_nobodys(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

fn is_of_a_cloud(address: IpAddr) -> bool {
    let is_of_the_link = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    is_of_the_link || METADATA.contains(&address)
}

/// <https://www.iana.org/assignments/iana-ipv4-special-registry>, <https://www.iana.org/assignments/iana-ipv6-special-registry>
fn is_public(address: IpAddr) -> bool {
    if let Some(v4) = embedded(address) {
        return is_public(v4);
    }
    match address {
        IpAddr::V4(v4) => {
            let [first, second, third, _] = v4.octets();
            // Shared with a carrier, for protocols, relays, benchmarks, and reserved.
            let special = (first == 100 && (64..128).contains(&second))
                || matches!((first, second, third), (192, 0, 0) | (192, 88, 99))
                || (first == 198 && (18..20).contains(&second))
                || first >= 240
                || first == 0;
            !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_documentation() || special)
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            // Of all that is handed out, without what serves protocols (Teredo among them) and manuals.
            let special = first == 0x2001 && (second < 0x200 || second == 0xdb8) || first == 0x3fff && second < 0x1000;
            (0x2000..0x4000).contains(&first) && !special
        }
    }
}

/// The IPv4 address that a translator or a tunnel would go on to.
/// <https://www.rfc-editor.org/rfc/rfc6052#section-2.1>, <https://www.rfc-editor.org/rfc/rfc8215>,
/// <https://www.rfc-editor.org/rfc/rfc3056#section-2>
fn embedded(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(address) = address else { return None };
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)).into());
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high > 0 => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_NOBODY: [&str; 8] = [
        "0.0.0.0",
        "::",
        "::ffff:0.0.0.0",
        "64:ff9b::",
        "224.0.0.1",
        "255.255.255.255",
        "2002:ffff:ffff::1",
        "ff02::1",
    ];
    const OF_A_CLOUD: [&str; 10] = [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1:fffe::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
    ];
    const PRIVATE: [&str; 24] = [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "10.0.0.7",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "198.18.0.1",
        "203.0.113.9",
        "240.0.0.1",
        "0.1.2.3",
        "fc00::1",
        "fdff::1",
        "fec0::1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:0a00:0001::1",
        "2001::1",
        "2001:db8::1",
        "100::1",
    ];
    const PUBLIC: [&str; 8] = [
        "8.8.8.8",
        "::ffff:8.8.8.8",
        "2606:4700::1111",
        "2001:4860::8888",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "100.128.0.1",
        "172.32.0.1",
    ];

    fn asked<'a>(reach: &Reach, all: &[&'a str]) -> Vec<&'a str> {
        all.iter().copied().filter(|address| reach.may_ask(address.parse().unwrap())).collect()
    }

    fn allowing(blocks: &[&str]) -> Reach {
        Reach::public_and(blocks.iter().map(|block| Block::parse(block).unwrap()).collect())
    }

    #[test]
    fn production_asks_public_addresses_and_development_all_that_belong_to_a_server() {
        let (near, far) = (allowing(&[]), Reach::far());
        for reach in [&near, &far] {
            assert_eq!(asked(reach, &OF_NOBODY), [""; 0]);
            assert_eq!(asked(reach, &OF_A_CLOUD), [""; 0]);
            assert_eq!(asked(reach, &PUBLIC), PUBLIC);
        }
        assert_eq!(asked(&near, &PRIVATE), [""; 0]);
        assert_eq!(asked(&far, &PRIVATE), PRIVATE);
    }

    #[test]
    fn what_the_configuration_names_is_asked_too() {
        let reach = allowing(&["10.0.0.0/8", "127.0.0.1", "169.254.1.0/24"]);
        let named = ["10.0.0.7", "127.0.0.1", "::ffff:127.0.0.1", "169.254.1.9"];
        assert_eq!(asked(&reach, &named), named);
        let others = ["127.0.0.2", "192.168.1.1", "169.254.169.254", "::1", "64:ff9b::7f00:1"];
        assert_eq!(asked(&reach, &others), [""; 0]);
        assert_eq!(asked(&allowing(&["0.0.0.0/0"]), &["0.0.0.0", "255.255.255.255", "::1"]), [""; 0]);
    }

    #[test]
    fn an_address_may_be_judged_by_what_it_says() {
        let may = |reach: &Reach, url: &str| reach.may_ask_url(&Url::parse(url).unwrap());
        for here in
            ["http://localhost:1", "https://localhost.", "https://a.localhost", "http://2130706433", "http://[::1]"]
        {
            assert!(!may(&allowing(&[]), here), "{here}");
            assert!(may(&allowing(&["127.0.0.0/8", "::1"]), here), "{here}");
            assert!(may(&Reach::far(), here), "{here}");
        }
        assert!(may(&allowing(&[]), "https://a.example") && may(&allowing(&[]), "https://8.8.8.8"));
        assert!(!may(&Reach::far(), "data:x"));
    }

    #[test]
    fn what_nobody_has_is_not_asked_wherever_it_is_named() {
        let never = |host: &str| is_never_asked(&Url::parse(&format!("https://{host}/")).unwrap());
        for address in OF_NOBODY {
            let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
            assert!(never(&host), "{host}");
            assert!(!allowing(&[address, "0.0.0.0/0", "::/0"]).may_ask(address.parse().unwrap()), "{address}");
        }
        for other in ["127.0.0.1", "169.254.169.254", "localhost", "0.0.0.1", "[::1]", "a.example"] {
            assert!(!never(other), "{other}");
        }
        let of_nobody = |block: &str| is_nobodys_block(&Block::parse(block).unwrap());
        assert!(
            ["0.0.0.0", "0.0.0.0/32", "239.0.0.0/8", "255.255.255.255", "::", "ff02::/16"].into_iter().all(of_nobody)
        );
        assert!(!["0.0.0.0/0", "0.0.0.0/31", "127.0.0.1", "224.0.0.0/3", "::/0", "::/127"].into_iter().any(of_nobody));
    }
}
