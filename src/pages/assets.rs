//! Style sheets, embedded in the binary. Their addresses hold a hash of their content, so browsers may keep them for ever.

use axum::{extract::Path, response::Response};
use http::{HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;

use crate::{
    flows::Setup,
    web::paths::{self, Place},
};

#[derive(RustEmbed)]
#[folder = "static/"]
struct Assets;

/// The address of a file of `static/`.
pub fn address(setup: &Setup, path: &str) -> String {
    let version = Assets::get(path).map(|file| version(&file)).unwrap_or_default();
    format!("{}/{version}/{path}", paths::local(setup, Place::Static))
}

fn version(file: &rust_embed::EmbeddedFile) -> String {
    hex::encode(&file.metadata.sha256_hash()[..8])
}

pub async fn serve(Path((asked, path)): Path<(String, String)>) -> Response {
    let mut response = Response::default();
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let Some(file) = Assets::get(&path).filter(|file| version(file) == asked) else {
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    if let Ok(kind) = HeaderValue::from_str(file.metadata.mimetype()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    *response.body_mut() = axum::body::Body::from(file.data.into_owned());
    response
}
