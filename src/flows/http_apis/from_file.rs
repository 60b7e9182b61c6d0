//! APIs and domains of the configuration's files, in the form that the control plane shows. Ids follow from names, so that they
//! stay the same.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    config::{self, Place, api::Protocol},
    domain::http_api::{
        AccessLogSettings, ApiMapping, ApiSettings, AuthorizationType, Authorizer, AuthorizerType, Cors,
        DomainSettings, GatewayDomain, HttpApi, Integration, IntegrationType, JwtConfiguration, MutualTls, Route,
        RouteSettings, Routing, Stage, StageKept, Tags,
    },
};

/// Seven characters that always are the same for the same text.
fn id_of(text: &str) -> String {
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref().iter().take(7).map(|byte| char::from(DIGITS[usize::from(*byte) % DIGITS.len()])).collect()
}

fn source(at: &Place) -> Option<String> {
    Some(at.source.display().to_string())
}

/// `account` and `region` are those of the ARNs that stand for functions. REST APIs belong to another service: `None`.
pub fn shown_api(api: &config::api::Api, account: &str, region: &str) -> Option<HttpApi> {
    if api.protocol == Protocol::Rest {
        return None;
    }
    let arn = |name: &str| format!("arn:aws:lambda:{region}:{account}:function:{name}");
    let mut routing = Routing::default();
    for (name, config) in &api.authorizers {
        if let Some(shown) = authorizer(name, config, &arn) {
            routing.authorizers.insert(id_of(name), shown);
        }
    }
    for route in &api.routes {
        let id = id_of(&route.key);
        let target = Some(format!("integrations/{id}"));
        routing.integrations.insert(id.clone(), integration(route, &arn));
        let authorizer = route.authorizer.as_ref().and_then(|name| Some((name, api.authorizers.get(&name.value)?)));
        let authorization_type = match authorizer {
            None => AuthorizationType::None,
            Some((_, config::api::Authorizer::Jwt(_))) => AuthorizationType::Jwt,
            Some(_) => AuthorizationType::Custom,
        };
        routing.routes.insert(
            id,
            Route {
                route_key: route.key.clone(),
                target,
                authorization_type,
                authorizer_id: authorizer.map(|(name, _)| id_of(&name.value)),
                authorization_scopes: route.scopes.clone(),
                operation_name: None,
                api_key_required: false,
                api_gateway_managed: false,
            },
        );
    }
    let settings = ApiSettings {
        name: api.name.clone(),
        description: None,
        version: None,
        cors_configuration: api.cors.as_ref().map(|cors| Cors {
            allow_credentials: Some(cors.allow_credentials),
            allow_headers: cors.allow_headers.clone(),
            allow_methods: cors.allow_methods.clone(),
            allow_origins: cors.allow_origins.clone(),
            expose_headers: cors.expose_headers.clone(),
            max_age: cors.max_age,
        }),
        disable_execute_api_endpoint: api.disable_execute_api_endpoint,
        route_selection_expression: "${request.method} ${request.path}".to_owned(),
        api_key_selection_expression: "$request.header.x-api-key".to_owned(),
        ip_address_type: "ipv4".to_owned(),
        tags: Tags::new(),
    };
    let stages = api.stages.iter().map(|(name, config)| (name.clone(), stage(name, config))).collect();
    let (file, beyond) = (source(&api.at), super::extras::of(api));
    Some(HttpApi { id: api.id.clone(), created_at: 0, settings, routing, stages, file, beyond })
}

fn authorizer(name: &str, config: &config::api::Authorizer, arn: &impl Fn(&str) -> String) -> Option<Authorizer> {
    let empty = Authorizer {
        name: name.to_owned(),
        authorizer_type: AuthorizerType::Jwt,
        identity_source: Vec::new(),
        jwt_configuration: None,
        authorizer_uri: None,
        authorizer_payload_format_version: None,
        authorizer_result_ttl_in_seconds: None,
        enable_simple_responses: None,
        authorizer_credentials_arn: None,
    };
    match config {
        config::api::Authorizer::Jwt(jwt) => {
            let source = match &jwt.identity_source {
                config::api::IdentitySource::Header(name) => format!("$request.header.{name}"),
                config::api::IdentitySource::Query(name) => format!("$request.querystring.{name}"),
            };
            let issuer = match &jwt.issuer {
                config::api::Issuer::Pool(pool) => format!("pool:{pool}"),
                config::api::Issuer::Url(url) => url.clone(),
            };
            let audience = jwt.audience.iter().map(|one| one.value.clone()).collect();
            let jwt_configuration = Some(JwtConfiguration { audience, issuer });
            Some(Authorizer { identity_source: vec![source], jwt_configuration, ..empty })
        }
        config::api::Authorizer::Lambda(lambda) => {
            let config::api::LambdaKind::Http { format, simple_responses } = &lambda.kind else { return None };
            Some(Authorizer {
                authorizer_type: AuthorizerType::Request,
                identity_source: lambda.identity_source.iter().map(|one| one.value.clone()).collect(),
                authorizer_uri: Some(arn(&lambda.function.value)),
                authorizer_payload_format_version: Some(version(*format)),
                authorizer_result_ttl_in_seconds: Some(lambda.result_ttl_in_seconds),
                enable_simple_responses: Some(*simple_responses),
                ..empty
            })
        }
        config::api::Authorizer::Pools(_) | config::api::Authorizer::RestJwt(_) => None,
    }
}

fn version(format: config::api::PayloadFormat) -> String {
    match format {
        config::api::PayloadFormat::V1 => "1.0",
        config::api::PayloadFormat::V2 => "2.0",
    }
    .to_owned()
}

fn integration(route: &config::api::Route, arn: &impl Fn(&str) -> String) -> Integration {
    let (kind, uri, method, format) = match &route.integration {
        config::api::Integration::Function { name, format } => {
            (IntegrationType::AwsProxy, Some(arn(&name.value)), Some("POST".to_owned()), Some(version(*format)))
        }
        config::api::Integration::Http { url, method } => {
            let method = method.clone().unwrap_or_else(|| "ANY".to_owned());
            (IntegrationType::HttpProxy, Some(url.value.clone()), Some(method), Some("1.0".to_owned()))
        }
        config::api::Integration::Respond { .. } => (IntegrationType::Mock, None, None, None),
    };
    let plain = |rules: &BTreeMap<String, config::Placed<String>>| {
        rules.iter().map(|(name, rule)| (name.clone(), rule.value.clone())).collect()
    };
    Integration {
        integration_type: kind,
        integration_uri: uri,
        integration_method: method,
        payload_format_version: format,
        timeout_in_millis: route.timeout_in_millis,
        connection_type: "INTERNET".to_owned(),
        description: None,
        credentials_arn: None,
        request_parameters: plain(&route.request_parameters),
        response_parameters: route
            .response_parameters
            .iter()
            .map(|(code, rules)| (code.to_string(), plain(rules)))
            .collect(),
        api_gateway_managed: false,
    }
}

fn stage(name: &str, config: &config::api::Stage) -> Stage {
    let limits = |throttle: &config::api::Throttle| RouteSettings {
        detailed_metrics_enabled: false,
        throttling_burst_limit: throttle.burst_limit,
        throttling_rate_limit: throttle.rate_limit,
    };
    let log = config.access_log_settings.as_ref();
    Stage {
        stage_name: name.to_owned(),
        auto_deploy: true,
        deployment_id: None,
        description: None,
        default_route_settings: limits(&config.default_route_settings),
        route_settings: config.route_settings.iter().map(|(key, (_, own))| (key.clone(), limits(own))).collect(),
        stage_variables: config.stage_variables.clone(),
        access_log_settings: log.map(|log| AccessLogSettings {
            destination_arn: log.file.as_ref().map(|file| file.display().to_string()),
            format: Some(log.format.value.clone()),
        }),
        tags: Tags::new(),
        last_deployment_status_message: None,
        api_gateway_managed: false,
        kept: StageKept::default(),
    }
}

/// `id` finds the id of an API of the files by its name.
pub fn shown_domain(domain: &config::domain::Domain, id: impl Fn(&str) -> Option<String>) -> GatewayDomain {
    let mapping = |mapping: &config::domain::Mapping| {
        let (stage, key) = (mapping.stage.value.clone(), mapping.key.clone());
        let shown = ApiMapping { api_id: id(&mapping.api.value)?, stage, api_mapping_key: key };
        Some((id_of(&format!("{}/{}", domain.name, mapping.key)), shown))
    };
    let settings = DomainSettings {
        domain_name: domain.name.clone(),
        domain_name_configurations: Vec::new(),
        mutual_tls_authentication: domain.mutual_tls.as_ref().map(|mutual| MutualTls {
            truststore_uri: mutual.truststore_uri.value.clone(),
            truststore_version: mutual.truststore_version.clone(),
        }),
        routing_mode: "API_MAPPING_ONLY".to_owned(),
        tags: Tags::new(),
    };
    let mappings = domain.mappings.iter().filter_map(mapping).collect();
    GatewayDomain { created_at: 0, settings, mappings, file: source(&domain.at) }
}
