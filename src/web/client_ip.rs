//! Who is at the other end: the peer's address, or what a trusted proxy says it is.
//!
//! `X-Forwarded-For` is read from its right end, past the proxies that are trusted: what a client wrote into it itself stands to
//! the left of the first untrusted address and is never believed.

use std::net::IpAddr;

use http::HeaderMap;

use crate::kit::network::Block;

/// Addresses and blocks of proxies.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<Block>);

/// The client's address, as the assembly puts it among a request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

/// A text that is neither an address nor a CIDR block.
#[derive(Debug, thiserror::Error)]
#[error("{0} is neither an IP address nor a CIDR block")]
pub struct NoBlock(String);

impl TrustedProxies {
    pub fn parse(texts: &[String]) -> Result<Self, NoBlock> {
        texts
            .iter()
            .map(|text| Block::parse(text).ok_or_else(|| NoBlock(text.clone())))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|block| block.holds(address))
    }

    /// The client's address, as far as it can be known.
    pub fn client_ip(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
        let mut client = peer;
        for hop in hops.into_iter().rev() {
            let Ok(address) = hop.parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(peer: &str, forwarded: &[&str]) -> String {
        let proxies = TrustedProxies::parse(&["10.0.0.0/8".into(), "::1".into()]).unwrap();
        let headers =
            forwarded.iter().map(|value| ("x-forwarded-for".parse().unwrap(), value.parse().unwrap())).collect();
        proxies.client_ip(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(ip("203.0.113.9", &["1.1.1.1"]), "203.0.113.9");
        assert_eq!(ip("10.1.2.3", &["1.1.1.1"]), "1.1.1.1");
        assert_eq!(ip("::ffff:10.1.2.3", &["1.1.1.1"]), "1.1.1.1");
        assert_eq!(ip("::1", &["6.6.6.6, 1.1.1.1", "10.9.9.9"]), "1.1.1.1");
        assert_eq!(ip("10.1.2.3", &["nonsense"]), "10.1.2.3");
        assert_eq!(ip("10.1.2.3", &[]), "10.1.2.3");
    }

    #[test]
    fn nonsense_is_no_block() {
        assert!(TrustedProxies::parse(&["10.0.0.0/33".into()]).is_err());
        assert!(TrustedProxies::parse(&["proxy.example".into()]).is_err());
        assert!(TrustedProxies::parse(&["0.0.0.0/0".into()]).unwrap().trusts("8.8.8.8".parse().unwrap()));
    }
}
