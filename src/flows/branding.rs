//! Managed-login styles: one for a client, made, changed, described and deleted.

use super::{Cx, clients, directory, looks::digest, pools::held};
use crate::{
    domain::{
        Error, Result,
        branding::{self, Asset, Branding, MOST_STYLES, Wanted, merged_assets},
        error::Existing,
    },
    store::{self, Tx},
};

/// A style with its images.
#[derive(Clone, Debug)]
pub struct Styled {
    pub branding: Branding,
    pub assets: Vec<Asset>,
}

pub async fn create(cx: &Cx, pool_id: &str, client_id: &str, wanted: Wanted) -> Result<Styled> {
    directory::client_of(cx, pool_id, client_id).await?;
    wanted.check()?;
    let now = cx.now();
    let mut branding = Branding {
        id: cx.random().uuid(),
        pool_id: pool_id.to_owned(),
        client_id: client_id.to_owned(),
        uses_provided: false,
        settings: None,
        created_at: now,
        modified_at: now,
    };
    branding.change(&wanted);
    let assets = merged_assets(Vec::new(), wanted.assets.as_deref().unwrap_or_default())?;
    let mut tx = cx.begin().await?;
    held(&mut tx, pool_id).await?;
    clients::held_of(&mut tx, pool_id, client_id).await?;
    if store::branding::of_client(&mut tx, client_id).await?.is_some() {
        return Err(Error::Exists(Existing::Branding));
    }
    if usize::try_from(store::branding::count(&mut tx, pool_id).await?).is_ok_and(|count| count >= MOST_STYLES) {
        let text = format!("A user pool holds at most {MOST_STYLES} managed login branding styles.");
        return Err(Error::LimitExceeded(text));
    }
    if !store::branding::insert(&mut tx, &branding).await? {
        return Err(Error::Exists(Existing::Branding));
    }
    let assets = write_assets(cx, &mut tx, &branding.id, assets).await?;
    tx.commit().await?;
    cx.app.directory.forget_look(client_id);
    Ok(Styled { branding, assets })
}

/// Gives every image a name that has none, and writes them in place of those before.
async fn write_assets(cx: &Cx, tx: &mut Tx, branding_id: &str, assets: Vec<Asset>) -> Result<Vec<Asset>> {
    let named: Vec<Asset> = assets
        .into_iter()
        .map(|mut asset| {
            asset.resource_id.get_or_insert_with(|| cx.random().uuid());
            asset
        })
        .collect();
    let rows = named.iter().map(|asset| (asset.clone(), digest(asset.bytes.as_deref().unwrap_or_default())));
    store::branding::replace_assets(tx, branding_id, rows.collect()).await?;
    Ok(named)
}

/// Merges: settings that are not named stay, an image replaces the one of its category and colour mode.
pub async fn update(cx: &Cx, pool_id: &str, id: &str, wanted: Wanted) -> Result<Styled> {
    directory::pool(cx, pool_id).await?;
    wanted.check()?;
    let now = cx.now();
    let mut tx = cx.begin().await?;
    held(&mut tx, pool_id).await?;
    let mut branding = store::branding::find_for_update(&mut tx, pool_id, id).await?.ok_or_else(|| unknown(id))?;
    branding.change(&wanted);
    branding.modified_at = now;
    let present = if branding.uses_provided { Vec::new() } else { store::branding::assets(&mut tx, id).await? };
    let assets = merged_assets(present, wanted.assets.as_deref().unwrap_or_default())?;
    store::branding::update(&mut tx, &branding).await?;
    let assets = write_assets(cx, &mut tx, id, assets).await?;
    tx.commit().await?;
    cx.app.directory.forget_look(&branding.client_id);
    Ok(Styled { branding, assets })
}

/// With `merged`, the settings lie over those of a style without any.
pub async fn get(cx: &Cx, pool_id: &str, id: &str, merged: bool) -> Result<Styled> {
    directory::pool(cx, pool_id).await?;
    let mut tx = cx.read().await?;
    let branding = store::branding::find(&mut tx, pool_id, id).await?.ok_or_else(|| unknown(id))?;
    described(&mut tx, branding, merged).await
}

pub async fn of_client(cx: &Cx, pool_id: &str, client_id: &str, merged: bool) -> Result<Styled> {
    directory::client_of(cx, pool_id, client_id).await?;
    let mut tx = cx.read().await?;
    let branding = store::branding::of_client(&mut tx, client_id).await?;
    let none = || Error::NotFound(format!("User pool client {client_id} has no managed login branding style."));
    described(&mut tx, branding.ok_or_else(none)?, merged).await
}

async fn described(tx: &mut Tx, mut branding: Branding, merged: bool) -> Result<Styled> {
    if merged {
        let own = branding.settings.take().unwrap_or_else(|| serde_json::json!({}));
        branding.settings = Some(branding::merged(Some(branding::provided()), &own));
    }
    let assets = store::branding::assets(tx, &branding.id).await?;
    Ok(Styled { branding, assets })
}

pub async fn delete(cx: &Cx, pool_id: &str, id: &str) -> Result<()> {
    directory::pool(cx, pool_id).await?;
    let mut tx = cx.begin().await?;
    let branding = store::branding::find(&mut tx, pool_id, id).await?.ok_or_else(|| unknown(id))?;
    if !store::branding::delete(&mut tx, pool_id, id).await? {
        return Err(unknown(id));
    }
    tx.commit().await?;
    cx.app.directory.forget_look(&branding.client_id);
    Ok(())
}

fn unknown(id: &str) -> Error {
    Error::NotFound(format!("Managed login branding style {id} does not exist."))
}
