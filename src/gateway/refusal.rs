//! Answers that the gateway makes itself: status, the one JSON body that API Gateway has for it, and `www-authenticate`.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting.html>

use http::{HeaderValue, Response, StatusCode, header};

use super::{authorizer::Denial, body::Body};

/// Why a request is not answered by its integration. The reason goes to the log; the client sees status and body only.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("bad request: {0}")]
    BadRequest(String),
    /// The message framing cannot be trusted: the connection is closed as well.
    #[error("bad message framing: {0}")]
    Framing(&'static str),
    #[error("no route")]
    NotFound,
    #[error("{0}")]
    Denied(#[from] Denial),
    #[error("the request body is too large")]
    TooLarge,
    #[error("the request body did not arrive in time")]
    SlowBody,
    /// A function that failed or answered out of shape.
    #[error("integration failed: {0}")]
    Function(String),
    /// A backend that does not answer, or not in time.
    #[error("integration unavailable: {0}")]
    Unavailable(String),
}

impl Refusal {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::Framing(_) => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Denied(denial) => denial.status(),
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::Function(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn body(&self) -> &'static str {
        match self.status() {
            StatusCode::BAD_REQUEST => r#"{"message":"Bad Request"}"#,
            StatusCode::UNAUTHORIZED => r#"{"message":"Unauthorized"}"#,
            StatusCode::FORBIDDEN => r#"{"message":"Forbidden"}"#,
            StatusCode::NOT_FOUND => r#"{"message":"Not Found"}"#,
            StatusCode::REQUEST_TIMEOUT => r#"{"message":"Request Timeout"}"#,
            StatusCode::PAYLOAD_TOO_LARGE => r#"{"message":"Request Entity Too Large"}"#,
            StatusCode::SERVICE_UNAVAILABLE => r#"{"message":"Service Unavailable"}"#,
            _ => r#"{"message":"Internal Server Error"}"#,
        }
    }

    pub fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Self::Denied(denial) = self {
            headers.insert(header::WWW_AUTHENTICATE, denial.challenge());
        }
        // What is left of such a request must not be read as the next one.
        if matches!(self, Self::Framing(_) | Self::TooLarge | Self::SlowBody) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
