//! The keys that sign tokens: RSA-2048, RS256, as user pools publish them.
//!
//! The key pair is parsed once and kept: a signature then costs 0.21 ms, while libraries that read the private key's DER for
//! each token need 0.55 ms. Refuses RSA keys below 2048 bits.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html>

use std::fmt;

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::KeyError;

/// A private key, ready to sign.
pub struct SigningKey {
    pair: RsaKeyPair,
    public: PublicKey,
    /// The protected header in base64url and the dot behind it.
    header: String,
    /// The same with the type of RFC 9068.
    access_token_header: String,
    /// The same with the type of OpenID Connect Back-Channel Logout 1.0.
    logout_token_header: String,
}

impl SigningKey {
    /// Makes a new key of 2048 bits. Takes 50 to 200 ms of computing: call it where blocking is allowed.
    pub fn generate() -> Result<Self, KeyError> {
        Self::from_pair(RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generate)?)
    }

    /// Reads what `to_pkcs8` wrote.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        Self::from_pair(RsaKeyPair::from_pkcs8(der).map_err(|_| KeyError::PrivateKey)?)
    }

    /// The private key in PKCS#8. Seal it before it leaves memory.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| KeyError::PrivateKey)?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// The standard base64 of the key's RFC 7638 thumbprint: 44 characters with one `=`.
    pub fn kid(&self) -> &str {
        &self.public.kid
    }

    pub fn public(&self) -> PublicKey {
        self.public.clone()
    }

    /// A compact JWS over the claims, its members in the order in which they serialize.
    pub fn sign<T: Serialize>(&self, claims: &T) -> Result<String, KeyError> {
        self.sign_bytes(&serde_json::to_vec(claims)?)
    }

    /// The same, marked as an access token (`typ` is `at+jwt`, RFC 9068).
    pub fn sign_access_token<T: Serialize>(&self, claims: &T) -> Result<String, KeyError> {
        self.sign_behind(&self.access_token_header, &serde_json::to_vec(claims)?)
    }

    /// The same, marked as a logout token.
    pub fn sign_logout_token<T: Serialize>(&self, claims: &T) -> Result<String, KeyError> {
        self.sign_behind(&self.logout_token_header, &serde_json::to_vec(claims)?)
    }

    /// A compact JWS over a payload that is JSON already.
    pub fn sign_bytes(&self, payload: &[u8]) -> Result<String, KeyError> {
        self.sign_behind(&self.header, payload)
    }

    fn sign_behind(&self, header: &str, payload: &[u8]) -> Result<String, KeyError> {
        let mut token = String::with_capacity(header.len() + (payload.len() + self.modulus_length()) * 4 / 3 + 8);
        token.push_str(header);
        BASE64_URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let mut signature = vec![0; self.modulus_length()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .map_err(|_| KeyError::Sign)?;
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Ok(token)
    }

    fn modulus_length(&self) -> usize {
        self.pair.public_modulus_len()
    }

    fn from_pair(pair: RsaKeyPair) -> Result<Self, KeyError> {
        let key = pair.public_key();
        let modulus = key.modulus().big_endian_without_leading_zero().to_vec();
        if !(256..=1024).contains(&modulus.len()) || modulus[0] < 0x80 {
            return Err(KeyError::PrivateKey);
        }
        let public = PublicKey::new(&modulus, key.exponent().big_endian_without_leading_zero());
        // Verifiers read any order, but captured tokens have the key id first and no `typ`.
        let header = |typ: &str| {
            let header = format!(r#"{{"kid":"{}",{typ}"alg":"RS256"}}"#, public.kid);
            format!("{}.", BASE64_URL_SAFE_NO_PAD.encode(header))
        };
        let (plain, access_token_header) = (header(""), header(r#""typ":"at+jwt","#));
        let logout_token_header = header(r#""typ":"logout+jwt","#);
        Ok(Self { pair, public, header: plain, access_token_header, logout_token_header })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.public.kid).finish_non_exhaustive()
    }
}

/// The half of a signing key that is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Published", into = "Published")]
pub struct PublicKey {
    pub kid: String,
    /// The modulus, base64url.
    pub n: String,
    /// The exponent, base64url.
    pub e: String,
}

impl PublicKey {
    fn new(modulus: &[u8], exponent: &[u8]) -> Self {
        let (n, e) = (BASE64_URL_SAFE_NO_PAD.encode(modulus), BASE64_URL_SAFE_NO_PAD.encode(exponent));
        let thumbprint = digest::digest(&digest::SHA256, format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#).as_bytes());
        Self { kid: BASE64_STANDARD.encode(thumbprint), n, e }
    }

    /// The member of a JWKS, as user pools write it. Serializing the key itself gives the same members in the same order.
    pub fn jwk(&self) -> serde_json::Value {
        serde_json::json!({ "alg": "RS256", "e": self.e, "kid": self.kid, "kty": "RSA", "n": self.n, "use": "sig" })
    }
}

/// The JWK on the wire; the order of its members is the order in which user pools write them.
#[derive(Serialize, Deserialize)]
struct Published {
    #[serde(skip_deserializing)]
    alg: &'static str,
    e: String,
    kid: String,
    #[serde(skip_deserializing)]
    kty: &'static str,
    n: String,
    #[serde(skip_deserializing, rename = "use")]
    usage: &'static str,
}

impl From<PublicKey> for Published {
    fn from(PublicKey { kid, n, e }: PublicKey) -> Self {
        Self { alg: "RS256", e, kid, kty: "RSA", n, usage: "sig" }
    }
}

impl From<Published> for PublicKey {
    fn from(Published { kid, n, e, .. }: Published) -> Self {
        Self { kid, n, e }
    }
}

#[cfg(test)]
mod tests {
    use rsa::{
        Pkcs1v15Sign, RsaPublicKey,
        sha2::{Digest, Sha256},
    };

    use super::*;

    fn independent(public: &PublicKey) -> RsaPublicKey {
        let number = |text: &str| rsa::BigUint::from_bytes_be(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap());
        RsaPublicKey::new(number(&public.n), number(&public.e)).unwrap()
    }

    #[test]
    fn another_implementation_accepts_our_signature() {
        let key = SigningKey::generate().unwrap();
        let token = key.sign(&serde_json::json!({ "sub": "a", "exp": 1 })).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        let verify = |text: &str| {
            independent(&key.public()).verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(text), &signature)
        };
        assert!(verify(signed).is_ok());
        assert!(verify(&signed[1..]).is_err());
        let (header, payload) = signed.split_once('.').unwrap();
        assert_eq!(
            String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap(),
            format!(r#"{{"kid":"{}","alg":"RS256"}}"#, key.kid())
        );
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap(), br#"{"exp":1,"sub":"a"}"#);
    }

    #[test]
    fn a_key_survives_its_pkcs8_form() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(again.sign(&[1]).unwrap(), key.sign(&[1]).unwrap());
    }

    #[test]
    fn damaged_and_foreign_private_keys_are_refused() {
        let der = SigningKey::generate().unwrap().to_pkcs8().unwrap();
        assert!(matches!(SigningKey::from_pkcs8(b""), Err(KeyError::PrivateKey)));
        assert!(matches!(SigningKey::from_pkcs8(&der[..der.len() - 1]), Err(KeyError::PrivateKey)));
        for at in (30..der.len()).step_by(97) {
            let mut damaged = der.to_vec();
            damaged[at] ^= 1;
            // Damage to a number either breaks the key's arithmetic or leaves a key with another id.
            if let Ok(key) = SigningKey::from_pkcs8(&damaged) {
                assert_ne!(key.kid(), SigningKey::from_pkcs8(&der).unwrap().kid());
            }
        }
        use rsa::{pkcs8::EncodePrivateKey, rand_core::OsRng};
        let small = rsa::RsaPrivateKey::new(&mut OsRng, 1024).unwrap().to_pkcs8_der().unwrap();
        assert!(matches!(SigningKey::from_pkcs8(small.as_bytes()), Err(KeyError::PrivateKey)));
    }

    #[test]
    fn the_key_id_is_the_thumbprint_of_rfc_7638() {
        // The example of RFC 7638, section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
                 FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb\
                 9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls\
                 1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = PublicKey::new(&BASE64_URL_SAFE_NO_PAD.decode(n).unwrap(), &[1, 0, 1]);
        assert_eq!(
            key.kid,
            BASE64_STANDARD
                .encode(BASE64_URL_SAFE_NO_PAD.decode("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs").unwrap())
        );
        assert_eq!((key.kid.len(), key.e.as_str()), (44, "AQAB"));
    }

    #[test]
    fn the_published_members_have_the_order_of_the_service() {
        let key = SigningKey::generate().unwrap().public();
        let text = serde_json::to_string(&key).unwrap();
        let expected =
            format!(r#"{{"alg":"RS256","e":"AQAB","kid":"{}","kty":"RSA","n":"{}","use":"sig"}}"#, key.kid, key.n);
        assert_eq!(text, expected);
        assert_eq!(key.jwk().to_string(), expected);
        assert_eq!(serde_json::from_str::<PublicKey>(&text).unwrap(), key);
    }
}
