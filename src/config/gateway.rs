//! `[gateway]`: the listener in front of the APIs.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use http::HeaderName;

use super::{Placed, api::Throttle, form, reader::Reader, standards::Standards, tls::Tls};

#[derive(Clone, Debug)]
pub struct Gateway {
    pub listen: SocketAddr,
    /// How many threads serve connections; as many as there are processors where nothing is said.
    pub threads: Option<u16>,
    /// Without it the listener is in clear text. Domains may have certificates of their own.
    pub tls: Option<Placed<Tls>>,
    /// Local copies of trust stores by the address that domains name, such as `s3://bucket/clients.pem`.
    pub truststores: BTreeMap<String, PathBuf>,
    /// How far `exp`, `nbf` and `iat` may be off, in seconds. API Gateway documents none, so the default is zero.
    pub clock_skew_seconds: u32,
    /// How long the keys of a foreign issuer serve past their time while it cannot be reached.
    pub stale_keys_seconds: u32,
    /// Lets foreign issuers and HTTP integrations use plain http on addresses that are not loopback.
    pub allow_insecure_issuer: bool,
    /// Puts commas between the parts of `www-authenticate`, as RFC 6750 has it and the service does not.
    pub rfc_challenges: bool,
    /// What all routes together may take. The service gives an account 10,000 a second and 5,000 at once; here nothing is
    /// limited unless it is said.
    pub account_throttle: Throttle,
    /// Whether and whom `/authz` answers.
    pub decisions: Option<Decisions>,
}

/// `[gateway.decisions]`: other proxies ask who may pass.
#[derive(Clone, Debug)]
pub struct Decisions {
    pub target: Target,
    /// The header that the proxy sets to the client's address, or puts it at the end of. Without one nobody knows the address.
    pub client_address: Option<HeaderName>,
    /// So it is with the scheme that the client uses, `https` or `http`.
    pub client_scheme: Option<HeaderName>,
    /// Addresses and blocks that may ask.
    pub trusted: Vec<String>,
}

/// How a proxy says which request it asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `X-Forwarded-Method` and `X-Forwarded-Uri`: Traefik and Caddy.
    Forwarded,
    /// `X-Original-Method` and `X-Original-URI`, which nginx is told to send.
    Original,
    /// Its own method, and its path below `/authz`: Envoy.
    Path,
}

impl Decisions {
    fn read(mut section: Reader) -> Self {
        let targets = [("x-forwarded", Target::Forwarded), ("x-original", Target::Original), ("path", Target::Path)];
        if !section.has("target") {
            section.missing("target");
        }
        let target = section.choice("target", &targets).map_or(Target::Forwarded, |target| target.value);
        let [client_address, client_scheme] = ["client_address", "client_scheme"].map(|key| {
            let said = section.string(key)?;
            let name = HeaderName::try_from(&said.value).ok();
            if name.is_none() {
                let path = section.path(key);
                let message = format!("`{path}` must be the name of a header, found {:?}", said.value);
                section.reading.refuse(&said.at, message);
            }
            name
        });
        let said = section.has("trusted");
        let trusted = section.strings("trusted");
        for network in trusted.iter().filter(|network| !form::is_network(&network.value)) {
            let path = section.path("trusted");
            section
                .reading
                .refuse(&network.at, format!("`{path}` must hold addresses or blocks, found {:?}", network.value));
        }
        section.finish();
        let loopback = || vec!["127.0.0.0/8".to_owned(), "::1".to_owned()];
        let trusted = if said { trusted.into_iter().map(|one| one.value).collect() } else { loopback() };
        Self { target, client_address, client_scheme, trusted }
    }
}

fn truststores(section: &mut Reader) -> BTreeMap<String, PathBuf> {
    let reading = section.reading;
    let mut stores = BTreeMap::new();
    for (uri, file) in section.string_map("truststores") {
        let path = reading.resolve(&file.at, &file.value);
        if !path.is_file() {
            reading.refuse(&file.at, format!("`gateway.truststores`: there is no file {}", file.value));
        }
        stores.insert(uri, path);
    }
    stores
}

impl Gateway {
    /// The file of a trust store: a path, a `file:` URI, or an address that `truststores` knows. The error says why there is
    /// none.
    pub fn truststore(&self, uri: &str) -> Result<PathBuf, String> {
        if let Some(path) = self.truststores.get(uri) {
            return Ok(path.clone());
        }
        let path = match uri.strip_prefix("file:") {
            Some(rest) => rest.strip_prefix("//localhost").or_else(|| rest.strip_prefix("//")).unwrap_or(rest),
            None if uri.contains("://") => {
                return Err(format!(
                    "the trust store {uri} cannot be fetched: name a local copy of it in [gateway.truststores]"
                ));
            }
            None => uri,
        };
        if path.is_empty() {
            return Err(format!("the trust store {uri:?} names no file"));
        }
        Ok(PathBuf::from(path))
    }

    /// The listener's port without a configuration.
    const PORT: u16 = 9230;
    /// A day.
    const STALE_KEYS: u32 = 86_400;

    pub(super) fn read(mut section: Reader, standards: &Standards, server: &Placed<SocketAddr>) -> Self {
        let listen = section.address("listen", (Ipv4Addr::LOCALHOST, Self::PORT).into());
        standards.listener(section.reading, "gateway.listen", &listen);
        if listen.value == server.value && listen.value.port() != 0 {
            let message = format!("`gateway.listen` and `server.listen` are both {}", listen.value);
            section.reading.refuse(if listen.at.line == 0 { &server.at } else { &listen.at }, message);
        }
        let gateway = Self {
            listen: listen.value,
            threads: section.integer("threads", 1..=1024),
            tls: Tls::read(&mut section),
            truststores: truststores(&mut section),
            clock_skew_seconds: section.integer("clock_skew_seconds", 0..=300).unwrap_or(0),
            stale_keys_seconds: section.integer("stale_keys_seconds", 0..=86_400).unwrap_or(Self::STALE_KEYS),
            decisions: section.has("decisions").then(|| Decisions::read(section.table("decisions"))),
            account_throttle: Throttle::read(section.table("account_throttle")),
            rfc_challenges: section
                .choice("www_authenticate", &[("service", false), ("rfc", true)])
                .is_some_and(|said| said.value),
            allow_insecure_issuer: section.boolean("allow_insecure_issuer").is_some_and(|said| said.value),
        };
        section.know("decisions");
        section.finish();
        gateway
    }
}
