//! The style of a client's managed-login pages: a document of settings, and images.
//!
//! Settings are kept as they came. The pages show what of them is known here, see [`style`].
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateManagedLoginBranding.html>

mod asset;
mod settings;
pub mod style;

use serde_json::Value;

use super::{ClientId, Error, PoolId, Result};
use crate::kit::clock::Time;

pub use asset::{Asset, Category, merged_assets};
pub use settings::{check_settings, merged, provided};

/// The service's quota.
pub const MOST_STYLES: usize = 20;

/// Without its assets, whose bytes are read where they are needed.
#[derive(Clone, Debug, PartialEq)]
pub struct Branding {
    /// UUID v4.
    pub id: String,
    pub pool_id: PoolId,
    pub client_id: ClientId,
    /// The look that every client has without a style of its own.
    pub uses_provided: bool,
    pub settings: Option<Value>,
    pub created_at: Time,
    pub modified_at: Time,
}

/// What a call asks for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub uses_provided: Option<bool>,
    pub settings: Option<Value>,
    pub assets: Option<Vec<Asset>>,
}

impl Wanted {
    pub fn check(&self) -> Result<()> {
        let has_own = self.settings.is_some() || self.assets.as_ref().is_some_and(|assets| !assets.is_empty());
        if self.uses_provided == Some(true) && has_own {
            let text = "Settings and Assets cannot be given when UseCognitoProvidedValues is true.";
            return Err(Error::InvalidParameter(text.into()));
        }
        if let Some(settings) = &self.settings {
            check_settings(settings)?;
        }
        self.assets.iter().flatten().try_for_each(Asset::check)
    }
}

impl Branding {
    /// The settings after a change: members that it does not name stay as they are, in every depth.
    pub fn change(&mut self, wanted: &Wanted) {
        if let Some(uses_provided) = wanted.uses_provided {
            self.uses_provided = uses_provided;
        }
        if wanted.settings.is_some() || wanted.assets.as_ref().is_some_and(|assets| !assets.is_empty()) {
            self.uses_provided = false;
        }
        if self.uses_provided {
            self.settings = None;
        } else if let Some(settings) = &wanted.settings {
            self.settings = Some(merged(self.settings.take(), settings));
        }
    }
}
