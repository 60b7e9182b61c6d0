//! The answers that REST APIs make themselves: other statuses, words and headers than those of HTTP APIs.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>

use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::{authorizer::Denial, body::Body, refusal::Refusal};

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The service's wording of these two has changed over time; both begin with "User is not authorized to access this resource".
const EXPLICIT: &str =
    r#"{"Message":"User is not authorized to access this resource with an explicit deny in an identity-based policy"}"#;
const IMPLICIT: &str = r#"{"Message":"User is not authorized to access this resource because no identity-based policy allows the execute-api:Invoke action"}"#;

pub(super) fn response(refusal: &Refusal) -> Response<Body> {
    let (status, body, kind) = told(refusal);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ERROR_TYPE, HeaderValue::from_static(kind));
    if refusal.ends_connection() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn told(refusal: &Refusal) -> (StatusCode, &'static str, &'static str) {
    match refusal {
        Refusal::BadRequest(_) | Refusal::Framing(_) | Refusal::SlowBody => {
            (refusal.status(), r#"{"message":"Bad Request"}"#, "BadRequestException")
        }
        Refusal::LongHead => {
            (refusal.status(), r#"{"message":"Request Header Fields Too Large"}"#, "BadRequestException")
        }
        Refusal::Misdirected => (refusal.status(), r#"{"message":"Misdirected Request"}"#, "BadRequestException"),
        // There is no 404: an unknown path or method looks like a call of the service's own without a signature.
        Refusal::NotFound => (
            StatusCode::FORBIDDEN,
            r#"{"message":"Missing Authentication Token"}"#,
            "MissingAuthenticationTokenException",
        ),
        Refusal::DisabledEndpoint => (StatusCode::FORBIDDEN, r#"{"message":"Forbidden"}"#, "ForbiddenException"),
        Refusal::Throttled => {
            (StatusCode::TOO_MANY_REQUESTS, r#"{"message":"Too Many Requests"}"#, "TooManyRequestsException")
        }
        Refusal::Denied(Denial::InsufficientScope { .. }) | Refusal::Forbidden { explicit: false } => {
            (StatusCode::FORBIDDEN, IMPLICIT, "AccessDeniedException")
        }
        Refusal::Forbidden { explicit: true } => (StatusCode::FORBIDDEN, EXPLICIT, "AccessDeniedException"),
        Refusal::Denied(_) | Refusal::Unauthorized(_) => {
            (StatusCode::UNAUTHORIZED, r#"{"message":"Unauthorized"}"#, "UnauthorizedException")
        }
        Refusal::Expired => {
            (StatusCode::UNAUTHORIZED, r#"{"message":"The incoming token has expired"}"#, "UnauthorizedException")
        }
        Refusal::Authorizer(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, r#"{"message":null}"#, "AuthorizerConfigurationException")
        }
        Refusal::TooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, r#"{"message":"Request Too Long"}"#, "RequestTooLargeException")
        }
        Refusal::Function(_) => {
            (StatusCode::BAD_GATEWAY, r#"{"message": "Internal server error"}"#, "InternalServerErrorException")
        }
        Refusal::Unavailable(_) => (
            StatusCode::GATEWAY_TIMEOUT,
            r#"{"message": "Endpoint request timed out"}"#,
            "InternalServerErrorException",
        ),
    }
}
