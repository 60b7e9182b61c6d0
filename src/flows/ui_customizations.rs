//! The look of the classic pages, for a client or for all of a pool's.

use std::time::Duration;

use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{Cx, clients, directory, looks::digest, pools::held};
use crate::{
    domain::{
        Error, Result,
        ui_customization::{UiCustomization, check_image, css},
    },
    kit::clock::Time,
    store,
};

/// What a call sets. What it does not name stays; an empty value takes it away.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub css: Option<String>,
    pub image: Option<Vec<u8>>,
}

const NO_DOMAIN: &str = "There has to be an existing domain associated with this user pool";
const VERSION: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day][hour][minute][second]");

pub async fn set(cx: &Cx, pool_id: &str, client_id: Option<&str>, wanted: Wanted) -> Result<UiCustomization> {
    match client_id {
        Some(client_id) => directory::client_of(cx, pool_id, client_id).await.map(drop)?,
        None => directory::pool(cx, pool_id).await.map(drop)?,
    }
    let css = wanted.css.map(|css| (!css.trim().is_empty()).then_some(css));
    css.iter().flatten().try_for_each(|css| css::check(css))?;
    let image = wanted.image.map(|image| (!image.is_empty()).then_some(image));
    image.iter().flatten().try_for_each(|image| check_image(image).map(drop))?;

    let now = cx.now();
    let mut tx = cx.begin().await?;
    held(&mut tx, pool_id).await?;
    if let Some(client_id) = client_id {
        clients::held_of(&mut tx, pool_id, client_id).await?;
    }
    if store::domains::of_pool(&mut tx, pool_id).await?.is_empty() {
        return Err(Error::InvalidParameter(NO_DOMAIN.into()));
    }
    let present = store::ui_customizations::find(&mut tx, pool_id, client_id).await?;
    let customization = UiCustomization {
        pool_id: pool_id.to_owned(),
        client_id: client_id.map(str::to_owned),
        css: match css {
            Some(css) => css,
            None => present.as_ref().and_then(|present| present.css.clone()),
        },
        css_version: version_after(present.as_ref().map(|present| &*present.css_version), now)?,
        image_digest: match &image {
            Some(image) => image.as_deref().map(digest),
            None => present.as_ref().and_then(|present| present.image_digest.clone()),
        },
        created_at: present.as_ref().map_or(now, |present| present.created_at),
        modified_at: now,
    };
    if customization.css.is_none() && customization.image_digest.is_none() {
        // Nothing of one's own is left: what all clients have counts again.
        store::ui_customizations::delete(&mut tx, pool_id, client_id).await?;
    } else {
        store::ui_customizations::put(&mut tx, &customization).await?;
        if let Some(image) = image {
            store::ui_customizations::set_image(&mut tx, &customization, image).await?;
        }
    }
    let changed = match client_id {
        Some(client_id) => vec![client_id.to_owned()],
        None => store::clients::ids(&mut tx, pool_id).await?,
    };
    tx.commit().await?;
    changed.iter().for_each(|client| cx.app.directory.forget_look(client));
    Ok(customization)
}

/// The time of the change to the second, and later than the version before: it tells changes apart.
fn version_after(before: Option<&str>, now: Time) -> Result<String> {
    let text = |time: Time| {
        let moment = OffsetDateTime::from_unix_timestamp(time.seconds()).map_err(|error| error.to_string());
        moment.and_then(|moment| moment.format(VERSION).map_err(|error| error.to_string())).map_err(Error::Internal)
    };
    let mut time = now;
    loop {
        let version = text(time)?;
        if before.is_none_or(|before| before < &*version) {
            return Ok(version);
        }
        time = time.plus(Duration::from_secs(1));
    }
}

/// The client's own, or what all clients have; None when there is neither.
pub async fn get(cx: &Cx, pool_id: &str, client_id: Option<&str>) -> Result<Option<UiCustomization>> {
    match client_id {
        Some(client_id) => directory::client_of(cx, pool_id, client_id).await.map(drop)?,
        None => directory::pool(cx, pool_id).await.map(drop)?,
    }
    let mut tx = cx.read().await?;
    if client_id.is_some()
        && let Some(own) = store::ui_customizations::find(&mut tx, pool_id, client_id).await?
    {
        return Ok(Some(own));
    }
    Ok(store::ui_customizations::find(&mut tx, pool_id, None).await?)
}
