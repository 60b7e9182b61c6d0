//! `[gateway]`: the listener in front of the APIs.

use std::net::SocketAddr;

#[derive(Clone, Debug)]
pub struct Gateway {
    pub listen: SocketAddr,
    /// How far `exp`, `nbf` and `iat` may be off, in seconds. API Gateway documents none, so the default is zero.
    pub clock_skew_seconds: u32,
    /// Lets foreign issuers and HTTP integrations use plain http on addresses that are not loopback.
    pub allow_insecure_issuer: bool,
}
