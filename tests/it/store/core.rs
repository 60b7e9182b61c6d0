//! Conformance of the core: what every table family relies on, on every engine.

use std::time::{Duration, Instant};

use poolhouse::{
    config::database::Durability,
    store::{Columns, Doc, Store, StoreError, Tx},
};
use serde_json::json;
use sqlx::FromRow;

use super::{engines, fresh_schema, open, postgres, sealer, sqlite};

#[derive(Debug, PartialEq)]
struct Thing {
    id: String,
    size: i64,
    small: bool,
    body: Vec<u8>,
    note: Option<String>,
    settings: serde_json::Value,
}

impl<'r, R: Columns> FromRow<'r, R> for Thing {
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let Doc(settings) = row.field("settings")?;
        Ok(Self {
            id: row.field("id")?,
            size: row.field("size")?,
            small: row.field("small")?,
            body: row.field("body")?,
            note: row.field("note")?,
            settings,
        })
    }
}

async fn with_things(store: &Store) {
    let mut tx = store.begin().await.unwrap();
    let sql = "CREATE TABLE things (id TEXT NOT NULL PRIMARY KEY, size BIGINT NOT NULL, small BOOLEAN NOT NULL, \
               body BYTEA NOT NULL, note TEXT, settings TEXT NOT NULL)";
    tx.sql(sql).run().await.unwrap();
    tx.commit().await.unwrap();
}

async fn insert(tx: &mut Tx, id: &str) -> u64 {
    tx.sql(
        "INSERT INTO things (id, size, small, body, note, settings) VALUES ($1, 0, TRUE, $2, NULL, '{}')
         ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(b"".as_slice())
    .run()
    .await
    .unwrap()
}

async fn count(store: &Store) -> i64 {
    store.read().await.unwrap().sql("SELECT COUNT(*) FROM things").one::<(i64,)>().await.unwrap().0
}

#[tokio::test]
async fn a_single_statement_needs_no_transaction_around_it() {
    for engine in engines().await {
        with_things(&engine.store).await;
        let mut tx = engine.store.single().await.unwrap();
        assert_eq!(insert(&mut tx, "one").await, 1);
        assert_eq!(count(&engine.store).await, 1, "it has happened");
        tx.commit().await.unwrap();
        let mut tx = engine.store.begin().await.unwrap();
        insert(&mut tx, "two").await;
        drop(tx);
        assert_eq!(count(&engine.store).await, 1, "a transaction after it can still be rolled back");
    }
}

#[tokio::test]
async fn every_column_type_comes_back_as_it_was_written() {
    for engine in engines().await {
        with_things(&engine.store).await;
        let full = Thing {
            id: "ü'\"".to_owned(),
            size: i64::MIN,
            small: true,
            body: vec![0, 255, 128, b'\'', 0],
            note: Some(String::new()),
            settings: json!({ "MfaConfiguration": "OFF", "n": [1, null, "ß"] }),
        };
        let empty = Thing {
            id: "empty".to_owned(),
            size: i64::MAX,
            small: false,
            body: Vec::new(),
            note: None,
            settings: json!(null),
        };
        let mut tx = engine.store.begin().await.unwrap();
        for thing in [&full, &empty] {
            let sql = "INSERT INTO things (id, size, small, body, note, settings) VALUES ($1, $2, $3, $4, $5, $6)";
            let insert = tx.sql(sql).bind(&*thing.id).bind(thing.size).bind(thing.small).bind(&*thing.body);
            assert_eq!(insert.bind(thing.note.clone()).bind(Doc(&thing.settings)).run().await.unwrap(), 1);
        }
        tx.commit().await.unwrap();
        let mut tx = engine.store.read().await.unwrap();
        let sql = "SELECT id, size, small, body, note, settings FROM things ORDER BY size";
        assert_eq!(tx.sql(sql).all::<Thing>().await.unwrap(), [full, empty]);
    }
}

#[tokio::test]
async fn a_dropped_transaction_changes_nothing() {
    for engine in engines().await {
        with_things(&engine.store).await;
        let mut tx = engine.store.begin().await.unwrap();
        insert(&mut tx, "dropped").await;
        drop(tx);
        assert_eq!(count(&engine.store).await, 0);
        let mut tx = engine.store.begin().await.unwrap();
        insert(&mut tx, "kept").await;
        assert_eq!(count(&engine.store).await, 0, "seen before its commit");
        tx.commit().await.unwrap();
        assert_eq!(count(&engine.store).await, 1);
    }
}

#[tokio::test]
async fn what_is_taken_is_told_by_the_number_of_rows() {
    for engine in engines().await {
        with_things(&engine.store).await;
        let mut tx = engine.store.begin().await.unwrap();
        assert_eq!(insert(&mut tx, "one").await, 1);
        assert_eq!(insert(&mut tx, "one").await, 0);
        let sql = "DELETE FROM things WHERE id = $1 RETURNING id";
        assert_eq!(tx.sql(sql).bind("one").optional::<(String,)>().await.unwrap(), Some(("one".to_owned(),)));
        assert_eq!(tx.sql(sql).bind("one").optional::<(String,)>().await.unwrap(), None);
        assert!(matches!(
            tx.sql(sql).bind("one").one::<(String,)>().await,
            Err(StoreError::Database(sqlx::Error::RowNotFound))
        ));
        tx.commit().await.unwrap();
        assert_eq!(count(&engine.store).await, 0);
    }
}

#[tokio::test]
async fn a_statement_built_from_parts_takes_values_too() {
    for engine in engines().await {
        with_things(&engine.store).await;
        let mut tx = engine.store.begin().await.unwrap();
        for id in ["a", "b", "c"] {
            insert(&mut tx, id).await;
        }
        let filter = ["id >= $1", "id < $2"].join(" AND ");
        let sql = format!("SELECT id FROM things WHERE {filter} ORDER BY id LIMIT $3");
        let rows = tx.sql_built(sql).bind("b").bind("z").bind(1_i64).all::<(String,)>().await.unwrap();
        assert_eq!(rows, [("b".to_owned(),)]);
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_written_fails_its_statement() {
    for engine in engines().await {
        with_things(&engine.store).await;
        let mut tx = engine.store.begin().await.unwrap();
        let keys_are_no_text = std::collections::BTreeMap::from([((1, 2), 3)]);
        let sql = "UPDATE things SET settings = $1";
        assert!(matches!(
            tx.sql(sql).bind(Doc(keys_are_no_text)).run().await,
            Err(StoreError::Database(sqlx::Error::Encode(_)))
        ));
    }
}

#[tokio::test]
async fn a_connection_for_reading_refuses_to_write() {
    for engine in engines().await {
        with_things(&engine.store).await;
        let mut tx = engine.store.read().await.unwrap();
        assert!(matches!(tx.sql("DELETE FROM things").run().await, Err(StoreError::ReadOnly)));
        let sql = "DELETE FROM things RETURNING id";
        assert!(matches!(tx.sql(sql).all::<(String,)>().await, Err(StoreError::ReadOnly)));
        assert!(matches!(tx.sql("DROP TABLE things").run().await, Err(StoreError::ReadOnly)));
        tx.commit().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_update_of_many_writers_is_lost() {
    for engine in engines().await {
        with_things(&engine.store).await;
        let mut tx = engine.store.begin().await.unwrap();
        insert(&mut tx, "counter").await;
        tx.commit().await.unwrap();
        let writers = (0..8).map(|_| {
            let store = engine.store.clone();
            tokio::spawn(async move {
                for _ in 0..25 {
                    let mut tx = store.begin().await.unwrap();
                    tx.sql("UPDATE things SET size = size + 1 WHERE id = 'counter'").run().await.unwrap();
                    tx.commit().await.unwrap();
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        let mut tx = engine.store.read().await.unwrap();
        assert_eq!(tx.sql("SELECT size FROM things").one::<(i64,)>().await.unwrap(), (200,));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_that_go_away_at_any_moment_leave_the_store_whole() {
    for engine in engines().await {
        with_things(&engine.store).await;
        let mut acknowledged = 0;
        for micros in (0..600).step_by(3) {
            let store = engine.store.clone();
            let work = async move {
                let mut tx = store.begin().await.unwrap();
                insert(&mut tx, &format!("{micros} one")).await;
                insert(&mut tx, &format!("{micros} two")).await;
                tx.commit().await.unwrap();
            };
            acknowledged += i64::from(tokio::time::timeout(Duration::from_micros(micros), work).await.is_ok());
        }
        let mut tx = engine.store.begin().await.unwrap();
        insert(&mut tx, "last one").await;
        insert(&mut tx, "last two").await;
        tx.commit().await.unwrap();
        let rows = count(&engine.store).await;
        assert!(rows >= 2 * acknowledged + 2, "{rows} rows of {acknowledged} commits");
        assert_eq!(rows % 2, 0, "half a transaction");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_that_start_together_migrate_an_empty_database_once() {
    let folder = tempfile::tempdir().unwrap();
    let alone = open(&format!("sqlite:{}", folder.path().join("deep/town.db").display()), Durability::Full).await;
    let mut pairs = vec![[alone.as_ref().unwrap().clone(), alone.unwrap()]];
    if let Some(url) = fresh_schema().await {
        let instance = async || open(&url, Durability::Full).await.unwrap();
        pairs.push([instance().await, instance().await]);
    }
    for [one, two] in pairs {
        let (first, second) = tokio::join!(one.migrate(), two.migrate());
        first.unwrap();
        second.unwrap();
        one.migrate().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused() {
    for engine in engines().await {
        let mut tx = engine.store.begin().await.unwrap();
        let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                   VALUES (9999, 'from the future', TRUE, $1, 0)";
        tx.sql(sql).bind(b"".as_slice()).run().await.unwrap();
        tx.commit().await.unwrap();
        for _ in 0..2 {
            let error = engine.store.migrate().await.unwrap_err();
            assert!(matches!(error, StoreError::Newer { found: 9999, .. }), "{error}");
        }
    }
}

#[tokio::test]
async fn a_second_opening_of_a_sqlite_file_is_refused_by_its_name() {
    let engine = sqlite(Durability::Full).await;
    let path = engine.url.strip_prefix("sqlite:").unwrap();
    let refused = open(&engine.url, Durability::Full).await.err().unwrap();
    assert!(matches!(refused, StoreError::Locked { .. }) && refused.to_string().contains(path), "{refused}");
    drop(engine.store);
    open(&engine.url, Durability::Full).await.unwrap().health().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_open_is_read_beside_its_owner_and_not_written() {
    let owner = sqlite(Durability::Relaxed).await;
    let absent = Store::open_to_read(&format!("{}.absent", owner.url), sealer()).await;
    assert!(matches!(absent, Err(StoreError::Database(_))), "nothing is made");
    with_things(&owner.store).await;
    let beside = Store::open_to_read(&owner.url, sealer()).await.unwrap();
    assert_eq!(count(&beside).await, 0);
    let mut tx = owner.store.begin().await.unwrap();
    insert(&mut tx, "a").await;
    tx.commit().await.unwrap();
    assert_eq!(count(&beside).await, 1, "it sees what is committed");
    let written = match beside.begin().await {
        Ok(mut tx) => tx.sql("DELETE FROM things").run().await,
        Err(refused) => Err(refused),
    };
    assert!(written.is_err() && count(&owner.store).await == 1);
}

#[tokio::test]
async fn a_url_that_names_no_database_is_explained() {
    for url in ["", "mysql://x", "sqlite:", "sqlite::memory:", "sqlite:a.db?mode=ro", "postgres://[::"] {
        let error = open(url, Durability::Full).await.err().unwrap();
        assert!(matches!(error, StoreError::Url(_)), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for_and_then_reported() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let began = Instant::now();
    let url = format!("postgres://nobody@127.0.0.1:{port}/none");
    let patience = Duration::from_millis(500);
    assert!(Store::open_waiting(&url, Durability::Full, sealer(), patience).await.is_err());
    assert!(began.elapsed() >= patience);
}

#[tokio::test]
async fn a_healthy_store_says_so() {
    for engine in engines().await {
        engine.store.health().await.unwrap();
    }
}

#[tokio::test]
async fn a_change_by_another_instance_is_seen_within_a_second() {
    let Some(engine) = postgres(Durability::Relaxed).await else { return };
    with_things(&engine.store).await;
    let other = open(&engine.url, Durability::Relaxed).await.unwrap();
    let cache = engine.store.cache::<&str, i64>(10);
    let load = async || {
        let row = cache.get_or_load(&"things", || async { Ok(Some(count(&engine.store).await)) }).await;
        *row.unwrap().unwrap()
    };
    assert_eq!(load().await, 0);
    let mut tx = other.begin().await.unwrap();
    insert(&mut tx, "theirs").await;
    tx.commit().await.unwrap();
    assert_eq!(load().await, 0, "not cached");
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert_eq!(load().await, 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_database_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let engine = sqlite(Durability::Full).await;
    let path = engine.url.strip_prefix("sqlite:").unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let mode = std::fs::metadata(format!("{path}{suffix}")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{suffix}");
    }
}

/// Prefixes are ranges and cursors go on only where text is ordered by its bytes, whatever language the database speaks.
#[tokio::test]
async fn postgres_compares_text_by_its_bytes() {
    let Some(engine) = postgres(Durability::Relaxed).await else { return };
    let mut tx = engine.store.read().await.unwrap();
    let spoken = tx
        .sql(
            "SELECT table_name::text || '.' || column_name::text
             FROM information_schema.columns
             WHERE table_schema = current_schema() AND data_type = 'text' AND table_name <> '_sqlx_migrations'
                   AND collation_name IS DISTINCT FROM 'C'",
        )
        .all::<(String,)>()
        .await
        .unwrap();
    assert!(spoken.is_empty(), "{spoken:?}");
}
