//! Proofs of possession (DPoP): a token that carries the public key which has signed it. It says that whoever sends it holds the
//! key, and nothing of who that is.
//! <https://www.rfc-editor.org/rfc/rfc9449#section-4.2>

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{
    Jws,
    published::{fits, is_asymmetric, verifies},
};

const TYPE: &str = "dpop+jwt";
/// Members of a JWK that nobody but its owner should have (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why something is no proof of possession.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PossessionError {
    Malformed,
    Type,
    Algorithm,
    Key,
    Signature,
}

impl PossessionError {
    /// What whoever sent it may read.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Malformed => "the proof is no signed JWT",
            Self::Type => "the proof is not of the type dpop+jwt",
            Self::Algorithm => "the proof's algorithm is not supported",
            Self::Key => "the proof's jwk is no public key for its algorithm",
            Self::Signature => "the proof's signature is wrong",
        }
    }
}

/// A proof whose signature is that of the key in it. Its claims are not judged.
#[derive(Debug)]
pub struct Possession {
    /// The key's RFC 7638 thumbprint: SHA-256 in base64url, 43 characters.
    pub thumbprint: String,
    pub claims: Map<String, Value>,
}

impl Possession {
    /// The signatures that a proof may have: whoever could verify another one could also make it.
    pub const ALGORITHMS: [&str; 9] = ["ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

    pub fn read(text: &str) -> Result<Self, PossessionError> {
        let jws = Jws::parse(text).map_err(|_| PossessionError::Malformed)?;
        if jws.header.get("typ").and_then(Value::as_str) != Some(TYPE) {
            return Err(PossessionError::Type);
        }
        let alg = jws.alg().ok().filter(|alg| is_asymmetric(alg)).ok_or(PossessionError::Algorithm)?;
        let jwk = jws.header.get("jwk").ok_or(PossessionError::Key)?;
        let is_public = PRIVATE_MEMBERS.iter().all(|name| jwk.get(name).is_none());
        if !is_public || !fits(jwk, alg, None) {
            return Err(PossessionError::Key);
        }
        let thumbprint = thumbprint(jwk).ok_or(PossessionError::Key)?;
        if !verifies(jwk, alg, jws.signed.as_bytes(), &jws.signature) {
            return Err(PossessionError::Signature);
        }
        Ok(Self { thumbprint, claims: jws.claims })
    }

    /// What a proof says of the access token that it comes with: `ath`.
    pub fn hash_of(access_token: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, access_token.as_bytes()))
    }

    /// Whether a text has the form of a thumbprint.
    pub fn is_thumbprint(text: &str) -> bool {
        text.len() == 43 && BASE64_URL_SAFE_NO_PAD.decode(text).is_ok()
    }
}

/// The digest of a public key's members, which it has in common with its other spellings (RFC 7638, section 3).
fn thumbprint(jwk: &Value) -> Option<String> {
    let member = |name: &str| jwk.get(name).filter(|value| value.is_string());
    // A map of serde_json writes its members as they are put in here: in the order of their names.
    let members = match jwk.get("kty")?.as_str()? {
        "EC" => json!({"crv": member("crv")?, "kty": "EC", "x": member("x")?, "y": member("y")?}),
        "RSA" => json!({"e": member("e")?, "kty": "RSA", "n": member("n")?}),
        _ => return None,
    };
    Some(BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, members.to_string().as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_that_of_the_examples() {
        // RFC 7638, section 3.1, with members that do not count.
        let rsa = json!({
            "kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
                  FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgn\
                  Yb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqb\
                  w0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        });
        assert_eq!(thumbprint(&rsa).as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
        assert!(Possession::is_thumbprint("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
        assert!(!Possession::is_thumbprint("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9X"));
        assert!(!Possession::is_thumbprint("NzbLsXh8uDCcd-6MNwXF4W/7noWXFZAfHkxZsRGC9Xs"));
        assert_eq!(thumbprint(&json!({"kty": "oct", "k": "AQAB"})), None);
        assert_eq!(thumbprint(&json!({"kty": "EC", "crv": "P-256", "x": "a"})), None);
    }

    #[test]
    fn the_specifications_own_proof_is_one() {
        // RFC 9449, figures 2, 4 and 13.
        let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpD\
                     a0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydi\
                     I6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1w\
                     bGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX\
                     0x7NVY-FNyJK70nfbV37xRZT3Lg";
        let read = Possession::read(proof).unwrap();
        assert_eq!(read.thumbprint, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        assert_eq!(read.claims["htm"], "POST");
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        assert_eq!(Possession::hash_of(token), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
        let other = proof.replace("LCJ5Ijoi", "LCJ6Ijoi");
        assert!(Possession::read(&other).is_err());
    }

    #[test]
    fn every_algorithm_that_is_named_verifies_with_a_public_key() {
        assert!(Possession::ALGORITHMS.into_iter().all(is_asymmetric));
        assert!(["none", "HS256", "EdDSA", "es256", ""].into_iter().all(|alg| !is_asymmetric(alg)));
    }
}
