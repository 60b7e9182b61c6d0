//! tmp
use super::*;
use crate::domain::{Client, client::*};
use crate::store;
pub struct DesiredClient {
    pub id: String,
    pub name: String,
    pub secret: Option<crate::kit::secret::Secret>,
    pub settings: serde_json::Map<String, serde_json::Value>,
}
pub async fn apply(cx: &Cx, pool: &str, d: DesiredClient) -> Result<bool> {
    let settings: ClientSettings =
        serde_json::from_value(serde_json::Value::Object(d.settings)).map_err(|e| Error::Internal(e.to_string()))?;
    let mut tx = cx.begin().await?;
    let r = store::clients::insert(
        &mut tx,
        &Client {
            pool_id: pool.to_owned(),
            secrets: d
                .secret
                .into_iter()
                .map(|value| ClientSecret { id: "x".into(), value, created_at: cx.now() })
                .collect(),
            id: d.id,
            name: d.name,
            settings,
            created_at: cx.now(),
            modified_at: cx.now(),
        },
    )
    .await?;
    tx.commit().await?;
    Ok(r)
}
pub async fn ids(_: &Cx, _: &str) -> Result<Vec<String>> {
    Ok(vec![])
}
pub async fn remove(_: &Cx, _: &str, _: &str) -> Result<()> {
    Ok(())
}
