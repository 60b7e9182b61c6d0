//! Lists of users: all of a pool, those a filter finds, those of a group. A list stands in the order of the index that finds it, and
//! a page goes on after the [`place`] of the last user seen. Another order would have the whole pool read for it.

use super::{Query, Result, Tx, row::row, users, users::columns};
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

/// Where a user stands in the list that `filter` finds; the empty text is before everybody.
pub fn place(pool: &Pool, filter: Option<&Filter>, user: &User) -> String {
    match filter {
        Some(Filter::Username(_)) => users::key(pool, &user.username),
        Some(Filter::Attribute(name, _)) => {
            format!("{} {}", user.sub, users::key(pool, user.attribute(name).unwrap_or_default()))
        }
        _ => user.sub.clone(),
    }
}

pub async fn page(tx: &mut Tx, pool: &Pool, filter: Option<&Filter>, cursor: &str, limit: i64) -> Result<Vec<User>> {
    let sealer = tx.sealer().clone();
    let (sub, value) = cursor.split_once(' ').map_or((cursor, None), |(sub, value)| (sub, Some(value)));
    let query = tx.sql(statement(filter)).bind(&*pool.id).bind(sub).bind(limit);
    let folded = |text: &str| users::key(pool, text);
    let query = match filter {
        None => query,
        // One lower bound: of two, SQLite would take the lower one and look at everybody in between.
        Some(Filter::Username(matching)) => {
            let (low, high) = matching.range(folded);
            within(query, (low.max(cursor.to_owned()), high))
        }
        Some(Filter::Sub(matching)) => within(query, matching.range(str::to_owned)),
        Some(Filter::Attribute(name, matching)) => {
            let (low, high) = matching.range(folded);
            within(query, (value.map_or(low, str::to_owned), high)).bind(*name)
        }
        Some(Filter::Status(status)) => query.bind(status.name()),
        Some(Filter::Enabled(enabled)) => query.bind(*enabled),
    };
    users::all(query, &sealer).await
}

fn within(query: Query<'_>, (low, high): (String, String)) -> Query<'_> {
    query.bind(low).bind(high)
}

/// Each filter has its own index, and its list the order of it. `$1` is the pool, `$2` the last `sub` (or user name) seen, `$3` how
/// many; the filter's own follow.
fn statement(filter: Option<&Filter>) -> &'static str {
    match filter {
        None => concat!(
            "SELECT ",
            columns!("u"),
            "
             FROM pool_user u
             WHERE u.pool_id = $1 AND u.sub > $2
             ORDER BY u.sub
             LIMIT $3"
        ),
        Some(Filter::Username(_)) => concat!(
            "SELECT ",
            columns!("u"),
            "
             FROM pool_user u
             WHERE u.pool_id = $1 AND u.username_key <> $2 AND u.username_key >= $4 AND u.username_key <= $5
             ORDER BY u.username_key
             LIMIT $3"
        ),
        Some(Filter::Sub(_)) => concat!(
            "SELECT ",
            columns!("u"),
            "
             FROM pool_user u
             WHERE u.pool_id = $1 AND u.sub > $2 AND u.sub >= $4 AND u.sub <= $5
             ORDER BY u.sub
             LIMIT $3"
        ),
        Some(Filter::Attribute(..)) => concat!(
            "SELECT ",
            columns!("u"),
            "
             FROM user_lookup l
             JOIN pool_user u ON u.pool_id = l.pool_id AND u.sub = l.sub
             WHERE l.pool_id = $1 AND l.name = $6 AND (l.value, l.sub) > ($4, $2) AND l.value <= $5
             ORDER BY l.value, l.sub
             LIMIT $3"
        ),
        Some(Filter::Status(_)) => concat!(
            "SELECT ",
            columns!("u"),
            "
             FROM pool_user u
             WHERE u.pool_id = $1 AND u.status = $4 AND u.sub > $2
             ORDER BY u.sub
             LIMIT $3"
        ),
        Some(Filter::Enabled(_)) => concat!(
            "SELECT ",
            columns!("u"),
            "
             FROM pool_user u
             WHERE u.pool_id = $1 AND u.enabled = $4 AND u.sub > $2
             ORDER BY u.sub
             LIMIT $3"
        ),
    }
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

/// How many users the pool has, as far as `most`. Looks at no more rows than that.
pub async fn count_to(tx: &mut Tx, pool_id: &str, most: i64) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS users FROM (SELECT sub FROM pool_user WHERE pool_id = $1 LIMIT $2) AS few";
    Ok(tx.sql(sql).bind(pool_id).bind(most).one::<CountRow>().await?.users)
}

/// How many users the pool has. Looks at all of them.
pub async fn count(tx: &mut Tx, pool_id: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS users FROM pool_user WHERE pool_id = $1";
    Ok(tx.sql(sql).bind(pool_id).one::<CountRow>().await?.users)
}

/// Why a filter's text is refused; the sentence is the service's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("Error while parsing filter")]
    Syntax,
    #[error("Invalid search attribute: {0}")]
    Attribute(String),
}

impl Filter {
    /// Reads `name = "value"` or `name ^= "value"`. Quotation marks and backslashes inside a value are escaped by a backslash.
    pub fn parse(text: &str) -> std::result::Result<Self, FilterError> {
        let at = text.find(['=', '^', ' ']).ok_or(FilterError::Syntax)?;
        let (name, rest) = (text[..at].trim().trim_matches('"'), text[at..].trim_start());
        let (is_prefix, rest) = match rest.strip_prefix("^=") {
            Some(rest) => (true, rest),
            None => (false, rest.strip_prefix('=').ok_or(FilterError::Syntax)?),
        };
        let value = unquote(rest.trim()).ok_or(FilterError::Syntax)?;
        let matching = if is_prefix { Match::Prefix(value.clone()) } else { Match::Exact(value.clone()) };
        match name {
            "username" => Ok(Self::Username(matching)),
            "sub" => Ok(Self::Sub(matching)),
            "cognito:user_status" => match (Status::from_name(&value.to_ascii_uppercase()), is_prefix) {
                (Some(status), false) => Ok(Self::Status(status)),
                _ => Err(FilterError::Syntax),
            },
            "status" => match (value.to_ascii_lowercase().as_str(), is_prefix) {
                ("enabled", false) => Ok(Self::Enabled(true)),
                ("disabled", false) => Ok(Self::Enabled(false)),
                _ => Err(FilterError::Syntax),
            },
            "" => Err(FilterError::Syntax),
            other => match users::SEARCHABLE.into_iter().find(|name| *name == other) {
                Some(name) => Ok(Self::Attribute(name, matching)),
                None => Err(FilterError::Attribute(other.to_owned())),
            },
        }
    }
}

/// The text between quotation marks, with its escapes resolved; none when there is anything around them.
fn unquote(quoted: &str) -> Option<String> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let (mut value, mut escaped) = (String::new(), false);
    for c in inner.chars() {
        match (escaped, c) {
            (false, '\\') => escaped = true,
            (false, '"') => return None,
            _ => {
                value.push(c);
                escaped = false;
            }
        }
    }
    (!escaped).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read() {
        let exact = |text: &str| Match::Exact(text.into());
        assert_eq!(Filter::parse(r#"email = "a@b.c""#), Ok(Filter::Attribute("email", exact("a@b.c"))));
        assert_eq!(
            Filter::parse(r#"given_name^="Jo\"n""#),
            Ok(Filter::Attribute("given_name", Match::Prefix("Jo\"n".into())))
        );
        assert_eq!(Filter::parse(r#"cognito:user_status="CONFIRMED""#), Ok(Filter::Status(Status::Confirmed)));
        assert_eq!(Filter::parse(r#"status = "Disabled""#), Ok(Filter::Enabled(false)));
        assert_eq!(Filter::parse(r#"sub = "x""#), Ok(Filter::Sub(exact("x"))));
    }

    #[test]
    fn what_is_no_filter_is_refused_in_the_services_words() {
        for text in
            ["email", "email = a", r#"email = "a" and name = "b""#, r#"email > "a""#, r#"= "a""#, r#"status = "on""#]
        {
            assert_eq!(Filter::parse(text), Err(FilterError::Syntax), "{text}");
        }
        assert_eq!(Filter::parse(r#"custom:foo = "a""#), Err(FilterError::Attribute("custom:foo".into())));
    }
}
