//! Mutual TLS: which clients a custom domain trusts.
//!
//! Hands are shaken with every client that holds the key of the certificate it shows, or shows none. Whether the domain trusts it
//! is judged with the first request, so that a refusal can be an answer, 403, as the service's is; nothing but this judgement says
//! who a client is. It holds for one trust store: a store that has changed judges anew.
//! Revocation lists are not asked, as the service does not.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html>

use std::{
    fmt,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{
        CertificateDer, UnixTime,
        pem::{self, PemObject},
    },
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use x509_parser::parse_x509_certificate;

use super::{authorizer::Check, certificate::ClientCertificate};
use crate::{kit::clock::Time, web::tls::provider};

/// Certificates from the client's to the root, both included.
const LONGEST_CHAIN: usize = 4;

/// Why a trust store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("the file {0} cannot be read: {1}")]
    File(String, pem::Error),
    #[error("the file {0} holds no certificate")]
    Empty(String),
    #[error("a certificate of the file {0} cannot be used: {1}")]
    Certificate(String, rustls::Error),
    #[error("the file {0} cannot be used: {1}")]
    Verifier(String, rustls::server::VerifierBuilderError),
}

/// The authorities of one domain.
pub(super) struct TrustStore {
    certificates: Vec<CertificateDer<'static>>,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl TrustStore {
    /// A bundle of certificates in PEM. The same bundle as `before` is the same store.
    pub(super) fn load(file: &Path, before: Option<&Arc<Self>>) -> Result<Arc<Self>, TrustError> {
        let shown = || file.display().to_string();
        let certificates = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| TrustError::File(shown(), error))?;
        if certificates.is_empty() {
            return Err(TrustError::Empty(shown()));
        }
        if let Some(before) = before.filter(|before| before.certificates == certificates) {
            return Ok(Arc::clone(before));
        }
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|error| TrustError::Certificate(shown(), error))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| TrustError::Verifier(shown(), error))?;
        Ok(Arc::new(Self { certificates, verifier }))
    }

    /// What is in the store and lets nobody in: one sentence for each certificate that is no authority, or not now.
    pub(super) fn warnings(&self, now: Time) -> Vec<String> {
        let wrong = |certificate: &CertificateDer<'_>| {
            let (_, read) = parse_x509_certificate(certificate).ok()?;
            let validity = read.validity();
            let is_authority = read.basic_constraints().ok().flatten().is_some_and(|found| found.value.ca);
            let what = if now.seconds() > validity.not_after.timestamp() {
                "has expired"
            } else if now.seconds() < validity.not_before.timestamp() {
                "is not valid yet"
            } else if !is_authority {
                "is not a CA certificate"
            } else {
                return None;
            };
            Some(format!("The certificate {} {what}", read.subject()))
        };
        self.certificates.iter().filter_map(wrong).collect()
    }

    /// What asks clients for their certificate while hands are shaken.
    pub(super) fn asking(self: &Arc<Self>) -> Arc<dyn ClientCertVerifier> {
        Arc::new(Asking(Arc::clone(self)))
    }

    /// Every check of a client's chain, one by one.
    pub(super) fn explain(&self, chain: &[CertificateDer<'_>], now: Time) -> Vec<Check> {
        let Some(own) = chain.first() else {
            return vec![Check { name: "client", outcome: Err("no certificate is shown".to_owned()) }];
        };
        let Some(read) = ClientCertificate::read(own) else {
            return vec![Check { name: "client", outcome: Err("it is no X.509 certificate".to_owned()) }];
        };
        let said = |name| read.member(name).unwrap_or_default();
        let validity = format!("from {} to {}", said("validity.notBefore"), said("validity.notAfter"));
        let length = chain_length(chain);
        let told = format!("{length} of {LONGEST_CHAIN} certificates at most, with the root");
        let verified = self.verify(chain, now);
        vec![
            Check { name: "client", outcome: Ok(format!("{} by {}", said("subjectDN"), said("issuerDN"))) },
            Check { name: "validity", outcome: if read.holds(now) { Ok(validity) } else { Err(validity) } },
            Check { name: "chain", outcome: if length <= LONGEST_CHAIN { Ok(told) } else { Err(told) } },
            Check {
                name: "truststore",
                outcome: verified
                    .map(|()| "certified by the trust store".to_owned())
                    .map_err(|error| format!("not certified by the trust store: {error}")),
            },
        ]
    }

    /// Whose certificate it is, or why it is not trusted.
    fn judge(&self, chain: &[CertificateDer<'_>], now: Time) -> Result<ClientCertificate, String> {
        let Some(own) = chain.first() else { return Err("no certificate was shown".to_owned()) };
        if chain_length(chain) > LONGEST_CHAIN {
            return Err(format!("the chain has more than {LONGEST_CHAIN} certificates"));
        }
        self.verify(chain, now).map_err(|error| error.to_string())?;
        ClientCertificate::read(own).ok_or_else(|| "it is no certificate".to_owned())
    }

    fn verify(&self, chain: &[CertificateDer<'_>], now: Time) -> Result<(), rustls::Error> {
        let (own, others) = chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        let seconds = u64::try_from(now.seconds()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        self.verifier.verify_client_cert(own, others, now).map(drop)
    }
}

/// The store's own certificate ends the chain, whether the client sends it along or not.
fn chain_length(chain: &[CertificateDer<'_>]) -> usize {
    let between = chain.iter().skip(1).filter(|one| !is_self_issued(one)).count();
    1 + between + 1
}

fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    parse_x509_certificate(certificate).is_ok_and(|(_, one)| one.subject().as_raw() == one.issuer().as_raw())
}

/// The certificate where it is trusted, else why it is not.
type Judgement = Result<Arc<ClientCertificate>, String>;

/// What a client showed where it was asked to.
#[derive(Debug)]
pub(super) struct Shown {
    chain: Vec<CertificateDer<'static>>,
    judged: OnceLock<(Arc<TrustStore>, Judgement)>,
}

impl Shown {
    pub(super) fn new(chain: Option<&[CertificateDer<'static>]>) -> Self {
        Self { chain: chain.unwrap_or_default().to_vec(), judged: OnceLock::new() }
    }

    /// The store's judgement now, remembered for the connection.
    pub(super) fn proves(&self, store: &Arc<TrustStore>, now: Time) -> Judgement {
        let judge = || store.judge(&self.chain, now).map(Arc::new);
        let (by, outcome) = self.judged.get_or_init(|| (Arc::clone(store), judge()));
        let outcome = if Arc::ptr_eq(by, store) { outcome.clone() } else { judge() };
        match outcome {
            Ok(certificate) if certificate.is_over(now) => Err("the certificate's time is over".to_owned()),
            outcome => outcome,
        }
    }
}

/// Asks for a certificate and sees that the client has its key. Whether it is trusted is asked of the store later.
#[derive(Debug)]
struct Asking(Arc<TrustStore>);

impl ClientCertVerifier for Asking {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verifier.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verifier.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.verifier.supported_verify_schemes()
    }
}

impl fmt::Debug for TrustStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustStore").field("certificates", &self.certificates.len()).finish_non_exhaustive()
    }
}
