//! Keys: what signs, hashes, proves and seals. Knows no pool, no database and no protocol of ours; it is handed bytes and
//! gives back bytes.
//!
//! Every primitive comes from aws-lc (RSA, HMAC, HKDF, AES, PBKDF2), argon2, bcrypt, scrypt or crypto-bigint; nothing
//! here invents one. What takes longer than a millisecond says so, so that callers keep it off the executor.

pub mod certificate;
pub mod client_assertion;
pub mod compromised;
pub mod hashing;
pub mod jwt;
pub mod saml;
pub mod seal;
pub mod signing;
pub mod srp;
pub mod totp;
pub mod webauthn;
pub mod webhook;

use std::path::PathBuf;

/// Why a key could not be made, read or used. None of the texts holds key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Too many password hashes wait for their turn.
    #[error("too many password hashes at once")]
    Busy,
    #[error("an RSA key could not be generated")]
    Generate,
    #[error("the private key is not an RSA key of 2048 to 8192 bits in PKCS#8")]
    PrivateKey,
    #[error("the private key is not one of the curve P-256 in PKCS#8")]
    AssertionKey,
    #[error("signing failed")]
    Sign,
    #[error("a certificate could not be made")]
    Certificate,
    #[error("the JWK is not usable: {0}")]
    Jwk(&'static str),
    #[error("the value could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the password hashing parameters are out of range: {0}")]
    HashingParameters(String),
    #[error("the stored password hash is not readable: {0}")]
    PasswordHash(String),
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    #[error("the thread that worked on a key stopped: {0}")]
    Worker(#[from] tokio::task::JoinError),
    #[error("an authenticator could not be asked: {0}")]
    WebAuthn(#[from] webauthn_rs_core::error::WebauthnError),
    #[error("the list of stolen passwords {}: {source}", path.display())]
    Compromised { path: PathBuf, source: std::io::Error },
    #[error("the key file {path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the key file {path} can be read by others (mode {mode:03o}); run: chmod 600 {path}", path = .path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("the master key must be the base64 text of exactly 32 bytes")]
    MasterKey,
}

/// Compares two secrets in a time that depends on their lengths only.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_equal_bytes_of_equal_length_are_the_same() {
        assert!(super::same(b"", b""));
        assert!(super::same(b"secret", b"secret"));
        assert!(!super::same(b"secret", b"secres"));
        assert!(!super::same(b"secret", b"secret "));
    }
}
