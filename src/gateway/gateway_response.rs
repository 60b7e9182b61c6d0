//! Gateway responses of REST APIs: status, headers and body in the place of the gateway's own.
//!
//! Templates are texts in which variables are replaced, not the language of mapping templates. A response for a type goes before
//! the default of its class; the status of a default counts for every type without one of its own.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html>

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::{
    body::Body,
    exchange::Exchange,
    integration::is_hop_by_hop,
    rest_refusal::Told,
    selection::{SelectionError, Template, View},
};
use crate::config::{
    Place, Placed,
    api::{GatewayResponse as Config, ResponseType},
};

/// What the service writes where a response has no template.
const USUAL: &str = r#"{"message":$context.error.messageString}"#;
const JSON: &str = "application/json";

/// Why a gateway response cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    #[error("`{0}` is not a header that an answer may set")]
    Header(String),
    #[error("`{0}` is neither a text in single quotes nor a part of the request")]
    Value(String),
    #[error(transparent)]
    Selection(#[from] SelectionError),
}

/// Those of one API.
#[derive(Debug, Default)]
pub(super) struct GatewayResponses {
    by_type: BTreeMap<ResponseType, Custom>,
    /// Whether they look at the request's headers, which otherwise go to the backend.
    pub(super) read_request: bool,
}

#[derive(Debug)]
struct Custom {
    status: Option<StatusCode>,
    headers: Vec<(HeaderName, Template)>,
    templates: BTreeMap<String, Template>,
}

type Failure = (Place, ResponseError);

impl GatewayResponses {
    pub(super) fn parse(config: &BTreeMap<ResponseType, Config>) -> Result<Self, Failure> {
        let mut by_type = BTreeMap::new();
        for (kind, response) in config {
            by_type.insert(*kind, Custom::parse(response)?);
        }
        let texts = config.values().flat_map(|one| one.headers.values().chain(one.templates.values()));
        let read_request = texts.into_iter().any(|text| text.value.contains("request."));
        Ok(Self { by_type, read_request })
    }

    /// The answer to a refusal, if the API has one of its own for it.
    pub(super) fn answer(&self, told: &Told, exchange: &Exchange<'_>) -> Option<Response<Body>> {
        let kind = told.kind?;
        let default = if told.status.is_server_error() { ResponseType::Default5xx } else { ResponseType::Default4xx };
        let default = self.by_type.get(&default);
        let custom = self.by_type.get(&kind).or(default)?;
        let view = View::of(exchange);
        let (media_type, template) = custom.template(exchange);
        let usual = || Template::parse_response(USUAL).ok();
        let body = match template {
            Some(template) => template.written(&view),
            None => usual().map(|template| template.written(&view)).unwrap_or_default(),
        };
        let mut response = Response::new(Body::from(body));
        let of_class = default.and_then(|default| default.status);
        *response.status_mut() = custom.status.or(of_class).unwrap_or(told.status);
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(media_type) {
            headers.insert(header::CONTENT_TYPE, value);
        }
        for (name, template) in &custom.headers {
            let value = template.value(&view).and_then(|value| HeaderValue::from_str(&value).ok());
            if let Some(value) = value {
                headers.insert(name.clone(), value);
            }
        }
        Some(response)
    }
}

impl Custom {
    fn parse(config: &Config) -> Result<Self, Failure> {
        let mut headers = Vec::new();
        for (name, text) in &config.headers {
            let wrong = || (text.at.clone(), ResponseError::Header(name.clone()));
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            if is_hop_by_hop(&key) || key == header::CONTENT_LENGTH {
                return Err(wrong());
            }
            headers.push((key, value(text)?));
        }
        let template = |(kind, text): (&String, &Placed<String>)| {
            let wrong = |error: SelectionError| (text.at.clone(), error.into());
            Ok((kind.clone(), Template::parse_response(&text.value).map_err(wrong)?))
        };
        Ok(Self {
            status: config.status_code.and_then(|code| StatusCode::from_u16(code).ok()),
            headers,
            templates: config.templates.iter().map(template).collect::<Result<_, Failure>>()?,
        })
    }

    /// The template of the type that the caller asks for, else of JSON, else the first there is.
    fn template(&self, exchange: &Exchange<'_>) -> (&str, Option<&Template>) {
        let accepted = exchange.header(&header::ACCEPT).unwrap_or_default();
        let asked = accepted.split(',').map(|one| one.split(';').next().unwrap_or_default().trim());
        let mut wanted = asked.chain([JSON]);
        let found = wanted.find_map(|kind| self.templates.get_key_value(kind)).or_else(|| self.templates.iter().next());
        found.map_or((JSON, None), |(kind, template)| (kind, Some(template)))
    }
}

/// `'text'`, or a part of the request, of `$context` or of the stage's variables.
fn value(text: &Placed<String>) -> Result<Template, Failure> {
    let wrong = |error| (text.at.clone(), error);
    if let Some(fixed) = text.value.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return Ok(Template::fixed(fixed));
    }
    let bare = text.value.strip_prefix('$').unwrap_or(&text.value);
    let part = bare.strip_prefix("method.").unwrap_or(bare);
    let is_known = ["request.header.", "request.querystring.", "request.path.", "context.", "stageVariables."]
        .iter()
        .any(|start| part.starts_with(start));
    if !is_known {
        return Err(wrong(ResponseError::Value(text.value.clone())));
    }
    Template::parse(&format!("${part}"), false).map_err(|error| wrong(error.into()))
}
