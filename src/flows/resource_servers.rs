//! Resource servers from the administrator's side, and as a configuration file wants them.
//!
//! A scope that is taken away stays in the settings of clients, where it does nothing.

use super::{
    Applied, Cx,
    cursor::{self, Page},
    directory,
    pools::held,
};
use crate::{
    domain::{Error, ResourceServer, Result},
    store::{self, StoreError, Tx},
};

pub const MOST_RESOURCE_SERVERS: usize = 25;
/// Far above what a pool may hold.
const ALL: i64 = 1_000;

/// Every resource server of the pool, as the transaction sees them.
pub(super) async fn all(tx: &mut Tx, pool_id: &str) -> Result<Vec<ResourceServer>, StoreError> {
    store::resource_servers::page(tx, pool_id, "", ALL).await
}

pub async fn create(cx: &Cx, server: ResourceServer) -> Result<ResourceServer> {
    let mut tx = cx.begin().await?;
    held(&mut tx, &server.pool_id).await?;
    let present = all(&mut tx, &server.pool_id).await?;
    let exists = || Error::ResourceServerExists { identifier: server.identifier.clone(), pool: server.pool_id.clone() };
    if present.iter().any(|other| other.identifier == server.identifier) {
        return Err(exists());
    }
    if present.len() >= MOST_RESOURCE_SERVERS {
        let text = format!("A user pool holds at most {MOST_RESOURCE_SERVERS} resource servers.");
        return Err(Error::LimitExceeded(text));
    }
    if !store::resource_servers::insert(&mut tx, &server).await? {
        return Err(exists());
    }
    tx.commit().await?;
    cx.app.directory.forget_pool(&server.pool_id);
    Ok(server)
}

pub async fn get(cx: &Cx, pool_id: &str, identifier: &str) -> Result<ResourceServer> {
    directory::pool(cx, pool_id).await?;
    let server = store::resource_servers::find(&mut cx.read().await?, pool_id, identifier).await?;
    server.ok_or_else(|| Error::NoSuchResourceServer(identifier.to_owned()))
}

/// Replaces name and scopes.
pub async fn update(cx: &Cx, server: ResourceServer) -> Result<ResourceServer> {
    directory::pool(cx, &server.pool_id).await?;
    let mut tx = cx.begin().await?;
    if !store::resource_servers::update(&mut tx, &server).await? {
        return Err(Error::NoSuchResourceServer(server.identifier));
    }
    tx.commit().await?;
    cx.app.directory.forget_pool(&server.pool_id);
    Ok(server)
}

pub async fn delete(cx: &Cx, pool_id: &str, identifier: &str) -> Result<()> {
    directory::pool(cx, pool_id).await?;
    let mut tx = cx.begin().await?;
    if !store::resource_servers::delete(&mut tx, pool_id, identifier).await? {
        return Err(Error::NoSuchResourceServer(identifier.to_owned()));
    }
    tx.commit().await?;
    cx.app.directory.forget_pool(pool_id);
    Ok(())
}

pub async fn list(cx: &Cx, pool_id: &str, limit: usize, cursor: Option<&str>) -> Result<Page<ResourceServer>> {
    directory::pool(cx, pool_id).await?;
    let list = format!("resource servers:{pool_id}");
    let after = cursor::open(cx, &list, cursor)?;
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let servers = store::resource_servers::page(&mut cx.read().await?, pool_id, &after, wanted).await?;
    cursor::page(cx, &list, servers, limit, |server| server.identifier.clone())
}

/// Makes the resource server what the file says. Its pool must be there before.
pub async fn apply(cx: &Cx, desired: ResourceServer) -> Result<Applied> {
    let current = store::resource_servers::find(&mut cx.read().await?, &desired.pool_id, &desired.identifier).await?;
    match current {
        Some(current) if current == desired => Ok(Applied::Unchanged),
        Some(_) => update(cx, desired).await.map(|_| Applied::Changed),
        None => create(cx, desired).await.map(|_| Applied::Created),
    }
}
