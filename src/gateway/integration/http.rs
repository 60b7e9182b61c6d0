//! A streaming reverse proxy. Bodies pass through as they come, connections to backends are kept, and what is sent is the path
//! that was authorised, byte for byte. A backend that cannot be reached, or does not begin to answer within thirty seconds, is
//! answered for with 503.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-http.html>

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header, request::Parts};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::Instant;

use super::{
    Target,
    connections::{Connections, Place, SendError},
    forwarding::{Origin, prepare_request, prepare_response},
    upgrade,
};
use crate::{
    gateway::{
        body::{Body, Found, Inbound, RequestBody},
        exchange::Exchange,
        refusal::Refusal,
    },
    kit::trust::Trust,
    web::http1::client::NoAnswer,
};

/// Connections to backends, which whoever configures the gateway chose and which may be anywhere: TLS with these authorities, no
/// delay of small writes.
pub(in crate::gateway) fn connector(trust: &Trust) -> Result<HttpsConnector<HttpConnector>, rustls::Error> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(Duration::from_secs(5)));
    let builder = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(trust.client()?);
    Ok(builder.https_or_http().enable_http1().wrap_connector(http))
}

pub(in crate::gateway) struct HttpIntegration {
    place: Arc<Place>,
    target: Target,
    host: HeaderValue,
    /// Instead of the client's.
    method: Option<Method>,
}

impl HttpIntegration {
    pub(in crate::gateway) fn new(connections: &Arc<Connections>, target: Target, method: Option<Method>) -> Self {
        let host = HeaderValue::from_str(target.authority().as_str()).unwrap_or(HeaderValue::from_static("localhost"));
        Self { place: connections.to(target.origin()), target, host, method }
    }

    pub(super) async fn answer(
        &self,
        exchange: &mut Exchange<'_>,
        body: Inbound,
        began: Instant,
        timeout: Duration,
    ) -> Result<Response<Body>, Refusal> {
        let body = RequestBody::new(body).map_err(|_| Refusal::TooLarge)?;
        let fault = body.fault();
        let wanted = upgrade::wanted(&mut exchange.head);
        let (mut head, lines) = self.head(exchange)?;
        if wanted.is_some() {
            upgrade::ask(&mut head.headers);
        }
        let answer = self.place.send((&mut head, &lines), body, wanted.is_some(), began, began + timeout).await;
        let answer = match (answer, fault.and_then(|fault| fault.found())) {
            (Ok(answer), _) => answer,
            (_, Some(Found::TooLarge)) => return Err(Refusal::TooLarge),
            (_, Some(Found::Broken)) => return Err(Refusal::Framing("a body that cannot be read")),
            (Err(SendError::TimedOut | SendError::Http(NoAnswer::Request(_))), Some(Found::Missing)) => {
                return Err(Refusal::SlowBody);
            }
            (Err(SendError::TimedOut), None) => return Err(Refusal::TimedOut("no answer in time")),
            (Err(error), _) => return Err(Refusal::Unavailable(chain(&error))),
        };
        let (mut head, body) = answer.into_parts();
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return match wanted {
                Some(wanted) => upgrade::join(wanted, Response::from_parts(head, body)),
                None => Err(Refusal::Unavailable("the backend switched protocols".to_owned())),
            };
        }
        head.version = Version::HTTP_11;
        prepare_response(&mut head.headers);
        Ok(Response::from_parts(head, Body::backend(body)))
    }

    /// The head of the request that the backend gets, and lines that belong to it.
    fn head(&self, exchange: &mut Exchange<'_>) -> Result<(Parts, Vec<u8>), Refusal> {
        let captured: Vec<&str> = exchange.captured().collect();
        let uri = match exchange.changes.as_ref().and_then(|changes| changes.path.as_deref()) {
            Some(path) => self.target.uri_at(path, &captured, exchange.sent_query()),
            None => self.target.uri(&captured, exchange.path(), exchange.sent_query()),
        };
        let uri = uri.ok_or_else(|| Refusal::BadRequest("the path does not fit into the backend's URL".to_owned()))?;
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = self.method.clone().unwrap_or_else(|| exchange.head.method.clone());
        head.uri = uri;
        // Taken as they are, unless somebody wants to read them afterwards.
        let kept = exchange.stage.is_some_and(|stage| stage.log.is_some())
            || exchange.route.is_some_and(|route| !route.responses.is_empty());
        let mut headers = if kept { exchange.head.headers.clone() } else { std::mem::take(&mut exchange.head.headers) };
        let host = prepare_request(&mut headers, &self.host);
        let origin = Origin::of(exchange);
        let lines = match &exchange.changes {
            None => origin.lines(host.as_ref()),
            Some(changes) => {
                origin.put_all(&mut headers, host);
                changes.headers.apply(&mut headers);
                // A request without a host is none.
                headers.entry(header::HOST).or_insert_with(|| self.host.clone());
                Vec::new()
            }
        };
        head.headers = headers;
        Ok((head, lines))
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
