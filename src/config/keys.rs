//! `[keys]`: the master key that seals secrets at rest.

use crate::kit::secret::Secret;

#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Thirty-two bytes in base64. Without it a file `master.key` is made in the data folder, readable by its owner only.
    pub master_key: Option<Secret>,
}
