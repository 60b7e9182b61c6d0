//! tmp
use super::*;
use crate::domain::Group;
use crate::store;
pub struct DesiredGroup {
    pub name: String,
    pub description: Option<String>,
    pub role_arn: Option<String>,
    pub precedence: Option<u32>,
}
pub async fn apply(cx: &Cx, pool: &str, d: DesiredGroup) -> Result<bool> {
    let mut tx = cx.begin().await?;
    let r = store::groups::insert(
        &mut tx,
        &Group {
            pool_id: pool.to_owned(),
            name: d.name,
            description: d.description,
            role_arn: d.role_arn,
            precedence: d.precedence,
            created_at: cx.now(),
            modified_at: cx.now(),
        },
    )
    .await?;
    tx.commit().await?;
    Ok(r)
}
pub async fn add_member(cx: &Cx, pool: &str, group: &str, username: &str) -> Result<()> {
    let (_, user) = super::users::find(cx, pool, username).await?;
    let mut tx = cx.begin().await?;
    store::groups::add_member(&mut tx, pool, group, &user.sub).await?;
    Ok(tx.commit().await?)
}
pub async fn names(_: &Cx, _: &str) -> Result<Vec<String>> {
    Ok(vec![])
}
pub async fn remove(_: &Cx, _: &str, _: &str) -> Result<()> {
    Ok(())
}
