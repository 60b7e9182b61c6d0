//! What answers an authorised request: a function, a backend, or a fixed text.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations.html>

mod alarm;
mod authorizer_event;
mod breaker;
mod claims;
mod connections;
mod event;
mod forwarding;
mod function;
mod http;
mod mapping;
mod respond;
mod rest_event;
mod target;
mod upgrade;

use std::time::Duration;

use ::http::Response;
use serde_json::Value;
use tokio::time::Instant;

pub(super) use self::{
    authorizer_event::authorizer_event,
    connections::{Answer, Connections},
    event::Place,
    forwarding::{is_hop_by_hop, remove_named, vouch_for},
    function::FunctionIntegration,
    http::{HttpIntegration, connector},
    mapping::{Changes, Mapping},
    respond::FixedResponse,
    rest_event::render as rendered_pool_claim,
    target::Target,
};
pub use self::{mapping::MappingError, respond::RespondError, target::TargetError};
use super::{
    Route,
    body::{Body, Inbound},
    exchange::Exchange,
    refusal::Refusal,
    selection::View,
};
use crate::web::whole::{NotWhole, whole};

/// API Gateway gives every integration this long.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) enum Integration {
    Function(FunctionIntegration),
    Http(HttpIntegration),
    Respond(FixedResponse),
}

impl Integration {
    pub(super) async fn answer(
        &self,
        exchange: &mut Exchange<'_>,
        body: Inbound,
        timeout: Duration,
    ) -> Result<Response<Body>, Refusal> {
        let began = Instant::now();
        let outcome = match self {
            Self::Function(function) => function.answer(exchange, body, timeout).await,
            Self::Http(backend) => backend.answer(exchange, body, began, timeout).await,
            Self::Respond(fixed) => Ok(fixed.answer(&exchange.head.headers)),
        };
        exchange.report.latency = Some(began.elapsed());
        match &outcome {
            Ok(response) => exchange.report.status = Some(response.status().as_u16()),
            Err(refusal) => exchange.report.error = Some(refusal.to_string()),
        }
        outcome
    }
}

/// Answers with the mapping of the answer's status. What is read of a body is read whole, within the limit of a function's and what is
/// left of the route's time.
pub(super) async fn map_response(
    exchange: &Exchange<'_>,
    route: &Route,
    response: Response<Body>,
) -> Result<Response<Body>, Refusal> {
    let Some(mapping) = route.responses.get(&response.status().as_u16()) else { return Ok(response) };
    let (mut head, mut body) = response.into_parts();
    let mut read = None;
    if mapping.reads_response_body() {
        let left = route.timeout.saturating_sub(exchange.report.latency.unwrap_or_default());
        let bytes = whole(body, RESPONSE_LIMIT, left).await.map_err(|error| match error {
            NotWhole::Slow => Refusal::TimedOut("the answer's body did not come in time"),
            error => Refusal::Unavailable(error.to_string()),
        })?;
        body = Body::from(bytes.clone());
        read = Some(bytes);
    }
    let view = View { exchange, body: None, response: Some((&head.headers, read.as_deref())) };
    let (changes, status) = mapping.apply(&view);
    changes.apply(&mut head.headers);
    head.status = status.unwrap_or(head.status);
    Ok(Response::from_parts(head, body))
}

/// Of a backend's body that a mapping reads.
const RESPONSE_LIMIT: usize = 10 * 1024 * 1024;

/// A claim as functions and logs see it.
pub(super) fn rendered_claim(claim: &Value) -> String {
    claims::render(claim)
}
