//! Tokens that were found valid, so that the next request with the same token costs a hash and not a signature.
//!
//! The key is the SHA-256 of the token, so that neither memory nor timing holds a token. Each authorizer has its own: a token
//! that is good for one issuer and audience says nothing about another. Scopes are not part of a verdict, since they belong to
//! the route. The size is bounded in bytes.

use std::{
    hash::{BuildHasher, Hasher},
    sync::Arc,
};

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::{
    Weighter,
    sync::{Cache, DefaultLifecycle},
};

use super::jwt::Verified;

/// Some thousand tokens of the usual size.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
const USUAL: usize = 4096;

pub(super) type TokenHash = [u8; 32];

#[derive(Debug)]
pub(super) struct Verdicts(Cache<TokenHash, Arc<Verified>, Size, Prefix>);

#[derive(Clone, Debug)]
struct Size;

impl Weighter<TokenHash, Arc<Verified>> for Size {
    fn weight(&self, _: &TokenHash, verified: &Arc<Verified>) -> u64 {
        verified.size() as u64
    }
}

impl Verdicts {
    pub(super) fn new() -> Self {
        Self(Cache::with(USUAL, MAX_BYTES, Size, Prefix, DefaultLifecycle::default()))
    }

    pub(super) fn hash(token: &str) -> TokenHash {
        let mut hash = TokenHash::default();
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        hash
    }

    pub(super) fn get(&self, hash: &TokenHash) -> Option<Arc<Verified>> {
        self.0.get(hash)
    }

    pub(super) fn put(&self, hash: TokenHash, verified: Arc<Verified>) {
        self.0.insert(hash, verified);
    }

    pub(super) fn forget(&self, hash: &TokenHash) {
        self.0.remove(hash);
    }
}

/// The last eight bytes that are written: a digest is uniform already. Nobody can fill one bucket by choice, as only tokens
/// that an issuer signed get in.
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
