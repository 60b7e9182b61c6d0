//! `[api.gateway_response.TYPE]`: what a REST API answers in the place of its own words for a refusal.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html>

use std::collections::BTreeMap;

use super::{Place, Placed, Reader};

/// What a refusal is, in the service's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResponseType {
    AccessDenied,
    ApiConfigurationError,
    AuthorizerConfigurationError,
    AuthorizerFailure,
    BadRequestBody,
    BadRequestParameters,
    /// For every type with a status from 400 to 499 that has no response of its own.
    Default4xx,
    /// The same from 500 to 599.
    Default5xx,
    ExpiredToken,
    IntegrationFailure,
    IntegrationTimeout,
    InvalidApiKey,
    InvalidSignature,
    MissingAuthenticationToken,
    QuotaExceeded,
    ResourceNotFound,
    Throttled,
    Unauthorized,
    UnsupportedMediaType,
    WafFiltered,
}

impl ResponseType {
    const NAMES: [(&str, Self); 20] = [
        ("ACCESS_DENIED", Self::AccessDenied),
        ("API_CONFIGURATION_ERROR", Self::ApiConfigurationError),
        ("AUTHORIZER_CONFIGURATION_ERROR", Self::AuthorizerConfigurationError),
        ("AUTHORIZER_FAILURE", Self::AuthorizerFailure),
        ("BAD_REQUEST_BODY", Self::BadRequestBody),
        ("BAD_REQUEST_PARAMETERS", Self::BadRequestParameters),
        ("DEFAULT_4XX", Self::Default4xx),
        ("DEFAULT_5XX", Self::Default5xx),
        ("EXPIRED_TOKEN", Self::ExpiredToken),
        ("INTEGRATION_FAILURE", Self::IntegrationFailure),
        ("INTEGRATION_TIMEOUT", Self::IntegrationTimeout),
        ("INVALID_API_KEY", Self::InvalidApiKey),
        ("INVALID_SIGNATURE", Self::InvalidSignature),
        ("MISSING_AUTHENTICATION_TOKEN", Self::MissingAuthenticationToken),
        ("QUOTA_EXCEEDED", Self::QuotaExceeded),
        ("RESOURCE_NOT_FOUND", Self::ResourceNotFound),
        ("THROTTLED", Self::Throttled),
        ("UNAUTHORIZED", Self::Unauthorized),
        ("UNSUPPORTED_MEDIA_TYPE", Self::UnsupportedMediaType),
        ("WAF_FILTERED", Self::WafFiltered),
    ];

    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// What is absent stays as the API has it by itself.
#[derive(Clone, Debug)]
pub struct GatewayResponse {
    pub at: Place,
    pub status_code: Option<u16>,
    /// By the names of headers: a text in quotes, or a part of the request.
    pub headers: BTreeMap<String, Placed<String>>,
    /// By media type.
    pub templates: BTreeMap<String, Placed<String>>,
}

const HEADER: &str = "gatewayresponse.header.";

impl GatewayResponse {
    /// `table` is one of `[api.gateway_response]`, called `name`.
    pub(super) fn read(name: &str, mut section: Reader) -> Option<(ResponseType, Self)> {
        let reading = section.reading;
        let kind = ResponseType::NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        if kind.is_none() {
            let message = if name == "REQUEST_TOO_LARGE" {
                "`api.gateway_response` cannot change REQUEST_TOO_LARGE: the service cannot either".to_owned()
            } else {
                format!("`api.gateway_response` has no type {name:?}")
            };
            let known = ResponseType::NAMES.iter().map(|(known, _)| *known);
            reading.note(crate::config::Mistake::new(&section.at, message).nearest(name, known));
        }
        let mut headers = BTreeMap::new();
        for (key, value) in section.string_map("response_parameters") {
            match key.strip_prefix(HEADER).filter(|name| http::HeaderName::from_bytes(name.as_bytes()).is_ok()) {
                Some(name) => drop(headers.insert(name.to_ascii_lowercase(), value)),
                None => {
                    let path = section.path("response_parameters");
                    reading.refuse(&value.at, format!("`{path}` must hold {HEADER}NAME, found {key:?}"));
                }
            }
        }
        let response = Self {
            at: section.at.clone(),
            status_code: section.integer("status_code", 200..=599),
            headers,
            templates: section.string_map("response_templates"),
        };
        section.finish();
        Some((kind?, response))
    }
}
