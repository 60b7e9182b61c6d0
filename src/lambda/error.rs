//! What the door refuses, in the service's words: a JSON body and the exception's name in a header.

use axum::{body::Body, response::Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use crate::web::signature::SignatureFault;

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Why a call is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("unknown operation")]
    UnknownOperation,
    #[error("{0}")]
    Signature(#[from] SignatureFault),
    /// A member of the request breaks its constraint.
    #[error("{0}")]
    Validation(String),
    /// Members that do not fit together.
    #[error("{0}")]
    Parameter(String),
    /// The event or the client context cannot be read.
    #[error("{0}")]
    Content(String),
    /// The ARN as the caller meant it.
    #[error("no function {0}")]
    NotFound(String),
    #[error("larger than {0} bytes")]
    TooLarge(usize),
    #[error("the body is too slow")]
    Slow,
    #[error("too many calls at once")]
    Throttled,
    /// Functions call each other without end.
    #[error("too many calls within each other")]
    Recursive,
    /// Whoever runs the function does not answer; for the log.
    #[error("{0}")]
    Service(String),
}

impl Fault {
    /// A word that is none of a few.
    pub(super) fn enumeration(member: &str, given: &str, words: &str) -> Self {
        let given: String = given.chars().take(64).collect();
        Self::Validation(format!(
            "1 validation error detected: Value '{given}' at '{member}' failed to satisfy constraint: Member must satisfy enum \
             value set: {words}"
        ))
    }

    /// Name, status and message.
    fn exception(&self) -> (&'static str, StatusCode, String) {
        let client = StatusCode::BAD_REQUEST;
        match self {
            Self::UnknownOperation => ("UnknownOperationException", StatusCode::NOT_FOUND, String::new()),
            Self::Signature(SignatureFault::Missing) => {
                ("MissingAuthenticationTokenException", StatusCode::FORBIDDEN, "Missing Authentication Token".into())
            }
            Self::Signature(SignatureFault::Incomplete(text)) => ("IncompleteSignatureException", client, text.clone()),
            Self::Signature(SignatureFault::UnknownKey) => (
                "UnrecognizedClientException",
                StatusCode::FORBIDDEN,
                "The security token included in the request is invalid.".into(),
            ),
            Self::Signature(SignatureFault::Invalid(text)) => {
                ("InvalidSignatureException", StatusCode::FORBIDDEN, text.clone())
            }
            Self::Validation(text) => ("ValidationException", client, text.clone()),
            Self::Parameter(text) => ("InvalidParameterValueException", client, text.clone()),
            Self::Content(text) => ("InvalidRequestContentException", client, text.clone()),
            Self::NotFound(arn) => {
                ("ResourceNotFoundException", StatusCode::NOT_FOUND, format!("Function not found: {arn}"))
            }
            Self::TooLarge(limit) => (
                "RequestTooLargeException",
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("Request must be smaller than {limit} bytes for the InvokeFunction operation"),
            ),
            Self::Slow => {
                ("RequestTimeoutException", StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.".into())
            }
            Self::Throttled => ("TooManyRequestsException", StatusCode::TOO_MANY_REQUESTS, "Rate Exceeded.".into()),
            Self::Recursive => (
                "RecursiveInvocationException",
                client,
                "This call was made by too many functions that called each other.".into(),
            ),
            Self::Service(_) => {
                ("ServiceException", StatusCode::INTERNAL_SERVER_ERROR, "The function cannot be reached.".into())
            }
        }
    }
}

pub(super) fn refusal(request_id: &str, fault: &Fault) -> Response {
    let (name, status, message) = fault.exception();
    if status.is_server_error() {
        tracing::warn!(request_id, reason = %fault, "a function cannot be reached");
    } else {
        tracing::debug!(request_id, name, reason = %fault, "a call of a function is refused");
    }
    let mut body = json!({"message": message});
    if !matches!(fault, Fault::Signature(_) | Fault::UnknownOperation) {
        body["Type"] = if status.is_server_error() { "Service" } else { "User" }.into();
    }
    if *fault == Fault::Throttled {
        body["Reason"] = "ConcurrentInvocationLimitExceeded".into();
    }
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ERROR_TYPE, HeaderValue::from_static(name));
    response
}
