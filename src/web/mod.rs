//! What the doors for browsers and OAuth clients share: parameters, addresses, sessions, headers, limits. Decides nothing about
//! users or tokens; that is what flows are for.

pub mod answer;
pub mod authorization;
pub mod client_ip;
pub mod connection;
pub mod csrf;
pub mod end_session;
pub mod federation;
pub mod headers;
pub mod http1;
pub mod limits;
pub mod pace;
pub mod parameters;
pub mod paths;
pub mod saml;
pub mod session;
pub mod signature;
pub mod tls;
pub mod upload;
pub mod way;
pub mod whole;

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{Extensions, HeaderMap, StatusCode, header, request::Parts, uri::Authority};

use crate::{
    domain::origin::Origin,
    flows::{App, Cx},
    kit::lineage::{Lineage, TRACE_HEADER},
};
use client_ip::ClientAddress;

/// What of a browser's header is kept.
const LONGEST_USER_AGENT: usize = 512;

/// The view of the server that a request without a signature gets: the configured region and a new request id.
pub fn context(app: &Arc<App>) -> Cx {
    Cx::new(Arc::clone(app), &app.setup.region, app.random.uuid())
}

/// The view that a request by a browser or an OAuth client gets: the same, as far as its host shows it.
impl FromRequestParts<Arc<App>> for Cx {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let cx = context(app).seen_from(origin(&parts.extensions, &parts.headers)).led_to_by(lineage(&parts.headers));
        let Some(authority) = authority(parts) else { return Ok(cx) };
        cx.by_host(authority.as_str()).await.map_err(|error| {
            tracing::error!(%error, "the pool of a host could not be found");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        })
    }
}

/// The host that was asked, with its port.
fn authority(parts: &Parts) -> Option<Authority> {
    let named = || parts.headers.get(header::HOST)?.to_str().ok()?.parse().ok();
    parts.uri.authority().cloned().or_else(named)
}

/// The calls that led to a request, where it says so.
pub fn lineage(headers: &HeaderMap) -> Lineage {
    let trace = headers.get(TRACE_HEADER).and_then(|trace| trace.to_str().ok());
    trace.map(Lineage::of).unwrap_or_default()
}

/// Where a request comes from.
pub fn origin(extensions: &Extensions, headers: &HeaderMap) -> Origin {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Origin {
        address: extensions.get::<ClientAddress>().map(|address| address.0),
        user_agent: agent.filter(|agent| agent.len() <= LONGEST_USER_AGENT).map(str::to_owned),
        ..Origin::default()
    }
}
