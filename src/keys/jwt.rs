//! Reading and verifying signed tokens, ours and those of other issuers: compact JWS with an RSA signature, strictly.
//!
//! A token is refused when two parsers could read it differently: duplicate members, padded or non-canonical base64url,
//! critical extensions, more or fewer than three segments. Keys are never taken from the token (`jwk`, `jku`, `x5c` and `x5u`
//! are not looked at) unless it shows nothing but that somebody holds the key, and a key says which algorithms it serves, not the token alone. Claims are not judged here, except by
//! [`check_times`]. <https://www.rfc-editor.org/rfc/rfc7515> <https://www.rfc-editor.org/rfc/rfc8725>

mod json;
mod jws;
mod possession;
mod published;
#[cfg(test)]
mod tests;
mod times;
mod verifying;
#[cfg(test)]
mod wycheproof;

use serde_json::{Map, Value};

use self::jws::{Jws, decode};
pub use self::{
    possession::{Possession, PossessionError},
    published::{IssuerKeys, verify_published},
    times::{TimeError, check_times},
    verifying::{Algorithm, VerifyingKey},
};

/// Longer tokens are refused unread. HTTP servers take about as much in one header.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Longer key ids are refused; they only cost memory in caches and logs.
pub const MAX_KID_BYTES: usize = 1024;

/// Why a token is not accepted. The texts are the ones that API Gateway puts in `www-authenticate`, where it is known to
/// have one; they hold nothing of the token but a name of letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    #[error("token contains an invalid number of segments")]
    Segments,
    #[error("token is malformed: {0}")]
    Malformed(&'static str),
    #[error("signing method {0} is invalid")]
    Algorithm(String),
    #[error("unable to find a signing key that matches the kid")]
    UnknownKid,
    #[error("signature is invalid")]
    Signature,
}

/// A token that could be read. Nothing in it can be trusted until [`VerifyingKey::verify`] said so.
#[derive(Debug)]
pub struct Token<'a> {
    /// Header and payload as they were signed, with the dot between them.
    signed: &'a str,
    alg: String,
    kid: String,
    typ: Option<String>,
    claims: Map<String, Value>,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    pub fn parse(text: &'a str) -> Result<Self, JwtError> {
        let Jws { mut header, claims, signed, signature } = Jws::parse(text)?;
        let mut take = |name| match header.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let alg = take("alg").ok_or(JwtError::Malformed("the header has no alg"))?;
        let kid = take("kid").ok_or(JwtError::Malformed("the header has no kid"))?;
        if kid.len() > MAX_KID_BYTES {
            return Err(JwtError::Malformed("the kid is too long"));
        }
        let typ = take("typ");
        Ok(Self { signed, alg, kid, typ, claims, signature })
    }

    /// Whether it says that a session is over, and nothing of who asks for something.
    /// <https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken>
    pub fn is_for_logout(&self) -> bool {
        let typ = self.typ.as_deref().unwrap_or_default();
        typ.eq_ignore_ascii_case("logout+jwt") || typ.eq_ignore_ascii_case("application/logout+jwt")
    }

    /// The algorithm that the header names, whatever it is.
    pub fn alg(&self) -> &str {
        &self.alg
    }

    /// The algorithm when it is an accepted one. Gateways ask this before they look for the key.
    pub fn algorithm(&self) -> Result<Algorithm, JwtError> {
        Algorithm::named(&self.alg).ok_or_else(|| JwtError::Algorithm(printable(&self.alg)))
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    pub fn into_claims(self) -> Map<String, Value> {
        self.claims
    }
}

/// What a token says of itself, whoever made it and however it is signed. `None` where it is no token.
pub fn said_claims(text: &str) -> Option<Map<String, Value>> {
    Jws::parse(text).ok().map(|jws| jws.claims)
}

/// A name from the token in a form that may stand in a header field: letters, digits and hyphens, not too many.
fn printable(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(16).collect()
}
