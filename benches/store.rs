//! What a commit and a point read cost on SQLite: `cargo bench --bench store`.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should say where")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use poolhouse::{config::database::Durability, keys::seal::Sealer, kit::random::Random, store::Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;

criterion_group!(benches, commits, reads);
criterion_main!(benches);

fn commits(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    for (name, durability, writers) in [
        ("relaxed commit, 1 writer", Durability::Relaxed, 1),
        ("full commit, 1 writer", Durability::Full, 1),
        ("full commit, 64 writers", Durability::Full, 64),
    ] {
        let (_folder, store) = runtime.block_on(opened(durability));
        criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|commits| runtime.block_on(commit(&store, commits, writers)));
        });
    }
}

fn reads(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (_folder, store) = runtime.block_on(opened(Durability::Relaxed));
    criterion.bench_function("point read", |bencher| {
        bencher.iter(|| black_box(runtime.block_on(read(&store, "7"))));
    });
    let cache = store.cache::<String, String>(100);
    let key = "7".to_owned();
    criterion.bench_function("cache hit", |bencher| {
        bencher.iter(|| {
            let load = || async { Ok(Some(read(&store, &key).await)) };
            black_box(runtime.block_on(cache.get_or_load(&key, load)).unwrap())
        });
    });
}

/// The time that `commits` commits take when `writers` make them side by side.
async fn commit(store: &Store, commits: u64, writers: u64) -> Duration {
    let began = Instant::now();
    let tasks = (0..writers).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..commits / writers + u64::from(writer < commits % writers) {
                let mut tx = store.begin().await.unwrap();
                let sql = "UPDATE things SET note = $1 WHERE id = $1";
                tx.sql(sql).bind(writer.to_string()).run().await.unwrap();
                tx.commit().await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    began.elapsed()
}

async fn read(store: &Store, id: &str) -> String {
    let mut tx = store.read().await.unwrap();
    let row = tx.sql("SELECT id, note FROM things WHERE id = $1").bind(id).optional::<(String, String)>().await;
    row.unwrap().unwrap().0
}

async fn opened(durability: Durability) -> (TempDir, Store) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let url = format!("sqlite:{}", folder.path().join("bench.db").display());
    let store = Store::open(&url, durability, Sealer::new(&[7; 32], &Random::seeded(7))).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.sql("CREATE TABLE things (id TEXT NOT NULL PRIMARY KEY, note TEXT NOT NULL)").run().await.unwrap();
    for id in 0..1000 {
        tx.sql("INSERT INTO things (id, note) VALUES ($1, '')").bind(id.to_string()).run().await.unwrap();
    }
    tx.commit().await.unwrap();
    (folder, store)
}
