//! tmp
use super::*;
use crate::domain::ResourceServer;
use crate::store;
pub struct DesiredResourceServer {
    pub identifier: String,
    pub name: String,
    pub scopes: std::collections::BTreeMap<String, String>,
}
pub async fn apply(cx: &Cx, pool: &str, d: DesiredResourceServer) -> Result<bool> {
    let mut tx = cx.begin().await?;
    let r = store::resource_servers::insert(
        &mut tx,
        &ResourceServer { pool_id: pool.to_owned(), identifier: d.identifier, name: d.name, scopes: d.scopes },
    )
    .await?;
    tx.commit().await?;
    Ok(r)
}
