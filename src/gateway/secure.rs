//! TLS of the listener: one certificate for it and others for custom domains, chosen by the name that a client asks for.
//!
//! A set of APIs brings its own, so what changes counts from the next connection on. What did not change keeps its certificate
//! and its sessions.

use std::{collections::HashMap, sync::Arc};

use rustls::{ServerConfig, server::Acceptor};
use tokio::net::TcpStream;
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use super::{
    load::GatewayError,
    trust::{Shown, TrustStore},
};
use crate::{
    config::{
        Placed,
        domain::{Domain, MutualTls},
        gateway as section,
        tls::Tls as Said,
    },
    web::tls::Identity,
};

/// The generated hosts of APIs.
const GENERATED: &str = "*.execute-api.localhost";

/// What the handshake of a connection said.
#[derive(Debug)]
pub struct Secure {
    /// The name that the client asked for, in lower case. Clients that know an address only ask for none.
    pub(super) name: Option<String>,
    /// `None` where the name asks for no certificate.
    pub(super) shown: Option<Shown>,
}

/// The certificates of one set of APIs.
pub(super) struct Tls {
    listener: Arc<Handshake>,
    domains: HashMap<String, Arc<Handshake>>,
}

/// How hands are shaken for one name.
pub(super) struct Handshake {
    said: Said,
    truststore_uri: Option<String>,
    identity: Identity,
    trust: Option<Arc<TrustStore>>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// `host` is the public name of this server. `before` are the certificates of the set that is served now. `None` where the
    /// listener is in clear text.
    pub(super) fn load(
        section: &section::Gateway,
        host: &str,
        domains: &[Domain],
        before: Option<&Self>,
    ) -> Result<Option<Self>, GatewayError> {
        let Some(said) = &section.tls else {
            let asks = domains.iter().find(|domain| domain.mutual_tls.is_some());
            let wrong = |domain: &Domain| GatewayError::ClearText { at: domain.at.clone(), name: domain.name.clone() };
            return asks.map_or(Ok(None), |domain| Err(wrong(domain)));
        };
        let names = [GENERATED.to_owned(), host.to_owned()];
        let listener = Handshake::load(section, said, names, None, before.map(|before| &before.listener))?;
        let mut own = HashMap::new();
        for domain in domains {
            // What the listener's certificate does as well.
            if domain.tls.is_none() && domain.mutual_tls.is_none() && said.value != Said::SelfSigned {
                continue;
            }
            let before = before.and_then(|before| before.domains.get(&domain.name));
            let said = domain.tls.as_ref().unwrap_or(said);
            let made = Handshake::load(section, said, [domain.name.clone()], domain.mutual_tls.as_ref(), before)?;
            own.insert(domain.name.clone(), made);
        }
        Ok(Some(Self { listener, domains: own }))
    }

    pub(super) fn for_name(&self, name: Option<&str>) -> Arc<Handshake> {
        let own = name.and_then(|name| self.domains.get(name));
        Arc::clone(own.unwrap_or(&self.listener))
    }

    pub(super) fn trust(&self, domain: &str) -> Option<Arc<TrustStore>> {
        self.domains.get(domain)?.trust.clone()
    }
}

impl Handshake {
    fn load(
        section: &section::Gateway,
        said: &Placed<Said>,
        names: impl IntoIterator<Item = String>,
        mutual: Option<&MutualTls>,
        before: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, GatewayError> {
        let uri = mutual.map(|mutual| &mutual.truststore_uri);
        let same = |before: &&Arc<Self>| {
            before.said == said.value && before.truststore_uri.as_ref() == uri.map(|uri| &uri.value)
        };
        let before = before.filter(same);
        match (Self::make(section, said, names, uri, before), before) {
            (Ok(made), _) => Ok(made),
            // Files that are just being written: their next change is looked at again.
            (Err(error), Some(before)) => {
                tracing::error!(%error, "the certificates of before stay");
                Ok(Arc::clone(before))
            }
            (Err(error), None) => Err(error),
        }
    }

    fn make(
        section: &section::Gateway,
        said: &Placed<Said>,
        names: impl IntoIterator<Item = String>,
        uri: Option<&Placed<String>>,
        before: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, GatewayError> {
        let wrong = |source| GatewayError::Certificate { at: said.at.clone(), source };
        let trust = uri.map(|uri| trust(section, uri, before)).transpose()?;
        let trusted = |before: &&Arc<Self>| match (&before.trust, &trust) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (None, None) => true,
            _ => false,
        };
        let before = before.filter(trusted);
        if let (Some(before), Said::SelfSigned) = (before, &said.value) {
            return Ok(Arc::clone(before));
        }
        let identity = Identity::of(&said.value, names).map_err(wrong)?;
        if let Some(before) = before.filter(|before| before.identity == identity) {
            return Ok(Arc::clone(before));
        }
        let config = identity.config(trust.as_ref().map(TrustStore::asking)).map_err(wrong)?;
        let truststore_uri = uri.map(|uri| uri.value.clone());
        Ok(Arc::new(Self { said: said.value.clone(), truststore_uri, identity, trust, config: Arc::new(config) }))
    }
}

fn trust(
    section: &section::Gateway,
    uri: &Placed<String>,
    before: Option<&Arc<Handshake>>,
) -> Result<Arc<TrustStore>, GatewayError> {
    let wrong = |reason| GatewayError::TrustUri { at: uri.at.clone(), reason };
    let file = section.truststore(&uri.value).map_err(wrong)?;
    let before = before.and_then(|before| before.trust.as_ref());
    TrustStore::load(&file, before).map_err(|source| GatewayError::Trust { at: uri.at.clone(), source })
}

/// Shakes hands with a client. `current` chooses once the client has said hello; `None` where the listener has no TLS any more.
pub(super) async fn accept(
    stream: TcpStream,
    current: impl FnOnce(Option<&str>) -> Option<Arc<Handshake>>,
) -> std::io::Result<(TlsStream<TcpStream>, Secure)> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let name = start.client_hello().server_name().map(str::to_ascii_lowercase);
    let chosen = current(name.as_deref()).ok_or_else(|| std::io::Error::other("the listener has no TLS any more"))?;
    let stream = start.into_stream(Arc::clone(&chosen.config)).await?;
    let shown = chosen.trust.is_some().then(|| Shown::new(stream.get_ref().1.peer_certificates()));
    Ok((stream, Secure { name, shown }))
}
