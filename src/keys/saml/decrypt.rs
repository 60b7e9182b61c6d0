//! Encrypted assertions: a key for one message, wrapped with RSA-OAEP for the pool, and the assertion under it with AES.
//!
//! PKCS #1 v1.5 is refused: whoever can ask often whether its padding was right can read without the key. AES-CBC has no
//! integrity of its own, so that one answer stands for every failure, and what comes out must be signed in any case.
//! <https://www.w3.org/TR/xmlenc-core1/>

use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    cipher::{AES_128, AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey},
    iv::FixedLength,
    rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey, PrivateDecryptingKey},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use roxmltree::Node;
use zeroize::Zeroizing;

use super::{
    ENCRYPTION, Fault, SIGNATURE,
    document::{attribute, children, one, text},
};
use crate::keys::KeyError;

const AES_BLOCK: usize = 16;
const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// The private key behind the certificate that a provider encrypts for.
pub struct DecryptionKey(OaepPrivateDecryptingKey);

impl std::fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DecryptionKey")
    }
}

impl DecryptionKey {
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let key = PrivateDecryptingKey::from_pkcs8(der).map_err(|_| KeyError::PrivateKey)?;
        OaepPrivateDecryptingKey::new(key).map(Self).map_err(|_| KeyError::PrivateKey)
    }

    /// The text of the assertion in an `EncryptedAssertion`.
    pub(super) fn assertion(&self, encrypted: Node<'_, '_>) -> Result<String, Fault> {
        let data = one(encrypted, ENCRYPTION, "EncryptedData")?;
        let algorithm = algorithm_of(data)?;
        // The wrapped key stands inside the data's key information, or beside the data (saml-core, section 6.1).
        let inside = children(data, SIGNATURE, "KeyInfo").flat_map(|info| children(info, ENCRYPTION, "EncryptedKey"));
        let beside = children(encrypted, ENCRYPTION, "EncryptedKey");
        let wrapped = inside.chain(beside).next().ok_or(Fault::Missing("EncryptedKey"))?;
        let key = self.unwrap_key(wrapped)?;
        let content = open(algorithm, &key, cipher_value(data)?).ok_or(Fault::Decryption)?;
        String::from_utf8(content).map_err(|_| Fault::Decryption)
    }

    fn unwrap_key(&self, wrapped: Node<'_, '_>) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let oaep = oaep(wrapped)?;
        let value = cipher_value(wrapped)?;
        let mut key = Zeroizing::new(vec![0; self.0.min_output_size()]);
        let length = self.0.decrypt(oaep, &value, &mut key, None).map_err(|_| Fault::Decryption)?.len();
        key.truncate(length);
        Ok(key)
    }
}

fn algorithm_of<'a>(node: Node<'a, '_>) -> Result<&'a str, Fault> {
    attribute(one(node, ENCRYPTION, "EncryptionMethod")?, "Algorithm")
}

/// The OAEP of a wrapped key. Digest and mask must be the same, as they are with every provider known.
fn oaep(wrapped: Node<'_, '_>) -> Result<&'static OaepAlgorithm, Fault> {
    let method = one(wrapped, ENCRYPTION, "EncryptionMethod")?;
    let digest = children(method, SIGNATURE, "DigestMethod").next().and_then(|one| one.attribute("Algorithm"));
    let mask =
        method.children().find(|node| node.tag_name().name() == "MGF").and_then(|one| one.attribute("Algorithm"));
    let unsupported = Fault::Unreadable("its keys are wrapped in a way that is not supported");
    match (attribute(method, "Algorithm")?, digest.unwrap_or(SHA1), mask) {
        ("http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", SHA1, None) => Ok(&OAEP_SHA1_MGF1SHA1),
        ("http://www.w3.org/2009/xmlenc11#rsa-oaep", SHA1, None | Some("http://www.w3.org/2009/xmlenc11#mgf1sha1")) => {
            Ok(&OAEP_SHA1_MGF1SHA1)
        }
        ("http://www.w3.org/2009/xmlenc11#rsa-oaep", SHA256, Some("http://www.w3.org/2009/xmlenc11#mgf1sha256")) => {
            Ok(&OAEP_SHA256_MGF1SHA256)
        }
        _ => Err(unsupported),
    }
}

fn cipher_value(node: Node<'_, '_>) -> Result<Vec<u8>, Fault> {
    let value = one(one(node, ENCRYPTION, "CipherData")?, ENCRYPTION, "CipherValue")?;
    let compact: String = text(value, "CipherValue")?.split_whitespace().collect();
    BASE64_STANDARD.decode(compact).map_err(|_| Fault::Unreadable("a value is not base64"))
}

/// One answer for everything that can go wrong.
fn open(algorithm: &str, key: &[u8], mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let gcm = match algorithm {
        "http://www.w3.org/2009/xmlenc11#aes128-gcm" => Some(&AES_128_GCM),
        "http://www.w3.org/2009/xmlenc11#aes256-gcm" => Some(&AES_256_GCM),
        _ => None,
    };
    if let Some(gcm) = gcm {
        let key = LessSafeKey::new(UnboundKey::new(gcm, key).ok()?);
        let (nonce, text) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        return Some(key.open_in_place(nonce, Aad::empty(), text).ok()?.to_vec());
    }
    let cbc = match algorithm {
        "http://www.w3.org/2001/04/xmlenc#aes128-cbc" => &AES_128,
        "http://www.w3.org/2001/04/xmlenc#aes256-cbc" => &AES_256,
        _ => return None,
    };
    let key = DecryptingKey::cbc(UnboundCipherKey::new(cbc, key).ok()?).ok()?;
    let (iv, text) = sealed.split_at_mut_checked(AES_BLOCK)?;
    let iv: [u8; AES_BLOCK] = (&*iv).try_into().ok()?;
    let plain = key.decrypt(text, DecryptionContext::Iv128(FixedLength::from(iv))).ok()?;
    // XML Encryption pads with anything and says in the last byte how much.
    let padding = usize::from(*plain.last()?);
    let length = plain.len().checked_sub(padding).filter(|_| (1..=AES_BLOCK).contains(&padding))?;
    Some(plain[..length].to_vec())
}
