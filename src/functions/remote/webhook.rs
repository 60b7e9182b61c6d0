//! A webhook: the event is posted as JSON, and the answer is the function's value. Signed like every call that leaves here.
//!
//! A receiver that wants to fail as a handler does answers with Lambda's error object and a status of 400 or more. No content
//! stands for null. What is packed, or says that it is no JSON, is no answer. Besides the signature there are
//! `X-Poolhouse-Function` and `X-Poolhouse-Request-Id`.

use http::{StatusCode, header};
use serde_json::Value;

use super::{Reply, is_error, json};
use crate::{
    functions::{Call, FunctionError},
    keys::webhook::WebhookKey,
    kit::clock::Time,
};

/// More than a trigger has to say. It is kept in memory for as many as sign in.
pub(super) const MOST_ANSWER: usize = 1024 * 1024;

const FUNCTION: &str = "x-poolhouse-function";
const REQUEST_ID: &str = "x-poolhouse-request-id";

pub(super) fn headers(
    function: &str,
    call: &Call,
    key: Option<&WebhookKey>,
    event: &[u8],
    now: Time,
) -> Vec<(&'static str, String)> {
    let mut headers = vec![(FUNCTION, function.to_owned()), (REQUEST_ID, call.request_id.clone())];
    headers.extend(key.into_iter().flat_map(|key| key.headers(event, now)));
    headers
}

pub(super) fn outcome(reply: &Reply) -> Result<Value, FunctionError> {
    if reply.status == StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    if reply.status.is_success() {
        return match foreign(reply) {
            Some(told) => Err(FunctionError::Broken(told)),
            None => json(&reply.body),
        };
    }
    if let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(&reply.body)
        && is_error(&members)
    {
        return Err(FunctionError::reported(None, Some(Value::Object(members))));
    }
    let told = format!("the webhook answered {}", reply.status.as_u16());
    Err(match reply.status {
        StatusCode::TOO_MANY_REQUESTS => FunctionError::Busy,
        status if status.is_server_error() => FunctionError::Unreachable(told),
        _ => FunctionError::Broken(told),
    })
}

/// Why a body is not even read. A receiver need not say what it sends.
fn foreign(reply: &Reply) -> Option<String> {
    let header =
        |name| reply.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    if let Some(encoding) = header(header::CONTENT_ENCODING).filter(|encoding| encoding.trim() != "identity") {
        return Some(format!("the webhook's answer is packed: {encoding:?}"));
    }
    let media_type = header(header::CONTENT_TYPE)?;
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let is_json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    (!is_json).then(|| format!("the webhook's answer is no JSON: {media_type:?}"))
}
