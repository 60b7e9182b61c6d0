//! Certificates that sign themselves: what a pool shows to a SAML provider so that it can check what the pool signs, or encrypt
//! what only the pool may read. RSA-2048 and SHA-256, ten years.
//! <https://www.rfc-editor.org/rfc/rfc5280>

use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256};
use rustls::pki_types::PrivatePkcs8KeyDer;
use time::{Duration, OffsetDateTime};

use super::KeyError;
use crate::kit::clock::Time;

const LIFETIME: Duration = Duration::days(3_650);

/// What the key of a certificate may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateUse {
    Signing,
    Encryption,
}

/// The certificate in DER of an RSA key in PKCS#8. `name` becomes its common name.
pub fn self_signed(pkcs8: &[u8], name: &str, from: Time, usage: CertificateUse) -> Result<Vec<u8>, KeyError> {
    let key = PrivatePkcs8KeyDer::from(pkcs8);
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_RSA_SHA256).map_err(|_| KeyError::PrivateKey)?;
    let mut params = CertificateParams::default();
    params.not_before = OffsetDateTime::from_unix_timestamp(from.seconds()).map_err(|_| KeyError::Certificate)?;
    params.not_after = params.not_before.checked_add(LIFETIME).ok_or(KeyError::Certificate)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![match usage {
        CertificateUse::Signing => KeyUsagePurpose::DigitalSignature,
        CertificateUse::Encryption => KeyUsagePurpose::KeyEncipherment,
    }];
    let certificate = params.self_signed(&key).map_err(|_| KeyError::Certificate)?;
    Ok(certificate.der().to_vec())
}
