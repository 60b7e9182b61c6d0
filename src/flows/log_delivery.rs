//! Where a pool's logs would be delivered.

use super::{Cx, directory, pools::held};
use crate::{
    domain::{
        Result,
        log_delivery::{self, LogConfiguration},
    },
    store,
};

pub async fn get(cx: &Cx, pool_id: &str) -> Result<Vec<LogConfiguration>> {
    directory::pool(cx, pool_id).await?;
    Ok(store::log_delivery::find(&mut cx.read().await?, pool_id).await?)
}

/// Replaces what was set.
pub async fn set(cx: &Cx, pool_id: &str, configurations: Vec<LogConfiguration>) -> Result<Vec<LogConfiguration>> {
    let mut tx = cx.begin().await?;
    let pool = held(&mut tx, pool_id).await?;
    log_delivery::check(&pool, &configurations)?;
    store::log_delivery::put(&mut tx, pool_id, configurations.clone()).await?;
    tx.commit().await?;
    Ok(configurations)
}
