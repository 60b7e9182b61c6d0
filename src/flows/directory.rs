//! Pools, clients, resource servers and domains, close at hand: read often, changed seldom.
//!
//! The rule by which a change is seen is the cache's: at once here, within a second where another instance made it.

use std::{collections::HashMap, sync::Arc};

use super::{App, Cx, looks::Look};
use crate::{
    domain::{Client, Error, Pool, PoolId, ResourceServer, Result, risk::RiskConfiguration},
    store::{self, Cache, Store},
};

/// Far above what a pool may hold, so that one page is all of them.
const ALL_RESOURCE_SERVERS: i64 = 1_000;
const CACHED_POOLS: usize = 1_000;
const CACHED_CLIENTS: usize = 10_000;

pub struct Directory {
    pools: Cache<String, Pool>,
    clients: Cache<String, Client>,
    resource_servers: Cache<String, Vec<ResourceServer>>,
    /// All of them in one row: a host that is no domain is then known to be none.
    domains: Cache<(), HashMap<String, PoolId>>,
    /// By pool.
    risk: Cache<String, Vec<RiskConfiguration>>,
    /// By client.
    looks: Cache<String, Look>,
}

impl Directory {
    pub fn new(store: &Store) -> Self {
        Self {
            pools: store.cache(CACHED_POOLS),
            clients: store.cache(CACHED_CLIENTS),
            resource_servers: store.cache(CACHED_POOLS),
            domains: store.cache(1),
            risk: store.cache(CACHED_POOLS),
            looks: store.cache(CACHED_POOLS),
        }
    }

    /// After a commit that changed the pool, and when it was deleted with all that it holds.
    pub fn forget_pool(&self, pool_id: &str) {
        self.pools.invalidate(&pool_id.to_owned());
        self.resource_servers.invalidate(&pool_id.to_owned());
        self.risk.invalidate(&pool_id.to_owned());
    }

    pub fn forget_client(&self, client_id: &str) {
        self.clients.invalidate(&client_id.to_owned());
        self.forget_look(client_id);
    }

    /// After a commit that changed what the client's pages show.
    pub fn forget_look(&self, client_id: &str) {
        self.looks.invalidate(&client_id.to_owned());
    }

    /// After a commit that made, changed or deleted a domain. Which look counts depends on it.
    pub fn forget_domains(&self) {
        self.domains.invalidate(&());
        self.looks.clear();
    }

    /// After everything may have changed.
    pub fn forget_all(&self) {
        self.pools.clear();
        self.clients.clear();
        self.resource_servers.clear();
        self.domains.clear();
        self.risk.clear();
        self.looks.clear();
    }
}

/// The pool if it is in memory.
pub fn pool_at_hand(app: &App, id: &str) -> Option<Arc<Pool>> {
    app.directory.pools.get(id)
}

pub async fn find_pool(app: &App, id: &str) -> Result<Option<Arc<Pool>>> {
    let load = || async {
        let mut tx = app.store.read().await?;
        store::pools::find(&mut tx, id).await
    };
    Ok(app.directory.pools.get_or_load(id, load).await?)
}

pub async fn pool(cx: &Cx, id: &str) -> Result<Arc<Pool>> {
    find_pool(&cx.app, id).await?.ok_or_else(|| Error::NoSuchPool(id.to_owned()))
}

/// The client, as far as the request's site shows its pool.
pub async fn find_client(cx: &Cx, id: &str) -> Result<Option<Arc<Client>>> {
    let load = || async {
        let mut tx = cx.app.store.read().await?;
        store::clients::find(&mut tx, id).await
    };
    let client = cx.app.directory.clients.get_or_load(id, load).await?;
    Ok(client.filter(|client| cx.site.shows(&client.pool_id)))
}

/// The client and its pool, for calls that name only the client.
pub async fn client(cx: &Cx, id: &str) -> Result<(Arc<Pool>, Arc<Client>)> {
    let client = find_client(cx, id).await?.ok_or_else(|| Error::NoSuchClient(id.to_owned()))?;
    // A pool that was deleted a moment ago by another instance takes its clients with it.
    let pool = find_pool(&cx.app, &client.pool_id).await?.ok_or_else(|| Error::NoSuchClient(id.to_owned()))?;
    Ok((pool, client))
}

/// The client, which must be of this pool.
pub async fn client_of(cx: &Cx, pool_id: &str, id: &str) -> Result<(Arc<Pool>, Arc<Client>)> {
    let pool = pool(cx, pool_id).await?;
    let client = find_client(cx, id).await?.filter(|client| client.pool_id == pool_id);
    Ok((pool, client.ok_or_else(|| Error::NoSuchClient(id.to_owned()))?))
}

pub async fn resource_servers(cx: &Cx, pool_id: &str) -> Result<Arc<Vec<ResourceServer>>> {
    let load = || async {
        let mut tx = cx.app.store.read().await?;
        store::resource_servers::page(&mut tx, pool_id, "", ALL_RESOURCE_SERVERS).await.map(Some)
    };
    Ok(cx.app.directory.resource_servers.get_or_load(pool_id, load).await?.unwrap_or_default())
}

/// The pools of all domains, by the domain's name.
pub async fn domains(cx: &Cx) -> Result<Arc<HashMap<String, PoolId>>> {
    let load = || async {
        let mut tx = cx.app.store.read().await?;
        store::domains::all(&mut tx).await.map(Some)
    };
    Ok(cx.app.directory.domains.get_or_load(&(), load).await?.unwrap_or_default())
}

/// Of the pool and of each client that has one.
pub async fn risk(cx: &Cx, pool_id: &str) -> Result<Arc<Vec<RiskConfiguration>>> {
    let load = || async {
        let mut tx = cx.app.store.read().await?;
        store::risk::of_pool(&mut tx, pool_id).await.map(Some)
    };
    Ok(cx.app.directory.risk.get_or_load(pool_id, load).await?.unwrap_or_default())
}

/// What the client's pages show.
pub async fn look(cx: &Cx, client: &Client) -> Result<Arc<Look>> {
    let load = || async {
        let mut tx = cx.app.store.read().await?;
        Look::load(&mut tx, client).await.map(Some)
    };
    Ok(cx.app.directory.looks.get_or_load(&*client.id, load).await?.unwrap_or_default())
}
