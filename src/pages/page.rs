//! What every page has: its frame, its headers.

use askama::Template;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use super::assets;
use crate::{
    flows::{App, authorize::RedirectUri},
    web::{
        csrf, headers,
        paths::{self, Place},
    },
};

/// The frame of a page.
pub struct Frame {
    pub style: String,
}

impl Frame {
    pub fn new(app: &App) -> Self {
        Self { style: assets::address(&app.setup, "pages.css") }
    }
}

/// Where a form goes, and the token that lets it in.
pub struct Form {
    pub action: String,
    pub token: String,
}

impl Form {
    pub fn new(app: &App, place: Place, query: &str, secret: &str) -> Self {
        Self { action: paths::local_with(&app.setup, place, query), token: csrf::token(app, secret, query) }
    }
}

/// A page whose form, if it has one, may end at `target`.
pub fn respond(status: StatusCode, page: &impl Template, target: Option<&RedirectUri>) -> Response {
    let mut response = match page.render() {
        Ok(html) => Response::new(html.into()),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            let mut response = Response::default();
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            return response;
        }
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, headers::page_policy(target));
    response
}
