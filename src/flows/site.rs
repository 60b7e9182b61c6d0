//! What the host that a browser or an OAuth client came by says about the pool.
//!
//! Under the name of the public URL, under addresses and under any name that nobody has claimed, every pool is served, and the
//! client decides which one is meant. Under a pool's domain only that pool is: clients and tokens of others are unknown there.
//! A prefix that no pool has serves none. A host is only ever compared with the domains that are known: no address is built
//! from it, and the documents of discovery name the public URL whatever the host, because only that is known to lead here.

use std::{net::IpAddr, sync::Arc};

use url::Url;

use super::{Cx, directory};
use crate::domain::{Result, pool_domain::PREFIX_HOST};

/// Which pools a request can see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Site {
    #[default]
    Everywhere,
    /// A pool's domain.
    Pool {
        id: Arc<str>,
        /// As the request names it, with its port: a domain that is known.
        authority: Arc<str>,
    },
    /// The place of a domain that no pool has.
    Nowhere,
}

impl Site {
    /// The site that a request came to by `authority`, a host with or without a port.
    pub async fn of(cx: &Cx, authority: &str) -> Result<Self> {
        // Whatever stands before an @ is no part of the host.
        let authority = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        let host = host_of(&authority);
        if host.is_empty() || host == "localhost" || is_address(host) || is_public(&cx.app.setup.public_url, host) {
            return Ok(Self::Everywhere);
        }
        let domains = directory::domains(cx).await?;
        let (name, otherwise) = match host.strip_suffix(PREFIX_HOST) {
            Some(prefix) => (prefix, Self::Nowhere),
            None => (host, Self::Everywhere),
        };
        // A custom domain has dots and no such ending, a prefix has none: neither is taken for the other.
        let is_whole = name.contains('.') == (otherwise == Self::Everywhere);
        let pool = domains.get(name).filter(|_| is_whole);
        Ok(pool.map_or(otherwise, |pool| Self::Pool { id: pool.as_str().into(), authority: authority.as_str().into() }))
    }

    pub fn shows(&self, pool_id: &str) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Pool { id, .. } => &**id == pool_id,
            Self::Nowhere => false,
        }
    }
}

/// Without the port, and without the dot of a name that is complete.
fn host_of(authority: &str) -> &str {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    host.trim_end_matches('.')
}

fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<IpAddr>().is_ok()
}

fn is_public(public_url: &str, host: &str) -> bool {
    Url::parse(public_url).is_ok_and(|url| url.host_str() == Some(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_neither_port_nor_last_dot() {
        assert_eq!(host_of("a.auth.localhost:9229"), "a.auth.localhost");
        assert_eq!(host_of("login.example."), "login.example");
        assert_eq!(host_of("[::1]:9229"), "[::1]");
        assert!(is_address("[::1]") && is_address("127.0.0.1") && !is_address("a.localhost"));
    }
}
