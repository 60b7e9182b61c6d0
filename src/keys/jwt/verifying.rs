//! The keys that verify tokens: RSA public keys, parsed once from a JWK.
//!
//! aws-lc is used directly, with a key that stays parsed: 13 to 14.5 µs for a signature of 2048 bits, while jsonwebtoken
//! builds the key again for each token (18 µs) and decodes the payload a second time. Refuses keys below 2048 bits and
//! above 8192, where one verification would already cost a noticeable part of a millisecond.

use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents,
};
use serde_json::{Map, Value};

use super::{JwtError, MAX_KID_BYTES, Token, decode, printable};
use crate::keys::{KeyError, signing::PublicKey};

/// The signature algorithms that are accepted: RSASSA-PKCS1-v1_5, the family that API Gateway names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::Rs256, Self::Rs384, Self::Rs512];

    /// The algorithm of this exact name; names of algorithms have a case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    const fn parameters(self) -> &'static RsaParameters {
        match self {
            Self::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        }
    }
}

/// A public key, ready to verify. Clones are cheap next to parsing, but share it in an `Arc` where requests are served.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    kid: Option<String>,
    /// One parsed key for each algorithm that the JWK allows.
    keys: Vec<(Algorithm, ParsedPublicKey)>,
}

impl VerifyingKey {
    /// Reads a member of a JWKS. A JWK that names an `alg` serves that one; `use` and `key_ops` must allow verification.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        let refused = |reason| Err(KeyError::Jwk(reason));
        let Some(jwk) = jwk.as_object() else { return refused("not an object") };
        if jwk.get("kty").and_then(Value::as_str) != Some("RSA") {
            return refused("kty is not RSA");
        }
        if jwk.get("use").is_some_and(|usage| usage != "sig") {
            return refused("use is not sig");
        }
        if jwk.get("key_ops").is_some_and(|ops| !allow_verification(ops)) {
            return refused("key_ops has no verify");
        }
        let kid = match jwk.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= MAX_KID_BYTES => Some(kid.clone()),
            Some(_) => return refused("kid is not a text of at most 1024 bytes"),
        };
        let algorithms = match jwk.get("alg") {
            None => Algorithm::ALL.to_vec(),
            Some(alg) => match alg.as_str().and_then(Algorithm::named) {
                Some(algorithm) => vec![algorithm],
                None => return refused("alg is not RS256, RS384 or RS512"),
            },
        };
        let (n, e) = numbers(jwk)?;
        Self::new(kid, algorithms, &n, &e)
    }

    /// A key of our own.
    pub fn from_public(key: &PublicKey) -> Result<Self, KeyError> {
        Self::from_jwk(&key.jwk())
    }

    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether this key made the token's signature, with an algorithm that is accepted and that the key serves.
    pub fn verify(&self, token: &Token<'_>) -> Result<(), JwtError> {
        let algorithm = token.algorithm()?;
        // The caller chose the key by its id. Asking again costs nothing and catches a choice made wrongly.
        if self.kid.as_deref().is_some_and(|kid| kid != token.kid) {
            return Err(JwtError::UnknownKid);
        }
        let refused = || JwtError::Algorithm(printable(&token.alg));
        let key = self.serving(algorithm).ok_or_else(refused)?;
        key.verify_sig(token.signed.as_bytes(), &token.signature).map_err(|_| JwtError::Signature)
    }

    pub(super) fn serving(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        self.keys.iter().find(|(served, _)| *served == algorithm).map(|(_, key)| key)
    }

    fn new(kid: Option<String>, algorithms: Vec<Algorithm>, n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let parse = |algorithm: Algorithm| {
            RsaPublicKeyComponents { n, e }
                .to_parsed_public_key(algorithm.parameters())
                .map(|key| (algorithm, key))
                .map_err(|_| KeyError::Jwk("n and e do not form an RSA key"))
        };
        Ok(Self { kid, keys: algorithms.into_iter().map(parse).collect::<Result<_, _>>()? })
    }
}

/// What `key_ops` says.
pub(super) fn allow_verification(ops: &Value) -> bool {
    ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify"))
}

/// Modulus and exponent of an RSA key that is strong enough, whatever its `alg`.
pub(super) fn rsa_numbers(jwk: &Value) -> Result<(Vec<u8>, Vec<u8>), KeyError> {
    numbers(jwk.as_object().ok_or(KeyError::Jwk("not an object"))?)
}

fn numbers(jwk: &Map<String, Value>) -> Result<(Vec<u8>, Vec<u8>), KeyError> {
    let number = |name| jwk.get(name).and_then(Value::as_str).and_then(decode);
    let (Some(n), Some(e)) = (number("n"), number("e")) else {
        return Err(KeyError::Jwk("n or e is not base64url"));
    };
    // Some issuers publish the sign byte of their language's big integers; it does not change the number.
    let (n, e) = (without_leading_zeros(&n), without_leading_zeros(&e));
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(KeyError::Jwk("the modulus is not of 2048 to 8192 bits"));
    }
    let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    // An exponent of 1 makes every padded message its own signature; aws-lc takes at most 33 bits.
    if !odd(n) || !odd(e) || e == [1] || e.len() > 4 {
        return Err(KeyError::Jwk("the modulus or the exponent is not one of RSA"));
    }
    Ok((n.to_vec(), e.to_vec()))
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
