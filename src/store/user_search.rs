//! Lists of users: all of a pool, those a filter finds, those of a group. Pages go on after the last `sub` seen.

use super::{Result, Tx, row::row, users, users::columns};
use crate::domain::{pool::Pool, user::Status, user::User};

/// A parsed ListUsers filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    Username(Match),
    Sub(Match),
    /// One of [`users::SEARCHABLE`].
    Attribute(&'static str, Match),
    Status(Status),
    Enabled(bool),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    Exact(String),
    Prefix(String),
}

impl Match {
    /// The first and the last text that match: a prefix is a range, which an index can answer.
    fn range(&self, key: impl Fn(&str) -> String) -> (String, String) {
        match self {
            Self::Exact(text) => (key(text), key(text)),
            // The highest scalar value stands after every continuation of the prefix.
            Self::Prefix(text) => (key(text), format!("{}{}", key(text), char::MAX)),
        }
    }
}

pub async fn page(tx: &mut Tx, pool: &Pool, filter: Option<&Filter>, cursor: &str, limit: i64) -> Result<Vec<User>> {
    let sealer = tx.sealer().clone();
    let folded = |text: &str| users::key(pool, text);
    let query = match filter {
        None => tx
            .sql(concat!(
                "SELECT ",
                columns!("u"),
                "
                 FROM pool_user u
                 WHERE u.pool_id = $1 AND u.sub > $2
                 ORDER BY u.sub
                 LIMIT $3"
            ))
            .bind(&*pool.id)
            .bind(cursor)
            .bind(limit),
        Some(Filter::Username(matching)) => {
            let (low, high) = matching.range(folded);
            tx.sql(concat!(
                "SELECT ",
                columns!("u"),
                "
                 FROM pool_user u
                 WHERE u.pool_id = $1 AND u.sub > $2 AND u.username_key >= $4 AND u.username_key <= $5
                 ORDER BY u.sub
                 LIMIT $3"
            ))
            .bind(&*pool.id)
            .bind(cursor)
            .bind(limit)
            .bind(low)
            .bind(high)
        }
        Some(Filter::Sub(matching)) => {
            let (low, high) = matching.range(str::to_owned);
            tx.sql(concat!(
                "SELECT ",
                columns!("u"),
                "
                 FROM pool_user u
                 WHERE u.pool_id = $1 AND u.sub > $2 AND u.sub >= $4 AND u.sub <= $5
                 ORDER BY u.sub
                 LIMIT $3"
            ))
            .bind(&*pool.id)
            .bind(cursor)
            .bind(limit)
            .bind(low)
            .bind(high)
        }
        Some(Filter::Attribute(name, matching)) => {
            let (low, high) = matching.range(folded);
            tx.sql(concat!(
                "SELECT ",
                columns!("u"),
                "
                 FROM user_lookup l
                 JOIN pool_user u ON u.pool_id = l.pool_id AND u.sub = l.sub
                 WHERE l.pool_id = $1 AND l.name = $6 AND l.value >= $4 AND l.value <= $5 AND l.sub > $2
                 ORDER BY l.sub
                 LIMIT $3"
            ))
            .bind(&*pool.id)
            .bind(cursor)
            .bind(limit)
            .bind(low)
            .bind(high)
            .bind(*name)
        }
        Some(Filter::Status(status)) => tx
            .sql(concat!(
                "SELECT ",
                columns!("u"),
                "
                 FROM pool_user u
                 WHERE u.pool_id = $1 AND u.status = $4 AND u.sub > $2
                 ORDER BY u.sub
                 LIMIT $3"
            ))
            .bind(&*pool.id)
            .bind(cursor)
            .bind(limit)
            .bind(status.name()),
        Some(Filter::Enabled(enabled)) => tx
            .sql(concat!(
                "SELECT ",
                columns!("u"),
                "
                 FROM pool_user u
                 WHERE u.pool_id = $1 AND u.enabled = $4 AND u.sub > $2
                 ORDER BY u.sub
                 LIMIT $3"
            ))
            .bind(&*pool.id)
            .bind(cursor)
            .bind(limit)
            .bind(*enabled),
    };
    users::all(query, &sealer).await
}

pub async fn of_group(tx: &mut Tx, pool_id: &str, group: &str, cursor: &str, limit: i64) -> Result<Vec<User>> {
    let sealer = tx.sealer().clone();
    let query = tx
        .sql(concat!(
            "SELECT ",
            columns!("u"),
            "
             FROM membership m
             JOIN pool_user u ON u.pool_id = m.pool_id AND u.sub = m.sub
             WHERE m.pool_id = $1 AND m.group_name = $2 AND m.sub > $3
             ORDER BY m.sub
             LIMIT $4"
        ))
        .bind(pool_id)
        .bind(group)
        .bind(cursor)
        .bind(limit);
    users::all(query, &sealer).await
}

row! {
    struct CountRow {
        users: i64,
    }
}

/// `EstimatedNumberOfUsers`.
pub async fn count(tx: &mut Tx, pool_id: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS users FROM pool_user WHERE pool_id = $1";
    Ok(tx.sql(sql).bind(pool_id).one::<CountRow>().await?.users)
}
