//! Terms of clients: links that their pages show.

use super::{
    Cx, clients,
    cursor::{self, Page},
    directory,
    pools::held,
};
use crate::{
    domain::{
        Error, Result,
        error::Existing,
        terms::{Links, Terms, check_links},
    },
    store,
};

/// `name` and `links` fit the published shapes.
pub async fn create(cx: &Cx, place: (&str, &str), name: String, links: Links) -> Result<Terms> {
    let (pool_id, client_id) = place;
    directory::client_of(cx, pool_id, client_id).await?;
    check_links(&links)?;
    let now = cx.now();
    let terms = Terms {
        id: cx.random().uuid(),
        pool_id: pool_id.to_owned(),
        client_id: client_id.to_owned(),
        name,
        links,
        created_at: now,
        modified_at: now,
    };
    let mut tx = cx.begin().await?;
    held(&mut tx, pool_id).await?;
    clients::held_of(&mut tx, pool_id, client_id).await?;
    if !store::terms::insert(&mut tx, &terms).await? {
        return Err(Error::Exists(Existing::Terms));
    }
    tx.commit().await?;
    cx.app.directory.forget_look(client_id);
    Ok(terms)
}

/// What a change names.
#[derive(Debug, Default)]
pub struct Change {
    pub name: Option<String>,
    pub links: Option<Links>,
}

/// What is not named stays.
pub async fn update(cx: &Cx, pool_id: &str, id: &str, change: Change) -> Result<Terms> {
    directory::pool(cx, pool_id).await?;
    change.links.as_ref().map(check_links).transpose()?;
    let now = cx.now();
    let mut tx = cx.begin().await?;
    held(&mut tx, pool_id).await?;
    let mut terms = store::terms::find_for_update(&mut tx, pool_id, id).await?.ok_or_else(|| unknown(id))?;
    terms.name = change.name.unwrap_or(terms.name);
    terms.links = change.links.unwrap_or(terms.links);
    terms.modified_at = now;
    if !store::terms::update(&mut tx, &terms).await? {
        return Err(Error::Exists(Existing::Terms));
    }
    tx.commit().await?;
    cx.app.directory.forget_look(&terms.client_id);
    Ok(terms)
}

pub async fn get(cx: &Cx, pool_id: &str, id: &str) -> Result<Terms> {
    directory::pool(cx, pool_id).await?;
    store::terms::find(&mut cx.read().await?, pool_id, id).await?.ok_or_else(|| unknown(id))
}

pub async fn of_client(cx: &Cx, pool_id: &str, client_id: &str, name: &str) -> Result<Terms> {
    directory::client_of(cx, pool_id, client_id).await?;
    let all = store::terms::of_client(&mut cx.read().await?, client_id).await?;
    let none = || Error::NotFound(format!("User pool client {client_id} has no {name} terms."));
    all.into_iter().find(|terms| terms.name == name).ok_or_else(none)
}

pub async fn delete(cx: &Cx, pool_id: &str, id: &str) -> Result<()> {
    let terms = get(cx, pool_id, id).await?;
    let mut tx = cx.single().await?;
    let is_deleted = store::terms::delete(&mut tx, pool_id, id).await?;
    tx.commit().await?;
    cx.app.directory.forget_look(&terms.client_id);
    if is_deleted { Ok(()) } else { Err(unknown(id)) }
}

pub async fn list(cx: &Cx, pool_id: &str, limit: usize, cursor: Option<&str>) -> Result<Page<Terms>> {
    directory::pool(cx, pool_id).await?;
    let list = format!("terms:{pool_id}");
    let after = cursor::open(cx, &list, cursor)?;
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let terms = store::terms::page(&mut cx.read().await?, pool_id, &after, wanted).await?;
    cursor::page(cx, &list, terms, limit, |terms| terms.id.clone())
}

fn unknown(id: &str) -> Error {
    Error::NotFound(format!("Terms {id} do not exist."))
}
