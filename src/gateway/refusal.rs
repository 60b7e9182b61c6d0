//! Answers that the gateway makes itself: status, the one JSON body that API Gateway has for it, and `www-authenticate`.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting.html>

use http::{HeaderValue, Response, StatusCode, header};

use super::{authorizer::Denial, body::Body, exchange::Refused};

/// Why a request is not answered by its integration. The reason goes to the log; the client sees status and body only.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("bad request: {0}")]
    BadRequest(String),
    /// The message framing cannot be trusted: the connection is closed as well.
    #[error("bad message framing: {0}")]
    Framing(&'static str),
    #[error("the request's head is too large")]
    LongHead,
    /// The connection was made for another name.
    #[error("another host than the connection was made for")]
    Misdirected,
    #[error("no route")]
    NotFound,
    #[error("the API answers at its custom domains only")]
    DisabledEndpoint,
    /// Of a client that a domain with mutual TLS does not trust.
    #[error("the client's certificate is not trusted: {0}")]
    ClientCertificate(String),
    #[error("too many requests")]
    Throttled,
    #[error("{0}")]
    Denied(#[from] Denial),
    /// A function's authorizer, or what it needs, has no name to give.
    #[error("unauthorized: {0}")]
    Unauthorized(&'static str),
    /// A genuine token whose time is over, where REST APIs have a word of their own for it.
    #[error("the token has expired")]
    Expired,
    /// An authorizer's answer that denies.
    #[error("{}", if *.explicit { "denied by a policy" } else { "not allowed by the authorizer" })]
    Forbidden { explicit: bool },
    /// The policy of a REST API denies, or does not allow, the method of this ARN.
    #[error("{}", if *.explicit { "denied by the API's policy" } else { "not allowed by the API's policy" })]
    OutOfPolicy { explicit: bool, arn: String },
    /// An authorizer that failed or answered out of shape.
    #[error("authorizer failed: {0}")]
    Authorizer(String),
    /// What a method of a REST API must be given.
    #[error("missing required parameters: {0}")]
    MissingParameters(String),
    #[error("the request body is too large")]
    TooLarge,
    #[error("the request body did not arrive in time")]
    SlowBody,
    /// A function that failed or answered out of shape.
    #[error("integration failed: {0}")]
    Function(String),
    /// A backend that does not answer.
    #[error("integration unavailable: {0}")]
    Unavailable(String),
    /// One that does not answer in time.
    #[error("integration timed out: {0}")]
    TimedOut(&'static str),
    /// What a function would be asked about has too long a name.
    #[error("the ARN of the method is longer than the service takes")]
    LongArn,
}

impl Refusal {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::Framing(_) | Self::MissingParameters(_) => StatusCode::BAD_REQUEST,
            Self::LongHead => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unauthorized(_) | Self::Expired => StatusCode::UNAUTHORIZED,
            Self::DisabledEndpoint | Self::ClientCertificate(_) | Self::Forbidden { .. } | Self::OutOfPolicy { .. } => {
                StatusCode::FORBIDDEN
            }
            Self::Throttled => StatusCode::TOO_MANY_REQUESTS,
            Self::Denied(denial) => denial.status(),
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::Function(_) | Self::Authorizer(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable(_) | Self::TimedOut(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::LongArn => StatusCode::URI_TOO_LONG,
        }
    }

    /// The word of the body and of `$context.error.message`.
    fn message(&self) -> &'static str {
        match self.status() {
            StatusCode::BAD_REQUEST => "Bad Request",
            StatusCode::UNAUTHORIZED => "Unauthorized",
            StatusCode::FORBIDDEN => "Forbidden",
            StatusCode::NOT_FOUND => "Not Found",
            StatusCode::REQUEST_TIMEOUT => "Request Timeout",
            StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
            StatusCode::URI_TOO_LONG => "URI Too Long",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "Request Header Fields Too Large",
            StatusCode::MISDIRECTED_REQUEST => "Misdirected Request",
            StatusCode::TOO_MANY_REQUESTS => "Too Many Requests",
            StatusCode::SERVICE_UNAVAILABLE => "Service Unavailable",
            _ => "Internal Server Error",
        }
    }

    /// The service's word for the kind of failure.
    fn kind(&self) -> &'static str {
        match self {
            Self::BadRequest(_)
            | Self::Framing(_)
            | Self::SlowBody
            | Self::LongHead
            | Self::LongArn
            | Self::Misdirected
            | Self::MissingParameters(_) => "BAD_REQUEST",
            Self::NotFound => "RESOURCE_NOT_FOUND",
            Self::DisabledEndpoint | Self::ClientCertificate(_) | Self::Forbidden { .. } | Self::OutOfPolicy { .. } => {
                "ACCESS_DENIED"
            }
            Self::Unauthorized(_) | Self::Expired => "UNAUTHORIZED",
            Self::Authorizer(_) => "AUTHORIZER_FAILURE",
            Self::Throttled => "THROTTLED",
            Self::Denied(denial) if denial.status() == StatusCode::FORBIDDEN => "ACCESS_DENIED",
            Self::Denied(Denial::Unavailable(_)) => "AUTHORIZER_FAILURE",
            Self::Denied(_) => "UNAUTHORIZED",
            Self::TooLarge => "REQUEST_TOO_LARGE",
            Self::Function(_) | Self::Unavailable(_) => "INTEGRATION_FAILURE",
            Self::TimedOut(_) => "INTEGRATION_TIMEOUT",
        }
    }

    /// What is left of such a request must not be read as the next one.
    pub(super) fn ends_connection(&self) -> bool {
        matches!(self, Self::Framing(_) | Self::TooLarge | Self::SlowBody)
    }

    pub(super) fn refused(&self) -> Refused {
        Refused { message: Some(self.message().into()), kind: self.kind() }
    }

    /// `rfc` puts commas where RFC 6750 has them.
    pub fn response(&self, rfc: bool) -> Response<Body> {
        let mut response = Response::new(Body::from(format!(r#"{{"message":"{}"}}"#, self.message())));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Self::Denied(denial) = self
            && !matches!(denial, Denial::Unavailable(_))
        {
            headers.insert(header::WWW_AUTHENTICATE, denial.challenge(rfc));
        }
        if self.ends_connection() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
