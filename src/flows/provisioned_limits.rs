//! Limits of the account in a region, kept.

use super::Cx;
use crate::{
    domain::{Result, provisioned_limit::ProvisionedLimit},
    store,
};

pub async fn get(cx: &Cx, category: &str) -> Result<ProvisionedLimit> {
    let limit = ProvisionedLimit::of(category)?;
    let kept = store::provisioned_limits::find(&mut cx.read().await?, &cx.region, limit.category).await?;
    let provisioned = kept.and_then(|value| u32::try_from(value).ok()).unwrap_or(limit.free);
    Ok(ProvisionedLimit { provisioned, ..limit })
}

pub async fn set(cx: &Cx, category: &str, value: i64) -> Result<ProvisionedLimit> {
    let limit = ProvisionedLimit::of(category)?.requested(value)?;
    let mut tx = cx.single().await?;
    store::provisioned_limits::put(&mut tx, &cx.region, limit.category, i64::from(limit.provisioned)).await?;
    tx.commit().await?;
    Ok(limit)
}
