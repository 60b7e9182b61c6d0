//! HTTP APIs as their owner sets them up call by call: the objects of `apigatewayv2`, with the members, defaults and rules that
//! the service publishes. <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/api-reference.html>
//!
//! An [`HttpApi`] holds everything of one API, so that a change is judged against the whole. What this server has no use for is
//! refused by its name (`patch.rs`), never taken and forgotten.

mod patch;
mod rules;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

pub use self::{
    patch::{Object, patched, read},
    rules::add_tags,
};
use crate::kit::clock::Time;

/// Why a change, or a question, is refused. The texts are what the caller reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    BadRequest(String),
    #[error("{0}")]
    Conflict(String),
    /// More than an account may have.
    #[error("{0}")]
    TooMany(String),
}

pub type Result<T, E = Fault> = std::result::Result<T, E>;

impl Fault {
    pub fn bad(text: impl Into<String>) -> Self {
        Self::BadRequest(text.into())
    }
}

/// The service's quotas of one API, and of one account.
pub const MOST_AUTHORIZERS: usize = 10;
pub const MOST_ROUTES: usize = 300;
pub const MOST_INTEGRATIONS: usize = 300;
pub const MOST_STAGES: usize = 10;
pub const MOST_APIS: usize = 600;
pub const MOST_DOMAINS: usize = 120;
pub const MOST_MAPPINGS: usize = 200;

pub const DEFAULT_STAGE: &str = "$default";
pub const DEFAULT_ROUTE: &str = "$default";

/// One API with all that belongs to it, by their ids. Deployments are kept beside it: they never change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpApi {
    pub id: String,
    pub created_at: i64,
    pub settings: ApiSettings,
    pub routing: Routing,
    /// By name.
    pub stages: BTreeMap<String, Stage>,
    /// Where it is defined, if that is not the control plane: only there it can be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What only its file can say, one setting each.
    #[serde(skip)]
    pub beyond: Vec<String>,
}

/// What a deployment freezes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Routing {
    pub routes: BTreeMap<String, Route>,
    pub integrations: BTreeMap<String, Integration>,
    pub authorizers: BTreeMap<String, Authorizer>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiSettings {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors_configuration: Option<Cors>,
    #[serde(default)]
    pub disable_execute_api_endpoint: bool,
    #[serde(default = "route_selection")]
    pub route_selection_expression: String,
    #[serde(default = "key_selection")]
    pub api_key_selection_expression: String,
    #[serde(default = "ipv4")]
    pub ip_address_type: String,
    #[serde(default)]
    pub tags: Tags,
}

pub type Tags = BTreeMap<String, String>;

fn route_selection() -> String {
    "${request.method} ${request.path}".to_owned()
}

fn in_capitals<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    Ok(words.into_iter().map(|word| word.to_ascii_uppercase()).collect())
}

fn key_selection() -> String {
    "$request.header.x-api-key".to_owned()
}

fn ipv4() -> String {
    "ipv4".to_owned()
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cors {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_credentials: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_headers: Vec<String>,
    /// In capitals, however they came: browsers tell a `put` from a `PUT`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "in_capitals")]
    pub allow_methods: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_origins: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expose_headers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    pub route_key: String,
    /// `integrations/<id>`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(default)]
    pub authorization_type: AuthorizationType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_name: Option<String>,
    #[serde(default)]
    pub api_key_required: bool,
    /// Made by the service itself, for the target of an API.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub api_gateway_managed: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthorizationType {
    #[default]
    #[serde(rename = "NONE")]
    None,
    #[serde(rename = "JWT")]
    Jwt,
    #[serde(rename = "CUSTOM")]
    Custom,
    #[serde(rename = "AWS_IAM")]
    AwsIam,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Integration {
    pub integration_type: IntegrationType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_format_version: Option<String>,
    #[serde(default = "longest")]
    pub timeout_in_millis: u32,
    #[serde(default = "internet")]
    pub connection_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Kept and shown. Functions of this server need no role to be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_arn: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_parameters: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_parameters: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub api_gateway_managed: bool,
}

fn longest() -> u32 {
    30_000
}

fn internet() -> String {
    "INTERNET".to_owned()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IntegrationType {
    AwsProxy,
    HttpProxy,
    Aws,
    Http,
    /// Shown for the fixed answers that a file has.
    Mock,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Authorizer {
    pub name: String,
    pub authorizer_type: AuthorizerType,
    #[serde(default)]
    pub identity_source: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt_configuration: Option<JwtConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_payload_format_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_result_ttl_in_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_simple_responses: Option<bool>,
    /// Kept and shown, as that of an integration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_credentials_arn: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthorizerType {
    #[serde(rename = "JWT")]
    Jwt,
    #[serde(rename = "REQUEST")]
    Request,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JwtConfiguration {
    #[serde(default)]
    pub audience: Vec<String>,
    #[serde(default)]
    pub issuer: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stage {
    pub stage_name: String,
    #[serde(default)]
    pub auto_deploy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default)]
    pub default_route_settings: RouteSettings,
    #[serde(default)]
    pub route_settings: BTreeMap<String, RouteSettings>,
    #[serde(default)]
    pub stage_variables: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_log_settings: Option<AccessLogSettings>,
    #[serde(default)]
    pub tags: Tags,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_deployment_status_message: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub api_gateway_managed: bool,
    #[serde(default)]
    pub kept: StageKept,
}

/// What of a stage nobody sets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageKept {
    pub created_at: i64,
    pub updated_at: i64,
    /// Counts how often the answers of authorizers were to be forgotten.
    pub authorizer_generation: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteSettings {
    /// Every route is counted here, whatever this says.
    #[serde(default)]
    pub detailed_metrics_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttling_burst_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttling_rate_limit: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessLogSettings {
    /// Kept and shown: lines go to the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// What was frozen, and never changes but for its description.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    pub id: String,
    pub created_at: i64,
    pub auto_deployed: bool,
    pub description: Option<String>,
    pub routing: Routing,
}

/// A custom domain and which APIs answer below which of its paths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatewayDomain {
    pub created_at: i64,
    pub settings: DomainSettings,
    /// By id.
    pub mappings: BTreeMap<String, ApiMapping>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DomainSettings {
    pub domain_name: String,
    #[serde(default)]
    pub domain_name_configurations: Vec<DomainConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutual_tls_authentication: Option<MutualTls>,
    #[serde(default = "by_mappings")]
    pub routing_mode: String,
    #[serde(default)]
    pub tags: Tags,
}

/// Only clients with a certificate get in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MutualTls {
    /// An empty one, in a change, takes mutual TLS away.
    #[serde(default)]
    pub truststore_uri: String,
    /// Kept and shown: a file has one version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truststore_version: Option<String>,
}

fn by_mappings() -> String {
    "API_MAPPING_ONLY".to_owned()
}

/// Kept and shown: certificates are those of the listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DomainConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_name: Option<String>,
    #[serde(default = "regional")]
    pub endpoint_type: String,
    #[serde(default = "ipv4")]
    pub ip_address_type: String,
    #[serde(default = "tls_1_2")]
    pub security_policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ownership_verification_certificate_arn: Option<String>,
}

fn regional() -> String {
    "REGIONAL".to_owned()
}

fn tls_1_2() -> String {
    "TLS_1_2".to_owned()
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiMapping {
    pub api_id: String,
    pub stage: String,
    #[serde(default)]
    pub api_mapping_key: String,
}

impl HttpApi {
    /// An API of nothing but its settings.
    pub fn new(id: String, now: Time, settings: ApiSettings) -> Self {
        Self {
            id,
            created_at: now.millis(),
            settings,
            routing: Routing::default(),
            stages: BTreeMap::new(),
            file: None,
            beyond: Vec::new(),
        }
    }

    pub fn stage(&self, name: &str) -> Result<&Stage> {
        self.stages.get(name).ok_or_else(no_stage)
    }

    pub fn stage_mut(&mut self, name: &str) -> Result<&mut Stage> {
        self.stages.get_mut(name).ok_or_else(no_stage)
    }

    /// Freezes what there is now for every stage that deploys by itself.
    pub fn deploy_automatically(&mut self, id: &str, now: Time) -> Option<Deployment> {
        let stages: Vec<_> = self.stages.values_mut().filter(|stage| stage.auto_deploy).collect();
        if stages.is_empty() {
            return None;
        }
        for stage in stages {
            stage.deploy(id, now);
        }
        let description = Some("Automatic deployment triggered by changes to the Api configuration".to_owned());
        let (id, created_at) = (id.to_owned(), now.millis());
        Some(Deployment { id, created_at, auto_deployed: true, description, routing: self.routing.clone() })
    }

    /// The deployments that stages serve.
    pub fn deployed(&self) -> impl Iterator<Item = &str> {
        self.stages.values().filter_map(|stage| stage.deployment_id.as_deref())
    }
}

impl Authorizer {
    /// Drops what only the other type has, unless it was just given anew.
    pub fn forget_type_of(&mut self, before: &Self) {
        fn forget<T: PartialEq>(now: &mut Option<T>, before: &Option<T>) {
            if now == before {
                *now = None;
            }
        }
        match self.authorizer_type {
            AuthorizerType::Request => forget(&mut self.jwt_configuration, &before.jwt_configuration),
            AuthorizerType::Jwt => {
                forget(&mut self.authorizer_uri, &before.authorizer_uri);
                forget(&mut self.authorizer_payload_format_version, &before.authorizer_payload_format_version);
                forget(&mut self.authorizer_result_ttl_in_seconds, &before.authorizer_result_ttl_in_seconds);
                forget(&mut self.enable_simple_responses, &before.enable_simple_responses);
                forget(&mut self.authorizer_credentials_arn, &before.authorizer_credentials_arn);
            }
        }
    }
}

impl Stage {
    pub fn deploy(&mut self, id: &str, now: Time) {
        self.deployment_id = Some(id.to_owned());
        self.last_deployment_status_message = Some(format!("Successfully deployed stage with deployment ID '{id}'"));
        self.kept.updated_at = now.millis();
    }
}

fn no_stage() -> Fault {
    Fault::NotFound("Invalid stage identifier specified".to_owned())
}

/// The function that an integration or authorizer URI names: an ARN of Lambda, or the path of API Gateway that leads to one.
pub fn function_of(uri: &str) -> Option<&str> {
    let arn = match uri.split_once(":lambda:path/2015-03-31/functions/") {
        Some((service, rest)) if service.starts_with("arn:") => rest.strip_suffix("/invocations")?,
        _ => uri,
    };
    let mut parts = arn.splitn(7, ':');
    let fixed = [parts.next()?, parts.next()?, parts.next()?];
    let (_region, _account, kind, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if !fixed[0].eq("arn") || !fixed[1].starts_with("aws") || fixed[2] != "lambda" || kind != "function" {
        return None;
    }
    let name = unqualified(name);
    (!name.is_empty()).then_some(name)
}

/// Without a version or an alias, of which a function has one here.
pub fn unqualified(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

#[cfg(test)]
mod tests;
