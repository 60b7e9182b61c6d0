//! What answers an authorised request: a function, a backend, or a fixed text.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations.html>

mod claims;
mod event;
mod forwarding;
mod function;
mod http;
mod respond;
mod target;

use std::time::Duration;

use ::http::Response;
use hyper::body::Incoming;

pub(super) use self::{
    event::Place,
    forwarding::is_hop_by_hop,
    function::FunctionIntegration,
    http::{HttpIntegration, ProxyClient, connector, proxy_client},
    respond::FixedResponse,
    target::Target,
};
pub use self::{respond::RespondError, target::TargetError};
use super::{body::Body, exchange::Exchange, refusal::Refusal};

/// API Gateway gives every integration this long.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) enum Integration {
    Function(FunctionIntegration),
    Http(HttpIntegration),
    Respond(FixedResponse),
}

impl Integration {
    pub(super) async fn answer(&self, exchange: &mut Exchange<'_>, body: Incoming) -> Result<Response<Body>, Refusal> {
        match self {
            Self::Function(function) => function.answer(exchange, body).await,
            Self::Http(backend) => backend.answer(exchange, body).await,
            Self::Respond(fixed) => Ok(fixed.answer()),
        }
    }
}
