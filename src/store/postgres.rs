//! PostgreSQL: a bounded pool, and waiting for a server that is still starting.

use std::time::{Duration, Instant};

use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
};

use super::{Result, StoreError};
use crate::config::database::Durability;

const CONNECTIONS: u32 = 16;
const ACQUIRE: Duration = Duration::from_secs(5);
/// Statements kept prepared per connection; above the number of texts in this room.
const STATEMENTS: usize = 256;
const RETRY_EVERY: Duration = Duration::from_millis(200);

/// Connects once, so that a wrong address or password is told at the start. Keeps trying for `patience` while there is no
/// server at the address, or one that is starting up.
pub(super) async fn open(url: &str, durability: Durability, patience: Duration) -> Result<PgPool> {
    // The setting travels in the start-up packet: no round trip per connection, and no way to forget it on one of them.
    let commit = match durability {
        Durability::Full => "on",
        Durability::Relaxed => "off",
    };
    let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| StoreError::Url(error.to_string()))?;
    let options = options
        .application_name("poolhouse")
        .statement_cache_capacity(STATEMENTS)
        .options([("synchronous_commit", commit)]);

    let until = Instant::now() + patience;
    loop {
        match options.connect().await {
            Ok(_) => break,
            Err(error) if is_starting(&error) && Instant::now() < until => tokio::time::sleep(RETRY_EVERY).await,
            Err(error) => return Err(error.into()),
        }
    }
    // Every connection is tried when it comes back to the pool; trying it again before use would cost a round trip each time.
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE).test_before_acquire(false);
    Ok(pool.connect_with(options).await?)
}

fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        // Nobody listens yet, or the name does not resolve yet, as in a container network that is coming up.
        sqlx::Error::Io(_) => true,
        // "the database system is starting up"
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == "57P03"),
        _ => false,
    }
}
