//! What others sign with one of the keys that they publish: ID tokens and userInfo of identity providers, assertions of clients.
//! The signatures are RSA's in both forms, ECDSA's, or HMAC's with a secret that both sides know. The key decides which algorithms
//! it serves, never the token alone: a public key is no secret for HMAC, and a curve serves the one algorithm that is made for it.
//! <https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation> <https://www.rfc-editor.org/rfc/rfc7518#section-3>

use aws_lc_rs::{
    hmac,
    signature::{self, EcdsaVerificationAlgorithm, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey},
};
use serde_json::{Map, Value};

use super::{
    Algorithm, Jws, JwtError, MAX_KID_BYTES, VerifyingKey, decode, printable,
    verifying::{self, rsa_numbers},
};

/// More keys than any provider has.
const MOST_KEYS: usize = 100;

/// What a provider's tokens are verified with.
pub struct IssuerKeys<'a> {
    /// A JWKS.
    pub jwks: &'a Value,
    /// The client secret, where tokens may be signed with it.
    pub secret: Option<&'a str>,
}

/// The claims of a token that one of the keys has signed. Nothing of them is judged. [`JwtError::UnknownKid`] where no key fits:
/// the provider may have a new one.
pub fn verify_published(text: &str, keys: &IssuerKeys<'_>) -> Result<Map<String, Value>, JwtError> {
    let jws = Jws::parse(text)?;
    let alg = jws.alg()?;
    let kid = match jws.header.get("kid") {
        None => None,
        Some(Value::String(kid)) if kid.len() <= MAX_KID_BYTES => Some(kid.as_str()),
        Some(_) => return Err(JwtError::Malformed("the kid is no text")),
    };
    check(keys, (alg, kid), jws.signed.as_bytes(), &jws.signature)?;
    Ok(jws.claims)
}

fn check(
    keys: &IssuerKeys<'_>,
    (alg, kid): (&str, Option<&str>),
    signed: &[u8],
    signature: &[u8],
) -> Result<(), JwtError> {
    let refused = || JwtError::Algorithm(printable(alg));
    if let Some(algorithm) = hmac_named(alg) {
        let secret = keys.secret.filter(|secret| !secret.is_empty()).ok_or_else(refused)?;
        let key = hmac::Key::new(algorithm, secret.as_bytes());
        return hmac::verify(&key, signed, signature).map_err(|_| JwtError::Signature);
    }
    if !is_asymmetric(alg) {
        return Err(refused());
    }
    let published = keys.jwks.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let fitting: Vec<&Value> = published.iter().take(MOST_KEYS).filter(|jwk| fits(jwk, alg, kid)).collect();
    // Without an id the token must leave no doubt about which key is meant.
    if fitting.is_empty() || (kid.is_none() && fitting.len() > 1) {
        return Err(JwtError::UnknownKid);
    }
    let is_signed = fitting.into_iter().any(|jwk| verifies(jwk, alg, signed, signature));
    if is_signed { Ok(()) } else { Err(JwtError::Signature) }
}

/// Whether this is the name of a signature that a public key verifies.
pub(super) fn is_asymmetric(alg: &str) -> bool {
    Algorithm::named(alg).is_some() || pss(alg).is_some() || curve(alg).is_some()
}

/// Whether the key has made the signature, by an algorithm that [`is_asymmetric`]. Whether it [`fits`] is another question.
pub(super) fn verifies(jwk: &Value, alg: &str, signed: &[u8], signature: &[u8]) -> bool {
    match Algorithm::named(alg) {
        Some(algorithm) => VerifyingKey::from_jwk(jwk)
            .ok()
            .is_some_and(|key| key.serving(algorithm).is_some_and(|key| key.verify_sig(signed, signature).is_ok())),
        None => match pss(alg) {
            Some(parameters) => verifies_with_salt(jwk, parameters, signed, signature),
            None => verifies_on_curve(jwk, alg, signed, signature),
        },
    }
}

fn hmac_named(alg: &str) -> Option<hmac::Algorithm> {
    match alg {
        "HS256" => Some(hmac::HMAC_SHA256),
        "HS384" => Some(hmac::HMAC_SHA384),
        "HS512" => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

/// RSASSA-PSS with a salt as long as the hash (RFC 7518, section 3.5).
fn pss(alg: &str) -> Option<&'static RsaParameters> {
    match alg {
        "PS256" => Some(&signature::RSA_PSS_2048_8192_SHA256),
        "PS384" => Some(&signature::RSA_PSS_2048_8192_SHA384),
        "PS512" => Some(&signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

fn verifies_with_salt(jwk: &Value, parameters: &'static RsaParameters, signed: &[u8], signature: &[u8]) -> bool {
    let Ok((n, e)) = rsa_numbers(jwk) else { return false };
    RsaPublicKeyComponents { n: &*n, e: &*e }.verify(parameters, signed, signature).is_ok()
}

/// The curve's name, the length of its coordinates, and how it verifies.
fn curve(alg: &str) -> Option<(&'static str, usize, &'static EcdsaVerificationAlgorithm)> {
    match alg {
        "ES256" => Some(("P-256", 32, &signature::ECDSA_P256_SHA256_FIXED)),
        "ES384" => Some(("P-384", 48, &signature::ECDSA_P384_SHA384_FIXED)),
        "ES512" => Some(("P-521", 66, &signature::ECDSA_P521_SHA512_FIXED)),
        _ => None,
    }
}

/// Whether a key of the set is for signatures of this algorithm, and has this id where the token names one.
pub(super) fn fits(jwk: &Value, alg: &str, kid: Option<&str>) -> bool {
    let member = |name: &str| jwk.get(name).and_then(Value::as_str);
    let kind = if curve(alg).is_some() { "EC" } else { "RSA" };
    let is_this = |own: Option<&str>, wanted: &str| own.is_none_or(|own| own == wanted);
    member("kty") == Some(kind)
        && is_this(member("use"), "sig")
        && is_this(member("alg"), alg)
        && jwk.get("key_ops").is_none_or(verifying::allow_verification)
        && kid.is_none_or(|kid| member("kid") == Some(kid))
}

fn verifies_on_curve(jwk: &Value, alg: &str, signed: &[u8], signature: &[u8]) -> bool {
    let Some((name, length, algorithm)) = curve(alg) else { return false };
    let coordinate =
        |name: &str| jwk.get(name).and_then(Value::as_str).and_then(decode).filter(|bytes| bytes.len() == length);
    let (Some(x), Some(y)) = (coordinate("x"), coordinate("y")) else { return false };
    let point = [&[4_u8][..], &x, &y].concat();
    jwk.get("crv").and_then(Value::as_str) == Some(name)
        && UnparsedPublicKey::new(algorithm, point).verify(signed, signature).is_ok()
}
