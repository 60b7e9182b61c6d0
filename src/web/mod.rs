//! What the doors for browsers and OAuth clients share: parameters, addresses, sessions, headers, limits. Decides nothing about
//! users or tokens; that is what flows are for.

pub mod authorization;
pub mod client_ip;
pub mod csrf;
pub mod headers;
pub mod limits;
pub mod parameters;
pub mod paths;
pub mod session;

use std::sync::Arc;

use crate::flows::{App, Cx};

/// The view of the server that a request without a signature gets: the configured region and a new request id.
pub fn context(app: &Arc<App>) -> Cx {
    Cx::new(Arc::clone(app), &app.setup.region, app.random.uuid())
}
