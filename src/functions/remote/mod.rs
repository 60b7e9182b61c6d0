//! Functions on other servers: Lambda's Invoke API of another program, and webhooks.
//!
//! One request a call, to the configured address only: redirects are not followed, and nothing is unpacked.

mod invoke;
mod webhook;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::{Map, Value};
use url::Url;

use super::{Call, Function, FunctionError, PAYLOAD_LIMIT, Surroundings};
use crate::{
    config::function as config,
    keys::webhook::WebhookKey,
    kit::{clock::Clock, secret::Secret, trust::Trust},
};

type Connections = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Where a function's calls go.
pub struct Remote {
    name: String,
    address: Url,
    timeout: Duration,
    way: Way,
    clock: Clock,
    /// Or why TLS cannot be spoken, which whoever calls is told.
    connections: Result<Connections, rustls::Error>,
}

enum Way {
    Invoke,
    Webhook(Option<Box<WebhookKey>>),
}

/// What came back.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Remote {
    /// An address without a path gets that of the Invoke API and the function's name.
    pub(super) fn invoke(section: &config::Function, url: &Url, around: &Surroundings) -> Self {
        let mut address = url.clone();
        if address.path() == "/" {
            address.set_path(&format!("/2015-03-31/functions/{}/invocations", section.name));
        }
        Self::new(section, address, Way::Invoke, around)
    }

    pub(super) fn webhook(
        section: &config::Function,
        url: &Url,
        secret: Option<&Secret>,
        around: &Surroundings,
    ) -> Self {
        Self::new(section, url.clone(), Way::Webhook(secret.map(WebhookKey::new).map(Box::new)), around)
    }

    fn new(section: &config::Function, address: Url, way: Way, around: &Surroundings) -> Self {
        let (name, timeout, clock) = (section.name.clone(), section.timeout, around.clock.clone());
        Self { name, address, timeout, way, clock, connections: connections(&around.trust) }
    }

    async fn post(&self, call: &Call) -> Result<Reply, FunctionError> {
        let event = serde_json::to_vec(&call.event).map_err(|error| FunctionError::InvalidJson(error.to_string()))?;
        if event.len() > PAYLOAD_LIMIT {
            return Err(FunctionError::TooLarge { limit: PAYLOAD_LIMIT });
        }
        let unreachable = |error: String| FunctionError::Unreachable(error);
        let uri: Uri = self.address.as_str().parse().map_err(|_| unreachable("the address is none".into()))?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, "Poolhouse");
        match &self.way {
            Way::Invoke => request = invoke::with_headers(request, call),
            Way::Webhook(key) => {
                for (name, value) in webhook::headers(&self.name, call, key.as_deref(), &event, self.clock.now()) {
                    request = request.header(name, value);
                }
            }
        }
        let request = request.body(Full::from(event)).map_err(|error| unreachable(error.to_string()))?;
        let connections = self.connections.as_ref().map_err(|error| unreachable(error.to_string()))?;
        let answer = connections.request(request).await.map_err(|error| unreachable(innermost(&error)))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, PAYLOAD_LIMIT).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                FunctionError::TooLarge { limit: PAYLOAD_LIMIT }
            } else {
                unreachable("the answer broke off".into())
            }
        })?;
        Ok(Reply { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}

#[async_trait]
impl Function for Remote {
    async fn invoke(&self, call: Call) -> Result<Value, FunctionError> {
        let after = call.deadline.min(self.timeout);
        let deadline = Instant::now() + after;
        let reply = tokio::time::timeout_at(deadline.into(), self.post(&call)).await;
        let reply = reply.map_err(|_| FunctionError::TimedOut { after })??;
        match &self.way {
            Way::Invoke => invoke::outcome(&reply, call.tail.as_deref()),
            Way::Webhook(_) => webhook::outcome(&reply),
        }
    }
}

/// Members of Lambda's error object.
const OF_AN_ERROR: [&str; 6] = ["errorType", "errorMessage", "stackTrace", "trace", "requestId", "cause"];

/// Whether a value looks like Lambda's error object and like nothing else.
fn is_error(members: &Map<String, Value>) -> bool {
    members.get("errorMessage").is_some_and(|said| said.is_string() || said.is_null())
        && members.contains_key("errorType")
        && members.keys().all(|member| OF_AN_ERROR.contains(&member.as_str()))
}

fn json(body: &[u8]) -> Result<Value, FunctionError> {
    serde_json::from_slice(body).map_err(|error| FunctionError::InvalidJson(error.to_string()))
}

/// "connection refused" stands at the end of a chain of less interesting words.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

fn connections(trust: &Trust) -> Result<Connections, rustls::Error> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(trust.client()?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(10))
        .build(connector))
}
