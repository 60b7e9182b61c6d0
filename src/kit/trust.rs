//! Who is believed to be who they say at the other end of a TLS connection: whoever the public authorities vouch for, and whoever
//! the operator's own do. An own authority adds to the public ones, and takes nothing from what is checked.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

/// The authorities of a server. The default are the public ones alone.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    own: Vec<CertificateDer<'static>>,
}

/// Why a file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("it is not PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    #[error("there is no certificate in it")]
    Empty,
    #[error("certificate {0} of it cannot vouch for others: {1}")]
    Certificate(usize, rustls::Error),
}

impl Trust {
    /// Believes these certificates too, one or more in PEM.
    pub fn with(pem: &[u8]) -> Result<Self, TrustError> {
        let own = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
        if own.is_empty() {
            return Err(TrustError::Empty);
        }
        let mut roots = RootCertStore::empty();
        for (at, certificate) in own.iter().enumerate() {
            roots.add(certificate.clone()).map_err(|error| TrustError::Certificate(at + 1, error))?;
        }
        Ok(Self { own })
    }

    /// The operator's own authorities, in DER.
    pub fn own(&self) -> impl Iterator<Item = &[u8]> {
        self.own.iter().map(AsRef::as_ref)
    }

    /// How a client of ours speaks TLS.
    pub fn client(&self) -> Result<ClientConfig, rustls::Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in &self.own {
            roots.add(certificate.clone())?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_certificates_or_says_what_is_wrong() {
        let made = || rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let both = format!("# two\n{}{}", made().cert.pem(), made().cert.pem());
        assert_eq!(Trust::with(both.as_bytes()).unwrap().own().count(), 2);
        let shown = |pem: &str| Trust::with(pem.as_bytes()).unwrap_err().to_string();
        assert_eq!(shown("nothing"), "there is no certificate in it");
        assert_eq!(shown(&made().signing_key.serialize_pem()), "there is no certificate in it");
        let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert!(shown(broken).starts_with("certificate 1 of it cannot vouch for others: "), "{}", shown(broken));
        assert!(shown("-----BEGIN CERTIFICATE-----\nMAA=\n").starts_with("it is not PEM: "));
    }
}
