//! Groups and memberships.

use super::{Result, Tx, row::row};
use crate::{domain::Group, kit::clock::Time};

row! {
    struct GroupRow {
        pool_id: String,
        name: String,
        description: Option<String>,
        role_arn: Option<String>,
        precedence: Option<i64>,
        created_at: i64,
        modified_at: i64,
    }
}

impl From<GroupRow> for Group {
    fn from(row: GroupRow) -> Self {
        Self {
            pool_id: row.pool_id,
            name: row.name,
            description: row.description,
            role_arn: row.role_arn,
            precedence: row.precedence.and_then(|precedence| u32::try_from(precedence).ok()),
            created_at: Time::from_millis(row.created_at),
            modified_at: Time::from_millis(row.modified_at),
        }
    }
}

/// False when the pool has a group of this name.
pub async fn insert(tx: &mut Tx, group: &Group) -> Result<bool> {
    let inserted = tx
        .sql(
            "INSERT INTO pool_group (pool_id, name, description, role_arn, precedence, created_at, modified_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*group.pool_id)
        .bind(&*group.name)
        .bind(group.description.clone())
        .bind(group.role_arn.clone())
        .bind(group.precedence.map(i64::from))
        .bind(group.created_at.millis())
        .bind(group.modified_at.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}

pub async fn find(tx: &mut Tx, pool_id: &str, name: &str) -> Result<Option<Group>> {
    let row = tx
        .sql(
            "SELECT pool_id, name, description, role_arn, precedence, created_at, modified_at
             FROM pool_group
             WHERE pool_id = $1 AND name = $2",
        )
        .bind(pool_id)
        .bind(name)
        .optional::<GroupRow>()
        .await?;
    Ok(row.map(Into::into))
}

/// By name, from after `cursor`.
pub async fn page(tx: &mut Tx, pool_id: &str, cursor: &str, limit: i64) -> Result<Vec<Group>> {
    let rows = tx
        .sql(
            "SELECT pool_id, name, description, role_arn, precedence, created_at, modified_at
             FROM pool_group
             WHERE pool_id = $1 AND name > $2
             ORDER BY name
             LIMIT $3",
        )
        .bind(pool_id)
        .bind(cursor)
        .bind(limit)
        .all::<GroupRow>()
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// How many groups the pool has.
pub async fn count(tx: &mut Tx, pool_id: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM pool_group WHERE pool_id = $1";
    Ok(tx.sql(sql).bind(pool_id).one::<(i64,)>().await?.0)
}

/// How many groups the user is in.
pub async fn count_of_user(tx: &mut Tx, pool_id: &str, sub: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM membership WHERE pool_id = $1 AND sub = $2";
    Ok(tx.sql(sql).bind(pool_id).bind(sub).one::<(i64,)>().await?.0)
}

/// False when there is no group of this name.
pub async fn update(tx: &mut Tx, group: &Group) -> Result<bool> {
    let updated = tx
        .sql(
            "UPDATE pool_group
             SET description = $3, role_arn = $4, precedence = $5, modified_at = $6
             WHERE pool_id = $1 AND name = $2",
        )
        .bind(&*group.pool_id)
        .bind(&*group.name)
        .bind(group.description.clone())
        .bind(group.role_arn.clone())
        .bind(group.precedence.map(i64::from))
        .bind(group.modified_at.millis())
        .run()
        .await?;
    Ok(updated == 1)
}

pub async fn delete(tx: &mut Tx, pool_id: &str, name: &str) -> Result<bool> {
    let sql = "DELETE FROM pool_group WHERE pool_id = $1 AND name = $2";
    Ok(tx.sql(sql).bind(pool_id).bind(name).run().await? == 1)
}

/// Idempotent. Group and user must exist.
pub async fn add_member(tx: &mut Tx, pool_id: &str, name: &str, sub: &str) -> Result<()> {
    tx.sql("INSERT INTO membership (pool_id, group_name, sub) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(pool_id)
        .bind(name)
        .bind(sub)
        .run()
        .await?;
    Ok(())
}

/// Idempotent.
pub async fn remove_member(tx: &mut Tx, pool_id: &str, name: &str, sub: &str) -> Result<()> {
    tx.sql("DELETE FROM membership WHERE pool_id = $1 AND group_name = $2 AND sub = $3")
        .bind(pool_id)
        .bind(name)
        .bind(sub)
        .run()
        .await?;
    Ok(())
}

/// The groups of a user by name, from after `cursor`.
pub async fn of_user(tx: &mut Tx, pool_id: &str, sub: &str, cursor: &str, limit: i64) -> Result<Vec<Group>> {
    let rows = tx
        .sql(
            "SELECT g.pool_id, g.name, g.description, g.role_arn, g.precedence, g.created_at, g.modified_at
             FROM membership m
             JOIN pool_group g ON g.pool_id = m.pool_id AND g.name = m.group_name
             WHERE m.pool_id = $1 AND m.sub = $2 AND m.group_name > $3
             ORDER BY m.group_name
             LIMIT $4",
        )
        .bind(pool_id)
        .bind(sub)
        .bind(cursor)
        .bind(limit)
        .all::<GroupRow>()
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}
