//! `[server]`: the main listener and how the world sees it.

use std::net::{Ipv4Addr, SocketAddr};

use super::{Placed, form, reader::Reader, standards::Standards, tls::Tls};

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

impl Server {
    /// The listener's port without a configuration.
    const PORT: u16 = 9229;

    /// The section, and the listener with its place, for comparing.
    pub(super) fn read(mut section: Reader, standards: &Standards) -> (Self, Placed<SocketAddr>) {
        let reading = section.reading;
        let listen = section.address("listen", (Ipv4Addr::LOCALHOST, Self::PORT).into());
        standards.listener(reading, "server.listen", &listen);
        let tls = Tls::read(&mut section).map(|said| said.value);
        let behind_proxy = section.boolean("behind_proxy");
        let trusted_proxies_at = section.place_of("trusted_proxies");
        let trusted_proxies = section.strings("trusted_proxies");
        for network in &trusted_proxies {
            let value = &network.value;
            if !form::is_network(value) {
                let message = format!("`server.trusted_proxies` must hold addresses or CIDR blocks, found {value:?}");
                reading.refuse(&network.at, message);
            } else if standards.production() && value.ends_with("/0") {
                reading.refuse(&network.at, format!("`server.trusted_proxies` is weak: {value} trusts everybody"));
            }
        }
        let proxied = behind_proxy.as_ref().is_some_and(|said| said.value);
        match &behind_proxy {
            Some(said) if said.value && trusted_proxies.is_empty() => {
                reading.refuse(&said.at, "`server.behind_proxy` needs `server.trusted_proxies`: whose word to believe");
            }
            _ if !proxied && !trusted_proxies.is_empty() => {
                reading.refuse(&trusted_proxies_at, "`server.trusted_proxies` needs `server.behind_proxy = true`");
            }
            _ => {}
        }
        let scheme = if tls.is_some() { "https" } else { "http" };
        let said_url = section.string("public_url");
        let public_url = match &said_url {
            None => format!("{scheme}://localhost:{}", listen.value.port()),
            Some(text) => {
                if let Err(why) = form::web_url(&text.value) {
                    reading.refuse(&text.at, format!("`server.public_url` {why}: {:?}", text.value));
                }
                text.value.trim_end_matches('/').to_owned()
            }
        };
        if standards.production() && !public_url.starts_with("https://") && !proxied {
            let at = said_url.map_or_else(|| standards.at.clone(), |url| url.at);
            let message = "`server.public_url` is weak: production needs https, or `server.behind_proxy = true` with \
                           `server.trusted_proxies`";
            reading.refuse(&at, message);
        }
        let issuer = section.choice("issuer", &[("local", Issuer::Local), ("aws", Issuer::Aws)]);
        section.finish();
        let server = Self {
            listen: listen.value,
            public_url,
            issuer: issuer.map_or(Issuer::Local, |said| said.value),
            tls,
            behind_proxy: proxied,
            trusted_proxies: trusted_proxies.into_iter().map(|network| network.value).collect(),
        };
        (server, listen)
    }
}
