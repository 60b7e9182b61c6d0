//! `[admin]`: who may call administrator operations in production.

use crate::kit::secret::Secret;

#[derive(Clone, Debug, Default)]
pub struct Admin {
    pub access_keys: Vec<AccessKey>,
}

/// A key pair that signs requests with Signature Version 4.
#[derive(Clone, Debug)]
pub struct AccessKey {
    pub id: String,
    pub secret: Secret,
}
