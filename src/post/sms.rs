//! SMS by webhook: each message is one signed POST of JSON to whatever sends it on.
//!
//! The body is `{"id", "to", "message", "pool", "occasion", "sender_id"?}`, signed where there is a secret (`keys::webhook`). Any 2xx
//! means delivered. Redirects are not followed.

use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use serde::Serialize;

use super::{Undelivered, web::yet};
use crate::{
    config::sms::Sms,
    domain::message::Letter,
    keys::webhook::WebhookKey,
    kit::clock::Time,
    outside::{Client, Limits},
};

/// How much of an answer is read, so that its connection can be used again.
const MOST_ANSWER: usize = 16 * 1024;

pub(super) struct Webhook {
    client: Client,
    address: String,
    key: Option<WebhookKey>,
    sender_id: Option<String>,
    timeout: Duration,
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    to: &'a str,
    message: &'a str,
    pool: &'a str,
    occasion: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_id: Option<&'a str>,
}

impl Webhook {
    pub(super) fn new(section: &Sms, client: Client) -> Self {
        Self {
            client,
            address: section.webhook.clone(),
            key: section.secret.as_ref().map(WebhookKey::new),
            sender_id: section.sender_id.clone(),
            timeout: section.timeout,
        }
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) async fn send(&self, id: &str, letter: &Letter, pool_id: &str, now: Time) -> Result<(), Undelivered> {
        let body = Body {
            id,
            to: &letter.recipient,
            message: &letter.body,
            pool: pool_id,
            occasion: letter.occasion.name(),
            sender_id: self.sender_id.as_deref(),
        };
        let body = serde_json::to_vec(&body).map_err(|error| Undelivered::Ever(error.to_string()))?;
        let status = self.post(body, now).await?;
        if status.is_success() {
            return Ok(());
        }
        let told = format!("the webhook answered {status}");
        Err(if is_final(status) { Undelivered::Ever(told) } else { Undelivered::Yet(told) })
    }

    async fn post(&self, body: Vec<u8>, now: Time) -> Result<StatusCode, Undelivered> {
        let mut request = Request::builder().method(Method::POST).header(header::CONTENT_TYPE, "application/json");
        for (name, value) in self.key.iter().flat_map(|key| key.headers(&body, now)) {
            request = request.header(name, value);
        }
        let limits = Limits { time: self.timeout, bytes: MOST_ANSWER };
        // What it says is of no interest, and an answer without an end costs the connection only.
        Ok(self.client.send(&self.address, request, body.into(), limits).await.map_err(yet)?.status)
    }
}

/// The receiver understood and refuses this message. Everything else may be different at another time.
fn is_final(status: StatusCode) -> bool {
    status.is_client_error()
        && !matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::NOT_FOUND
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::TOO_EARLY
                | StatusCode::TOO_MANY_REQUESTS
        )
}
