//! `[gateway]`: the listener in front of the APIs.

use std::net::{Ipv4Addr, SocketAddr};

use super::{Placed, reader::Reader, standards::Standards};

#[derive(Clone, Debug)]
pub struct Gateway {
    pub listen: SocketAddr,
    /// How far `exp`, `nbf` and `iat` may be off, in seconds. API Gateway documents none, so the default is zero.
    pub clock_skew_seconds: u32,
    /// Lets foreign issuers and HTTP integrations use plain http on addresses that are not loopback.
    pub allow_insecure_issuer: bool,
}

impl Gateway {
    /// The listener's port without a configuration.
    const PORT: u16 = 9230;

    pub(super) fn read(mut section: Reader, standards: &Standards, server: &Placed<SocketAddr>) -> Self {
        let listen = section.address("listen", (Ipv4Addr::LOCALHOST, Self::PORT).into());
        standards.listener(section.reading, "gateway.listen", &listen);
        if listen.value == server.value && listen.value.port() != 0 {
            let message = format!("`gateway.listen` and `server.listen` are both {}", listen.value);
            section.reading.refuse(if listen.at.line == 0 { &server.at } else { &listen.at }, message);
        }
        let gateway = Self {
            listen: listen.value,
            clock_skew_seconds: section.integer("clock_skew_seconds", 0..=300).unwrap_or(0),
            allow_insecure_issuer: section.boolean("allow_insecure_issuer").is_some_and(|said| said.value),
        };
        section.finish();
        gateway
    }
}
