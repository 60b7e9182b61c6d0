//! The pools' keys: two pairs each, one for ID tokens, one for access tokens, parsed once.
//!
//! Making a pair takes a tenth of a second, so a pool's are made in the background right after the pool is; whoever needs
//! them earlier makes them on the spot. Two instances may both try: the database keeps the first.

use std::{collections::HashMap, sync::Arc};

use super::{App, Cx};
use crate::{
    domain::{Error, Result},
    keys::{
        jwt::VerifyingKey,
        signing::{PublicKey, SigningKey},
    },
    store::{self, Cache, Store, StoreError, signing_keys::SigningKeyRecord},
};

const CACHED_POOLS: usize = 1_000;
const USES: [&str; 2] = ["id", "access"];

pub struct KeyRing {
    kept: Cache<String, PoolKeys>,
    /// Held by the one who makes keys: the others wait for them instead of making more.
    making: tokio::sync::Mutex<()>,
}

impl KeyRing {
    pub fn new(store: &Store) -> Self {
        Self { kept: store.cache(CACHED_POOLS), making: tokio::sync::Mutex::default() }
    }

    pub fn forget(&self, pool_id: &str) {
        self.kept.invalidate(&pool_id.to_owned());
    }

    pub fn forget_all(&self) {
        self.kept.clear();
    }
}

/// The keys of one pool.
pub struct PoolKeys {
    pub id: SigningKey,
    pub access: SigningKey,
    /// What the JWKS shows: keys in use and retired ones whose tokens may still live.
    pub published: Vec<PublicKey>,
    /// By `kid`.
    pub verifying: HashMap<String, Arc<VerifyingKey>>,
}

/// The keys of a pool that exists, made now if need be.
pub async fn keys_of(cx: &Cx, pool_id: &str) -> Result<Arc<PoolKeys>> {
    of_app(&cx.app, pool_id).await
}

/// The pool's keys if they are in memory.
pub fn at_hand(app: &App, pool_id: &str) -> Option<Arc<PoolKeys>> {
    app.key_ring.kept.get(pool_id)
}

pub async fn of_app(app: &Arc<App>, pool_id: &str) -> Result<Arc<PoolKeys>> {
    let load = || async {
        let mut records = read(app, pool_id).await?;
        if missing(&records).next().is_some() {
            let _turn = app.key_ring.making.lock().await;
            make_missing(app, pool_id, &read(app, pool_id).await?).await?;
            records = read(app, pool_id).await?;
        }
        PoolKeys::parse(&records).map(Some)
    };
    let keys = app.key_ring.kept.get_or_load(pool_id, load).await?;
    keys.ok_or_else(|| Error::NoSuchPool(pool_id.to_owned()))
}

/// Makes a new pool's keys while nobody waits for them.
pub fn prepare(cx: &Cx, pool_id: &str) {
    let (app, pool_id) = (Arc::clone(&cx.app), pool_id.to_owned());
    tokio::spawn(async move {
        if let Err(error) = of_app(&app, &pool_id).await {
            tracing::debug!(pool = pool_id, %error, "the keys of a new pool were not made in advance");
        }
    });
}

async fn read(app: &Arc<App>, pool_id: &str) -> Result<Vec<SigningKeyRecord>, StoreError> {
    let mut tx = app.store.read().await?;
    store::signing_keys::of_pool(&mut tx, pool_id).await
}

fn missing(records: &[SigningKeyRecord]) -> impl Iterator<Item = &'static str> {
    let has = |token_use: &str| records.iter().any(|key| key.token_use == token_use && key.retired_at.is_none());
    USES.into_iter().filter(move |token_use| !has(token_use))
}

async fn make_missing(app: &Arc<App>, pool_id: &str, records: &[SigningKeyRecord]) -> Result<(), StoreError> {
    for token_use in missing(records) {
        let key =
            tokio::task::spawn_blocking(SigningKey::generate).await.map_err(|_| StoreError::Corrupt("key maker"))?;
        let key = key.map_err(|_| StoreError::Corrupt("new signing key"))?;
        let record = SigningKeyRecord {
            kid: key.kid().to_owned(),
            pool_id: pool_id.to_owned(),
            token_use: token_use.to_owned(),
            private_key: key.to_pkcs8().map_err(|_| StoreError::Corrupt("new signing key"))?,
            created_at: app.clock.now(),
            retired_at: None,
        };
        let mut tx = app.store.begin().await?;
        store::signing_keys::insert(&mut tx, &record).await?;
        tx.commit().await?;
    }
    Ok(())
}

impl PoolKeys {
    fn parse(records: &[SigningKeyRecord]) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt("signing key");
        let (mut id, mut access) = (None, None);
        let (mut published, mut verifying) = (Vec::new(), HashMap::new());
        for record in records {
            let key = SigningKey::from_pkcs8(&record.private_key).map_err(|_| corrupt())?;
            let public = key.public();
            verifying
                .insert(key.kid().to_owned(), Arc::new(VerifyingKey::from_public(&public).map_err(|_| corrupt())?));
            published.push(public);
            match (record.retired_at, record.token_use.as_str()) {
                (None, "id") => id = Some(key),
                (None, "access") => access = Some(key),
                _ => {}
            }
        }
        Ok(Self { id: id.ok_or_else(corrupt)?, access: access.ok_or_else(corrupt)?, published, verifying })
    }
}
