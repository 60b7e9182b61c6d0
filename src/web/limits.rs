//! How much a request may bring, looked at before anything is parsed.

use std::time::Duration;

use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, header};

use super::{
    parameters::Parameters,
    whole::{NotWhole, whole},
};

/// Far above what a password form or a token request needs.
pub const MOST_BODY_BYTES: usize = 64 * 1024;
/// A form that takes longer to arrive is given up.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a query: room for a long state and many scopes.
pub const MOST_QUERY_BYTES: usize = 16 * 1024;

/// Why a form was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormFault {
    TooLarge,
    /// It did not arrive in time.
    Slow,
    /// The body is compressed: nothing here unpacks.
    Encoded,
    /// Another media type or character set, or no text.
    Malformed,
}

/// Reads a form of at most [`MOST_BODY_BYTES`].
pub async fn form(request: Request) -> Result<Parameters, FormFault> {
    form_within(request, MOST_BODY_BYTES).await
}

/// Reads a form of at most `most` bytes.
pub async fn form_within(request: Request, most: usize) -> Result<Parameters, FormFault> {
    let body = body(request, "application/x-www-form-urlencoded", most).await?;
    Parameters::parse(&body).ok_or(FormFault::Malformed)
}

/// Reads a document of at most [`MOST_BODY_BYTES`] that says it is JSON.
pub async fn json(request: Request) -> Result<Bytes, FormFault> {
    body(request, "application/json", MOST_BODY_BYTES).await
}

async fn body(request: Request, kind: &str, most: usize) -> Result<Bytes, FormFault> {
    let headers = request.headers();
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(FormFault::Encoded);
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > most as u64) {
        return Err(FormFault::TooLarge);
    }
    if !is_of(headers, kind) {
        return Err(FormFault::Malformed);
    }
    whole(request.into_body(), most, BODY_TIMEOUT).await.map_err(|error| match error {
        NotWhole::Slow => FormFault::Slow,
        NotWhole::TooLarge => FormFault::TooLarge,
        NotWhole::Broken(_) => FormFault::Malformed,
    })
}

/// Whether the one content type is this one, in UTF-8 where it names a character set.
fn is_of(headers: &HeaderMap, wanted: &str) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let Ok(text) = only.to_str() else { return false };
    let mut parts = text.split(';').map(str::trim);
    let is_wanted = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(wanted));
    is_wanted
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, set)) if name.eq_ignore_ascii_case("charset") => {
                set.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}
