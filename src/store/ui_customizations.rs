//! Looks of the classic pages.

use super::{Result, Tx, row::row};
use crate::{domain::ui_customization::UiCustomization, kit::clock::Time};

/// The subject of what counts for clients without a look of their own.
const ALL: &str = "ALL";

row! {
    struct CustomizationRow {
        pool_id: String,
        client_id: Option<String>,
        css: Option<String>,
        css_version: String,
        digest: Option<String>,
        created_at: i64,
        modified_at: i64,
    }
}

impl From<CustomizationRow> for UiCustomization {
    fn from(row: CustomizationRow) -> Self {
        Self {
            pool_id: row.pool_id,
            client_id: row.client_id,
            css: row.css,
            css_version: row.css_version,
            image_digest: row.digest,
            created_at: Time::from_millis(row.created_at),
            modified_at: Time::from_millis(row.modified_at),
        }
    }
}

/// Exactly this one, and not what it would fall back to.
pub async fn find(tx: &mut Tx, pool_id: &str, client_id: Option<&str>) -> Result<Option<UiCustomization>> {
    let row = tx
        .sql(
            "SELECT pool_id, client_id, css, css_version, digest, created_at, modified_at
             FROM ui_customization
             WHERE pool_id = $1 AND subject = $2",
        )
        .bind(pool_id)
        .bind(client_id.unwrap_or(ALL))
        .optional::<CustomizationRow>()
        .await?;
    Ok(row.map(Into::into))
}

/// Writes all but the image; when it was first made stays.
pub async fn put(tx: &mut Tx, customization: &UiCustomization) -> Result<()> {
    tx.sql(
        "INSERT INTO ui_customization (pool_id, subject, client_id, css, css_version, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (pool_id, subject)
         DO UPDATE SET css = excluded.css, css_version = excluded.css_version, modified_at = excluded.modified_at",
    )
    .bind(&*customization.pool_id)
    .bind(customization.client_id.as_deref().unwrap_or(ALL))
    .bind(customization.client_id.clone())
    .bind(customization.css.clone())
    .bind(&*customization.css_version)
    .bind(customization.created_at.millis())
    .bind(customization.modified_at.millis())
    .run()
    .await?;
    Ok(())
}

/// With its digest, or none of both.
pub async fn set_image(tx: &mut Tx, of: &UiCustomization, image: Option<Vec<u8>>) -> Result<()> {
    tx.sql("UPDATE ui_customization SET image = $3, digest = $4 WHERE pool_id = $1 AND subject = $2")
        .bind(&*of.pool_id)
        .bind(of.client_id.as_deref().unwrap_or(ALL))
        .bind(image)
        .bind(of.image_digest.clone())
        .run()
        .await?;
    Ok(())
}

/// `subject` is a client's id or `ALL`.
pub async fn image(tx: &mut Tx, pool_id: &str, subject: &str, digest: &str) -> Result<Option<Vec<u8>>> {
    let row = tx
        .sql(
            "SELECT image
             FROM ui_customization
             WHERE pool_id = $1 AND subject = $2 AND digest = $3 AND image IS NOT NULL",
        )
        .bind(pool_id)
        .bind(subject)
        .bind(digest)
        .optional::<(Vec<u8>,)>()
        .await?;
    Ok(row.map(|(bytes,)| bytes))
}

pub async fn delete(tx: &mut Tx, pool_id: &str, client_id: Option<&str>) -> Result<bool> {
    let sql = "DELETE FROM ui_customization WHERE pool_id = $1 AND subject = $2";
    Ok(tx.sql(sql).bind(pool_id).bind(client_id.unwrap_or(ALL)).run().await? == 1)
}
