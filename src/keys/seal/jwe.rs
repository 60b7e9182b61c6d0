//! Refresh tokens: a signed claim set inside a compact JWE, five parts, opaque to clients.
//!
//! The header says what is done: direct encryption with a shared key, AES-256-GCM, and the content is again a JWT. User pools
//! have `RSA-OAEP` in its place, which would cost an RSA operation per token and gain nothing, for we are sender and receiver.
//!
//! RFC 7518 gives GCM a random nonce of 96 bits, so that after very many tokens (2^40 for a chance of 2^-17) two might share
//! one, and plain GCM would then let their holder forge others. The inner HMAC-SHA256 is what makes a token genuine; the worst
//! that a shared nonce can do is to show the contents of those two. <https://www.rfc-editor.org/rfc/rfc7516>

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::{Purpose, Sealer, TAG_LEN};
use crate::keys::{KeyError, jwt::MAX_TOKEN_BYTES, same};

/// `{"cty":"JWT","enc":"A256GCM","alg":"dir"}`
const OUTER: &str = "eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiZGlyIn0";
/// `{"alg":"HS256"}`
const INNER: &str = "eyJhbGciOiJIUzI1NiJ9";

impl Sealer {
    /// Seals claims as a refresh token.
    pub fn jwe<T: Serialize>(&self, claims: &T) -> Result<String, KeyError> {
        let mut content = Zeroizing::new(format!("{INNER}."));
        BASE64_URL_SAFE_NO_PAD.encode_string(Zeroizing::new(serde_json::to_vec(claims)?), &mut content);
        let mac = self.mac(Purpose::RefreshToken, content.as_bytes());
        content.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(mac, &mut content);

        let nonce: [u8; NONCE_LEN] = self.0.random.bytes();
        let mut text = content.as_bytes().to_vec();
        let tag = self
            .0
            .jwe
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(OUTER), &mut text)
            .expect("AES-GCM fails only for texts of more than 64 GiB");
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        // Direct encryption has an empty second part: there is no encrypted key.
        Ok(format!("{OUTER}..{}.{}.{}", encode(&nonce), encode(&text), encode(tag.as_ref())))
    }

    /// Opens what `jwe` made, to the letter; anything else is `None`.
    pub fn open_jwe<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let mut parts = token.split('.');
        let [OUTER, "", nonce, text, tag] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?]
        else {
            return None;
        };
        if parts.next().is_some() {
            return None;
        }
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        let nonce: [u8; NONCE_LEN] = decode(nonce)?.try_into().ok()?;
        let tag: [u8; TAG_LEN] = decode(tag)?.try_into().ok()?;
        let mut content = Zeroizing::new(decode(text)?);
        content.extend_from_slice(&tag);
        let content =
            self.0.jwe.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(OUTER), &mut content).ok()?;

        let (signed, mac) = std::str::from_utf8(content).ok()?.rsplit_once('.')?;
        if !same(&decode(mac)?, &self.mac(Purpose::RefreshToken, signed.as_bytes())) {
            return None;
        }
        let claims = Zeroizing::new(decode(signed.strip_prefix(INNER)?.strip_prefix('.')?)?);
        serde_json::from_slice(&claims).ok()
    }
}
