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
use moka::{policy::EvictionPolicy, sync::Cache};

use super::jwt::Verified;

/// Some thousand tokens of the usual size.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

pub(super) type TokenHash = [u8; 32];

#[derive(Debug)]
pub(super) struct Verdicts(Cache<TokenHash, Arc<Verified>, Prefix>);

impl Verdicts {
    pub(super) fn new() -> Self {
        let weigh = |_: &TokenHash, verified: &Arc<Verified>| u32::try_from(verified.size()).unwrap_or(u32::MAX);
        Self(
            Cache::builder()
                .max_capacity(MAX_BYTES)
                .eviction_policy(EvictionPolicy::lru())
                .weigher(weigh)
                .build_with_hasher(Prefix),
        )
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
        self.0.invalidate(hash);
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
