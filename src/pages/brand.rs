//! What clients have of their own on their pages: style sheets and images that administrators have set.
//!
//! An address holds the digest of what it leads to, so browsers may keep it for ever, and one of a former look leads nowhere.
//! An image is sent as what its bytes are; nothing that is sent from here may run or load anything, wherever it is opened.

use axum::{body::Body, extract::Path, response::Response};
use http::{HeaderValue, StatusCode, header};

use crate::{
    domain::image::Format,
    flows::{Cx, Setup, looks},
    web::paths::{self, Place},
};

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";

/// Pool, subject, digest and file of what is served.
pub fn address(setup: &Setup, parts: [&str; 4]) -> String {
    format!("{}/{}", paths::local(setup, Place::Brand), parts.join("/"))
}

pub async fn serve(cx: Cx, Path((pool, subject, digest, file)): Path<(String, String, String, String)>) -> Response {
    if !cx.site.shows(&pool) {
        return bare(StatusCode::NOT_FOUND);
    }
    let found = match file.as_str() {
        "style.css" => looks::sheet(&cx, &pool, &subject, &digest)
            .await
            .map(|sheet| sheet.map(|sheet| ("text/css; charset=utf-8", Body::from(sheet)))),
        "image" => looks::image(&cx, &pool, &subject, &digest)
            .await
            .map(|image| image.and_then(|bytes| Some((Format::of(&bytes)?.media_type(), Body::from(bytes))))),
        _ => Ok(None),
    };
    match found {
        Ok(Some((kind, body))) => content(kind, body),
        Ok(None) => bare(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::error!(request_id = &*cx.request_id, %error, "a part of a look could not be read");
            bare(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn content(kind: &'static str, body: Body) -> Response {
    let mut response = bare(StatusCode::OK);
    *response.body_mut() = body;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

fn bare(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
