//! AWS JSON 1.1 over HTTP: headers, the body and its limit, the envelope of answers and errors, and cross-origin calls.
//!
//! Every refusal has status 400 so that no SDK repeats it, save a body that is too large (413) or too slow (408) and a fault of ours (500).
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use serde_json::{Value, json};

use crate::web::{
    signature::SignatureFault,
    whole::{NotWhole, whole},
};

/// The largest body that is read.
pub(super) const LARGEST_BODY: usize = 1024 * 1024;
/// The same at operations that carry images, as the service has it.
/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateManagedLoginBranding.html>
const LARGEST_BODY_WITH_IMAGES: usize = 2 * 1024 * 1024;
/// A body that takes longer is given up.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-amzn-errormessage");
const AMZ_USER_AGENT: HeaderName = HeaderName::from_static("x-amz-user-agent");
const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "AWSCognitoIdentityProviderService.";
/// A message in a header is for people; the body has the whole of it.
const LONGEST_HEADER_MESSAGE: usize = 1024;

/// A call that does not keep the protocol, or a caller who may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("unknown operation")]
    UnknownOperation,
    #[error("content type is not application/x-amz-json-1.1")]
    ContentType,
    #[error("request is larger than {0} bytes")]
    TooLarge(usize),
    /// The body broke off.
    #[error("body could not be read")]
    Broken,
    /// The body did not arrive in time.
    #[error("body is too slow")]
    Slow,
    /// The body is not JSON, or has another type than the shape, which the text says.
    #[error("body does not deserialize: {0:?}")]
    Serialization(Option<String>),
    #[error("no signature")]
    MissingAuthenticationToken,
    /// The signature cannot be read; the text says why.
    #[error("incomplete signature: {0}")]
    IncompleteSignature(String),
    #[error("unknown access key")]
    UnrecognizedClient,
    /// The signature can be read and does not hold; the text says why.
    #[error("invalid signature: {0}")]
    InvalidSignature(String),
}

/// An error as it leaves this door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    pub name: &'static str,
    pub message: Option<String>,
    pub status: StatusCode,
}

impl Exception {
    /// One that the client can read and mend.
    pub(super) fn refusal(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: Some(message.into()), status: StatusCode::BAD_REQUEST }
    }
}

impl From<SignatureFault> for Fault {
    fn from(fault: SignatureFault) -> Self {
        match fault {
            SignatureFault::Missing => Self::MissingAuthenticationToken,
            SignatureFault::Incomplete(text) => Self::IncompleteSignature(text),
            SignatureFault::UnknownKey => Self::UnrecognizedClient,
            SignatureFault::Invalid(text) => Self::InvalidSignature(text),
        }
    }
}

impl Fault {
    pub(super) fn exception(&self) -> Exception {
        let bare = |name| Exception { name, message: None, status: StatusCode::BAD_REQUEST };
        match self {
            Self::UnknownOperation => bare("UnknownOperationException"),
            Self::ContentType => {
                Exception::refusal("UnknownOperationException", "Content-Type must be application/x-amz-json-1.1.")
            }
            Self::TooLarge(limit) => Exception {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                ..Exception::refusal("RequestEntityTooLargeException", format!("Request is larger than {limit} bytes."))
            },
            Self::Slow => Exception {
                status: StatusCode::REQUEST_TIMEOUT,
                ..Exception::refusal("RequestTimeoutException", "The request's body did not arrive in time.")
            },
            Self::Broken | Self::Serialization(None) => bare("SerializationException"),
            Self::Serialization(Some(text)) => Exception::refusal("SerializationException", text),
            Self::MissingAuthenticationToken => {
                Exception::refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
            }
            Self::IncompleteSignature(text) => Exception::refusal("IncompleteSignatureException", text),
            Self::UnrecognizedClient => Exception::refusal(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            Self::InvalidSignature(text) => Exception::refusal("InvalidSignatureException", text),
        }
    }

    /// Names that the model does not declare, because they come from in front of the service.
    #[cfg(test)]
    pub(super) const NAMES: [&str; 8] = [
        "RequestTimeoutException",
        "UnknownOperationException",
        "RequestEntityTooLargeException",
        "SerializationException",
        "MissingAuthenticationTokenException",
        "IncompleteSignatureException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
    ];
}

/// The operation's name.
pub(super) fn target(head: &Parts) -> Result<&str, Fault> {
    let target = head.headers.get(TARGET).and_then(|value| value.to_str().ok()).ok_or(Fault::UnknownOperation)?;
    target.strip_prefix(TARGET_PREFIX).ok_or(Fault::UnknownOperation)
}

/// How large a call of `operation` may be.
pub(super) fn largest_body(operation: &str) -> usize {
    match operation {
        "CreateManagedLoginBranding" | "UpdateManagedLoginBranding" => LARGEST_BODY_WITH_IMAGES,
        _ => LARGEST_BODY,
    }
}

/// The body, if it is of our kind and no larger than the limit.
pub(super) async fn read(head: &Parts, body: Body, limit: usize) -> Result<Bytes, Fault> {
    if !is_amz_json(&head.headers) {
        return Err(Fault::ContentType);
    }
    whole(body, limit, BODY_TIMEOUT).await.map_err(|error| match error {
        NotWhole::Slow => Fault::Slow,
        NotWhole::TooLarge => Fault::TooLarge(limit),
        NotWhole::Broken(_) => Fault::Broken,
    })
}

/// What the caller's program calls itself. Browsers set `User-Agent` themselves, so SDKs that run there use a name of their own.
pub(super) fn agent(head: &Parts) -> &str {
    let named = |name: &HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    named(&AMZ_USER_AGENT).or_else(|| named(&header::USER_AGENT)).unwrap_or_default()
}

/// An empty body stands for an empty object.
pub(super) fn parse(body: &[u8]) -> Result<Value, Fault> {
    if body.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Null) => Ok(json!({})),
        Ok(value) => Ok(value),
        Err(_) => Err(Fault::Serialization(None)),
    }
}

fn is_amz_json(headers: &HeaderMap) -> bool {
    let Some(given) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = given.split(';').next().unwrap_or_default().trim();
    ["application/x-amz-json-1.1", "application/x-amz-json-1.0"].iter().any(|known| essence.eq_ignore_ascii_case(known))
}

pub(super) fn success(request_id: &str, body: Vec<u8>) -> Response {
    respond(StatusCode::OK, request_id, body)
}

pub(super) fn refusal(request_id: &str, exception: &Exception) -> Response {
    let mut body = json!({ "__type": exception.name });
    if let Some(message) = &exception.message {
        body["message"] = json!(message);
    }
    let mut response = respond(exception.status, request_id, body.to_string().into_bytes());
    // The trailing colon is the service's: clients split the header there.
    insert(response.headers_mut(), ERROR_TYPE, &format!("{}:", exception.name));
    if let Some(message) = &exception.message {
        insert(response.headers_mut(), ERROR_MESSAGE, &header_text(message));
    }
    response
}

/// Other methods on `/` are no API.
pub(super) async fn not_found() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_FOUND;
    allow_every_origin(response.headers_mut());
    response
}

/// Browsers ask first. Whatever headers they ask for are allowed: credentials are not, so there is nothing to protect here.
pub(super) async fn preflight(request: Request) -> Response {
    const USUAL_HEADERS: HeaderValue = HeaderValue::from_static(
        "content-type, x-amz-target, x-amz-user-agent, cache-control, authorization, x-amz-date, x-amz-security-token, \
         x-amz-content-sha256, amz-sdk-invocation-id, amz-sdk-request",
    );
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    allow_every_origin(headers);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(USUAL_HEADERS));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("172800"));
    headers.insert(header::VARY, HeaderValue::from_static("access-control-request-headers"));
    response
}

fn respond(status: StatusCode, request_id: &str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    // Answers carry tokens.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    insert(headers, REQUEST_ID, request_id);
    allow_every_origin(headers);
    response
}

fn allow_every_origin(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"),
    );
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A message that a header can carry: one line of ASCII.
fn header_text(message: &str) -> String {
    let plain = |c: char| match c {
        ' '..='~' => c,
        c if c.is_whitespace() => ' ',
        _ => '?',
    };
    message.chars().take(LONGEST_HEADER_MESSAGE).map(plain).collect::<String>().trim().to_owned()
}
