//! What the store keeps for keys.

use poolhouse::{
    config::database::Durability,
    keys::seal::Sealer,
    kit::random::Random,
    store::{Store, StoreError, signing_keys::prove_master_key},
};

use super::engines;

#[tokio::test]
async fn a_database_of_another_master_key_is_refused() {
    for engine in engines().await {
        for _ in 0..2 {
            let mut tx = engine.store.begin().await.unwrap();
            prove_master_key(&mut tx).await.unwrap();
            tx.commit().await.unwrap();
        }
        // One process at a time has a SQLite file.
        let url = engine.url.clone();
        drop(engine.store);
        let other = Sealer::new(&[8; 32], &Random::seeded(7));
        let store = Store::open(&url, Durability::Relaxed, other).await.unwrap();
        let refused = prove_master_key(&mut store.begin().await.unwrap()).await.unwrap_err();
        assert!(matches!(refused, StoreError::WrongMasterKey), "{refused}");
    }
}
