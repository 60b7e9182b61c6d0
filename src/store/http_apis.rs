//! HTTP APIs, their deployments and custom domains, as the control plane keeps them.

use super::{Doc, Result, StoreError, Tx};
use crate::domain::http_api::{Deployment, GatewayDomain, HttpApi};

/// The number of the last change.
pub async fn revision(tx: &mut Tx) -> Result<i64> {
    Ok(tx.sql("SELECT number FROM http_api_revision WHERE id = 1").one::<(i64,)>().await?.0)
}

/// Begins a change: whoever comes later waits for its end, and then reads what it wrote.
pub async fn lock(tx: &mut Tx) -> Result<()> {
    match tx.sql("UPDATE http_api_revision SET number = number + 1 WHERE id = 1").run().await? {
        1 => Ok(()),
        _ => Err(StoreError::Corrupt("number of the last change of APIs")),
    }
}

pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<HttpApi>> {
    let row = tx.sql("SELECT api FROM http_api WHERE id = $1").bind(id).optional::<(Doc<HttpApi>,)>().await?;
    Ok(row.map(|(Doc(api),)| api))
}

/// In the order in which they were made.
pub async fn all(tx: &mut Tx) -> Result<Vec<HttpApi>> {
    let rows = tx.sql("SELECT api FROM http_api ORDER BY created_at, id").all::<(Doc<HttpApi>,)>().await?;
    Ok(rows.into_iter().map(|(Doc(api),)| api).collect())
}

/// False when the id is taken.
pub async fn insert(tx: &mut Tx, api: &HttpApi) -> Result<bool> {
    let sql = "INSERT INTO http_api (id, created_at, api) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Ok(tx.sql(sql).bind(&*api.id).bind(api.created_at).bind(Doc(api)).run().await? == 1)
}

pub async fn update(tx: &mut Tx, api: &HttpApi) -> Result<()> {
    tx.sql("UPDATE http_api SET api = $2 WHERE id = $1").bind(&*api.id).bind(Doc(api)).run().await?;
    Ok(())
}

/// With its deployments.
pub async fn delete(tx: &mut Tx, id: &str) -> Result<()> {
    tx.sql("DELETE FROM http_api WHERE id = $1").bind(id).run().await?;
    Ok(())
}

pub async fn deployment(tx: &mut Tx, api_id: &str, id: &str) -> Result<Option<Deployment>> {
    let sql = "SELECT deployment FROM http_api_deployment WHERE api_id = $1 AND id = $2";
    let row = tx.sql(sql).bind(api_id).bind(id).optional::<(Doc<Deployment>,)>().await?;
    Ok(row.map(|(Doc(deployment),)| deployment))
}

/// Newest first.
pub async fn deployments(tx: &mut Tx, api_id: &str) -> Result<Vec<Deployment>> {
    let sql = "SELECT deployment FROM http_api_deployment WHERE api_id = $1 ORDER BY created_at DESC, id";
    let rows = tx.sql(sql).bind(api_id).all::<(Doc<Deployment>,)>().await?;
    Ok(rows.into_iter().map(|(Doc(deployment),)| deployment).collect())
}

/// Writes a deployment, in the place of the one of its id if there is one.
pub async fn put_deployment(tx: &mut Tx, api_id: &str, deployment: &Deployment) -> Result<()> {
    tx.sql(
        "INSERT INTO http_api_deployment (api_id, id, created_at, deployment) VALUES ($1, $2, $3, $4)
         ON CONFLICT (api_id, id) DO UPDATE SET deployment = excluded.deployment",
    )
    .bind(api_id)
    .bind(&*deployment.id)
    .bind(deployment.created_at)
    .bind(Doc(deployment))
    .run()
    .await?;
    Ok(())
}

pub async fn delete_deployment(tx: &mut Tx, api_id: &str, id: &str) -> Result<()> {
    tx.sql("DELETE FROM http_api_deployment WHERE api_id = $1 AND id = $2").bind(api_id).bind(id).run().await?;
    Ok(())
}

pub async fn domain(tx: &mut Tx, name: &str) -> Result<Option<GatewayDomain>> {
    let sql = "SELECT domain FROM gateway_domain WHERE name = $1";
    let row = tx.sql(sql).bind(name).optional::<(Doc<GatewayDomain>,)>().await?;
    Ok(row.map(|(Doc(domain),)| domain))
}

pub async fn domains(tx: &mut Tx) -> Result<Vec<GatewayDomain>> {
    let rows = tx.sql("SELECT domain FROM gateway_domain ORDER BY name").all::<(Doc<GatewayDomain>,)>().await?;
    Ok(rows.into_iter().map(|(Doc(domain),)| domain).collect())
}

/// Writes a domain, in the place of the one of its name if there is one.
pub async fn put_domain(tx: &mut Tx, domain: &GatewayDomain) -> Result<()> {
    tx.sql(
        "INSERT INTO gateway_domain (name, created_at, domain) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET domain = excluded.domain",
    )
    .bind(&*domain.settings.domain_name)
    .bind(domain.created_at)
    .bind(Doc(domain))
    .run()
    .await?;
    Ok(())
}

pub async fn delete_domain(tx: &mut Tx, name: &str) -> Result<()> {
    tx.sql("DELETE FROM gateway_domain WHERE name = $1").bind(name).run().await?;
    Ok(())
}
