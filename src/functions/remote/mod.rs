//! Functions on other servers: Lambda's Invoke API of another program, and webhooks.
//!
//! One request a call, to the configured address only: redirects are not followed, and nothing is unpacked.

mod invoke;
mod webhook;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Map, Value};
use url::Url;

use super::{Call, Function, FunctionError, PAYLOAD_LIMIT, Surroundings};
use crate::{
    config::function as config,
    keys::webhook::WebhookKey,
    kit::{clock::Clock, lineage::TRACE_HEADER, random::Random, secret::Secret},
    outside::{Client, Failure, Limits},
};

/// Where a function's calls go.
pub struct Remote {
    name: String,
    address: Url,
    timeout: Duration,
    way: Way,
    clock: Clock,
    random: Random,
    client: Client,
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
        Self { name, address, timeout, way, clock, random: around.random.clone(), client: around.client.clone() }
    }

    async fn post(&self, call: &Call, time: Duration) -> Result<Reply, FunctionError> {
        let event = serde_json::to_vec(&call.event).map_err(|error| FunctionError::InvalidJson(error.to_string()))?;
        if event.len() > PAYLOAD_LIMIT {
            return Err(FunctionError::TooLarge { limit: PAYLOAD_LIMIT });
        }
        let mut request = Request::builder()
            .method(Method::POST)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(TRACE_HEADER, call.lineage.trace(self.clock.now(), &self.random));
        match &self.way {
            Way::Invoke => request = invoke::with_headers(request, call),
            Way::Webhook(key) => {
                for (name, value) in webhook::headers(&self.name, call, key.as_deref(), &event, self.clock.now()) {
                    request = request.header(name, value);
                }
            }
        }
        let bytes = match self.way {
            Way::Invoke => PAYLOAD_LIMIT,
            Way::Webhook(_) => webhook::MOST_ANSWER,
        };
        let failed = |failure| match failure {
            Failure::TooLarge(limit) => FunctionError::TooLarge { limit },
            Failure::Timeout(after) => FunctionError::TimedOut { after },
            other => FunctionError::Unreachable(other.to_string()),
        };
        let answer = self
            .client
            .send(self.address.as_str(), request, event.into(), Limits { time, bytes })
            .await
            .map_err(failed)?;
        Ok(Reply { status: answer.status, headers: answer.headers, body: answer.body.map_err(failed)? })
    }
}

#[async_trait]
impl Function for Remote {
    async fn invoke(&self, call: Call) -> Result<Value, FunctionError> {
        let reply = self.post(&call, call.deadline.min(self.timeout)).await?;
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
