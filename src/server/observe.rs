//! Who asks, one count, one duration and, where the log asks for it, one line for each request of the main listener. Never a body, a
//! query or a header: they hold secrets.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};

use crate::web::client_ip::{ClientAddress, TrustedProxies};

/// `proxies` may say on whose behalf they ask.
pub(super) async fn observe(State(proxies): State<Arc<TrustedProxies>>, mut request: Request, next: Next) -> Response {
    // The route as it is declared, so that nobody can make up labels.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let client = peer.map(|peer| proxies.client_ip(peer, request.headers()));
    if let Some(client) = client {
        request.extensions_mut().insert(ClientAddress(client));
    }
    let began = Instant::now();
    let response = next.run(request).await;
    let took = began.elapsed();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status();
    metrics::counter!("poolhouse_requests_total", "route" => route.to_owned(), "status" => class(status)).increment(1);
    metrics::histogram!("poolhouse_request_duration_seconds", "route" => route.to_owned()).record(took);
    tracing::debug!(%method, route, status = status.as_u16(), ?client, latency_us = took.as_micros(), "request");
    response
}

fn class(status: http::StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
