//! `[admin]`: who may call administrator operations in production.

use std::collections::BTreeSet;

use super::{reader::Reader, standards::Standards};
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

/// The shortest secret of an access key in production.
const SHORTEST_SECRET: usize = 16;

impl Admin {
    pub(super) fn read(mut section: Reader, standards: &Standards) -> Self {
        let reading = section.reading;
        let mut access_keys = Vec::new();
        let mut ids = BTreeSet::new();
        for mut entry in section.tables("access_keys") {
            let id = entry.required("id");
            let secret = entry.secret("secret");
            if let Some(id) = &id {
                if !id.value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') || id.value.len() > 128 {
                    reading.refuse(&id.at, "`admin.access_keys.id` must be letters, digits and underscores");
                }
                if !ids.insert(id.value.clone()) {
                    reading.refuse(&id.at, format!("there are two access keys with the id {:?}", id.value));
                }
            }
            match &secret {
                Some(secret) => {
                    standards.secret(reading, "admin.access_keys.secret", secret);
                    if standards.production() && secret.value.expose().chars().count() < SHORTEST_SECRET {
                        let message = format!(
                            "`admin.access_keys.secret` is weak: production needs at least {SHORTEST_SECRET} characters"
                        );
                        reading.refuse(&secret.at, message);
                    }
                }
                None if !entry.said("secret") => entry.missing("secret"),
                None => {}
            }
            entry.finish();
            if let (Some(id), Some(secret)) = (id, secret) {
                access_keys.push(AccessKey { id: id.value, secret: secret.value });
            }
        }
        if standards.production() && !section.said("access_keys") {
            reading.refuse(&standards.at, "production needs an access key for administrators: `admin.access_keys`");
        }
        section.finish();
        Self { access_keys }
    }
}
