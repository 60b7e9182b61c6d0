//! Domains of pools from the administrator's side: a prefix, and a name of the owner's own. What they mean for a request is
//! told in `site.rs`.

use serde_json::Value;

use super::{Applied, Cx, directory, pools::held};
use crate::{
    domain::{
        Error, PoolDomain, PoolId, Result,
        pool_domain::{CustomDomain, DomainSettings},
    },
    kit::ids,
    store,
};

const NO_DOMAIN: &str = "No such domain or user pool exists.";

/// A domain as a call names it. A change leaves alone what it omits.
#[derive(Debug)]
pub struct Wanted {
    pub name: String,
    pub pool_id: PoolId,
    pub custom: Option<CustomDomain>,
    pub managed_login_version: Option<i64>,
    pub routing: Option<Value>,
}

fn invalid<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::InvalidParameter(text.into()))
}

pub async fn create(cx: &Cx, wanted: Wanted) -> Result<PoolDomain> {
    let domain = PoolDomain {
        name: wanted.name,
        pool_id: wanted.pool_id,
        settings: DomainSettings {
            custom_domain_config: wanted.custom,
            managed_login_version: wanted.managed_login_version.unwrap_or(1),
            routing: wanted.routing,
            distribution: format!("d{}.cloudfront.net", cx.random().lower_alphanumeric(13)),
        },
        modified_at: cx.now(),
    };
    let mut tx = cx.begin().await?;
    let pool = held(&mut tx, &domain.pool_id).await?;
    domain.check(&pool)?;
    if !store::domains::insert(&mut tx, &domain).await? {
        return match store::domains::find(&mut tx, &domain.name).await? {
            Some(_) => invalid("Domain already associated with another user pool."),
            None => invalid("User pool already has a domain configured."),
        };
    }
    tx.commit().await?;
    cx.app.directory.forget_domains();
    Ok(domain)
}

/// Changes what the call names. A prefix stays one.
pub async fn update(cx: &Cx, wanted: Wanted) -> Result<PoolDomain> {
    let mut tx = cx.begin().await?;
    let pool = held(&mut tx, &wanted.pool_id).await?;
    let found = store::domains::find(&mut tx, &wanted.name).await?.filter(|domain| domain.pool_id == pool.id);
    let Some(mut domain) = found else { return invalid(NO_DOMAIN) };
    if let Some(custom) = wanted.custom {
        if !domain.is_custom() {
            return invalid("CustomDomainConfig can only be set for a custom domain.");
        }
        domain.settings.custom_domain_config = Some(custom);
    }
    if let Some(version) = wanted.managed_login_version {
        domain.settings.managed_login_version = version;
    }
    if let Some(routing) = wanted.routing {
        domain.settings.routing = Some(routing);
    }
    domain.check(&pool)?;
    domain.modified_at = cx.now();
    store::domains::update(&mut tx, &domain).await?;
    tx.commit().await?;
    cx.app.directory.forget_domains();
    Ok(domain)
}

/// Makes the domain what a configuration file says. Its pool must be there before.
pub async fn apply(cx: &Cx, wanted: Wanted) -> Result<Applied> {
    let found = of_pool(cx, &wanted.pool_id).await?.into_iter().find(|domain| domain.name == wanted.name);
    let Some(current) = found else { return create(cx, wanted).await.map(|_| Applied::Created) };
    let version = wanted.managed_login_version.unwrap_or(1);
    let settings = &current.settings;
    if settings.custom_domain_config == wanted.custom && settings.managed_login_version == version {
        return Ok(Applied::Unchanged);
    }
    update(cx, Wanted { managed_login_version: Some(version), ..wanted }).await.map(|_| Applied::Changed)
}

pub async fn delete(cx: &Cx, pool_id: &str, name: &str) -> Result<()> {
    directory::pool(cx, pool_id).await?;
    let mut tx = cx.begin().await?;
    if !store::domains::delete(&mut tx, name, pool_id).await? {
        return invalid(NO_DOMAIN);
    }
    tx.commit().await?;
    cx.app.directory.forget_domains();
    Ok(())
}

/// A domain of a pool of the call's region.
pub async fn find(cx: &Cx, name: &str) -> Result<Option<PoolDomain>> {
    let found = store::domains::find(&mut cx.read().await?, name).await?;
    Ok(found.filter(|domain| !ids::is_abroad(&domain.pool_id, &cx.region)))
}

/// The host of the pool's pages: its custom domain, or that of its prefix.
pub async fn host_of(cx: &Cx, pool_id: &str) -> Result<Option<String>> {
    let domains = of_pool(cx, pool_id).await?;
    let domain = domains.iter().find(|domain| domain.is_custom()).or(domains.first());
    Ok(domain.map(PoolDomain::host))
}

/// The pool's prefix and its custom domain, as far as it has them.
pub async fn of_pool(cx: &Cx, pool_id: &str) -> Result<Vec<PoolDomain>> {
    Ok(store::domains::of_pool(&mut cx.read().await?, pool_id).await?)
}
