//! One SQL text, two drivers: the only file that knows that there are two databases.
//!
//! Placeholders are `$1`, `$2`, … on both. Where the engines truly differ there is a method here, named after the need.
//!
//! A row is read by name, once for both drivers; tuples of up to sixteen columns need nothing:
//!
//! ```
//! use poolhouse::store::{Columns, Doc, Result, Store};
//! use sqlx::FromRow;
//!
//! struct Pool {
//!     id: String,
//!     created: i64,
//!     settings: serde_json::Value,
//! }
//!
//! impl<'r, R: Columns> FromRow<'r, R> for Pool {
//!     fn from_row(row: &'r R) -> sqlx::Result<Self> {
//!         let Doc(settings) = row.field("settings")?;
//!         Ok(Self { id: row.field("id")?, created: row.field("created")?, settings })
//!     }
//! }
//!
//! async fn find(store: &Store, id: &str) -> Result<Option<Pool>> {
//!     let mut tx = store.read().await?;
//!     tx.sql("SELECT id, created, settings FROM pools WHERE id = $1").bind(id).optional().await
//! }
//!
//! async fn count(store: &Store) -> Result<i64> {
//!     Ok(store.read().await?.sql("SELECT COUNT(*) FROM pools").one::<(i64,)>().await?.0)
//! }
//! ```

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{
    Arguments, AssertSqlSafe, Decode, Encode, FromRow, PgConnection, Postgres, SqlSafeStr, SqlStr, Sqlite,
    SqliteConnection, Transaction, Type,
    error::BoxDynError,
    pool::PoolConnection,
    postgres::{PgArguments, PgPool, PgRow},
    sqlite::{SqliteArguments, SqliteRow},
};
use tokio::sync::Notify;

use super::{
    Result, StoreError,
    cache::Cache,
    migrations, postgres,
    sqlite::{self, Reading, Writing},
};
use crate::{config::database::Durability, keys::seal::Sealer};

/// The database. A clone is the same one; it closes with the last of them.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    /// What seals secrets before they are written.
    sealer: Sealer,
    /// Rung when something was committed that waits for the post.
    bell: Arc<Notify>,
}

#[derive(Clone)]
enum Engine {
    Sqlite(Arc<sqlite::Sqlite>),
    Postgres(PgPool),
}

/// A way to speak to the database: a transaction from [`Store::begin`], a connection for one change from [`Store::single`], or
/// one for reading from [`Store::read`].
///
/// Dropped without [`commit`](Tx::commit), a transaction changes nothing. Keep it short: SQLite has one writer, and while a
/// transaction lives everybody else waits. No hook, no mail and no password hash runs meanwhile.
pub struct Tx {
    connection: Connection,
    /// Something was written, so that the commit has to reach the disk.
    changed: bool,
    /// Rings the store's bell once it is committed.
    rings: bool,
    store: Store,
}

enum Connection {
    SqliteRead(Reading),
    SqliteWrite(Writing),
    SqliteSingle(Writing),
    PostgresRead(PoolConnection<Postgres>),
    PostgresSingle(PoolConnection<Postgres>),
    PostgresWrite(Transaction<'static, Postgres>),
}

/// One statement with its values, see [`Tx::sql`].
pub struct Query<'t> {
    driver: Driver<'t>,
    sql: SqlStr,
    changed: &'t mut bool,
    read_only: bool,
    /// The first value that could not be written.
    unbound: Option<BoxDynError>,
}

enum Driver<'t> {
    Sqlite(&'t mut SqliteConnection, SqliteArguments),
    Postgres(&'t mut PgConnection, PgArguments),
}

/// A value that both drivers can carry: `&str`, `String`, `i64`, `bool`, `&[u8]`, `Vec<u8>`, [`Doc`](super::Doc), an `Option`
/// of these.
pub trait Bind: for<'q> Encode<'q, Sqlite> + Type<Sqlite> + for<'q> Encode<'q, Postgres> + Type<Postgres> {}
impl<T> Bind for T where T: for<'q> Encode<'q, Sqlite> + Type<Sqlite> + for<'q> Encode<'q, Postgres> + Type<Postgres> {}

/// A value that both drivers can read from a column.
pub trait Column: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {}
impl<T> Column for T where T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {}

/// A row of either driver, for an `impl<'r, R: Columns> FromRow<'r, R>` that serves both.
pub trait Columns: sqlx::Row {
    /// The value of the column `name`.
    fn field<T: Column>(&self, name: &str) -> sqlx::Result<T>;
}

impl Columns for SqliteRow {
    fn field<T: Column>(&self, name: &str) -> sqlx::Result<T> {
        sqlx::Row::try_get(self, name)
    }
}

impl Columns for PgRow {
    fn field<T: Column>(&self, name: &str) -> sqlx::Result<T> {
        sqlx::Row::try_get(self, name)
    }
}

/// What a query gives back: anything that both drivers' rows turn into.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// The file of an SQLite database; none of another engine.
fn file(url: &str) -> Result<Option<&Path>> {
    let Some(path) = url.strip_prefix("sqlite:") else { return Ok(None) };
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.contains(['?', '#']) || path.starts_with(":memory:") {
        return Err(StoreError::Url("after `sqlite:` comes the path of a file and nothing else".to_owned()));
    }
    Ok(Some(Path::new(path)))
}

impl Store {
    /// Opens `sqlite:PATH` (made when absent, with its folder) or `postgres://…`. Does not migrate.
    pub async fn open(url: &str, durability: Durability, sealer: Sealer) -> Result<Self> {
        Self::open_waiting(url, durability, sealer, Duration::ZERO).await
    }

    /// The same, and for a PostgreSQL server that is still starting, keeps trying for `patience`.
    pub async fn open_waiting(url: &str, durability: Durability, sealer: Sealer, patience: Duration) -> Result<Self> {
        if let Some(path) = file(url)? {
            let sqlite = sqlite::Sqlite::open(path, durability).await?;
            return Ok(Self { engine: Engine::Sqlite(Arc::new(sqlite)), sealer, bell: Arc::default() });
        }
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let engine = Engine::Postgres(postgres::open(url, durability, patience).await?);
            return Ok(Self { engine, sealer, bell: Arc::default() });
        }
        Err(StoreError::Url("it starts with neither `sqlite:` nor `postgres:`".to_owned()))
    }

    /// Opens a database that is there, also beside a server that has it open, to read from it.
    pub async fn open_to_read(url: &str, sealer: Sealer) -> Result<Self> {
        let Some(path) = file(url)? else { return Self::open(url, Durability::Relaxed, sealer).await };
        let sqlite = sqlite::Sqlite::open_to_read(path).await?;
        Ok(Self { engine: Engine::Sqlite(Arc::new(sqlite)), sealer, bell: Arc::default() })
    }

    /// Brings the schema up to date. Several instances may do this at once.
    pub async fn migrate(&self) -> Result<()> {
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                migrations::run(&mut *sqlite.writer().await?, "TEXT").await?;
                self.flushed().await
            }
            Engine::Postgres(pool) => {
                // A failed run may leave its lock on the connection, which therefore never comes back to the pool.
                let mut connection = pool.acquire().await?.detach();
                migrations::run(&mut connection, "TEXT COLLATE \"C\"").await?;
                Ok(sqlx::Connection::close(connection).await?)
            }
        }
    }

    /// Begins a transaction that may write. On SQLite it has the only write connection until it ends; on PostgreSQL it is READ
    /// COMMITTED, so what must happen once is decided by one conditional statement (`UPDATE … WHERE … AND used_at IS NULL`,
    /// `DELETE … RETURNING`, `INSERT … ON CONFLICT DO NOTHING`) and never by a read before a write. Two transactions that
    /// write the same rows in opposite order deadlock there and one fails: write tables in the order of their migrations.
    pub async fn begin(&self) -> Result<Tx> {
        let connection = match &self.engine {
            Engine::Sqlite(sqlite) => {
                sqlite.healthy()?;
                Connection::SqliteWrite(sqlite.begin().await?)
            }
            Engine::Postgres(pool) => Connection::PostgresWrite(pool.begin().await?),
        };
        Ok(Tx { connection, changed: false, rings: false, store: self.clone() })
    }

    /// For a change that is one statement: it is a transaction by itself, which saves the two round trips of BEGIN and COMMIT.
    /// It has happened when the statement returns, and [`commit`](Tx::commit) waits until it is durable.
    pub async fn single(&self) -> Result<Tx> {
        let connection = match &self.engine {
            Engine::Sqlite(sqlite) => {
                sqlite.healthy()?;
                Connection::SqliteSingle(sqlite.writer().await?)
            }
            Engine::Postgres(pool) => Connection::PostgresSingle(pool.acquire().await?),
        };
        Ok(Tx { connection, changed: false, rings: false, store: self.clone() })
    }

    /// A connection that only reads, without a transaction: each statement sees what is committed when it starts.
    pub async fn read(&self) -> Result<Tx> {
        let connection = match &self.engine {
            Engine::Sqlite(sqlite) => Connection::SqliteRead(sqlite.read().await?),
            Engine::Postgres(pool) => Connection::PostgresRead(pool.acquire().await?),
        };
        Ok(Tx { connection, changed: false, rings: false, store: self.clone() })
    }

    /// Whether the database answers, and takes commits.
    pub async fn health(&self) -> Result<()> {
        if let Engine::Sqlite(sqlite) = &self.engine {
            sqlite.healthy()?;
        }
        self.read().await?.sql("SELECT 1").one::<(i32,)>().await?;
        Ok(())
    }

    /// Whether other instances may write to the same database.
    pub fn is_shared(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// A cache of at most `capacity` rows that follows the rule for this database, see [`Cache`].
    pub fn cache<K: std::hash::Hash + Eq + Clone, V>(&self, capacity: usize) -> Cache<K, V> {
        Cache::new(capacity, self.is_shared().then_some(Duration::from_secs(1)))
    }

    /// How many flushes durable commits have shared so far. Zero where the database server or nobody flushes.
    pub fn flushes(&self) -> u64 {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.flusher.as_ref().map_or(0, super::durability::Flusher::flushes),
            Engine::Postgres(_) => 0,
        }
    }

    /// Returns when something was put into the outbox through this store since the last time. One waits at a time.
    pub async fn posted(&self) {
        self.bell.notified().await;
    }

    async fn flushed(&self) -> Result<()> {
        match &self.engine {
            Engine::Sqlite(sqlite) => match &sqlite.flusher {
                Some(flusher) => flusher.flushed().await,
                None => Ok(()),
            },
            Engine::Postgres(_) => Ok(()),
        }
    }
}

impl Tx {
    /// Seals and opens the columns that hold secrets.
    pub(super) fn sealer(&self) -> &Sealer {
        &self.store.sealer
    }

    /// Ends a SELECT whose rows must stay as they are until this transaction has ended: on PostgreSQL others could change them
    /// meanwhile, on SQLite nobody else writes.
    pub(super) fn sharing(&self) -> &'static str {
        if self.store.is_shared() { " FOR SHARE" } else { "" }
    }

    /// The same, to change rows that nobody else is about to change: on PostgreSQL those that somebody is are passed over.
    pub(super) fn passing_over(&self) -> &'static str {
        if self.store.is_shared() { " FOR UPDATE SKIP LOCKED" } else { "" }
    }

    /// Rings the bell of the outbox once this is committed.
    pub(super) fn ring(&mut self) {
        self.rings = true;
    }

    /// A statement with `$1`, `$2`, … for its values. Every text stays prepared on its connection.
    pub fn sql(&mut self, sql: &'static str) -> Query<'_> {
        self.query(sql.into_sql_str())
    }

    /// The same for a text put together at run time, for filters that come and go. `sql` must be made of constants of this
    /// room and placeholders only: a value, and anything else that a caller sent, is bound. Each distinct text is prepared
    /// and kept, so there should be few of them.
    pub fn sql_built(&mut self, sql: String) -> Query<'_> {
        self.query(AssertSqlSafe(sql).into_sql_str())
    }

    /// Makes the changes visible to all, and returns when they are as durable as the configuration says. An error leaves open
    /// whether the commit happened only if the connection broke or the disk failed; otherwise nothing has changed.
    pub async fn commit(self) -> Result<()> {
        let bell = self.rings.then(|| Arc::clone(&self.store.bell));
        self.committed().await?;
        if let Some(bell) = bell {
            bell.notify_one();
        }
        Ok(())
    }

    async fn committed(self) -> Result<()> {
        match self.connection {
            Connection::SqliteRead(_) | Connection::PostgresRead(_) => Ok(()),
            // The commit gives the write connection back before the wait: the next ones share the flush.
            Connection::SqliteWrite(writing) => {
                writing.commit().await?;
                if self.changed { self.store.flushed().await } else { Ok(()) }
            }
            Connection::SqliteSingle(writing) => {
                drop(writing);
                if self.changed { self.store.flushed().await } else { Ok(()) }
            }
            // The server has answered when it was durable.
            Connection::PostgresSingle(_) => Ok(()),
            Connection::PostgresWrite(tx) => Ok(tx.commit().await?),
        }
    }

    fn query(&mut self, sql: SqlStr) -> Query<'_> {
        let read_only = matches!(self.connection, Connection::SqliteRead(_) | Connection::PostgresRead(_));
        let driver = match &mut self.connection {
            Connection::SqliteRead(reading) => Driver::Sqlite(reading, SqliteArguments::default()),
            Connection::SqliteWrite(writing) | Connection::SqliteSingle(writing) => {
                Driver::Sqlite(writing, SqliteArguments::default())
            }
            Connection::PostgresRead(connection) | Connection::PostgresSingle(connection) => {
                Driver::Postgres(connection, PgArguments::default())
            }
            Connection::PostgresWrite(tx) => Driver::Postgres(tx, PgArguments::default()),
        };
        Query { driver, sql, changed: &mut self.changed, read_only, unbound: None }
    }
}

/// Sends the statement through `sqlx::$make` and the method `$fetch`, on whichever driver it is for.
macro_rules! send {
    ($query:ident, $make:ident, $fetch:ident) => {
        match $query.driver {
            Driver::Sqlite(connection, values) => sqlx::$make($query.sql, values).$fetch(connection).await,
            Driver::Postgres(connection, values) => sqlx::$make($query.sql, values).$fetch(connection).await,
        }
    };
}

impl Query<'_> {
    /// The value of the next placeholder.
    pub fn bind<T: Bind>(mut self, value: T) -> Self {
        let added = match &mut self.driver {
            Driver::Sqlite(_, values) => values.add(value),
            Driver::Postgres(_, values) => values.add(value),
        };
        if let Err(error) = added {
            self.unbound.get_or_insert(error);
        }
        self
    }

    /// Runs a statement that returns no rows; the answer is how many it has touched.
    pub async fn run(mut self) -> Result<u64> {
        let verb = self.checked()?;
        let touched = match self.driver {
            Driver::Sqlite(connection, values) => {
                sqlx::query_with(self.sql, values).execute(connection).await?.rows_affected()
            }
            Driver::Postgres(connection, values) => {
                sqlx::query_with(self.sql, values).execute(connection).await?.rows_affected()
            }
        };
        *self.changed |= match verb {
            Verb::Read => false,
            Verb::Change | Verb::Unclear => touched > 0,
            Verb::Define => true,
        };
        Ok(touched)
    }

    /// The first row, if there is one.
    pub async fn optional<R: Row>(mut self) -> Result<Option<R>> {
        let verb = self.checked()?;
        let row: Option<R> = send!(self, query_as_with, fetch_optional)?;
        *self.changed |= verb != Verb::Read && row.is_some();
        Ok(row)
    }

    /// The first row of a statement that always has one; without a row `sqlx::Error::RowNotFound`.
    pub async fn one<R: Row>(self) -> Result<R> {
        self.optional().await?.ok_or(StoreError::Database(sqlx::Error::RowNotFound))
    }

    /// Every row. Bound the number in the statement.
    pub async fn all<R: Row>(mut self) -> Result<Vec<R>> {
        let verb = self.checked()?;
        let rows: Vec<R> = send!(self, query_as_with, fetch_all)?;
        *self.changed |= verb != Verb::Read && !rows.is_empty();
        Ok(rows)
    }

    fn checked(&mut self) -> Result<Verb> {
        if let Some(error) = self.unbound.take() {
            return Err(StoreError::Database(sqlx::Error::Encode(error)));
        }
        let verb = Verb::of(self.sql.as_str());
        if self.read_only && matches!(verb, Verb::Change | Verb::Define) {
            return Err(StoreError::ReadOnly);
        }
        Ok(verb)
    }
}

/// What a statement may do to the database, told by its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Read,
    /// Changes exactly the rows that it counts or returns.
    Change,
    /// `WITH`: either of the two above.
    Unclear,
    /// Changes the schema or a setting, and counts nothing.
    Define,
}

impl Verb {
    fn of(sql: &str) -> Self {
        let word = sql.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let is = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        match () {
            () if is(&["SELECT", "VALUES", "EXPLAIN"]) => Self::Read,
            () if is(&["INSERT", "UPDATE", "DELETE"]) => Self::Change,
            () if is(&["WITH"]) => Self::Unclear,
            () => Self::Define,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_tells_what_a_statement_may_do() {
        assert_eq!(Verb::of("\n  SELECT 1"), Verb::Read);
        assert_eq!(Verb::of("delete FROM users"), Verb::Change);
        assert_eq!(Verb::of("WITH old AS (SELECT 1) SELECT * FROM old"), Verb::Unclear);
        assert_eq!(Verb::of("CREATE TABLE users (id TEXT)"), Verb::Define);
    }
}
