//! Custom domains and their mappings to stages of APIs.

use serde_json::{Map, Value};

use super::{Desk, Result, defined_in, parts};
use crate::{
    domain::http_api::{ApiMapping, DomainSettings, Fault, GatewayDomain, MOST_DOMAINS, MOST_MAPPINGS, patched, read},
    store::{self, Tx},
};

fn missing() -> Fault {
    Fault::NotFound("Invalid domain name identifier specified".to_owned())
}

fn no_mapping() -> Fault {
    Fault::NotFound("Invalid API mapping identifier specified".to_owned())
}

/// Refuses while a domain leads to the API, or to a stage of it.
pub(super) async fn refuse_mapped(tx: &mut Tx, api: &str, stage: Option<&str>) -> Result<()> {
    for domain in store::http_apis::domains(tx).await? {
        let leads = |mapping: &ApiMapping| mapping.api_id == api && stage.is_none_or(|stage| stage == mapping.stage);
        if domain.mappings.values().any(leads) {
            let name = &domain.settings.domain_name;
            let what = stage.map_or_else(|| format!("API {api}"), |stage| format!("Stage {stage}"));
            return Err(Fault::Conflict(format!(
                "{what} cannot be deleted while the domain name {name} is mapped to it"
            ))
            .into());
        }
    }
    Ok(())
}

pub async fn create(desk: &Desk, given: Map<String, Value>) -> Result<GatewayDomain> {
    let mut settings: DomainSettings = read(given)?;
    settings.domain_name = settings.domain_name.to_ascii_lowercase();
    settings.check()?;
    let name = settings.domain_name.clone();
    refuse_unservable(desk, &settings).await?;
    let taken = || Fault::Conflict("The domain name you provided already exists.".to_owned());
    if desk.serving.file().await.domains.iter().any(|domain| domain.settings.domain_name == name) {
        return Err(taken().into());
    }
    let mut tx = desk.cx.begin().await?;
    store::http_apis::lock(&mut tx).await?;
    if store::http_apis::domain(&mut tx, &name).await?.is_some() {
        return Err(taken().into());
    }
    if store::http_apis::domains(&mut tx).await?.len() >= MOST_DOMAINS {
        return Err(Fault::TooMany(format!("Maximum number of domain names has been reached: {MOST_DOMAINS}")).into());
    }
    let created_at = desk.cx.app.clock.now().millis();
    let domain = GatewayDomain { created_at, settings, mappings: Default::default(), file: None };
    store::http_apis::put_domain(&mut tx, &domain).await?;
    tx.commit().await?;
    desk.serving.changed().await?;
    Ok(domain)
}

pub async fn get(desk: &Desk, name: &str) -> Result<GatewayDomain> {
    let name = name.to_ascii_lowercase();
    let file = desk.serving.file().await.domains;
    if let Some(domain) = file.into_iter().find(|domain| domain.settings.domain_name == name) {
        return Ok(domain);
    }
    let found = store::http_apis::domain(&mut desk.cx.read().await?, &name).await?;
    Ok(found.ok_or_else(missing)?)
}

/// By name.
pub async fn list(desk: &Desk) -> Result<Vec<GatewayDomain>> {
    let mut domains = desk.serving.file().await.domains;
    for domain in store::http_apis::domains(&mut desk.cx.read().await?).await? {
        if domains.iter().all(|one| one.settings.domain_name != domain.settings.domain_name) {
            domains.push(domain);
        }
    }
    domains.sort_by(|a, b| a.settings.domain_name.cmp(&b.settings.domain_name));
    Ok(domains)
}

async fn refuse_from_file(desk: &Desk, name: &str) -> Result<()> {
    let file = desk.serving.file().await.domains;
    match file.iter().find(|domain| domain.settings.domain_name == name) {
        Some(domain) => {
            Err(defined_in(&format!("Domain name {name}"), domain.file.as_deref().unwrap_or_default()).into())
        }
        None => Ok(()),
    }
}

pub(super) async fn change<T: Send>(
    desk: &Desk,
    name: &str,
    change: impl AsyncFnOnce(&mut GatewayDomain, &mut Tx) -> Result<T>,
) -> Result<T> {
    let name = name.to_ascii_lowercase();
    refuse_from_file(desk, &name).await?;
    let mut tx = desk.cx.begin().await?;
    store::http_apis::lock(&mut tx).await?;
    let mut domain = store::http_apis::domain(&mut tx, &name).await?.ok_or_else(missing)?;
    let answer = change(&mut domain, &mut tx).await?;
    store::http_apis::put_domain(&mut tx, &domain).await?;
    tx.commit().await?;
    desk.serving.changed().await?;
    Ok(answer)
}

pub async fn update(desk: &Desk, name: &str, given: Map<String, Value>) -> Result<GatewayDomain> {
    for (member, why) in
        [("domainName", "A domain keeps its name."), ("tags", "Tags are changed by TagResource and UntagResource.")]
    {
        if given.contains_key(member) {
            return Err(Fault::bad(why).into());
        }
    }
    change(desk, name, async move |domain, _| {
        domain.settings = patched(&domain.settings, given)?;
        if domain.settings.mutual_tls_authentication.as_ref().is_some_and(|mutual| mutual.truststore_uri.is_empty()) {
            domain.settings.mutual_tls_authentication = None;
        }
        domain.settings.check()?;
        refuse_unservable(desk, &domain.settings).await?;
        Ok(domain.clone())
    })
    .await
}

/// A trust store that cannot be had is told of now, and not in the log later.
async fn refuse_unservable(desk: &Desk, settings: &DomainSettings) -> Result<()> {
    match desk.serving.objection_to_domain(settings).await {
        Some(why) => Err(Fault::BadRequest(why).into()),
        None => Ok(()),
    }
}

/// With its mappings.
pub async fn delete(desk: &Desk, name: &str) -> Result<()> {
    let name = name.to_ascii_lowercase();
    refuse_from_file(desk, &name).await?;
    let mut tx = desk.cx.begin().await?;
    store::http_apis::lock(&mut tx).await?;
    store::http_apis::domain(&mut tx, &name).await?.ok_or_else(missing)?;
    store::http_apis::delete_domain(&mut tx, &name).await?;
    tx.commit().await?;
    Ok(desk.serving.changed().await?)
}

pub async fn create_mapping(desk: &Desk, name: &str, given: Map<String, Value>) -> Result<(String, ApiMapping)> {
    let id = parts::id(desk);
    put_mapping(desk, name, id, given, true).await
}

pub async fn update_mapping(
    desk: &Desk,
    name: &str,
    id: &str,
    given: Map<String, Value>,
) -> Result<(String, ApiMapping)> {
    put_mapping(desk, name, id.to_owned(), given, false).await
}

async fn put_mapping(
    desk: &Desk,
    name: &str,
    id: String,
    given: Map<String, Value>,
    is_new: bool,
) -> Result<(String, ApiMapping)> {
    let file = desk.serving.file().await;
    change(desk, name, async move |domain, tx| {
        let mapping: ApiMapping = match domain.mappings.get(&id) {
            Some(before) => patched(before, given)?,
            None if is_new => read(given)?,
            None => return Err(no_mapping().into()),
        };
        mapping.check()?;
        let api = match file.apis.into_iter().find(|api| api.id == mapping.api_id) {
            Some(api) => Some(api),
            None => store::http_apis::find(tx, &mapping.api_id).await?,
        };
        let api = api.ok_or_else(|| Fault::bad(format!("Invalid API identifier specified: {}", mapping.api_id)))?;
        if api.stage(&mapping.stage).is_err() {
            return Err(Fault::bad("Invalid stage identifier specified").into());
        }
        let same =
            |(other, one): (&String, &ApiMapping)| *other != id && one.api_mapping_key == mapping.api_mapping_key;
        if domain.mappings.iter().any(same) {
            return Err(Fault::Conflict("ApiMapping key already exists for this domain name".to_owned()).into());
        }
        if domain.mappings.len() >= MOST_MAPPINGS && is_new {
            let text = format!("Maximum number of API mappings has been reached: {MOST_MAPPINGS}");
            return Err(Fault::TooMany(text).into());
        }
        domain.mappings.insert(id.clone(), mapping.clone());
        Ok((id, mapping))
    })
    .await
}

pub async fn mapping(desk: &Desk, name: &str, id: &str) -> Result<ApiMapping> {
    Ok(get(desk, name).await?.mappings.remove(id).ok_or_else(no_mapping)?)
}

pub async fn delete_mapping(desk: &Desk, name: &str, id: &str) -> Result<()> {
    change(desk, name, async |domain, _| Ok(domain.mappings.remove(id).map(drop).ok_or_else(no_mapping)?)).await
}
