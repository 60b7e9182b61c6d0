//! Tokens that were found valid, so that the next request with the same token costs a code and not a signature.
//!
//! A token is known by a code of 128 bits under a secret of this process (GMAC), so that memory holds no token, and nobody can
//! make another token with the code of one that is known. Each authorizer has its own: a token that is good for one issuer and
//! audience says nothing about another. Scopes are not part of a verdict, since they belong to the route. The size is bounded in
//! bytes.

use std::{
    hash::{BuildHasher, Hasher},
    sync::Arc,
};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use quick_cache::{
    Weighter,
    sync::{Cache, DefaultLifecycle},
};

use super::jwt::Verified;
use crate::kit::random::Random;

/// Some thousand tokens of the usual size.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
const USUAL: usize = 4096;

pub(super) type Code = [u8; 16];

#[derive(Debug)]
pub(super) struct Verdicts {
    known: Cache<Code, Arc<Verified>, Size, Prefix>,
    /// `None` where there is no such cipher; then nothing is remembered.
    secret: Option<LessSafeKey>,
}

#[derive(Clone, Debug)]
struct Size;

impl Weighter<Code, Arc<Verified>> for Size {
    fn weight(&self, _: &Code, verified: &Arc<Verified>) -> u64 {
        verified.size() as u64
    }
}

impl Verdicts {
    pub(super) fn new() -> Self {
        let secret = UnboundKey::new(&AES_128_GCM, &Random::system().bytes::<16>());
        Self {
            known: Cache::with(USUAL, MAX_BYTES, Size, Prefix, DefaultLifecycle::default()),
            secret: secret.ok().map(LessSafeKey::new),
        }
    }

    /// The code of a token. Several may have the same nonce because nobody is shown a code: to whoever knows none, two tokens
    /// have the same one with a chance of the number of their blocks in 2^128.
    pub(super) fn code(&self, token: &[u8]) -> Option<Code> {
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let tag = self.secret.as_ref()?.seal_in_place_separate_tag(nonce, Aad::from(token), &mut []).ok()?;
        tag.as_ref().try_into().ok()
    }

    pub(super) fn get(&self, code: &Code) -> Option<Arc<Verified>> {
        self.known.get(code)
    }

    pub(super) fn put(&self, code: Code, verified: Arc<Verified>) {
        self.known.insert(code, verified);
    }

    pub(super) fn forget(&self, code: &Code) {
        self.known.remove(code);
    }
}

/// The last eight bytes that are written: a code is uniform already.
#[derive(Clone, Copy, Debug, Default)]
struct Prefix;

#[derive(Default)]
struct PrefixHasher(u64);

impl BuildHasher for Prefix {
    type Hasher = PrefixHasher;

    fn build_hasher(&self) -> PrefixHasher {
        PrefixHasher::default()
    }
}

impl Hasher for PrefixHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk::<8>() {
            self.0 = u64::from_le_bytes(*last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_a_token_counts_and_every_process_has_its_own_codes() {
        let (own, other) = (Verdicts::new(), Verdicts::new());
        let token = b"a".repeat(1000);
        let code = own.code(&token).unwrap();
        assert_eq!(own.code(&token).unwrap(), code);
        assert_ne!(other.code(&token).unwrap(), code);
        for at in 0..token.len() {
            let mut changed = token.clone();
            changed[at] = b'b';
            assert_ne!(own.code(&changed).unwrap(), code, "{at}");
        }
        assert_ne!(own.code(&token[1..]).unwrap(), code);
        assert_ne!(own.code(b"").unwrap(), own.code(b"\0").unwrap());
    }
}
