//! Answers of the endpoints that programs call: JSON, never kept by a cache, readable from any origin without credentials.

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::flows::Cx;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-cognito-request-id");

pub fn json(cx: &Cx, status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body).into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, max-age=0, must-revalidate"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if let Ok(id) = HeaderValue::from_str(&cx.request_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// `200` without a body.
pub fn nothing(cx: &Cx) -> Response {
    let mut response = json(cx, StatusCode::OK, &());
    *response.body_mut() = axum::body::Body::empty();
    response
}

pub async fn preflight() -> Response {
    let mut response = Response::default();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "authorization, content-type, dpop, x-amz-user-agent, amz-sdk-invocation-id, amz-sdk-request",
        ),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

pub async fn post_only() -> Response {
    wrong_method("POST, OPTIONS")
}

pub async fn get_only() -> Response {
    wrong_method("GET, HEAD, POST, OPTIONS")
}

fn wrong_method(allowed: &'static str) -> Response {
    let mut response = Response::new(Bytes::from_static(br#"{"error":"invalid_request"}"#).into());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    response
}
