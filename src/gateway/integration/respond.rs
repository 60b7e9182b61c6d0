//! A fixed answer from the configuration.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use regex::Regex;

use super::is_hop_by_hop;
use crate::gateway::body::Body;

/// What is wrong with a fixed answer.
#[derive(Debug, thiserror::Error)]
pub enum RespondError {
    #[error("the status {0} is not one of 200 to 599")]
    Status(u16),
    #[error("`{0}` is not a header that an answer may set")]
    Header(String),
    #[error("the origin {0:?} cannot be looked for")]
    Origin(String),
}

pub(in crate::gateway) struct FixedResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// Origins that are told that it is for them.
    origins: Vec<Regex>,
}

impl FixedResponse {
    /// Without a `content-type` of its own the body is plain text.
    pub(in crate::gateway) fn new(
        status: u16,
        headers: &BTreeMap<String, String>,
        body: &str,
    ) -> Result<Self, RespondError> {
        let status = StatusCode::from_u16(status)
            .ok()
            .filter(|code| (200..600).contains(&code.as_u16()))
            .ok_or(RespondError::Status(status))?;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let wrong = || RespondError::Header(name.clone());
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            if is_hop_by_hop(&key) || key == header::CONTENT_LENGTH {
                return Err(wrong());
            }
            map.append(key, HeaderValue::from_str(value).map_err(|_| wrong())?);
        }
        if !map.contains_key(header::CONTENT_TYPE) {
            map.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
        }
        Ok(Self { status, headers: map, body: Bytes::copy_from_slice(body.as_bytes()), origins: Vec::new() })
    }

    /// Names each of these origins where it asks. `*` stands for any characters. Caches are told that origins matter.
    pub(in crate::gateway) fn for_origins(mut self, origins: &[String]) -> Result<Self, RespondError> {
        for origin in origins {
            let parts: Vec<String> = origin.split('*').map(regex::escape).collect();
            let whole = Regex::new(&format!("^(?:{})$", parts.join(".+")));
            self.origins.push(whole.map_err(|_| RespondError::Origin(origin.clone()))?);
        }
        if !origins.is_empty() {
            self.headers.entry(header::VARY).or_insert(HeaderValue::from_static("Origin"));
        }
        Ok(self)
    }

    pub(super) fn answer(&self, asked: &HeaderMap) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        if let Some(origin) = asked.get(header::ORIGIN)
            && let Ok(text) = origin.to_str()
            && self.origins.iter().any(|known| known.is_match(text))
        {
            response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
        response
    }
}
