//! The certificates that a pool shows to SAML providers: made when they are first asked for, and the same ever after.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{Cx, directory};
use crate::{
    domain::{Error, Result},
    keys::{
        KeyError,
        certificate::{CertificateUse, self_signed},
        saml::{DecryptionKey, RequestSigner},
        signing::SigningKey,
    },
    store::{self, certificates::CertificateRecord},
};

/// The certificate that the pool's requests are signed with: base64 of its DER.
pub async fn signing(cx: &Cx, pool_id: &str) -> Result<String> {
    shown(cx, pool_id, CertificateUse::Signing).await
}

/// The certificate that assertions are encrypted for: base64 of its DER.
pub async fn encryption(cx: &Cx, pool_id: &str) -> Result<String> {
    shown(cx, pool_id, CertificateUse::Encryption).await
}

/// The key behind the signing certificate.
pub async fn signer(cx: &Cx, pool_id: &str) -> Result<RequestSigner> {
    Ok(RequestSigner::from_pkcs8(&of_pool(cx, pool_id, CertificateUse::Signing).await?.private_key)?)
}

/// The key behind the encryption certificate.
pub async fn decryption(cx: &Cx, pool_id: &str) -> Result<DecryptionKey> {
    Ok(DecryptionKey::from_pkcs8(&of_pool(cx, pool_id, CertificateUse::Encryption).await?.private_key)?)
}

async fn shown(cx: &Cx, pool_id: &str, usage: CertificateUse) -> Result<String> {
    Ok(BASE64_STANDARD.encode(of_pool(cx, pool_id, usage).await?.certificate))
}

/// The certificate with its key. Two instances may make one at once: the database keeps the first.
async fn of_pool(cx: &Cx, pool_id: &str, usage: CertificateUse) -> Result<CertificateRecord> {
    directory::pool(cx, pool_id).await?;
    let purpose = match usage {
        CertificateUse::Signing => "signing",
        CertificateUse::Encryption => "encryption",
    };
    if let Some(record) = store::certificates::find(&mut cx.read().await?, pool_id, purpose).await? {
        return Ok(record);
    }
    let (now, name) = (cx.now(), pool_id.to_owned());
    let made = tokio::task::spawn_blocking(move || -> Result<_, KeyError> {
        let private_key = SigningKey::generate()?.to_pkcs8()?;
        let certificate = self_signed(&private_key, &name, now, usage)?;
        Ok((private_key, certificate))
    });
    let (private_key, certificate) = made.await.map_err(|error| Error::Internal(error.to_string()))??;
    let (pool_id, purpose) = (pool_id.to_owned(), purpose.to_owned());
    let record = CertificateRecord { pool_id, purpose, certificate, private_key, created_at: now };
    let mut tx = cx.begin().await?;
    // The pool may have gone since it was looked up.
    super::pools::held(&mut tx, &record.pool_id).await?;
    store::certificates::insert(&mut tx, &record).await?;
    let kept = store::certificates::find(&mut tx, &record.pool_id, &record.purpose).await?;
    tx.commit().await?;
    kept.ok_or_else(|| Error::Internal("a certificate that was kept is gone".into()))
}
