//! The store, on every engine at hand: SQLite always, PostgreSQL when `POOLHOUSE_TEST_POSTGRES` holds the URL of a server on
//! which tests may make schemas (`tests/postgres.sh` starts one that is thrown away afterwards).

mod core;
mod durability;
mod signing_keys;

use poolhouse::{
    config::database::Durability,
    keys::seal::Sealer,
    kit::random::Random,
    store::{Result, Store},
};
use tempfile::TempDir;

/// A database of its own for one test, empty.
pub(crate) struct Engine {
    pub(crate) store: Store,
    /// For opening it once more.
    pub(crate) url: String,
    /// Goes with the value.
    _folder: Option<TempDir>,
}

/// A fresh, migrated database on each engine.
pub(crate) async fn engines() -> Vec<Engine> {
    let mut engines = vec![sqlite(Durability::Relaxed).await];
    engines.extend(postgres(Durability::Relaxed).await);
    engines
}

pub(crate) async fn sqlite(durability: Durability) -> Engine {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("town.db").display());
    let store = opened(&url, durability).await;
    Engine { store, url, _folder: Some(folder) }
}

/// A schema of its own on the test server, if there is one.
pub(crate) async fn postgres(durability: Durability) -> Option<Engine> {
    let url = fresh_schema().await?;
    let store = opened(&url, durability).await;
    Some(Engine { store, url, _folder: None })
}

/// The URL of an empty schema on the test server, if there is one.
pub(crate) async fn fresh_schema() -> Option<String> {
    let server = server()?;
    let schema = format!("t{}", uuid::Uuid::new_v4().simple());
    let maker = open(&server, Durability::Relaxed).await.unwrap();
    let mut tx = maker.begin().await.unwrap();
    tx.sql_built(format!("CREATE SCHEMA {schema}")).run().await.unwrap();
    tx.commit().await.unwrap();
    let separator = if server.contains('?') { '&' } else { '?' };
    Some(format!("{server}{separator}options=-c%20search_path%3D{schema}"))
}

/// Opens a database with a master key of the tests' own.
pub(crate) async fn open(url: &str, durability: Durability) -> Result<Store> {
    Store::open(url, durability, sealer()).await
}

pub(crate) fn sealer() -> Sealer {
    Sealer::new(&[7; 32], &Random::seeded(7))
}

async fn opened(url: &str, durability: Durability) -> Store {
    let store = open(url, durability).await.unwrap();
    store.migrate().await.unwrap();
    store
}

#[expect(clippy::disallowed_methods, reason = "the test server is named in the environment")]
fn server() -> Option<String> {
    std::env::var("POOLHOUSE_TEST_POSTGRES").ok().filter(|url| !url.is_empty())
}
