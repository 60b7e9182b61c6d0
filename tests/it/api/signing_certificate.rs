//! The certificate that a pool's SAML requests are signed with.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use poolhouse::{keys::signing::SigningKey, store::certificates};
use rsa::{
    BigUint, Pkcs1v15Sign, RsaPublicKey,
    sha2::{Digest, Sha256},
};
use serde_json::json;
use x509_parser::{parse_x509_certificate, prelude::X509Version, public_key::PublicKey};

use super::town::{NO_POOL, NOWHERE, towns};

#[tokio::test]
async fn the_certificate_is_made_once_and_lasts_ten_years() {
    for town in towns().await {
        let (pool, other) = (town.pool().await, town.pool().await);
        // Two instances at once, neither of which has seen one.
        let twin = town.twin();
        let (one, two) = tokio::join!(
            town.call("GetSigningCertificate", json!({"UserPoolId": pool})),
            twin.call("GetSigningCertificate", json!({"UserPoolId": pool}))
        );
        assert_eq!(one, two);
        assert_eq!(town.call("GetSigningCertificate", json!({"UserPoolId": pool})).await, one);
        assert_ne!(town.call("GetSigningCertificate", json!({"UserPoolId": other})).await, one);

        let text = one["Certificate"].as_str().unwrap();
        let der = BASE64_STANDARD.decode(text).unwrap();
        let (rest, certificate) = parse_x509_certificate(&der).unwrap();
        assert!(rest.is_empty() && !text.contains("BEGIN"));
        assert_eq!(certificate.version(), X509Version::V3);
        assert_eq!(certificate.subject().to_string(), format!("CN={pool}"));
        assert_eq!(certificate.subject(), certificate.issuer());
        let (from, to) = (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
        assert_eq!((from, to - from), (1_800_000_000, 3_650 * 86_400));
        assert_eq!(certificate.signature_algorithm.algorithm.to_id_string(), "1.2.840.113549.1.1.11");

        // The key that is kept is the one that the certificate names, and has signed it.
        let mut tx = town.app.store.read().await.unwrap();
        let record = certificates::find(&mut tx, &pool, "signing").await.unwrap().unwrap();
        let public = SigningKey::from_pkcs8(&record.private_key).unwrap().public();
        let PublicKey::RSA(shown) = certificate.public_key().parsed().unwrap() else { panic!("no RSA key") };
        let modulus = BASE64_URL_SAFE_NO_PAD.decode(public.n).unwrap();
        assert_eq!(shown.modulus.strip_prefix(&[0]), Some(&*modulus));
        let number = BigUint::from_bytes_be(&modulus);
        let key = RsaPublicKey::new(number, BigUint::from(65_537_u32)).unwrap();
        let signed = Sha256::digest(certificate.tbs_certificate.as_ref());
        key.verify(Pkcs1v15Sign::new::<Sha256>(), &signed, &certificate.signature_value.data).unwrap();
        let sql = "SELECT private_key FROM pool_certificate WHERE pool_id = $1";
        let (kept,): (Vec<u8>,) = tx.sql(sql).bind(&*pool).one().await.unwrap();
        assert!(!kept.windows(64).any(|part| part == &record.private_key[200..264]));
    }
}

#[tokio::test]
async fn a_pool_that_is_not_there_has_none() {
    for town in towns().await {
        assert_eq!(town.refused("GetSigningCertificate", json!({"UserPoolId": NOWHERE})).await, NO_POOL);
        assert!(town.refused("GetSigningCertificate", json!({})).await.contains("Member must not be null"));
    }
}
