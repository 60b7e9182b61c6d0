//! What the hosted pages of a client show of its own: a style, a logo, and links to its terms.
//!
//! Which generation of pages a pool has is said by its domains: one of the second brings managed-login styles, otherwise the
//! classic look counts. A pool without a domain says nothing, and there a managed-login style comes before a classic one. The
//! classic one is the client's, or the one that the pool has for all.

use aws_lc_rs::digest::{SHA256, digest as hash};

use super::{Cx, directory};
use crate::{
    domain::{
        Client, Result,
        branding::style,
        terms::Terms,
        ui_customization::{UiCustomization, css},
    },
    store::{self, StoreError, Tx},
};

/// The subject of what counts for every client of a pool.
const ALL: &str = "ALL";

#[derive(Clone, Debug, Default)]
pub struct Look {
    pub style: Option<Style>,
    pub terms: Vec<Terms>,
}

#[derive(Clone, Debug)]
pub struct Style {
    /// Whose it is, in its address: a client, or `ALL`.
    pub subject: String,
    /// Of the style sheet; another one has another digest.
    pub digest: String,
    /// Ready to be served; images are named relative to it.
    pub sheet: String,
    pub images: Images,
}

/// Digests of images.
#[derive(Clone, Debug, Default)]
pub struct Images {
    pub logo: Option<String>,
    /// In place of the logo where dark colours are asked for.
    pub dark_logo: Option<String>,
    pub favicon: Option<String>,
}

impl Look {
    pub(super) async fn load(tx: &mut Tx, client: &Client) -> Result<Self, StoreError> {
        let terms = store::terms::of_client(tx, &client.id).await?;
        let domains = store::domains::of_pool(tx, &client.pool_id).await?;
        let is_second = domains.iter().any(|domain| domain.settings.managed_login_version == 2);
        let branding = store::branding::of_client(tx, &client.id).await?;
        if let Some(branding) = branding.filter(|_| is_second || domains.is_empty()) {
            if branding.uses_provided {
                return Ok(Self { style: None, terms });
            }
            let images = store::branding::asset_digests(tx, &branding.id).await?;
            let settings = branding.settings.unwrap_or_default();
            return Ok(Self { style: Some(managed(&client.id, &settings, &images)), terms });
        }
        if is_second {
            return Ok(Self { style: None, terms });
        }
        let mut own = store::ui_customizations::find(tx, &client.pool_id, Some(&client.id)).await?;
        if own.is_none() {
            own = store::ui_customizations::find(tx, &client.pool_id, None).await?;
        }
        Ok(Self { style: own.map(classic), terms })
    }
}

fn classic(own: UiCustomization) -> Style {
    let sheet = own.css.as_deref().map(css::rewritten).unwrap_or_default();
    Style {
        subject: own.client_id.unwrap_or_else(|| ALL.to_owned()),
        digest: digest(sheet.as_bytes()),
        images: Images { logo: own.image_digest, ..Images::default() },
        sheet,
    }
}

/// `images` are category, colour mode and digest.
fn managed(client_id: &str, settings: &serde_json::Value, images: &[(String, String, String)]) -> Style {
    let shown = |category: &str, modes: &[&str]| {
        let of_mode = |mode: &&str| images.iter().find(|(name, own, _)| name == category && own == mode);
        let image = modes.iter().find_map(of_mode).filter(|_| style::shows(settings, category));
        image.map(|(_, _, digest)| digest.clone())
    };
    let bright = ["LIGHT", "DYNAMIC", "DARK"];
    let mut sheet = style::sheet(settings);
    for (category, selector) in [("PAGE_BACKGROUND", "body"), ("FORM_BACKGROUND", ".card")] {
        if let Some(digest) = shown(category, &bright) {
            sheet.push_str(&format!(
                "{selector} {{\n  background-image: url(\"../{digest}/image\");\n  background-size: cover;\n}}\n"
            ));
        }
    }
    Style {
        subject: client_id.to_owned(),
        digest: digest(sheet.as_bytes()),
        sheet,
        images: Images {
            logo: shown("FORM_LOGO", &bright),
            dark_logo: shown("FORM_LOGO", &["DARK"]),
            favicon: shown("FAVICON_SVG", &bright).or_else(|| shown("FAVICON_ICO", &bright)),
        },
    }
}

/// The style sheet of this digest, if it is the one that `subject` has now.
pub async fn sheet(cx: &Cx, pool_id: &str, subject: &str, digest: &str) -> Result<Option<String>> {
    let style = if subject == ALL {
        store::ui_customizations::find(&mut cx.read().await?, pool_id, None).await?.map(classic)
    } else {
        let Some(client) = directory::find_client(cx, subject).await? else { return Ok(None) };
        directory::look(cx, &client).await?.style.clone().filter(|style| style.subject == subject)
    };
    Ok(style.filter(|style| style.digest == digest).map(|style| style.sheet))
}

/// The image of this digest, if `subject` has it.
pub async fn image(cx: &Cx, pool_id: &str, subject: &str, digest: &str) -> Result<Option<Vec<u8>>> {
    let mut tx = cx.read().await?;
    if let Some(image) = store::ui_customizations::image(&mut tx, pool_id, subject, digest).await? {
        return Ok(Some(image));
    }
    Ok(store::branding::asset_bytes(&mut tx, subject, digest).await?)
}

/// Names content by what it is.
pub(super) fn digest(content: &[u8]) -> String {
    hex::encode(&hash(&SHA256, content).as_ref()[..16])
}
