//! Calls to applications: one request with a small answer, within a few seconds.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};

use super::Undelivered;
use crate::outside::{Client, Failure, Limits, Reply};

const LIMITS: Limits = Limits { time: Duration::from_secs(5), bytes: 64 * 1024 };

pub(super) async fn post_form(client: &Client, url: &str, form: String) -> Result<StatusCode, Undelivered> {
    let request = Request::builder().method(Method::POST);
    let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let Reply { status, body, .. } = client.send(url, request, form.into(), LIMITS).await.map_err(yet)?;
    body.map_err(yet)?;
    Ok(status)
}

pub(super) async fn get(client: &Client, url: &str) -> Result<Bytes, Undelivered> {
    let request = Request::builder().header(header::ACCEPT, "application/json");
    match client.send(url, request, Bytes::new(), LIMITS).await.map_err(yet)? {
        Reply { status: StatusCode::OK, body, .. } => body.map_err(yet),
        Reply { status, .. } => Err(Undelivered::Yet(format!("the answer was {status}"))),
    }
}

pub(super) fn yet(failure: Failure) -> Undelivered {
    Undelivered::Yet(failure.to_string())
}
