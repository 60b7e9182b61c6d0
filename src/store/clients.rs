//! App clients. Their secrets are one sealed document, bound to the client's id.

use super::{Doc, Result, StoreError, Tx, row::row};
use crate::{
    domain::client::{Client, ClientSecret, ClientSettings},
    keys::seal::Purpose,
    kit::clock::Time,
};

row! {
    struct ClientRow {
        id: String,
        pool_id: String,
        name: String,
        secrets: Vec<u8>,
        settings: Doc<ClientSettings>,
        created_at: i64,
        modified_at: i64,
    }
}

impl ClientRow {
    fn open(self, tx: &Tx) -> Result<Client> {
        let secrets = tx
            .sealer()
            .open_with(Purpose::ClientSecret, self.id.as_bytes(), &self.secrets)
            .ok_or(StoreError::Unsealable("client secrets"))?;
        let secrets: Vec<ClientSecret> =
            serde_json::from_slice(&secrets).map_err(|_| StoreError::Unsealable("client secrets"))?;
        Ok(Client {
            id: self.id,
            pool_id: self.pool_id,
            name: self.name,
            secrets,
            settings: self.settings.0,
            created_at: Time::from_millis(self.created_at),
            modified_at: Time::from_millis(self.modified_at),
        })
    }
}

fn sealed_secrets(tx: &Tx, client: &Client) -> Result<Vec<u8>> {
    let plain = serde_json::to_vec(&client.secrets).map_err(|_| StoreError::Unsealable("client secrets"))?;
    Ok(tx.sealer().seal_with(Purpose::ClientSecret, client.id.as_bytes(), &plain))
}

/// False when a client of this id exists, in any pool.
pub async fn insert(tx: &mut Tx, client: &Client) -> Result<bool> {
    let secrets = sealed_secrets(tx, client)?;
    let inserted = tx
        .sql(
            "INSERT INTO client (id, pool_id, name, secrets, settings, created_at, modified_at, is_dcr)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*client.id)
        .bind(&*client.pool_id)
        .bind(&*client.name)
        .bind(secrets)
        .bind(Doc(&client.settings))
        .bind(client.created_at.millis())
        .bind(client.modified_at.millis())
        .bind(client.is_registered())
        .run()
        .await?;
    Ok(inserted == 1)
}

pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<Client>> {
    let row = tx
        .sql("SELECT id, pool_id, name, secrets, settings, created_at, modified_at FROM client WHERE id = $1")
        .bind(id)
        .optional::<ClientRow>()
        .await?;
    row.map(|row| row.open(tx)).transpose()
}

/// Holds the client until the transaction ends.
pub async fn find_for_update(tx: &mut Tx, id: &str) -> Result<Option<Client>> {
    tx.sql("UPDATE client SET id = id WHERE id = $1").bind(id).run().await?;
    find(tx, id).await
}

/// By id, from after `cursor`. `is_registered` chooses those that have registered themselves, or the others.
pub async fn page(
    tx: &mut Tx,
    pool_id: &str,
    is_registered: Option<bool>,
    cursor: &str,
    limit: i64,
) -> Result<Vec<Client>> {
    let (either, or) = (is_registered.unwrap_or(true), is_registered.unwrap_or(false));
    let rows = tx
        .sql(
            "SELECT id, pool_id, name, secrets, settings, created_at, modified_at
             FROM client
             WHERE pool_id = $1 AND id > $2 AND is_dcr IN ($4, $5)
             ORDER BY id
             LIMIT $3",
        )
        .bind(pool_id)
        .bind(cursor)
        .bind(limit)
        .bind(either)
        .bind(or)
        .all::<ClientRow>()
        .await?;
    rows.into_iter().map(|row| row.open(tx)).collect()
}

/// Of every client of the pool.
pub async fn ids(tx: &mut Tx, pool_id: &str) -> Result<Vec<String>> {
    let rows = tx.sql("SELECT id FROM client WHERE pool_id = $1 ORDER BY id").bind(pool_id).all::<(String,)>().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// How many clients of the pool have registered themselves.
pub async fn count_registered(tx: &mut Tx, pool_id: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM client WHERE pool_id = $1 AND is_dcr = TRUE";
    Ok(tx.sql(sql).bind(pool_id).one::<(i64,)>().await?.0)
}

/// False when there is no such client.
pub async fn update(tx: &mut Tx, client: &Client) -> Result<bool> {
    let secrets = sealed_secrets(tx, client)?;
    let updated = tx
        .sql("UPDATE client SET name = $2, secrets = $3, settings = $4, modified_at = $5 WHERE id = $1")
        .bind(&*client.id)
        .bind(&*client.name)
        .bind(secrets)
        .bind(Doc(&client.settings))
        .bind(client.modified_at.millis())
        .run()
        .await?;
    Ok(updated == 1)
}

/// Removes the client and every grant given to it.
pub async fn delete(tx: &mut Tx, id: &str) -> Result<bool> {
    Ok(tx.sql("DELETE FROM client WHERE id = $1").bind(id).run().await? == 1)
}
