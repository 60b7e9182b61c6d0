//! How the classic pages of a client look: a style sheet of few words, and a logo.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_SetUICustomization.html>

pub mod css;

use super::{ClientId, Error, PoolId, Result, image::Format};
use crate::kit::clock::Time;

const LARGEST_IMAGE: usize = 100 * 1024;

/// Without its image, which is read alone.
#[derive(Clone, Debug, PartialEq)]
pub struct UiCustomization {
    pub pool_id: PoolId,
    /// None for all clients that have none of their own.
    pub client_id: Option<ClientId>,
    pub css: Option<String>,
    /// `yyyyMMddHHmmss`
    pub css_version: String,
    /// Of the image, if there is one: its address changes with it.
    pub image_digest: Option<String>,
    pub created_at: Time,
    pub modified_at: Time,
}

/// What is no PNG or JPEG, or too large, is no logo.
pub fn check_image(bytes: &[u8]) -> Result<Format> {
    if bytes.len() > LARGEST_IMAGE {
        return Err(Error::InvalidParameter(format!(
            "The image file must not be larger than {} KB.",
            LARGEST_IMAGE / 1024
        )));
    }
    Format::of(bytes)
        .filter(|format| matches!(format, Format::Png | Format::Jpeg))
        .ok_or_else(|| Error::InvalidParameter("The image file must be a PNG or JPEG image.".into()))
}
