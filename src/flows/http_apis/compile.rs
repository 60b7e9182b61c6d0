//! From what the control plane keeps to what the gateway serves.
//!
//! What has lost its counterpart since it was made, such as a function that the configuration no longer has, does not take the
//! whole API down: its routes answer 500, as the service's do.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    config::{
        Place, Placed, api as config,
        domain::{Domain, Mapping, MutualTls},
    },
    domain::http_api::{
        AuthorizationType, Authorizer, AuthorizerType, Deployment, DomainSettings, GatewayDomain, HttpApi, Integration,
        IntegrationType, RouteSettings, Routing, Stage, function_of, unqualified,
    },
};

/// The account's own limits, for what a stage does not say.
const RATE: f64 = 10_000.0;
const BURST: u32 = 5_000;

/// Where these APIs come from, in the messages of the gateway.
pub const SOURCE: &str = "control plane";

/// An API as the gateway serves it, and as it would serve what is not deployed yet.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub api: config::Api,
    next: config::Deployed,
}

impl Compiled {
    /// The API with one more stage, of what is not deployed.
    pub(super) fn tried(&self) -> config::Api {
        let mut api = self.api.clone();
        let mut stage = config::Stage::new(place());
        stage.deployed = Some(Arc::new(self.next.clone()));
        // No stage can have this name.
        api.stages.insert(String::new(), stage);
        api
    }
}

fn place() -> Place {
    Place::whole(SOURCE)
}

fn placed(value: &str) -> Placed<String> {
    Placed { value: value.to_owned(), at: place() }
}

/// `functions` are the names of those that are there.
pub fn compile(api: &HttpApi, deployments: &BTreeMap<String, Deployment>, functions: &[String]) -> Compiled {
    let mut stages = BTreeMap::new();
    for (name, stage) in &api.stages {
        let deployment = stage.deployment_id.as_ref().and_then(|id| deployments.get(id));
        let deployed = deployment.map(|deployment| routed(&deployment.routing, Some(stage), functions));
        stages.insert(name.clone(), compile_stage(stage, deployed.unwrap_or_default()));
    }
    let settings = &api.settings;
    let compiled = config::Api {
        name: api.id.clone(),
        id: api.id.clone(),
        protocol: config::Protocol::Http,
        disable_execute_api_endpoint: settings.disable_execute_api_endpoint,
        cors: settings.cors_configuration.as_ref().map(|cors| config::Cors {
            allow_origins: cors.allow_origins.clone(),
            allow_methods: cors.allow_methods.clone(),
            allow_headers: cors.allow_headers.clone(),
            expose_headers: cors.expose_headers.clone(),
            allow_credentials: cors.allow_credentials == Some(true),
            max_age: cors.max_age,
            default_route_quirk: false,
        }),
        stages,
        ..config::Api::new(place(), &api.id)
    };
    Compiled { api: compiled, next: routed(&api.routing, None, functions) }
}

fn compile_stage(stage: &Stage, deployed: config::Deployed) -> config::Stage {
    let log = stage.access_log_settings.as_ref().and_then(|log| log.format.as_deref());
    let keys = deployed.routes.iter().map(|route| route.key.clone()).collect::<Vec<_>>();
    // What a route does not say itself is as the stage has it.
    let own = stage.route_settings.iter().filter(|(key, _)| keys.contains(key)).map(|(key, own)| {
        let default = &stage.default_route_settings;
        let both = RouteSettings {
            throttling_burst_limit: own.throttling_burst_limit.or(default.throttling_burst_limit),
            throttling_rate_limit: own.throttling_rate_limit.or(default.throttling_rate_limit),
            ..*own
        };
        (key.clone(), (place(), throttle(&both)))
    });
    config::Stage {
        stage_variables: stage.stage_variables.clone(),
        default_route_settings: throttle(&stage.default_route_settings),
        route_settings: own.collect(),
        access_log_settings: log.map(|format| config::AccessLog { format: placed(format), file: None }),
        deployed: Some(Arc::new(deployed)),
        authorizer_generation: stage.kept.authorizer_generation,
        ..config::Stage::new(place())
    }
}

fn throttle(settings: &RouteSettings) -> config::Throttle {
    match (settings.throttling_rate_limit, settings.throttling_burst_limit) {
        (None, None) => config::Throttle::default(),
        (rate, burst) => {
            config::Throttle { rate_limit: Some(rate.unwrap_or(RATE)), burst_limit: Some(burst.unwrap_or(BURST)) }
        }
    }
}

/// Without a stage, variables stay as they are written.
fn routed(routing: &Routing, stage: Option<&Stage>, functions: &[String]) -> config::Deployed {
    let mut deployed = config::Deployed::default();
    for (id, authorizer) in &routing.authorizers {
        if let Some(compiled) = compile_authorizer(authorizer, functions) {
            deployed.authorizers.insert(id.clone(), compiled);
        }
    }
    for route in routing.routes.values() {
        let target = route.target.as_deref().and_then(|target| target.strip_prefix("integrations/"));
        let integration = target.and_then(|id| routing.integrations.get(id));
        let working = integration.and_then(|one| Some((one, compile_integration(one, stage, functions)?)));
        let authorizer = match route.authorization_type {
            AuthorizationType::None => Ok(None),
            AuthorizationType::Jwt | AuthorizationType::Custom => {
                let id = route.authorizer_id.as_ref().filter(|id| deployed.authorizers.contains_key(*id));
                id.map(|id| Some(placed(id))).ok_or(())
            }
            // What an import closed: nobody passes.
            AuthorizationType::AwsIam => Err(()),
        };
        let is_closed = route.authorization_type == AuthorizationType::AwsIam;
        let instead = || if is_closed { fixed(403, "Forbidden") } else { fixed(500, "Internal Server Error") };
        // Without the one who decides nothing is passed on.
        let (authorizer, working) = authorizer.map_or((None, None), |authorizer| (authorizer, working));
        let answers = working.as_ref().map_or_else(instead, |(_, compiled)| compiled.clone());
        let mut compiled = config::Route::new(place(), &route.route_key, answers);
        if authorizer.is_some() {
            compiled.scopes.clone_from(&route.authorization_scopes);
        }
        compiled.authorizer = authorizer;
        if let Some((integration, _)) = working {
            compiled.timeout_in_millis = integration.timeout_in_millis;
            compiled.request_parameters = mapped(&integration.request_parameters);
            for (status, rules) in &integration.response_parameters {
                if let Ok(status) = status.parse() {
                    compiled.response_parameters.insert(status, mapped(rules));
                }
            }
        }
        deployed.routes.push(compiled);
    }
    deployed
}

fn mapped(rules: &BTreeMap<String, String>) -> BTreeMap<String, Placed<String>> {
    rules.iter().map(|(name, value)| (name.clone(), placed(value))).collect()
}

/// What a route answers that is closed, or whose integration is missing or cannot be asked.
fn fixed(status: u16, message: &str) -> config::Integration {
    let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    config::Integration::fixed(status, headers, format!(r#"{{"message":"{message}"}}"#))
}

fn compile_integration(
    integration: &Integration,
    stage: Option<&Stage>,
    functions: &[String],
) -> Option<config::Integration> {
    let uri = integration.integration_uri.as_deref()?;
    match integration.integration_type {
        IntegrationType::AwsProxy => {
            let filled = filled(function_of(uri)?, stage)?;
            // A variable may bring an alias of its own.
            let name = unqualified(&filled);
            let known = functions.iter().any(|one| one == name);
            let format = match integration.payload_format_version.as_deref() {
                Some("2.0") => config::PayloadFormat::V2,
                _ => config::PayloadFormat::V1,
            };
            known.then(|| config::Integration::Function { name: placed(name), format })
        }
        IntegrationType::HttpProxy => {
            let method = integration.integration_method.clone().filter(|method| method != "ANY");
            Some(config::Integration::Http { url: placed(&filled(uri, stage)?), method })
        }
        IntegrationType::Aws | IntegrationType::Http | IntegrationType::Mock => None,
    }
}

/// With the stage's variables in their places; `None` where one is missing, or there is no stage to know them.
fn filled(text: &str, stage: Option<&Stage>) -> Option<String> {
    const OPEN: &str = "${stageVariables.";
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (name, after) = after.split_once('}')?;
        out += before;
        out += stage?.stage_variables.get(name)?;
        rest = after;
    }
    Some(out + rest)
}

fn compile_authorizer(authorizer: &Authorizer, functions: &[String]) -> Option<config::Authorizer> {
    match authorizer.authorizer_type {
        AuthorizerType::Jwt => {
            let jwt = authorizer.jwt_configuration.as_ref()?;
            let source = authorizer.identity_source.first()?;
            let identity_source = match source.strip_prefix("$request.header.") {
                Some(name) => config::IdentitySource::Header(name.to_ascii_lowercase()),
                None => config::IdentitySource::Query(source.strip_prefix("$request.querystring.")?.to_owned()),
            };
            Some(config::Authorizer::Jwt(config::JwtAuthorizer {
                at: place(),
                identity_source,
                issuer: match jwt.issuer.strip_prefix("pool:") {
                    Some(pool) => config::Issuer::Pool(pool.to_owned()),
                    None => config::Issuer::Url(jwt.issuer.clone()),
                },
                issuer_at: place(),
                audience: jwt.audience.iter().map(|audience| placed(audience)).collect(),
                beyond: config::Beyond::default(),
            }))
        }
        AuthorizerType::Request => {
            let name = function_of(authorizer.authorizer_uri.as_deref()?)?;
            if !functions.iter().any(|known| known == name) {
                return None;
            }
            let format = match authorizer.authorizer_payload_format_version.as_deref() {
                Some("1.0") => config::PayloadFormat::V1,
                _ => config::PayloadFormat::V2,
            };
            let simple_responses = authorizer.enable_simple_responses == Some(true);
            Some(config::Authorizer::Lambda(config::LambdaAuthorizer {
                at: place(),
                function: placed(name),
                kind: config::LambdaKind::Http { format, simple_responses },
                identity_source: authorizer.identity_source.iter().map(|source| placed(source)).collect(),
                result_ttl_in_seconds: authorizer.authorizer_result_ttl_in_seconds.unwrap_or(0),
                result_ttl_ends_with_token: false,
            }))
        }
    }
}

/// A domain as the gateway serves it, before it leads anywhere.
pub fn compile_settings(settings: &DomainSettings) -> Domain {
    let mutual_tls = settings.mutual_tls_authentication.as_ref().map(|mutual| MutualTls {
        truststore_uri: placed(&mutual.truststore_uri),
        truststore_version: mutual.truststore_version.clone(),
    });
    let name = settings.domain_name.clone();
    Domain { at: place(), name, tls: None, mutual_tls, mappings: Vec::new(), dead: Vec::new() }
}

/// A domain as the gateway serves it. Mappings to what `knows` does not know are dead.
pub fn compile_domain(domain: &GatewayDomain, knows: impl Fn(&str, &str) -> Option<String>) -> Domain {
    let mut compiled = compile_settings(&domain.settings);
    for mapping in domain.mappings.values() {
        let key = mapping.api_mapping_key.clone();
        match knows(&mapping.api_id, &mapping.stage) {
            Some(name) => {
                let (api, stage) = (placed(&name), placed(&mapping.stage));
                compiled.mappings.push(Mapping { at: place(), api, stage, key });
            }
            None => compiled.dead.push(key),
        }
    }
    compiled
}
