//! The answers that REST APIs make themselves: other statuses, words and headers than those of HTTP APIs.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::{
    authorizer::Denial,
    body::Body,
    exchange::{Exchange, Refused},
    refusal::Refusal,
};
use crate::config::api::ResponseType;

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The service's wording of these two has changed over time; both begin with "User is not authorized to access this resource".
const EXPLICIT: &str =
    "User is not authorized to access this resource with an explicit deny in an identity-based policy";
const IMPLICIT: &str = "User is not authorized to access this resource because no identity-based policy allows the execute-api:Invoke action";

/// A refusal in the words of REST APIs.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: StatusCode,
    /// `None` is written as null.
    message: Option<Cow<'static, str>>,
    /// `None` where no gateway response can change the answer.
    pub(super) kind: Option<ResponseType>,
    /// The name of the member, and what stands behind its colon: the service writes neither alike everywhere.
    form: (&'static str, &'static str),
    error_type: &'static str,
}

/// The answer to a refusal: the gateway's own, or what the API has in its place.
pub(super) fn response(refusal: &Refusal, exchange: &mut Exchange<'_>) -> Response<Body> {
    let told = told(refusal);
    let kind = told.kind.map_or_else(|| refusal.refused().kind, ResponseType::name);
    exchange.refused = Some(Refused { message: told.message.clone(), kind });
    let custom = exchange.api.and_then(|api| api.responses.answer(&told, exchange));
    let mut response = custom.unwrap_or_else(|| own(&told));
    let headers = response.headers_mut();
    headers.insert(ERROR_TYPE, HeaderValue::from_static(told.error_type));
    if refusal.ends_connection() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn own(told: &Told) -> Response<Body> {
    let (member, gap) = told.form;
    let message = Value::from(told.message.as_deref());
    let mut response = Response::new(Body::from(format!(r#"{{"{member}":{gap}{message}}}"#)));
    *response.status_mut() = told.status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

const PLAIN: (&str, &str) = ("message", "");
/// Policies speak with a capital.
const CAPITAL: (&str, &str) = ("Message", "");
const SPACED: (&str, &str) = ("message", " ");

/// The service shows the last digits of the account only.
fn out_of_policy(explicit: bool, arn: &str) -> String {
    let mut parts: Vec<String> = arn.splitn(6, ':').map(str::to_owned).collect();
    if let Some(account) = parts.get_mut(4) {
        let hidden = account.len().saturating_sub(4);
        account.replace_range(..hidden, &"*".repeat(hidden));
    }
    let why = if explicit {
        "with an explicit deny in a resource-based policy"
    } else {
        "because no resource-based policy allows the execute-api:Invoke action"
    };
    format!("User: anonymous is not authorized to perform: execute-api:Invoke on resource: {} {why}", parts.join(":"))
}

fn told(refusal: &Refusal) -> Told {
    let tell = |status, message: &'static str, kind, form, error_type| Told {
        status,
        message: Some(message.into()),
        kind,
        form,
        error_type,
    };
    match refusal {
        Refusal::BadRequest(_) | Refusal::Framing(_) | Refusal::SlowBody => {
            tell(refusal.status(), "Bad Request", Some(ResponseType::BadRequestBody), PLAIN, "BadRequestException")
        }
        Refusal::MissingParameters(names) => Told {
            status: StatusCode::BAD_REQUEST,
            message: Some(format!("Missing required request parameters: [{names}]").into()),
            kind: Some(ResponseType::BadRequestParameters),
            form: PLAIN,
            error_type: "BadRequestException",
        },
        Refusal::LongHead => {
            tell(refusal.status(), "Request Header Fields Too Large", None, PLAIN, "BadRequestException")
        }
        Refusal::LongArn => tell(refusal.status(), "URI Too Long", None, PLAIN, "BadRequestException"),
        Refusal::Misdirected => tell(refusal.status(), "Misdirected Request", None, PLAIN, "BadRequestException"),
        // There is no 404: an unknown path or method looks like a call of the service's own without a signature.
        Refusal::NotFound => tell(
            StatusCode::FORBIDDEN,
            "Missing Authentication Token",
            Some(ResponseType::MissingAuthenticationToken),
            PLAIN,
            "MissingAuthenticationTokenException",
        ),
        Refusal::DisabledEndpoint | Refusal::ClientCertificate(_) => {
            tell(StatusCode::FORBIDDEN, "Forbidden", None, PLAIN, "ForbiddenException")
        }
        Refusal::Throttled => tell(
            StatusCode::TOO_MANY_REQUESTS,
            "Too Many Requests",
            Some(ResponseType::Throttled),
            PLAIN,
            "TooManyRequestsException",
        ),
        Refusal::Denied(Denial::InsufficientScope { .. }) | Refusal::Forbidden { .. } => {
            let is_explicit = matches!(refusal, Refusal::Forbidden { explicit: true });
            let message = if is_explicit { EXPLICIT } else { IMPLICIT };
            tell(StatusCode::FORBIDDEN, message, Some(ResponseType::AccessDenied), CAPITAL, "AccessDeniedException")
        }
        Refusal::OutOfPolicy { explicit, arn } => Told {
            status: StatusCode::FORBIDDEN,
            message: Some(out_of_policy(*explicit, arn).into()),
            kind: Some(ResponseType::AccessDenied),
            form: CAPITAL,
            error_type: "AccessDeniedException",
        },
        Refusal::Denied(_) | Refusal::Unauthorized(_) => tell(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            Some(ResponseType::Unauthorized),
            PLAIN,
            "UnauthorizedException",
        ),
        Refusal::Expired => tell(
            StatusCode::UNAUTHORIZED,
            "The incoming token has expired",
            Some(ResponseType::Unauthorized),
            PLAIN,
            "UnauthorizedException",
        ),
        Refusal::Authorizer(_) => Told {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: None,
            kind: Some(ResponseType::AuthorizerConfigurationError),
            form: PLAIN,
            error_type: "AuthorizerConfigurationException",
        },
        Refusal::TooLarge => {
            tell(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long", None, PLAIN, "RequestTooLargeException")
        }
        Refusal::Function(_) => tell(
            StatusCode::BAD_GATEWAY,
            "Internal server error",
            Some(ResponseType::IntegrationFailure),
            SPACED,
            "InternalServerErrorException",
        ),
        Refusal::Unavailable(_) => tell(
            StatusCode::GATEWAY_TIMEOUT,
            "Network error communicating with endpoint",
            Some(ResponseType::IntegrationFailure),
            SPACED,
            "InternalServerErrorException",
        ),
        Refusal::TimedOut(_) => tell(
            StatusCode::GATEWAY_TIMEOUT,
            "Endpoint request timed out",
            Some(ResponseType::IntegrationTimeout),
            SPACED,
            "InternalServerErrorException",
        ),
    }
}
