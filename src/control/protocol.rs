//! REST and JSON: paths, queries and bodies in; statuses, headers and errors out.
//! <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html>

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::Members;
use crate::{
    domain::{
        self,
        http_api::{Fault, Tags},
    },
    flows::{
        cursor,
        http_apis::{Desk, Error},
    },
    web::{
        signature::SignatureFault,
        whole::{NotWhole, whole},
    },
};

const LARGEST_BODY: usize = 1024 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Items of a page whose size nobody gives, and the most that one has.
const PAGE: usize = 100;

/// Why a call comes to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    Flow(Error),
    Signature(SignatureFault),
    /// No operation has this method and path.
    Unknown,
    TooLarge,
    Slow,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Flow(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Flow(fault.into())
    }
}

impl From<SignatureFault> for Failure {
    fn from(fault: SignatureFault) -> Self {
        Self::Signature(fault)
    }
}

pub(super) async fn body(body: Body) -> Result<Bytes, Failure> {
    whole(body, LARGEST_BODY, BODY_TIMEOUT).await.map_err(|error| match error {
        NotWhole::Slow => Failure::Slow,
        NotWhole::TooLarge | NotWhole::Broken(_) => Failure::TooLarge,
    })
}

/// A call in its parts.
pub(super) struct Call {
    /// Of the path below `/v2`, decoded.
    pub(super) segments: Vec<String>,
    query: Vec<(String, String)>,
    pub(super) body: Members,
}

impl Call {
    pub(super) fn read(head: &Parts, body: &[u8]) -> Result<Self, Failure> {
        let path = head.uri.path().strip_prefix("/v2/").ok_or(Failure::Unknown)?;
        let decoded = |segment: &str| percent_decode_str(segment).decode_utf8().map(std::borrow::Cow::into_owned);
        let segments = path.trim_end_matches('/').split('/').map(decoded).collect::<Result<_, _>>();
        let query = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let body = if body.trim_ascii().is_empty() { Ok(json!({})) } else { serde_json::from_slice(body) };
        let Ok(Value::Object(body)) = body else {
            return Err(Fault::bad("Invalid request body: it must be a JSON object").into());
        };
        if holds_nul(&Value::Object(body.clone())) {
            return Err(Fault::bad("The request holds the character U+0000.").into());
        }
        Ok(Self { segments: segments.map_err(|_| Failure::Unknown)?, query, body })
    }

    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of the query that is true or false.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Failure> {
        match self.one(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Fault::bad(format!("Invalid {name} specified. It must be true or false.")).into()),
        }
    }

    /// Every value of a parameter of the query.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    pub(super) fn tags(&mut self) -> Result<Tags, Failure> {
        let tags = self.body.remove("tags").ok_or_else(|| Fault::bad("Tags is a required parameter"))?;
        serde_json::from_value(tags).map_err(|error| Fault::bad(format!("Invalid request body: {error}")).into())
    }

    /// The page of `all` that the call asks for, in the order of their keys. `list` names the list with all that selects its items.
    pub(super) fn page<T>(
        &self,
        desk: &Desk,
        list: &str,
        mut all: Vec<T>,
        key: impl Fn(&T) -> String,
        shown: impl Fn(T) -> Value,
    ) -> Result<Reply, Failure> {
        let limit = match self.one("maxResults") {
            None => PAGE,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=500).contains(limit))
                .ok_or_else(|| Fault::bad("Invalid maxResults specified. It must be between 1 and 500."))?,
        };
        let cx = &desk.cx;
        let token = self.one("nextToken").filter(|token| !token.is_empty());
        let after = cursor::open(cx, list, token).map_err(|_| Fault::bad("Invalid nextToken specified"))?;
        all.sort_by_cached_key(&key);
        if token.is_some() {
            // What was the last of a page may be gone since.
            all.retain(|one| key(one) > after);
        }
        let page = cursor::page(cx, list, all, limit, key).map_err(Error::Inner)?;
        let mut reply = json!({"items": page.items.into_iter().map(shown).collect::<Vec<_>>()});
        if let Some(next) = page.next {
            reply["nextToken"] = next.into();
        }
        Ok(Reply::ok(reply))
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

pub(super) struct Reply {
    status: StatusCode,
    body: Option<(HeaderValue, String)>,
}

impl Reply {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some((JSON, body.to_string())) }
    }

    pub(super) fn made(body: Value) -> Self {
        Self { status: StatusCode::CREATED, ..Self::ok(body) }
    }

    /// A document as it is.
    pub(super) fn document(kind: &'static str, text: String) -> Self {
        Self { status: StatusCode::OK, body: Some((HeaderValue::from_static(kind), text)) }
    }

    pub(super) fn gone((): ()) -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None }
    }
}

pub(super) fn success(request_id: &str, reply: Reply) -> Response {
    respond(request_id, reply.status, reply.body)
}

pub(super) fn refusal(request_id: &str, failure: &Failure) -> Response {
    let forbidden = |name, message: &str| (StatusCode::FORBIDDEN, name, message.to_owned());
    let (status, name, message) = match failure {
        Failure::Flow(Error::Fault(fault)) => match fault {
            Fault::NotFound(text) => (StatusCode::NOT_FOUND, "NotFoundException", text.clone()),
            Fault::BadRequest(text) => (StatusCode::BAD_REQUEST, "BadRequestException", text.clone()),
            Fault::Conflict(text) => (StatusCode::CONFLICT, "ConflictException", text.clone()),
            Fault::TooMany(text) => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", text.clone()),
        },
        Failure::Flow(Error::Inner(domain::Error::InvalidParameter(text))) => {
            (StatusCode::BAD_REQUEST, "BadRequestException", text.clone())
        }
        Failure::Flow(Error::Inner(domain::Error::TooManyRequests)) => {
            (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Too Many Requests".to_owned())
        }
        Failure::Flow(Error::Inner(error)) => {
            tracing::error!(request_id, %error, "control plane call failed");
            (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerErrorException", "Internal server error".to_owned())
        }
        Failure::Signature(SignatureFault::Missing) => {
            forbidden("MissingAuthenticationTokenException", "Missing Authentication Token")
        }
        Failure::Signature(SignatureFault::Incomplete(text)) => forbidden("IncompleteSignatureException", text),
        Failure::Signature(SignatureFault::UnknownKey) => {
            forbidden("UnrecognizedClientException", "The security token included in the request is invalid.")
        }
        Failure::Signature(SignatureFault::Invalid(text)) => forbidden("InvalidSignatureException", text),
        Failure::Unknown => forbidden("MissingAuthenticationTokenException", "Missing Authentication Token"),
        Failure::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLargeException",
            format!("Request is larger than {LARGEST_BODY} bytes."),
        ),
        Failure::Slow => (
            StatusCode::REQUEST_TIMEOUT,
            "RequestTimeoutException",
            "The request's body did not arrive in time.".to_owned(),
        ),
    };
    let mut response = respond(request_id, status, Some((JSON, json!({"message": message}).to_string())));
    if let Ok(name) = HeaderValue::from_str(name) {
        response.headers_mut().insert(ERROR_TYPE, name);
    }
    response
}

fn respond(request_id: &str, status: StatusCode, body: Option<(HeaderValue, String)>) -> Response {
    let (kind, body) = body.map_or_else(|| (None, Body::empty()), |(kind, text)| (Some(kind), Body::from(text)));
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(kind.map(|kind| (header::CONTENT_TYPE, kind)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}
