//! A signed token taken apart: header, payload and signature, read strictly and not yet believed.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{JwtError, MAX_TOKEN_BYTES, json};

/// Compact JWS (RFC 7515, section 7.1). Nothing in it can be trusted until somebody has looked at the signature.
#[derive(Debug)]
pub(super) struct Jws<'a> {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
    /// Header and payload as they were signed, with the dot between them.
    pub signed: &'a str,
    pub signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    pub fn parse(text: &'a str) -> Result<Self, JwtError> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(JwtError::Malformed("too long"));
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(JwtError::Segments)?;
        let (header, payload) = signed.split_once('.').ok_or(JwtError::Segments)?;
        if payload.contains('.') {
            return Err(JwtError::Segments);
        }
        let header = object(header, "the header is not base64url", "the header is not a plain JSON object")?;
        // RFC 7515 §4.1.11: extensions that must be understood are none of ours. `b64` (RFC 7797) changes what is signed even
        // without `crit`, and `zip` belongs to encryption.
        if ["crit", "b64", "zip"].iter().any(|name| header.contains_key(*name)) {
            return Err(JwtError::Malformed("the header has an extension that is not supported"));
        }
        let claims = object(payload, "the payload is not base64url", "the payload is not a plain JSON object")?;
        let signature = decode(signature).ok_or(JwtError::Malformed("the signature is not base64url"))?;
        Ok(Self { header, claims, signed, signature })
    }

    /// The algorithm that the header names, whatever it is.
    pub fn alg(&self) -> Result<&str, JwtError> {
        self.header.get("alg").and_then(Value::as_str).ok_or(JwtError::Malformed("the header has no alg"))
    }
}

fn object(segment: &str, not_base64: &'static str, not_json: &'static str) -> Result<Map<String, Value>, JwtError> {
    let bytes = decode(segment).ok_or(JwtError::Malformed(not_base64))?;
    json::object(&bytes).ok_or(JwtError::Malformed(not_json))
}

/// The engine refuses padding, foreign characters and trailing bits that are not zero: one text for each value.
pub(super) fn decode(segment: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(segment).ok()
}
