//! Sealing: what we hand out and want back unread and unchanged (sessions, cursors, refresh tokens), and secrets at rest.
//!
//! One master key of 32 bytes; every purpose has its own subkeys (HKDF-SHA256), so that nothing sealed for one purpose opens
//! for another. The cipher is AES-256-GCM-SIV (RFC 8452): its nonces are random, and unlike plain GCM it may draw far more
//! than 2^32 of them under one key, and a repeated nonce only shows that two equal texts are equal.
//! Opening answers `None` for everything that is not exactly what was sealed, without saying why.
//! <https://www.rfc-editor.org/rfc/rfc8452> <https://www.rfc-editor.org/rfc/rfc5869>

mod file;
mod jwe;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, AES_256_GCM_SIV, Aad, Algorithm, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    hmac::{self, HMAC_SHA256},
};
use base64::{
    Engine,
    engine::GeneralPurpose,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::KeyError;
use crate::kit::{random::Random, secret::Secret};

/// The first byte of everything sealed: the format, so that another one can follow.
const FORMAT: u8 = 1;
const TAG_LEN: usize = 16;

/// What something is sealed for. Each has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The `Session` of a challenge.
    Session,
    /// The `SECRET_BLOCK` of an SRP attempt.
    SrpBlock,
    /// The place where a list goes on.
    Cursor,
    /// A private signing key at rest.
    PrivateKey,
    /// An SRP verifier at rest.
    SrpVerifier,
    ClientSecret,
    TotpSecret,
    /// A confirmation code: hashed with [`Sealer::mac`], because codes are too short for a plain hash.
    Code,
    /// Session cookies and form tokens of the hosted pages.
    Cookie,
    /// What an unknown user is shown in place of a salt.
    FakeUser,
    /// Refresh tokens; used by [`Sealer::jwe`].
    RefreshToken,
    /// Credentials of other services in the configuration of a pool: identity providers, mail, webhooks.
    Credential,
    /// The address that takes the file of an import job.
    Upload,
    /// What lets a user say whether an event was their doing.
    EventFeedback,
    /// Messages that wait to be delivered.
    Message,
    /// What is kept of somebody who is on their way through an identity provider.
    Federation,
}

impl Purpose {
    const ALL: [Self; 16] = [
        Self::Session,
        Self::SrpBlock,
        Self::Cursor,
        Self::PrivateKey,
        Self::SrpVerifier,
        Self::ClientSecret,
        Self::TotpSecret,
        Self::Code,
        Self::Cookie,
        Self::FakeUser,
        Self::RefreshToken,
        Self::Credential,
        Self::Upload,
        Self::EventFeedback,
        Self::Message,
        Self::Federation,
    ];

    /// The name in the derivation of keys. It must never change: what was sealed before would not open.
    const fn label(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::SrpBlock => "srp-block",
            Self::Cursor => "cursor",
            Self::PrivateKey => "private-key",
            Self::SrpVerifier => "srp-verifier",
            Self::ClientSecret => "client-secret",
            Self::TotpSecret => "totp-secret",
            Self::Code => "code",
            Self::Cookie => "cookie",
            Self::FakeUser => "fake-user",
            Self::RefreshToken => "refresh-token",
            Self::Credential => "credential",
            Self::Upload => "upload",
            Self::EventFeedback => "event-feedback",
            Self::Message => "message",
            Self::Federation => "federation",
        }
    }

    /// Text is base64url, but clients decode a `SECRET_BLOCK` as standard base64.
    const fn alphabet(self) -> &'static GeneralPurpose {
        match self {
            Self::SrpBlock => &BASE64_STANDARD,
            _ => &BASE64_URL_SAFE_NO_PAD,
        }
    }
}

/// Seals and opens. Clones share the keys.
#[derive(Clone)]
pub struct Sealer(Arc<Keys>);

struct Keys {
    random: Random,
    /// By purpose, in the order of `Purpose::ALL`.
    sealing: Vec<LessSafeKey>,
    authenticating: Vec<hmac::Key>,
    jwe: LessSafeKey,
}

impl Sealer {
    /// From the 32 bytes of a master key.
    pub fn new(master: &[u8; 32], random: &Random) -> Self {
        let root = Salt::new(HKDF_SHA256, b"poolhouse sealing").extract(master);
        let each = |kind: &str, purpose: Purpose| subkey(&root, &format!("{kind} {}", purpose.label()));
        Self(Arc::new(Keys {
            random: random.clone(),
            sealing: Purpose::ALL.iter().map(|purpose| cipher(&AES_256_GCM_SIV, &each("seal", *purpose))).collect(),
            authenticating: Purpose::ALL
                .iter()
                .map(|purpose| hmac::Key::new(HMAC_SHA256, &*each("mac", *purpose)))
                .collect(),
            jwe: cipher(&AES_256_GCM, &each("jwe", Purpose::RefreshToken)),
        }))
    }

    /// From the base64 text of a master key, as a configuration gives it.
    pub fn from_base64(text: &Secret) -> Result<Self, KeyError> {
        Ok(Self::new(&*file::decode(text.expose())?, &Random::system()))
    }

    /// Seals bytes. The result is 29 bytes longer, and different each time.
    pub fn seal(&self, purpose: Purpose, plaintext: &[u8]) -> Vec<u8> {
        self.seal_with(purpose, &[], plaintext)
    }

    /// Seals bytes so that they open only together with the same associated data (a pool, a user, a row).
    pub fn seal_with(&self, purpose: Purpose, associated: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = self.0.random.bytes();
        // The plaintext is encrypted where it lies in the result: room for the tag keeps it from being moved and left behind.
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + plaintext.len() + TAG_LEN);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let tag = self.0.sealing[purpose as usize]
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated),
                &mut sealed[1 + NONCE_LEN..],
            )
            .expect("AES-GCM-SIV fails only for texts of more than 64 GiB");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    pub fn open(&self, purpose: Purpose, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.open_with(purpose, &[], sealed)
    }

    pub fn open_with(&self, purpose: Purpose, associated: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (&FORMAT, rest) = sealed.split_first()? else { return None };
        let (nonce, encrypted) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(encrypted.to_vec());
        let length = self.0.sealing[purpose as usize]
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(associated), &mut text)
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }

    /// Seals a value as text: base64url without padding, or standard base64 for [`Purpose::SrpBlock`].
    pub fn seal_json<T: Serialize>(&self, purpose: Purpose, value: &T) -> Result<String, KeyError> {
        let json = Zeroizing::new(serde_json::to_vec(value)?);
        Ok(purpose.alphabet().encode(self.seal(purpose, &json)))
    }

    pub fn open_json<T: DeserializeOwned>(&self, purpose: Purpose, text: &str) -> Option<T> {
        let sealed = purpose.alphabet().decode(text).ok()?;
        serde_json::from_slice(&self.open(purpose, &sealed)?).ok()
    }

    /// HMAC-SHA256: a fingerprint that nobody without the master key can compute or reverse by trying.
    pub fn mac(&self, purpose: Purpose, message: &[u8]) -> [u8; 32] {
        let mut mac = [0; 32];
        mac.copy_from_slice(hmac::sign(&self.0.authenticating[purpose as usize], message).as_ref());
        mac
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

struct Length32;

impl KeyType for Length32 {
    fn len(&self) -> usize {
        32
    }
}

fn subkey(root: &Prk, label: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    root.expand(&[label.as_bytes()], Length32)
        .and_then(|output| output.fill(&mut *key))
        .expect("HKDF fails only for outputs of more than 255 blocks");
    key
}

fn cipher(algorithm: &'static Algorithm, key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(algorithm, key).expect("the algorithm takes a key of 32 bytes"))
}
