//! TLS of the listener: one certificate for it and others for custom domains, chosen by the name that a client asks for.
//!
//! A set of APIs brings its own, so what changes counts from the next connection on. What did not change keeps its certificate
//! and its sessions.

use std::{collections::HashMap, sync::Arc};

use rustls::{ServerConfig, server::Acceptor};
use tokio::net::TcpStream;
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use super::load::GatewayError;
use crate::{
    config::{Placed, domain::Domain, tls::Tls as Said},
    web::tls::{Identity, TlsError},
};

/// The generated hosts of APIs.
const GENERATED: &str = "*.execute-api.localhost";

/// What the handshake of a connection said.
#[derive(Debug)]
pub struct Secure {
    /// The name that the client asked for, in lower case. Clients that know an address only ask for none.
    pub(super) name: Option<String>,
}

/// The certificates of one set of APIs.
pub(super) struct Tls {
    listener: Arc<Handshake>,
    domains: HashMap<String, Arc<Handshake>>,
}

/// How hands are shaken for one name.
struct Handshake {
    said: Said,
    identity: Identity,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// `host` is the public name of this server. `before` are the certificates of the set that is served now.
    pub(super) fn load(
        said: &Placed<Said>,
        host: &str,
        domains: &[Domain],
        before: Option<&Self>,
    ) -> Result<Self, GatewayError> {
        let listener = before.map(|before| &before.listener);
        let listener = Handshake::load(said, [GENERATED.to_owned(), host.to_owned()], listener)?;
        let mut own = HashMap::new();
        for domain in domains {
            let said = match (&domain.tls, &said.value) {
                (Some(own), _) => own,
                (None, Said::SelfSigned) => said,
                (None, Said::Files { .. }) => continue,
            };
            let before = before.and_then(|before| before.domains.get(&domain.name));
            own.insert(domain.name.clone(), Handshake::load(said, [domain.name.clone()], before)?);
        }
        Ok(Self { listener, domains: own })
    }

    pub(super) fn config(&self, name: Option<&str>) -> Arc<ServerConfig> {
        let own = name.and_then(|name| self.domains.get(name));
        Arc::clone(&own.unwrap_or(&self.listener).config)
    }
}

impl Handshake {
    fn load(
        said: &Placed<Said>,
        names: impl IntoIterator<Item = String>,
        before: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, GatewayError> {
        let before = before.filter(|before| before.said == said.value);
        if let (Some(before), Said::SelfSigned) = (before, &said.value) {
            return Ok(Arc::clone(before));
        }
        let made = Identity::of(&said.value, names).and_then(|identity| Self::new(&said.value, identity, before));
        match (made, before) {
            (Ok(made), _) => Ok(made),
            // Files that are just being written: their next change is looked at again.
            (Err(error), Some(before)) => {
                tracing::error!(at = %said.at, %error, "the certificate of before stays");
                Ok(Arc::clone(before))
            }
            (Err(source), None) => Err(GatewayError::Certificate { at: said.at.clone(), source }),
        }
    }

    fn new(said: &Said, identity: Identity, before: Option<&Arc<Self>>) -> Result<Arc<Self>, TlsError> {
        if let Some(before) = before.filter(|before| before.identity == identity) {
            return Ok(Arc::clone(before));
        }
        let config = Arc::new(identity.config(None)?);
        Ok(Arc::new(Self { said: said.clone(), identity, config }))
    }
}

/// Shakes hands with a client. `current` gives the certificates that are served once the client has said hello.
pub(super) async fn accept(
    stream: TcpStream,
    current: impl FnOnce(Option<&str>) -> Option<Arc<ServerConfig>>,
) -> std::io::Result<(TlsStream<TcpStream>, Secure)> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let name = start.client_hello().server_name().map(str::to_ascii_lowercase);
    let config = current(name.as_deref()).ok_or_else(|| std::io::Error::other("the listener has no TLS any more"))?;
    Ok((start.into_stream(config).await?, Secure { name }))
}
