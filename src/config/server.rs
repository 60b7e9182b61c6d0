//! `[server]`: the main listener and how the world sees it.

use std::{net::SocketAddr, path::PathBuf};

#[derive(Clone, Debug)]
pub struct Server {
    pub listen: SocketAddr,
    /// What clients see, without a trailing slash. Links, cookies and the issuer come from it, never from a request's `Host`.
    pub public_url: String,
    pub issuer: Issuer,
    pub tls: Option<Tls>,
    /// A reverse proxy terminates TLS in front of us.
    pub behind_proxy: bool,
    /// The proxies (addresses or CIDR blocks) whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
}

/// The form of the `iss` claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// `public_url/<pool id>`
    Local,
    /// `https://cognito-idp.<region>.amazonaws.com/<pool id>`
    Aws,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// A certificate made at start, for this run.
    SelfSigned,
    Files {
        cert: PathBuf,
        key: PathBuf,
    },
}
