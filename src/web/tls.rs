//! TLS of the listeners: certificates of files or of this run, TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::danger::ClientCertVerifier,
};

use crate::config::tls::Tls;

/// Nobody needs longer to say hello and to prove who they are.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Names of this machine that every certificate of one run has.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Why a listener has no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate {}: {source}", path.display())]
    Certificate { path: PathBuf, source: pem::Error },
    #[error("the certificate {}: there is none in the file", .0.display())]
    NoCertificate(PathBuf),
    #[error("the private key {}: {source}", path.display())]
    Key { path: PathBuf, source: pem::Error },
    #[error("the certificate and the private key do not belong together: {0}")]
    Pair(rustls::Error),
    #[error("no certificate can be made: {0}")]
    SelfSigned(#[from] rcgen::Error),
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
}

/// A certificate with the chain above it, and its key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain && self.key == other.key
    }
}

impl Identity {
    /// Reads the files, or makes a certificate with these names and those of this machine.
    pub fn of(said: &Tls, names: impl IntoIterator<Item = String>) -> Result<Self, TlsError> {
        match said {
            Tls::Files { cert, key } => {
                let chain = CertificateDer::pem_file_iter(cert)
                    .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                    .map_err(|source| TlsError::Certificate { path: cert.clone(), source })?;
                if chain.is_empty() {
                    return Err(TlsError::NoCertificate(cert.clone()));
                }
                let key =
                    PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key { path: key.clone(), source })?;
                Ok(Self { chain, key })
            }
            Tls::SelfSigned => {
                let names: Vec<_> = OWN_NAMES.map(str::to_owned).into_iter().chain(names).collect();
                let made = rcgen::generate_simple_self_signed(names)?;
                let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
                Ok(Self { chain: vec![made.cert.der().clone()], key })
            }
        }
    }

    /// How a listener, or one name of it, shakes hands. `clients` judges the certificates of clients; without it none is asked
    /// for.
    pub fn config(&self, clients: Option<Arc<dyn ClientCertVerifier>>) -> Result<ServerConfig, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let builder = match clients {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(self.chain.clone(), self.key.clone_key()).map_err(TlsError::Pair)?;
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        Ok(config)
    }
}

/// The cryptography of every handshake.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
