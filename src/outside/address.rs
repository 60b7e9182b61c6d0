//! Which addresses are asked at all. A company's providers stand in its own network, so private addresses are; what belongs to no
//! server is not: the link's own addresses, where clouds answer with credentials, and those that mean many or none.

use std::{io, net::IpAddr, net::SocketAddr};

use hyper_util::client::legacy::connect::dns::Name;

/// Whether a server of somebody may stand there.
pub(super) fn may_be_asked(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !(v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast()),
        IpAddr::V6(v6) => !(v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast()),
    }
}

/// The addresses of a name, of which those that are asked no more are left out: the connection is made to what was judged.
pub(super) async fn resolve(name: Name) -> io::Result<std::vec::IntoIter<SocketAddr>> {
    let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
    let allowed: Vec<SocketAddr> = found.filter(|found| may_be_asked(found.ip())).collect();
    if allowed.is_empty() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the name leads to no address that may be asked"));
    }
    Ok(allowed.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_no_server_are_not_asked() {
        for no in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "0.0.0.0",
            "::",
            "::ffff:0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!may_be_asked(no.parse().unwrap()), "{no}");
        }
        for yes in ["127.0.0.1", "::1", "10.0.0.7", "192.168.1.1", "203.0.113.9", "2001:db8::1", "fd00::1"] {
            assert!(may_be_asked(yes.parse().unwrap()), "{yes}");
        }
    }
}
