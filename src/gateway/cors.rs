//! Cross-origin requests: preflight requests are answered here, and answers tell browsers who may read them.
//!
//! With a configuration the backend's own CORS headers are thrown away. Answers that the gateway makes itself carry the headers
//! too, since a page must be able to read a 401.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};

use super::body::Body;
use crate::config::api::Cors as Config;

const STAR: HeaderValue = HeaderValue::from_static("*");

#[derive(Debug)]
pub(super) struct Cors {
    origins: Vec<String>,
    methods: Option<HeaderValue>,
    headers: Option<HeaderValue>,
    exposed: Option<HeaderValue>,
    credentials: bool,
    max_age: Option<HeaderValue>,
    /// A `$default` route with an authorizer gets preflight requests too.
    pub(super) default_route_quirk: bool,
}

impl Cors {
    pub(super) fn new(config: &Config) -> Self {
        let list = |words: &[String]| {
            let text = HeaderValue::from_str(&words.join(",")).ok();
            text.filter(|text| !text.is_empty())
        };
        Self {
            origins: config.allow_origins.clone(),
            methods: list(&config.allow_methods),
            headers: list(&config.allow_headers),
            exposed: list(&config.expose_headers),
            credentials: config.allow_credentials,
            max_age: config.max_age.map(HeaderValue::from),
            default_route_quirk: config.default_route_quirk,
        }
    }

    /// What an answer to this request may say: the value of `access-control-allow-origin`.
    /// Two origins are none.
    pub(super) fn allowed(&self, origins: &[HeaderValue]) -> Option<HeaderValue> {
        let [origin] = origins else { return None };
        let text = origin.to_str().ok()?;
        let fits = |own: &String| match own.as_str() {
            "*" => true,
            "http://*" => text.starts_with("http://"),
            "https://*" => text.starts_with("https://"),
            own => own == text,
        };
        if self.origins.iter().any(|own| own == "*") {
            return Some(STAR);
        }
        self.origins.iter().any(fits).then(|| origin.clone())
    }

    /// 204 without a body, also for an origin that is not allowed: then nothing in it allows anything.
    pub(super) fn preflight(&self, origin: Option<HeaderValue>) -> Response<Body> {
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if origin.is_some() {
            let headers = response.headers_mut();
            let pairs = [
                (header::ACCESS_CONTROL_ALLOW_METHODS, &self.methods),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, &self.headers),
                (header::ACCESS_CONTROL_MAX_AGE, &self.max_age),
            ];
            for (name, value) in pairs {
                if let Some(value) = value {
                    headers.insert(name, value.clone());
                }
            }
        }
        self.mark(response.headers_mut(), origin);
        response
    }

    /// Puts our headers in the place of the backend's.
    pub(super) fn dress(&self, headers: &mut HeaderMap, origin: Option<HeaderValue>) {
        let foreign: Vec<HeaderName> =
            headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
        for name in foreign {
            headers.remove(name);
        }
        if let (Some(exposed), true) = (&self.exposed, origin.is_some()) {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
        self.mark(headers, origin);
    }

    fn mark(&self, headers: &mut HeaderMap, origin: Option<HeaderValue>) {
        if !self.origins.is_empty() && !self.origins.iter().any(|own| own == "*") {
            // The answer depends on it, whether this one is allowed or not.
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = origin else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

/// Whether a browser asks if it may ask.
pub(super) fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(header::ORIGIN)
        && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
