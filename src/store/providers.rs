//! Identity providers of pools, and their other names.

use super::{Doc, Result, StoreError, Tx, row::row};
use crate::{
    domain::provider::{Details, Kind, Provider, ProviderSettings},
    keys::seal::Purpose,
    kit::clock::Time,
};

row! {
    struct ProviderRow {
        pool_id: String,
        name: String,
        kind: String,
        details: Vec<u8>,
        settings: Doc<ProviderSettings>,
        created_at: i64,
        modified_at: i64,
    }
}

fn kind(name: &str) -> Result<Kind> {
    Kind::from_name(name).ok_or(StoreError::Corrupt("type of identity provider"))
}

/// What the sealed details are bound to.
fn place(pool_id: &str, name: &str) -> Vec<u8> {
    format!("provider\0{pool_id}\0{name}").into_bytes()
}

impl ProviderRow {
    fn open(self, tx: &Tx) -> Result<Provider> {
        let unsealable = || StoreError::Unsealable("details of an identity provider");
        let details = tx
            .sealer()
            .open_with(Purpose::Credential, &place(&self.pool_id, &self.name), &self.details)
            .ok_or_else(unsealable)?;
        let details: Details = serde_json::from_slice(&details).map_err(|_| unsealable())?;
        Ok(Provider {
            kind: kind(&self.kind)?,
            pool_id: self.pool_id,
            name: self.name,
            details,
            settings: self.settings.0,
            created_at: Time::from_millis(self.created_at),
            modified_at: Time::from_millis(self.modified_at),
        })
    }
}

fn sealed_details(tx: &Tx, provider: &Provider) -> Result<Vec<u8>> {
    let unsealable = |_| StoreError::Unsealable("details of an identity provider");
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(&provider.details).map_err(unsealable)?);
    Ok(tx.sealer().seal_with(Purpose::Credential, &place(&provider.pool_id, &provider.name), &plain))
}

/// False when the pool has a provider of this name.
pub async fn insert(tx: &mut Tx, provider: &Provider) -> Result<bool> {
    let details = sealed_details(tx, provider)?;
    let inserted = tx
        .sql(
            "INSERT INTO identity_provider (pool_id, name, kind, details, settings, created_at, modified_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*provider.pool_id)
        .bind(&*provider.name)
        .bind(provider.kind.name())
        .bind(details)
        .bind(Doc(&provider.settings))
        .bind(provider.created_at.millis())
        .bind(provider.modified_at.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}

/// False when there is no such provider.
pub async fn update(tx: &mut Tx, provider: &Provider) -> Result<bool> {
    let details = sealed_details(tx, provider)?;
    let updated = tx
        .sql(
            "UPDATE identity_provider
             SET details = $3, settings = $4, modified_at = $5
             WHERE pool_id = $1 AND name = $2",
        )
        .bind(&*provider.pool_id)
        .bind(&*provider.name)
        .bind(details)
        .bind(Doc(&provider.settings))
        .bind(provider.modified_at.millis())
        .run()
        .await?;
    Ok(updated == 1)
}

/// Removes the provider and its other names.
pub async fn delete(tx: &mut Tx, pool_id: &str, name: &str) -> Result<bool> {
    let sql = "DELETE FROM identity_provider WHERE pool_id = $1 AND name = $2";
    Ok(tx.sql(sql).bind(pool_id).bind(name).run().await? == 1)
}

pub async fn find(tx: &mut Tx, pool_id: &str, name: &str) -> Result<Option<Provider>> {
    let row = tx
        .sql(
            "SELECT pool_id, name, kind, details, settings, created_at, modified_at
             FROM identity_provider
             WHERE pool_id = $1 AND name = $2",
        )
        .bind(pool_id)
        .bind(name)
        .optional::<ProviderRow>()
        .await?;
    row.map(|row| row.open(tx)).transpose()
}

/// Providers of a type, of one pool or of all, in the order of their names.
pub async fn of_kind(tx: &mut Tx, kind: Kind, pool_id: Option<&str>, limit: i64) -> Result<Vec<Provider>> {
    let rows = tx
        .sql(
            "SELECT pool_id, name, kind, details, settings, created_at, modified_at
             FROM identity_provider
             WHERE kind = $1 AND ($2 = '' OR pool_id = $2)
             ORDER BY pool_id, name
             LIMIT $3",
        )
        .bind(kind.name())
        .bind(pool_id.unwrap_or_default())
        .bind(limit)
        .all::<ProviderRow>()
        .await?;
    rows.into_iter().map(|row| row.open(tx)).collect()
}

/// The provider that has this other name.
pub async fn by_identifier(tx: &mut Tx, pool_id: &str, identifier: &str) -> Result<Option<Provider>> {
    let row = tx
        .sql(
            "SELECT p.pool_id, p.name, p.kind, p.details, p.settings, p.created_at, p.modified_at
             FROM provider_identifier i
             JOIN identity_provider p ON p.pool_id = i.pool_id AND p.name = i.provider
             WHERE i.pool_id = $1 AND i.identifier = $2",
        )
        .bind(pool_id)
        .bind(identifier)
        .optional::<ProviderRow>()
        .await?;
    row.map(|row| row.open(tx)).transpose()
}

/// A provider as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderLine {
    pub name: String,
    pub kind: Kind,
    pub created_at: Time,
    pub modified_at: Time,
}

row! {
    struct LineRow {
        name: String,
        kind: String,
        created_at: i64,
        modified_at: i64,
    }
}

/// By name, from after `cursor`.
pub async fn page(tx: &mut Tx, pool_id: &str, cursor: &str, limit: i64) -> Result<Vec<ProviderLine>> {
    let rows = tx
        .sql(
            "SELECT name, kind, created_at, modified_at
             FROM identity_provider
             WHERE pool_id = $1 AND name > $2
             ORDER BY name
             LIMIT $3",
        )
        .bind(pool_id)
        .bind(cursor)
        .bind(limit)
        .all::<LineRow>()
        .await?;
    let open = |row: LineRow| {
        Ok(ProviderLine {
            kind: kind(&row.kind)?,
            name: row.name,
            created_at: Time::from_millis(row.created_at),
            modified_at: Time::from_millis(row.modified_at),
        })
    };
    rows.into_iter().map(open).collect()
}

/// Of every provider of the pool.
pub async fn names(tx: &mut Tx, pool_id: &str) -> Result<Vec<String>> {
    let sql = "SELECT name FROM identity_provider WHERE pool_id = $1 ORDER BY name";
    let rows = tx.sql(sql).bind(pool_id).all::<(String,)>().await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// False when another provider of the pool has this other name.
pub async fn claim_identifier(tx: &mut Tx, provider: &Provider, identifier: &str) -> Result<bool> {
    let claimed = tx
        .sql(
            "INSERT INTO provider_identifier (pool_id, identifier, provider)
             VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*provider.pool_id)
        .bind(identifier)
        .bind(&*provider.name)
        .run()
        .await?;
    Ok(claimed == 1)
}

pub async fn release_identifiers(tx: &mut Tx, provider: &Provider) -> Result<()> {
    tx.sql("DELETE FROM provider_identifier WHERE pool_id = $1 AND provider = $2")
        .bind(&*provider.pool_id)
        .bind(&*provider.name)
        .run()
        .await?;
    Ok(())
}
