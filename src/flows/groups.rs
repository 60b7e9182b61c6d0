//! Groups and memberships from the administrator's side, and groups as a configuration file wants them.
//!
//! Memberships are read when a token is made and cached nowhere: the next token tells of a change.

use super::{
    Applied, Cx,
    cursor::{self, Page},
    directory,
    pools::held,
    users,
};
use crate::{
    domain::{Error, Group, Result, User},
    store,
};

pub const MOST_GROUPS: i64 = 10_000;
pub const MOST_GROUPS_OF_USER: i64 = 100;

/// What is told of a group when it is made or changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    pub description: Option<String>,
    pub role_arn: Option<String>,
    /// The lowest number wins.
    pub precedence: Option<u32>,
}

pub async fn create(cx: &Cx, pool_id: &str, name: &str, details: Details) -> Result<Group> {
    let now = cx.now();
    let group = Group {
        pool_id: pool_id.to_owned(),
        name: name.to_owned(),
        description: details.description,
        role_arn: details.role_arn,
        precedence: details.precedence,
        created_at: now,
        modified_at: now,
    };
    let mut tx = cx.begin().await?;
    held(&mut tx, pool_id).await?;
    if store::groups::count(&mut tx, pool_id).await? >= MOST_GROUPS {
        return Err(Error::LimitExceeded(format!("A user pool holds at most {MOST_GROUPS} groups.")));
    }
    if !store::groups::insert(&mut tx, &group).await? {
        return Err(Error::GroupExists);
    }
    tx.commit().await?;
    Ok(group)
}

pub async fn get(cx: &Cx, pool_id: &str, name: &str) -> Result<Group> {
    directory::pool(cx, pool_id).await?;
    store::groups::find(&mut cx.read().await?, pool_id, name).await?.ok_or(Error::NoSuchGroup)
}

/// Changes what is given; the rest stays.
pub async fn update(cx: &Cx, pool_id: &str, name: &str, details: Details) -> Result<Group> {
    let mut tx = cx.begin().await?;
    held(&mut tx, pool_id).await?;
    let mut group = store::groups::find(&mut tx, pool_id, name).await?.ok_or(Error::NoSuchGroup)?;
    group.description = details.description.or(group.description);
    group.role_arn = details.role_arn.or(group.role_arn);
    group.precedence = details.precedence.or(group.precedence);
    group.modified_at = cx.now();
    store::groups::update(&mut tx, &group).await?;
    tx.commit().await?;
    Ok(group)
}

/// Deletes the group; its members stay users.
pub async fn delete(cx: &Cx, pool_id: &str, name: &str) -> Result<()> {
    directory::pool(cx, pool_id).await?;
    let mut tx = cx.begin().await?;
    if !store::groups::delete(&mut tx, pool_id, name).await? {
        return Err(Error::NoSuchGroup);
    }
    Ok(tx.commit().await?)
}

pub async fn list(cx: &Cx, pool_id: &str, limit: usize, cursor: Option<&str>) -> Result<Page<Group>> {
    directory::pool(cx, pool_id).await?;
    let list = format!("groups:{pool_id}");
    let after = cursor::open(cx, &list, cursor)?;
    let groups = store::groups::page(&mut cx.read().await?, pool_id, &after, one_more(limit)).await?;
    cursor::page(cx, &list, groups, limit, |group| group.name.clone())
}

/// What shows whether there is another page.
fn one_more(limit: usize) -> i64 {
    i64::try_from(limit + 1).unwrap_or(i64::MAX)
}

/// Idempotent. The user is named by user name, `sub` or alias.
pub async fn add_user(cx: &Cx, pool_id: &str, username: &str, group: &str) -> Result<()> {
    let (_, user) = users::find(cx, pool_id, username).await?;
    let mut tx = cx.begin().await?;
    held(&mut tx, pool_id).await?;
    let user = store::users::by_sub_for_update(&mut tx, pool_id, &user.sub).await?.ok_or(Error::NoSuchUser)?;
    store::groups::find(&mut tx, pool_id, group).await?.ok_or(Error::NoSuchGroup)?;
    store::groups::add_member(&mut tx, pool_id, group, &user.sub).await?;
    if store::groups::count_of_user(&mut tx, pool_id, &user.sub).await? > MOST_GROUPS_OF_USER {
        return Err(Error::InvalidParameter(format!("A user can be in at most {MOST_GROUPS_OF_USER} groups.")));
    }
    Ok(tx.commit().await?)
}

/// Idempotent.
pub async fn remove_user(cx: &Cx, pool_id: &str, username: &str, group: &str) -> Result<()> {
    let (_, user) = users::find(cx, pool_id, username).await?;
    get(cx, pool_id, group).await?;
    let mut tx = cx.begin().await?;
    store::groups::remove_member(&mut tx, pool_id, group, &user.sub).await?;
    Ok(tx.commit().await?)
}

pub async fn of_user(
    cx: &Cx,
    pool_id: &str,
    username: &str,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Page<Group>> {
    let (_, user) = users::find(cx, pool_id, username).await?;
    let list = format!("groups of:{pool_id}:{}", user.sub);
    let after = cursor::open(cx, &list, cursor)?;
    let groups = store::groups::of_user(&mut cx.read().await?, pool_id, &user.sub, &after, one_more(limit)).await?;
    cursor::page(cx, &list, groups, limit, |group| group.name.clone())
}

pub async fn members(cx: &Cx, pool_id: &str, group: &str, limit: usize, cursor: Option<&str>) -> Result<Page<User>> {
    get(cx, pool_id, group).await?;
    let list = format!("members:{pool_id}:{group}");
    let after = cursor::open(cx, &list, cursor)?;
    let users = store::user_search::of_group(&mut cx.read().await?, pool_id, group, &after, one_more(limit)).await?;
    cursor::page(cx, &list, users, limit, |user| user.sub.clone())
}

/// Of every group of the pool.
pub async fn all_names(cx: &Cx, pool_id: &str) -> Result<Vec<String>> {
    let groups = store::groups::page(&mut cx.read().await?, pool_id, "", MOST_GROUPS).await?;
    Ok(groups.into_iter().map(|group| group.name).collect())
}

/// Makes the group what the file says: what the file does not tell of it is taken away.
pub async fn apply(cx: &Cx, pool_id: &str, name: &str, details: Details) -> Result<Applied> {
    let current = store::groups::find(&mut cx.read().await?, pool_id, name).await?;
    let Some(mut group) = current else {
        return create(cx, pool_id, name, details).await.map(|_| Applied::Created);
    };
    let present = Details {
        description: group.description.take(),
        role_arn: group.role_arn.take(),
        precedence: group.precedence,
    };
    if present == details {
        return Ok(Applied::Unchanged);
    }
    group.description = details.description;
    group.role_arn = details.role_arn;
    group.precedence = details.precedence;
    group.modified_at = cx.now();
    let mut tx = cx.begin().await?;
    if !store::groups::update(&mut tx, &group).await? {
        return Err(Error::NoSuchGroup);
    }
    tx.commit().await?;
    Ok(Applied::Changed)
}
