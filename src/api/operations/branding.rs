//! How a client's pages look: managed-login styles, and the classic customization.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    api::{Operation, shapes::Timestamp},
    domain::{
        Error, Result,
        branding::{Asset, Wanted},
        ui_customization::UiCustomization,
    },
    flows::{
        Cx,
        branding::{self, Styled},
        ui_customizations,
    },
    web::paths,
};

/// The subject that stands for all clients.
const ALL: &str = "ALL";

/// `AssetType`
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireAsset {
    category: String,
    color_mode: String,
    extension: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_id: Option<String>,
}

impl From<Asset> for WireAsset {
    fn from(asset: Asset) -> Self {
        Self {
            category: asset.category,
            color_mode: asset.color_mode,
            extension: asset.extension,
            bytes: asset.bytes.map(|bytes| BASE64_STANDARD.encode(bytes)),
            resource_id: asset.resource_id,
        }
    }
}

impl WireAsset {
    fn read(self) -> Result<Asset> {
        Ok(Asset {
            category: self.category,
            color_mode: self.color_mode,
            extension: self.extension,
            resource_id: self.resource_id,
            bytes: self.bytes.as_deref().map(blob).transpose()?,
        })
    }
}

/// The model has looked at it before.
fn blob(text: &str) -> Result<Vec<u8>> {
    BASE64_STANDARD.decode(text).map_err(|error| Error::InvalidParameter(format!("Invalid base64 data: {error}")))
}

/// The members that creating and changing share.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Style {
    use_cognito_provided_values: Option<bool>,
    settings: Option<Value>,
    assets: Option<Vec<WireAsset>>,
}

impl Style {
    fn read(self) -> Result<Wanted> {
        let assets = self.assets.map(|assets| assets.into_iter().map(WireAsset::read).collect()).transpose()?;
        Ok(Wanted { uses_provided: self.use_cognito_provided_values, settings: self.settings, assets })
    }
}

/// `ManagedLoginBrandingType`
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireBranding {
    managed_login_branding_id: String,
    user_pool_id: String,
    use_cognito_provided_values: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assets: Vec<WireAsset>,
    creation_date: Timestamp,
    last_modified_date: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BrandingOutput {
    managed_login_branding: WireBranding,
}

impl From<Styled> for BrandingOutput {
    fn from(Styled { branding, assets }: Styled) -> Self {
        Self {
            managed_login_branding: WireBranding {
                managed_login_branding_id: branding.id,
                user_pool_id: branding.pool_id,
                use_cognito_provided_values: branding.uses_provided,
                settings: branding.settings,
                assets: assets.into_iter().map(Into::into).collect(),
                creation_date: branding.created_at.into(),
                last_modified_date: branding.modified_at.into(),
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateManagedLoginBranding {
    user_pool_id: String,
    client_id: String,
    #[serde(flatten)]
    style: Style,
}

impl Operation for CreateManagedLoginBranding {
    type Output = BrandingOutput;

    async fn run(self, cx: Cx) -> Result<BrandingOutput> {
        branding::create(&cx, &self.user_pool_id, &self.client_id, self.style.read()?).await.map(Into::into)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeManagedLoginBranding {
    user_pool_id: String,
    managed_login_branding_id: String,
    #[serde(default)]
    return_merged_resources: bool,
}

impl Operation for DescribeManagedLoginBranding {
    type Output = BrandingOutput;

    async fn run(self, cx: Cx) -> Result<BrandingOutput> {
        let id = self.managed_login_branding_id.to_ascii_lowercase();
        branding::get(&cx, &self.user_pool_id, &id, self.return_merged_resources).await.map(Into::into)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeManagedLoginBrandingByClient {
    user_pool_id: String,
    client_id: String,
    #[serde(default)]
    return_merged_resources: bool,
}

impl Operation for DescribeManagedLoginBrandingByClient {
    type Output = BrandingOutput;

    async fn run(self, cx: Cx) -> Result<BrandingOutput> {
        let merged = self.return_merged_resources;
        branding::of_client(&cx, &self.user_pool_id, &self.client_id, merged).await.map(Into::into)
    }
}

/// Merges what is given into the style. The model requires neither id, and without them there is nothing to change.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateManagedLoginBranding {
    user_pool_id: Option<String>,
    managed_login_branding_id: Option<String>,
    #[serde(flatten)]
    style: Style,
}

impl Operation for UpdateManagedLoginBranding {
    type Output = BrandingOutput;

    async fn run(self, cx: Cx) -> Result<BrandingOutput> {
        let missing = |name: &str| Error::InvalidParameter(format!("{name} is required."));
        let pool_id = self.user_pool_id.ok_or_else(|| missing("UserPoolId"))?;
        let id = self.managed_login_branding_id.ok_or_else(|| missing("ManagedLoginBrandingId"))?;
        branding::update(&cx, &pool_id, &id.to_ascii_lowercase(), self.style.read()?).await.map(Into::into)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteManagedLoginBranding {
    user_pool_id: String,
    managed_login_branding_id: String,
}

impl Operation for DeleteManagedLoginBranding {
    type Output = ();

    async fn run(self, cx: Cx) -> Result<()> {
        branding::delete(&cx, &self.user_pool_id, &self.managed_login_branding_id.to_ascii_lowercase()).await
    }
}

/// `UICustomizationType`; empty but for the ids while nothing is set.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireCustomization {
    user_pool_id: String,
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<String>,
    #[serde(rename = "CSS", skip_serializing_if = "Option::is_none")]
    css: Option<String>,
    #[serde(rename = "CSSVersion", skip_serializing_if = "Option::is_none")]
    css_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified_date: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_date: Option<Timestamp>,
}

#[derive(Serialize)]
pub struct CustomizationOutput {
    #[serde(rename = "UICustomization")]
    customization: WireCustomization,
}

impl CustomizationOutput {
    fn none(user_pool_id: String, client_id: Option<String>) -> Self {
        Self {
            customization: WireCustomization {
                user_pool_id,
                client_id: client_id.unwrap_or_else(|| ALL.to_owned()),
                image_url: None,
                css: None,
                css_version: None,
                last_modified_date: None,
                creation_date: None,
            },
        }
    }

    fn of(cx: &Cx, set: UiCustomization) -> Self {
        let subject = set.client_id.clone().unwrap_or_else(|| ALL.to_owned());
        let address = |digest| paths::brand_image(&cx.app.setup, &set.pool_id, &subject, digest);
        Self {
            customization: WireCustomization {
                image_url: set.image_digest.as_deref().map(address),
                css: set.css,
                css_version: Some(set.css_version),
                last_modified_date: Some(set.modified_at.into()),
                creation_date: Some(set.created_at.into()),
                client_id: subject,
                user_pool_id: set.pool_id,
            },
        }
    }
}

/// A client is named by its id; `ALL`, or nobody, stands for every client.
fn client_named(client_id: Option<String>) -> Option<String> {
    client_id.filter(|id| id != ALL)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetUICustomization {
    user_pool_id: String,
    client_id: Option<String>,
}

impl Operation for GetUICustomization {
    type Output = CustomizationOutput;

    async fn run(self, cx: Cx) -> Result<CustomizationOutput> {
        let client_id = client_named(self.client_id);
        Ok(match ui_customizations::get(&cx, &self.user_pool_id, client_id.as_deref()).await? {
            Some(set) => CustomizationOutput::of(&cx, set),
            None => CustomizationOutput::none(self.user_pool_id, client_id),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetUICustomization {
    user_pool_id: String,
    client_id: Option<String>,
    #[serde(rename = "CSS")]
    css: Option<String>,
    image_file: Option<String>,
}

impl Operation for SetUICustomization {
    type Output = CustomizationOutput;

    async fn run(self, cx: Cx) -> Result<CustomizationOutput> {
        let image = self.image_file.as_deref().map(blob).transpose()?;
        let wanted = ui_customizations::Wanted { css: self.css, image };
        let client_id = client_named(self.client_id);
        let set = ui_customizations::set(&cx, &self.user_pool_id, client_id.as_deref(), wanted).await?;
        Ok(CustomizationOutput::of(&cx, set))
    }
}
