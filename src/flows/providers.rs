//! Identity providers: what administrators make of them, and which ones a client offers.
//!
//! A provider that is deleted leaves its name in the settings of clients, where it does nothing: a client whose list were
//! emptied would let the pool's own users in, which nobody has asked for.

use std::collections::BTreeMap;

use super::{
    Applied, Cx, certificates,
    cursor::{self, Page},
    directory,
    pools::held,
    saml,
};
use crate::{
    config::Mode,
    domain::{
        Client, Error, Provider, Result,
        error::Existing,
        provider::{self, Details, ENCRYPTION_CERTIFICATE, Kind, MOST_PROVIDERS, OWN, ProviderSettings, Rules},
    },
    kit::text::fold,
    store::{self, Tx, providers::ProviderLine, saml_metadata::SamlMetadata},
};

/// What a call names. Creation needs the details; a change leaves alone what it omits.
#[derive(Debug, Default)]
pub struct Wanted {
    pub details: Option<Details>,
    pub mapping: Option<BTreeMap<String, String>>,
    pub identifiers: Option<Vec<String>>,
    pub acr_mapping: Option<BTreeMap<String, String>>,
}

/// What details are judged by here.
pub(super) fn rules(cx: &Cx) -> Rules {
    Rules { now: cx.now(), allows_http: cx.app.setup.mode == Mode::Development }
}

pub async fn create(cx: &Cx, pool_id: &str, name: String, kind: Kind, wanted: Wanted) -> Result<Provider> {
    directory::pool(cx, pool_id).await?;
    provider::check_name(kind, &name)?;
    let now = cx.now();
    let mut provider = Provider {
        pool_id: pool_id.to_owned(),
        name,
        kind,
        details: Details::new(),
        settings: ProviderSettings::default(),
        created_at: now,
        modified_at: now,
    };
    let exists = |name: &str| Error::Exists(Existing::Provider(name.to_owned()));
    if find(cx, pool_id, &provider.name).await?.is_some() {
        return Err(exists(&provider.name));
    }
    let (details, metadata) = complete(cx, kind, wanted.details.unwrap_or_default()).await?;
    provider.details = details;
    let mut tx = cx.begin().await?;
    let pool = held(&mut tx, pool_id).await?;
    let present = store::providers::names(&mut tx, pool_id).await?;
    if present.contains(&provider.name) {
        return Err(exists(&provider.name));
    }
    if present.len() >= MOST_PROVIDERS {
        return Err(Error::LimitExceeded(format!("A user pool holds at most {MOST_PROVIDERS} identity providers.")));
    }
    provider.settings.attribute_mapping = provider::mapping(&pool, kind, wanted.mapping.unwrap_or_default())?;
    provider.settings.idp_identifiers = wanted.identifiers.unwrap_or_default();
    provider.settings.acr_mapping = wanted.acr_mapping.unwrap_or_default();
    if !store::providers::insert(&mut tx, &provider).await? {
        return Err(exists(&provider.name));
    }
    claim_identifiers(&mut tx, &provider).await?;
    keep(&mut tx, &provider, metadata).await?;
    tx.commit().await?;
    Ok(provider)
}

/// The details as they are kept, and the metadata at their address. No transaction may be open.
async fn complete(cx: &Cx, kind: Kind, given: Details) -> Result<(Details, Option<SamlMetadata>)> {
    let details = provider::details(kind, given, rules(cx))?;
    let metadata = match provider::metadata_url(kind, &details) {
        Some(url) => Some(saml::metadata::fetch(cx, url).await?.0),
        None => None,
    };
    Ok((details, metadata))
}

async fn keep(tx: &mut Tx, provider: &Provider, metadata: Option<SamlMetadata>) -> Result<()> {
    match metadata {
        Some(metadata) => Ok(store::saml_metadata::put(tx, provider, &metadata).await?),
        None => Ok(store::saml_metadata::remove(tx, provider).await?),
    }
}

/// Replaces what the call names, each member as a whole.
pub async fn update(cx: &Cx, pool_id: &str, name: &str, wanted: Wanted) -> Result<Provider> {
    directory::pool(cx, pool_id).await?;
    refuse_own(name)?;
    // A provider keeps its type as long as it lives.
    let kind = find(cx, pool_id, name).await?.ok_or_else(|| missing(name))?.kind;
    let details = match wanted.details {
        Some(details) => Some(complete(cx, kind, details).await?),
        None => None,
    };
    let mut tx = cx.begin().await?;
    let pool = held(&mut tx, pool_id).await?;
    let found = store::providers::find(&mut tx, pool_id, name).await?;
    let mut provider = found.ok_or_else(|| missing(name))?;
    if let Some((details, metadata)) = details {
        provider.details = details;
        keep(&mut tx, &provider, metadata).await?;
    }
    if let Some(mapping) = wanted.mapping {
        provider.settings.attribute_mapping = provider::mapping(&pool, provider.kind, mapping)?;
    }
    if let Some(acr_mapping) = wanted.acr_mapping {
        provider.settings.acr_mapping = acr_mapping;
    }
    if let Some(identifiers) = wanted.identifiers {
        provider.settings.idp_identifiers = identifiers;
        store::providers::release_identifiers(&mut tx, &provider).await?;
        claim_identifiers(&mut tx, &provider).await?;
    }
    provider.modified_at = cx.now();
    store::providers::update(&mut tx, &provider).await?;
    tx.commit().await?;
    Ok(provider)
}

/// Makes the provider what a configuration file says. Its pool must be there before.
pub async fn apply(cx: &Cx, pool_id: &str, name: &str, kind: Kind, wanted: Wanted) -> Result<Applied> {
    let Some(current) = find(cx, pool_id, name).await? else {
        return create(cx, pool_id, name.to_owned(), kind, wanted).await.map(|_| Applied::Created);
    };
    if current.kind != kind {
        let text =
            format!("The type of the identity provider {name} cannot be changed: it is {}.", current.kind.name());
        return Err(Error::InvalidParameter(text));
    }
    let pool = directory::pool(cx, pool_id).await?;
    let details = provider::details(kind, wanted.details.clone().unwrap_or_default(), rules(cx))?;
    let settings = ProviderSettings {
        attribute_mapping: provider::mapping(&pool, kind, wanted.mapping.clone().unwrap_or_default())?,
        idp_identifiers: wanted.identifiers.clone().unwrap_or_default(),
        acr_mapping: current.settings.acr_mapping.clone(),
    };
    if current.details == details && current.settings == settings {
        return Ok(Applied::Unchanged);
    }
    update(cx, pool_id, name, wanted).await.map(|_| Applied::Changed)
}

async fn claim_identifiers(tx: &mut Tx, provider: &Provider) -> Result<()> {
    provider::check_identifiers(&provider.settings.idp_identifiers)?;
    for identifier in &provider.settings.idp_identifiers {
        if !store::providers::claim_identifier(tx, provider, identifier).await? {
            let text = format!("The identifier {identifier} belongs to another provider of the user pool.");
            return Err(Error::InvalidParameter(text));
        }
    }
    Ok(())
}

/// The pool itself cannot be changed like a provider of it.
fn refuse_own(name: &str) -> Result<()> {
    if fold(name) != fold(OWN) {
        return Ok(());
    }
    Err(Error::UnsupportedProvider(format!("The identity provider {name} can be neither changed nor deleted.")))
}

fn missing(name: &str) -> Error {
    Error::NotFound(format!("Identity provider {name} does not exist."))
}

pub async fn get(cx: &Cx, pool_id: &str, name: &str) -> Result<Provider> {
    directory::pool(cx, pool_id).await?;
    let found = store::providers::find(&mut cx.read().await?, pool_id, name).await?;
    found.ok_or_else(|| missing(name))
}

/// The provider of this name, if the pool has it.
pub async fn find(cx: &Cx, pool_id: &str, name: &str) -> Result<Option<Provider>> {
    Ok(store::providers::find(&mut cx.read().await?, pool_id, name).await?)
}

/// The provider that an address or an identifier leads to: one of its other names, or the domain of an e-mail address that is.
pub async fn hinted(cx: &Cx, pool_id: &str, hint: &str) -> Result<Option<Provider>> {
    let mut tx = cx.read().await?;
    if let Some(provider) = store::providers::by_identifier(&mut tx, pool_id, hint).await? {
        return Ok(Some(provider));
    }
    let Some((_, domain)) = hint.rsplit_once('@') else { return Ok(None) };
    Ok(store::providers::by_identifier(&mut tx, pool_id, &domain.to_lowercase()).await?)
}

/// The providers that a client offers and the pool has, in the client's order.
pub async fn offered(cx: &Cx, client: &Client) -> Result<Vec<String>> {
    let names = &client.settings.supported_identity_providers;
    if names.iter().all(|name| name == OWN) {
        return Ok(Vec::new());
    }
    let present = store::providers::names(&mut cx.read().await?, &client.pool_id).await?;
    Ok(names.iter().filter(|name| present.contains(name)).cloned().collect())
}

pub async fn by_identifier(cx: &Cx, pool_id: &str, identifier: &str) -> Result<Provider> {
    directory::pool(cx, pool_id).await?;
    let found = store::providers::by_identifier(&mut cx.read().await?, pool_id, identifier).await?;
    found.ok_or_else(|| Error::NotFound(format!("Identity provider with identifier {identifier} does not exist.")))
}

/// The details as an administrator sees them: without what is written only, with what is ours.
pub async fn shown_details(cx: &Cx, provider: &Provider) -> Result<Details> {
    let mut details = provider.shown_details();
    if provider.kind == Kind::Saml {
        let certificate = certificates::encryption(cx, &provider.pool_id).await?;
        details.insert(ENCRYPTION_CERTIFICATE.to_owned(), certificate);
        // Those of a file are kept with it. What cannot be had is not shown.
        if provider.metadata_url().is_some()
            && let Ok(place) = saml::place(cx, provider).await
        {
            details.extend(place.details());
        }
    }
    Ok(details)
}

pub async fn delete(cx: &Cx, pool_id: &str, name: &str) -> Result<()> {
    directory::pool(cx, pool_id).await?;
    refuse_own(name)?;
    let mut tx = cx.begin().await?;
    if !store::providers::delete(&mut tx, pool_id, name).await? {
        return Err(missing(name));
    }
    Ok(tx.commit().await?)
}

pub async fn list(cx: &Cx, pool_id: &str, limit: usize, cursor: Option<&str>) -> Result<Page<ProviderLine>> {
    directory::pool(cx, pool_id).await?;
    let list = format!("identity providers:{pool_id}");
    let after = cursor::open(cx, &list, cursor)?;
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let lines = store::providers::page(&mut cx.read().await?, pool_id, &after, wanted).await?;
    cursor::page(cx, &list, lines, limit, |line| line.name.clone())
}
