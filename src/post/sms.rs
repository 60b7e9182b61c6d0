//! SMS by webhook: each message is one signed POST of JSON to whatever sends it on.
//!
//! The body is `{"id", "to", "message", "pool", "occasion", "sender_id"?}`, signed where there is a secret (`keys::webhook`). Any 2xx
//! means delivered. Redirects are not followed.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::Serialize;

use super::{PostError, Undelivered};
use crate::{
    config::sms::Sms,
    domain::message::Letter,
    keys::webhook::WebhookKey,
    kit::{clock::Time, text::with_causes, trust::Trust},
};

/// How much of an answer is read, so that its connection can be used again.
const MOST_ANSWER: usize = 16 * 1024;

pub(super) struct Webhook {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    address: Uri,
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
    pub(super) fn new(section: &Sms, trust: &Trust) -> Result<Self, PostError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(trust.client()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(10))
            .build(connector);
        Ok(Self {
            client,
            address: section.webhook.as_str().parse()?,
            key: section.secret.as_ref().map(WebhookKey::new),
            sender_id: section.sender_id.clone(),
            timeout: section.timeout,
        })
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
        let asked = tokio::time::timeout(self.timeout, self.post(body, now)).await;
        let status =
            asked.map_err(|_| Undelivered::Yet(format!("no answer within {} s", self.timeout.as_secs())))??;
        if status.is_success() {
            return Ok(());
        }
        let told = format!("the webhook answered {status}");
        Err(if is_final(status) { Undelivered::Ever(told) } else { Undelivered::Yet(told) })
    }

    async fn post(&self, body: Vec<u8>, now: Time) -> Result<StatusCode, Undelivered> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.address.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, "Poolhouse");
        for (name, value) in self.key.iter().flat_map(|key| key.headers(&body, now)) {
            request = request.header(name, value);
        }
        let request = request.body(Full::from(body)).map_err(|error| Undelivered::Ever(error.to_string()))?;
        let answer = self.client.request(request).await.map_err(|error| Undelivered::Yet(with_causes(&error)))?;
        let (head, body) = answer.into_parts();
        // What it says is of no interest, and an answer without an end costs the connection only.
        let _ = Limited::new(body, MOST_ANSWER).collect().await;
        Ok(head.status)
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
