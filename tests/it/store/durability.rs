//! Who waits for the disk, and who does not.

use poolhouse::{config::database::Durability, store::Store};

use super::{postgres, sqlite};

async fn with_counter(store: &Store) {
    let mut tx = store.begin().await.unwrap();
    tx.sql("CREATE TABLE counters (id BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL)").run().await.unwrap();
    tx.sql("INSERT INTO counters (id, n) VALUES (1, 0)").run().await.unwrap();
    tx.commit().await.unwrap();
}

async fn raise(store: &Store, id: i64) {
    let mut tx = store.begin().await.unwrap();
    tx.sql("UPDATE counters SET n = n + 1 WHERE id = $1").bind(id).run().await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_durable_commit_has_a_flush_and_needs_no_second_one() {
    let engine = sqlite(Durability::Full).await;
    with_counter(&engine.store).await;
    let before = engine.store.flushes();
    raise(&engine.store, 1).await;
    assert_eq!(engine.store.flushes(), before + 1);

    let writers = (0..16).map(|_| {
        let store = engine.store.clone();
        tokio::spawn(async move {
            for _ in 0..20 {
                raise(&store, 1).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    // How many share one is up to the disk; that they do is held against a slow one beside the flusher itself.
    let flushes = engine.store.flushes() - before;
    assert!((2..=321).contains(&flushes), "{flushes} flushes for 321 commits");
}

#[tokio::test]
async fn reading_and_changing_nothing_wait_for_no_flush() {
    let engine = sqlite(Durability::Full).await;
    with_counter(&engine.store).await;
    let before = engine.store.flushes();
    raise(&engine.store, 404).await;
    let mut tx = engine.store.begin().await.unwrap();
    tx.sql("SELECT n FROM counters").one::<(i64,)>().await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = engine.store.read().await.unwrap();
    tx.sql("SELECT n FROM counters").one::<(i64,)>().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(engine.store.flushes(), before);
    let mut tx = engine.store.begin().await.unwrap();
    let sql = "UPDATE counters SET n = 7 RETURNING n";
    assert_eq!(tx.sql(sql).one::<(i64,)>().await.unwrap(), (7,));
    tx.commit().await.unwrap();
    assert_eq!(engine.store.flushes(), before + 1);
}

#[tokio::test]
async fn a_single_statement_is_durable_when_its_commit_returns() {
    let engine = sqlite(Durability::Full).await;
    with_counter(&engine.store).await;
    let before = engine.store.flushes();
    let mut tx = engine.store.single().await.unwrap();
    assert_eq!(tx.sql("UPDATE counters SET n = 7").run().await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(engine.store.flushes(), before + 1);
}

#[tokio::test]
async fn relaxed_commits_wait_for_no_flush() {
    let engine = sqlite(Durability::Relaxed).await;
    with_counter(&engine.store).await;
    assert_eq!(engine.store.flushes(), 0);
}

#[tokio::test]
async fn a_commit_whose_log_was_taken_away_fails_and_so_does_everything_after_it() {
    let engine = sqlite(Durability::Full).await;
    with_counter(&engine.store).await;
    let log = format!("{}-wal", engine.url.strip_prefix("sqlite:").unwrap());
    std::fs::remove_file(log).unwrap();
    let mut tx = engine.store.begin().await.unwrap();
    tx.sql("UPDATE counters SET n = n + 1").run().await.unwrap();
    assert!(tx.commit().await.is_err());
    assert!(engine.store.begin().await.is_err());
    assert!(engine.store.single().await.is_err());
    assert!(engine.store.health().await.is_err());
}

#[tokio::test]
async fn postgres_is_told_when_to_acknowledge() {
    for (durability, expected) in [(Durability::Full, "on"), (Durability::Relaxed, "off")] {
        let Some(engine) = postgres(durability).await else { return };
        let mut tx = engine.store.read().await.unwrap();
        let sql = "SELECT current_setting('synchronous_commit')";
        assert_eq!(tx.sql(sql).one::<(String,)>().await.unwrap().0, expected);
    }
}
