//! tmp
use super::*;
use crate::domain::{Pool, attribute, pool::PoolSettings};
use crate::store;
pub struct DesiredPool {
    pub id: String,
    pub name: String,
    pub strict_oidc: bool,
    pub settings: serde_json::Map<String, serde_json::Value>,
}
pub async fn apply(cx: &Cx, d: DesiredPool) -> Result<bool> {
    let mut settings: PoolSettings =
        serde_json::from_value(serde_json::Value::Object(d.settings)).map_err(|e| Error::Internal(e.to_string()))?;
    settings.schema = attribute::schema_with(settings.schema)?;
    let mut tx = cx.begin().await?;
    let r = store::pools::insert(
        &mut tx,
        &Pool {
            id: d.id,
            name: d.name,
            strict_oidc: d.strict_oidc,
            settings,
            created_at: cx.now(),
            modified_at: cx.now(),
        },
    )
    .await?;
    tx.commit().await?;
    Ok(r)
}
pub async fn ids(_: &Cx) -> Result<Vec<String>> {
    Ok(vec![])
}
pub async fn remove(_: &Cx, _: &str) -> Result<()> {
    Ok(())
}
