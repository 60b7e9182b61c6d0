//! `[[api]]`: an HTTP API of the gateway in API Gateway's own words. Keys are the members of the service's own objects, written
//! with underscores. <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html>

mod authorizer;
mod cors;
mod gateway_response;
mod rest_jwt;
mod route;
mod stage;

use std::collections::BTreeMap;

use aws_lc_rs::digest;

pub use self::{
    authorizer::{
        Authorizer, Beyond, IdentitySource, Issuer, JwtAuthorizer, LambdaAuthorizer, LambdaKind, PoolsAuthorizer,
    },
    cors::Cors,
    gateway_response::{GatewayResponse, ResponseType},
    rest_jwt::{AdditionalClaim, RestIssuer, RestJwtAuthorizer},
    route::{ClaimFormat, ForwardedClaim, Integration, PayloadFormat, Route},
    stage::{AccessLog, Deployed, Stage, Throttle},
};
use super::{Place, Placed, form, pool::Settings, reader::Reader};

/// The stage without a name in its URL.
pub const DEFAULT_STAGE: &str = "$default";

/// Which of the service's two kinds of API this is. They differ in authorizers, events, errors and the order of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http,
    Rest,
}

#[derive(Clone, Debug)]
pub struct Api {
    pub at: Place,
    pub name: String,
    /// Ten lower-case alphanumerics. Without one it is derived from the name, so that it stays the same.
    pub id: String,
    pub protocol: Protocol,
    /// Closes every address of the API but its custom domains.
    pub disable_execute_api_endpoint: bool,
    pub cors: Option<Cors>,
    /// Of a REST API: who may call, from where and what, as a policy document.
    pub policy: Option<Placed<serde_json::Value>>,
    /// Of a REST API: the types of bodies that are bytes, as `image/png`, `image/*` or `*/*`.
    pub binary_media_types: Vec<String>,
    /// Of a REST API.
    pub gateway_responses: BTreeMap<ResponseType, GatewayResponse>,
    /// By name. An API that names no stage has `$default`.
    pub stages: BTreeMap<String, Stage>,
    pub authorizers: BTreeMap<String, Authorizer>,
    pub routes: Vec<Route>,
}

impl Api {
    /// An API without routes, in the stage `$default`.
    pub fn new(at: Place, name: &str) -> Self {
        Self {
            stages: BTreeMap::from([(DEFAULT_STAGE.to_owned(), Stage::new(at.clone()))]),
            at,
            name: name.to_owned(),
            id: derived_id(name),
            protocol: Protocol::Http,
            disable_execute_api_endpoint: false,
            cors: None,
            policy: None,
            binary_media_types: Vec::new(),
            gateway_responses: BTreeMap::new(),
            authorizers: BTreeMap::new(),
            routes: Vec::new(),
        }
    }

    /// Reads an API. `exposed` allows plain http to addresses that are not loopback.
    pub(super) fn read(mut section: Reader, exposed: bool) -> Self {
        let reading = section.reading;
        let at = section.at.clone();
        let name = section.required("name");
        if let Some(name) = name.as_ref().filter(|name| name.value.contains('/') || name.value.chars().count() > 128) {
            reading
                .refuse(&name.at, format!("`api.name` must be 1 to 128 characters without /, found {:?}", name.value));
        }
        let mut api = Self::new(at, &name.map(|name| name.value).unwrap_or_default());
        if let Some(id) = section.string("id") {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            if id.value.len() != 10 || !id.value.bytes().all(fits) {
                let message = format!("`api.id` must be ten lower-case letters or digits, found {:?}", id.value);
                reading.refuse(&id.at, message);
            }
            api.id = id.value;
        }
        let protocols = [("HTTP", Protocol::Http), ("REST", Protocol::Rest)];
        let protocol = section.choice("protocol_type", &protocols).map_or(Protocol::Http, |said| said.value);
        api.protocol = protocol;
        let disabled = section.boolean("disable_execute_api_endpoint");
        api.disable_execute_api_endpoint = disabled.is_some_and(|said| said.value);
        api.cors = section.has("cors_configuration").then(|| Cors::read(section.table("cors_configuration")));
        section.know("cors_configuration");
        if let (Protocol::Rest, Some(_)) = (protocol, &api.cors) {
            reading
                .refuse(&api.at, "`api.cors_configuration` belongs to HTTP APIs: give a REST API routes for OPTIONS");
        }
        let policy_at = section.place_of("policy");
        api.policy = policy(&mut section);
        if let (Protocol::Http, Some(_)) = (protocol, &api.policy) {
            reading.refuse(&policy_at, "`api.policy` belongs to REST APIs");
        }
        let types = section.strings("binary_media_types");
        for kind in &types {
            if kind.value.split('/').filter(|part| !part.is_empty()).count() != 2 || kind.value.contains([' ', ';']) {
                let message =
                    format!("`api.binary_media_types` must hold types such as image/png, found {:?}", kind.value);
                reading.refuse(&kind.at, message);
            }
        }
        if let (Protocol::Http, Some(first)) = (protocol, types.first()) {
            reading.refuse(&first.at, "`api.binary_media_types` belongs to REST APIs");
        }
        api.binary_media_types = types.into_iter().map(|kind| kind.value).collect();
        let responses = section.named_tables("gateway_response");
        if let (Protocol::Http, Some((_, table))) = (protocol, responses.first()) {
            reading.refuse(&table.at, "`api.gateway_response` belongs to REST APIs");
        }
        let read = |(name, table): (String, Reader)| GatewayResponse::read(&name, table);
        api.gateway_responses = responses.into_iter().filter_map(read).collect();
        let stages = section.named_tables("stage");
        if !stages.is_empty() {
            api.stages = stages.into_iter().map(|(name, table)| (name.clone(), Stage::read(&name, table))).collect();
        }
        api.authorizers = section
            .named_tables("authorizer")
            .into_iter()
            .map(|(name, table)| (name, Authorizer::read(table, protocol, exposed)))
            .collect();
        api.routes = section.tables("route").into_iter().map(|table| Route::read(table, protocol, exposed)).collect();
        section.finish();
        let keys: Vec<&str> = api.routes.iter().map(|route| route.key.as_str()).collect();
        for stage in api.stages.values() {
            stage.check_routes(reading, &keys);
        }
        api
    }
}

/// A document as a table, or as JSON in a string.
fn policy(section: &mut Reader) -> Option<Placed<serde_json::Value>> {
    if !section.has("policy") {
        section.know("policy");
        return None;
    }
    if section.is_table("policy") {
        let Settings { at, value, .. } = Settings::read_table(section, "policy");
        return Some(Placed { value: value.into(), at });
    }
    let text = section.string("policy")?;
    match serde_json::from_str(&text.value) {
        Ok(value) => Some(Placed { value, at: text.at }),
        Err(error) => {
            section.reading.refuse(&text.at, format!("`api.policy` is not JSON: {error}"));
            None
        }
    }
}

/// Ten characters that always are the same for the same name.
fn derived_id(name: &str) -> String {
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let hash = digest::digest(&digest::SHA256, name.as_bytes());
    hash.as_ref().iter().take(10).map(|byte| char::from(DIGITS[usize::from(*byte) % DIGITS.len()])).collect()
}

/// Refuses what is no URL, and plain http that leaves this machine unless `exposed`.
fn check_url(section: &Reader, key: &str, text: &Placed<String>, exposed: bool) {
    let (path, value) = (section.path(key), &text.value);
    match form::web_url(value) {
        Err(why) => section.reading.refuse(&text.at, format!("`{path}` {why}: {value:?}")),
        Ok(url) if form::is_exposed(&url) && !exposed => {
            let message = format!("`{path}` must be https, or set `gateway.allow_insecure_issuer = true`: {value:?}");
            section.reading.refuse(&text.at, message);
        }
        Ok(_) => {}
    }
}
