//! The gateway's view of the pools: their keys without a request, and the issuers that mean them.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use foldhash::fast::RandomState;

use crate::{
    flows::{App, Setup, directory, key_ring, key_ring::PoolKeys},
    gateway::{KeySet, LocalIssuers},
    keys::jwt::VerifyingKey,
};

pub(super) struct OwnPools {
    app: Arc<App>,
    made: Mutex<HashMap<String, Made, RandomState>>,
}

/// The last key set of a pool, with the keys that it was made of.
type Made = (Arc<PoolKeys>, Arc<KeySet>);

impl OwnPools {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app, made: Mutex::default() }
    }

    fn key_set(&self, pool_id: &str, keys: Arc<PoolKeys>) -> Arc<KeySet> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, set)) = made.get(pool_id)
            && Arc::ptr_eq(of, &keys)
        {
            return Arc::clone(set);
        }
        let parsed = keys.published.iter().filter_map(|key| VerifyingKey::from_public(key).ok());
        let set = Arc::new(KeySet::new(parsed, version(&keys)));
        made.insert(pool_id.to_owned(), (keys, Arc::clone(&set)));
        set
    }
}

/// The same for the same keys, however often they are read.
fn version(keys: &PoolKeys) -> u64 {
    let mut hasher = DefaultHasher::new();
    for key in &keys.published {
        key.kid.hash(&mut hasher);
    }
    hasher.finish()
}

#[async_trait]
impl LocalIssuers for OwnPools {
    async fn keys(&self, pool_id: &str) -> Option<Arc<KeySet>> {
        // A pool that was deleted takes its keys with it, also out of the caches.
        directory::find_pool(&self.app, pool_id).await.ok()??;
        match key_ring::of_app(&self.app, pool_id).await {
            Ok(keys) => Some(self.key_set(pool_id, keys)),
            Err(error) => {
                tracing::error!(pool = pool_id, %error, "a pool's keys cannot be read");
                None
            }
        }
    }

    fn keys_at_hand(&self, pool_id: &str) -> Option<Arc<KeySet>> {
        directory::pool_at_hand(&self.app, pool_id)?;
        Some(self.key_set(pool_id, key_ring::at_hand(&self.app, pool_id)?))
    }

    fn issuers_of(&self, pool_id: &str) -> Vec<String> {
        let setup = &self.app.setup;
        vec![setup.local_issuer_of(pool_id), Setup::aws_issuer_of(pool_id), Setup::updated_aws_issuer_of(pool_id)]
    }

    fn pool_of_issuer(&self, issuer: &str) -> Option<String> {
        let (_, pool_id) = issuer.rsplit_once('/')?;
        self.issuers_of(pool_id).iter().any(|own| own == issuer).then(|| pool_id.to_owned())
    }
}
