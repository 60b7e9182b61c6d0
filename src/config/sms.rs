//! `[sms]`: the webhook that sends text messages on.

use std::time::Duration;

use super::{form, reader::Reader, standards::Standards};
use crate::kit::secret::Secret;

#[derive(Clone, Debug)]
pub struct Sms {
    pub webhook: String,
    /// Signs each request.
    pub secret: Option<Secret>,
    /// Who the message says it is from, where the network lets one choose.
    pub sender_id: Option<String>,
    /// For one message.
    pub timeout: Duration,
}

/// The shortest secret in production.
const SHORTEST_SECRET: usize = 16;

impl Sms {
    pub(super) fn read(mut section: Reader, standards: &Standards) -> Self {
        let reading = section.reading;
        let webhook = section.required("webhook");
        let secret = section.secret("secret");
        let sender_id = section.string("sender_id");
        let timeout = section.integer("timeout_seconds", 1..=300).unwrap_or(10);
        if let Some(webhook) = &webhook {
            match form::web_url_with_query(&webhook.value) {
                Err(why) => reading.refuse(&webhook.at, format!("`sms.webhook` {why}: {:?}", webhook.value)),
                Ok(url) if standards.production() && form::is_exposed(&url) => {
                    let message = "`sms.webhook` is weak: codes would cross the network in the clear; use https";
                    reading.refuse(&webhook.at, message);
                }
                Ok(url) => standards.asked(reading, "sms.webhook", (&webhook.at, &url)),
            }
        }
        if let Some(secret) = &secret {
            standards.secret(reading, "sms.secret", secret);
            if standards.production() && secret.value.expose().chars().count() < SHORTEST_SECRET {
                let message = format!("`sms.secret` is weak: production needs at least {SHORTEST_SECRET} characters");
                reading.refuse(&secret.at, message);
            }
        }
        section.finish();
        Self {
            webhook: webhook.map(|webhook| webhook.value).unwrap_or_default(),
            secret: secret.map(|secret| secret.value),
            sender_id: sender_id.map(|id| id.value),
            timeout: Duration::from_secs(timeout),
        }
    }
}
