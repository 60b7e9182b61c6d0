//! `[keys]`: the master key that seals secrets at rest.

use base64::prelude::*;

use super::{reader::Reader, standards::Standards};
use crate::kit::secret::Secret;

#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Thirty-two bytes in base64. Without it a file `master.key` is made in the data folder, readable by its owner only.
    pub master_key: Option<Secret>,
}

impl Keys {
    pub(super) fn read(mut section: Reader, standards: &Standards) -> Self {
        let master_key = section.secret("master_key");
        if let Some(key) = &master_key {
            standards.secret(section.reading, "keys.master_key", key);
            if !BASE64_STANDARD.decode(key.value.expose()).is_ok_and(|bytes| bytes.len() == 32) {
                section.reading.refuse(&key.at, "`keys.master_key` must be 32 bytes in base64");
            }
        }
        section.finish();
        Self { master_key: master_key.map(|key| key.value) }
    }
}
