//! Images of a style.

use super::super::{
    Error, Result,
    image::{self, Format},
};

#[derive(Clone, Debug, PartialEq)]
pub struct Asset {
    pub category: Category,
    /// `LIGHT`, `DARK` or `DYNAMIC`.
    pub color_mode: String,
    /// `AssetExtensionType`
    pub extension: String,
    /// The caller's name for it, or one that was given to it.
    pub resource_id: Option<String>,
    /// None in a call that means an image by its `resource_id`.
    pub bytes: Option<Vec<u8>>,
}

/// `AssetCategoryType`
pub type Category = String;

impl Asset {
    /// An image, of the kind that it says it is; a drawing that runs nothing.
    pub fn check(&self) -> Result<()> {
        let invalid = |text: String| Err(Error::InvalidParameter(text));
        let fits = match self.category.as_str() {
            "FAVICON_ICO" => self.extension == "ICO",
            "FAVICON_SVG" => self.extension == "SVG",
            _ => self.extension != "ICO",
        };
        if !fits {
            return invalid(format!("Extension {} is not allowed for {}.", self.extension, self.category));
        }
        let Some(bytes) = &self.bytes else {
            return match self.resource_id {
                Some(_) => Ok(()),
                None => invalid(format!("Asset {} needs Bytes or a ResourceId.", self.category)),
            };
        };
        match Format::of(bytes) {
            Some(format) if format.extension() != self.extension => {
                invalid(format!("Asset {} is {}, not {}.", self.category, format.extension(), self.extension))
            }
            Some(Format::Svg) if image::is_active(bytes) => {
                invalid(format!("Asset {} must not contain scripts, event handlers or entities.", self.category))
            }
            Some(_) => Ok(()),
            None => invalid(format!("Asset {} is not an image.", self.category)),
        }
    }

    fn is_in_place_of(&self, other: &Self) -> bool {
        self.category == other.category && self.color_mode == other.color_mode
    }
}

/// The images after a change: one of the same category and colour mode is replaced. What the change means by its `ResourceId`
/// must be among those that are there, or come with the change.
pub fn merged_assets(present: Vec<Asset>, wanted: &[Asset]) -> Result<Vec<Asset>> {
    let mut assets = present;
    for asset in wanted {
        let mut asset = asset.clone();
        if asset.bytes.is_none() {
            let named = assets.iter().find(|known| known.resource_id == asset.resource_id);
            asset.bytes = named.and_then(|known| known.bytes.clone());
        }
        if asset.bytes.is_none() {
            let text = format!("Resource {} does not exist.", asset.resource_id.unwrap_or_default());
            return Err(Error::InvalidParameter(text));
        }
        asset.check()?;
        assets.retain(|known| !asset.is_in_place_of(known));
        assets.push(asset);
    }
    Ok(assets)
}
