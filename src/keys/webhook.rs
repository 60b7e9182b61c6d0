//! How a webhook's receiver knows that a call is ours: one scheme for text messages and for functions.
//!
//! `X-Poolhouse-Signature` is `v1=` and the hexadecimal HMAC-SHA256 of `X-Poolhouse-Timestamp`, a full stop and the body: the time
//! is signed along, so that a receiver can refuse what somebody has kept.

use aws_lc_rs::hmac;

use crate::kit::{clock::Time, secret::Secret};

pub const TIMESTAMP_HEADER: &str = "x-poolhouse-timestamp";
pub const SIGNATURE_HEADER: &str = "x-poolhouse-signature";

/// Signs what is posted.
pub struct WebhookKey(hmac::Key);

impl WebhookKey {
    pub fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// The headers that belong to this body, sent now.
    pub fn headers(&self, body: &[u8], now: Time) -> [(&'static str, String); 2] {
        let timestamp = now.seconds().to_string();
        let signed = [timestamp.as_bytes(), b".", body].concat();
        let signature = format!("v1={}", hex::encode(hmac::sign(&self.0, &signed)));
        [(TIMESTAMP_HEADER, timestamp), (SIGNATURE_HEADER, signature)]
    }
}
