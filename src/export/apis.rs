//! APIs and functions of the configuration.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Template, covered::is_covered, object, rest};
use crate::{
    config::{
        Config, Placed,
        api::{
            Api, Authorizer, Cors, IdentitySource, Integration, Issuer, LambdaKind, PayloadFormat, Protocol, Route,
            Stage, Throttle,
        },
        function::{Function, Runs},
    },
    flows::http_apis::extras,
};

/// CloudFormation's limit for inline code, in bytes.
const MOST_INLINE: usize = 4 * 1024 * 1024;

/// Scripts, with their text in the template.
pub(super) fn functions(config: &Config, template: &mut Template) {
    for function in &config.functions {
        let text = match &function.runs {
            Runs::Script(file) => std::fs::read_to_string(file).ok().filter(|text| text.len() <= MOST_INLINE),
            Runs::Command { .. } | Runs::Attach | Runs::Invoke(_) | Runs::Webhook { .. } => None,
        };
        let Some(text) = text else {
            template.left_out.push(format!("the code of the function {}", function.name));
            continue;
        };
        let logical = template.add("Function", &function.name, "AWS::Lambda::Function", script(function, &text));
        template.known.insert(format!("function:{}", function.name), logical);
    }
}

fn script(function: &Function, text: &str) -> Map<String, Value> {
    let export = function.handler.rsplit('.').next().unwrap_or("handler");
    let environment = &function.environment;
    object([
        ("FunctionName", Some(json!(function.name))),
        ("Runtime", Some(json!("nodejs22.x"))),
        ("Handler", Some(json!(format!("index.{export}")))),
        ("Code", Some(json!({"ZipFile": text}))),
        ("Timeout", Some(function.timeout.as_secs().into())),
        ("MemorySize", Some(function.memory_mib.into())),
        ("Environment", (!environment.is_empty()).then(|| json!({"Variables": environment}))),
    ])
}

pub(super) fn apis(config: &Config, template: &mut Template) {
    let mut named = BTreeMap::new();
    for api in &config.apis {
        template.left_out.extend(extras::of(api));
        let logical = match api.protocol {
            Protocol::Http => self::api(api, config, template),
            Protocol::Rest => rest::api(api, config, template),
        };
        named.insert(api.name.as_str(), logical);
    }
    for domain in &config.domains {
        let mutual = domain.mutual_tls.as_ref().map(|mutual| {
            object([
                ("TruststoreUri", Some(json!(mutual.truststore_uri.value))),
                ("TruststoreVersion", mutual.truststore_version.as_ref().map(|version| json!(version))),
            ])
        });
        let members =
            object([("DomainName", Some(json!(domain.name))), ("MutualTlsAuthentication", mutual.map(Value::Object))]);
        let logical = template.add("Domain", &domain.name, "AWS::ApiGatewayV2::DomainName", members);
        for mapping in &domain.mappings {
            let Some(api) = named.get(mapping.api.value.as_str()) else { continue };
            let members = object([
                ("DomainName", Some(json!({"Ref": logical}))),
                ("ApiId", Some(json!({"Ref": api}))),
                ("Stage", Some(json!(mapping.stage.value))),
                ("ApiMappingKey", (!mapping.key.is_empty()).then(|| json!(mapping.key))),
            ]);
            template.add(&format!("{logical}Mapping"), &mapping.key, "AWS::ApiGatewayV2::ApiMapping", members);
        }
    }
}

fn api(api: &Api, config: &Config, template: &mut Template) -> String {
    let members = object([
        ("Name", Some(json!(api.name))),
        ("ProtocolType", Some(json!("HTTP"))),
        ("DisableExecuteApiEndpoint", api.disable_execute_api_endpoint.then_some(Value::Bool(true))),
        ("CorsConfiguration", api.cors.as_ref().map(cors)),
    ]);
    let logical = template.add("Api", &api.name, "AWS::ApiGatewayV2::Api", members);
    template.ids.insert(logical.clone(), json!(api.id));
    let within = |members: Map<String, Value>| {
        let mut all = object([("ApiId", Some(json!({"Ref": logical})))]);
        all.extend(members);
        all
    };
    let mut authorizers = BTreeMap::new();
    for (name, authorizer) in &api.authorizers {
        let Some(members) = self::authorizer(name, authorizer, config, template) else { continue };
        let kind = format!("{logical}Authorizer");
        let own = template.add(&kind, name, "AWS::ApiGatewayV2::Authorizer", within(members));
        authorizers.insert(name.as_str(), (own, matches!(authorizer, Authorizer::Jwt(_))));
    }
    for route in &api.routes {
        let authorizer = route.authorizer.as_ref().and_then(|name| authorizers.get(name.value.as_str()));
        let is_guarded = authorizer.is_some() == route.authorizer.is_some();
        let Some(members) = integration(route, config, template).filter(|_| is_guarded) else {
            let why = if is_guarded { ", which answers by itself" } else { "" };
            template.left_out.push(format!("the route {:?} of the API {}{why}", route.key, api.name));
            if is_covered(&route.key, api) {
                let closed = ("AuthorizationType", Some(json!("AWS_IAM")));
                let members = object([("RouteKey", Some(json!(route.key))), closed]);
                template.add(&format!("{logical}Route"), &route.key, "AWS::ApiGatewayV2::Route", within(members));
            }
            continue;
        };
        let own = template.add(
            &format!("{logical}Integration"),
            &route.key,
            "AWS::ApiGatewayV2::Integration",
            within(members),
        );
        let members = object([
            ("RouteKey", Some(json!(route.key))),
            ("Target", Some(json!({"Fn::Join": ["/", ["integrations", {"Ref": own}]]}))),
            ("AuthorizationType", authorizer.map(|(_, is_jwt)| json!(if *is_jwt { "JWT" } else { "CUSTOM" }))),
            ("AuthorizerId", authorizer.map(|(own, _)| json!({"Ref": own}))),
            ("AuthorizationScopes", (!route.scopes.is_empty()).then(|| json!(route.scopes))),
        ]);
        template.add(&format!("{logical}Route"), &route.key, "AWS::ApiGatewayV2::Route", within(members));
    }
    for (name, stage) in &api.stages {
        template.add(&format!("{logical}Stage"), name, "AWS::ApiGatewayV2::Stage", within(self::stage(name, stage)));
    }
    logical
}

fn cors(cors: &Cors) -> Value {
    let list = |items: &Vec<String>| (!items.is_empty()).then(|| json!(items));
    Value::Object(object([
        ("AllowOrigins", list(&cors.allow_origins)),
        ("AllowMethods", list(&cors.allow_methods)),
        ("AllowHeaders", list(&cors.allow_headers)),
        ("ExposeHeaders", list(&cors.expose_headers)),
        ("AllowCredentials", cors.allow_credentials.then_some(Value::Bool(true))),
        ("MaxAge", cors.max_age.map(Value::from)),
    ]))
}

fn version(format: PayloadFormat) -> Value {
    json!(match format {
        PayloadFormat::V1 => "1.0",
        PayloadFormat::V2 => "2.0",
    })
}

fn texts(map: &BTreeMap<String, Placed<String>>) -> Map<String, Value> {
    map.iter().map(|(name, text)| (name.clone(), json!(text.value))).collect()
}

fn authorizer(name: &str, authorizer: &Authorizer, config: &Config, template: &Template) -> Option<Map<String, Value>> {
    match authorizer {
        Authorizer::Jwt(jwt) => {
            let source = match &jwt.identity_source {
                IdentitySource::Header(name) => format!("$request.header.{name}"),
                IdentitySource::Query(name) => format!("$request.querystring.{name}"),
            };
            let pool = match &jwt.issuer {
                Issuer::Pool(id) => Some(id.as_str()),
                Issuer::Url(url) => {
                    url.rsplit_once(".amazonaws.com/").map(|(_, id)| id).filter(|_| url.contains("//cognito-idp."))
                }
            };
            let known = pool.and_then(|id| template.known.get(id));
            let issuer = match (known, &jwt.issuer) {
                (Some(pool), _) => json!({"Fn::GetAtt": [pool, "ProviderURL"]}),
                (None, Issuer::Url(url)) => json!(url),
                (None, Issuer::Pool(id)) => json!(format!("https://cognito-idp.{}.amazonaws.com/{id}", config.region)),
            };
            let audience: Vec<Value> = jwt.audience.iter().map(|one| template.reference(&one.value)).collect();
            Some(object([
                ("Name", Some(json!(name))),
                ("AuthorizerType", Some(json!("JWT"))),
                ("IdentitySource", Some(json!([source]))),
                ("JwtConfiguration", Some(json!({"Issuer": issuer, "Audience": audience}))),
            ]))
        }
        Authorizer::Lambda(lambda) => {
            let LambdaKind::Http { format, simple_responses } = &lambda.kind else { return None };
            let sources: Vec<&str> = lambda.identity_source.iter().map(|source| source.value.as_str()).collect();
            Some(object([
                ("Name", Some(json!(name))),
                ("AuthorizerType", Some(json!("REQUEST"))),
                ("AuthorizerUri", Some(template.function(&lambda.function.value, config))),
                ("AuthorizerPayloadFormatVersion", Some(version(*format))),
                ("EnableSimpleResponses", simple_responses.then_some(Value::Bool(true))),
                ("IdentitySource", (!sources.is_empty()).then(|| json!(sources))),
                ("AuthorizerResultTtlInSeconds", Some(lambda.result_ttl_in_seconds.into())),
            ]))
        }
        Authorizer::Pools(_) | Authorizer::RestJwt(_) => None,
    }
}

/// `None` for an answer of the gateway's own, which HTTP APIs of the service do not have.
fn integration(route: &Route, config: &Config, template: &Template) -> Option<Map<String, Value>> {
    let mut members = match &route.integration {
        Integration::Function { name, format } => object([
            ("IntegrationType", Some(json!("AWS_PROXY"))),
            ("IntegrationUri", Some(template.function(&name.value, config))),
            ("PayloadFormatVersion", Some(version(*format))),
        ]),
        Integration::Http { url, method } => object([
            ("IntegrationType", Some(json!("HTTP_PROXY"))),
            ("IntegrationUri", Some(json!(url.value))),
            ("IntegrationMethod", Some(json!(method.as_deref().unwrap_or("ANY")))),
            ("PayloadFormatVersion", Some(json!("1.0"))),
        ]),
        Integration::Respond { .. } => return None,
    };
    members.insert("TimeoutInMillis".to_owned(), route.timeout_in_millis.into());
    if !route.request_parameters.is_empty() {
        members.insert("RequestParameters".to_owned(), Value::Object(texts(&route.request_parameters)));
    }
    let mut responses = Map::new();
    for (status, rules) in &route.response_parameters {
        let rule = |(to, from): (&String, &Placed<String>)| json!({"Destination": to, "Source": from.value});
        let rules: Vec<Value> = rules.iter().map(rule).collect();
        responses.insert(status.to_string(), json!({"ResponseParameters": rules}));
    }
    if !responses.is_empty() {
        members.insert("ResponseParameters".to_owned(), Value::Object(responses));
    }
    Some(members)
}

fn stage(name: &str, stage: &Stage) -> Map<String, Value> {
    let throttle = |throttle: &Throttle| {
        object([
            ("ThrottlingRateLimit", throttle.rate_limit.map(Value::from)),
            ("ThrottlingBurstLimit", throttle.burst_limit.map(Value::from)),
        ])
    };
    let default = throttle(&stage.default_route_settings);
    let routes: Map<String, Value> =
        stage.route_settings.iter().map(|(key, (_, own))| (key.clone(), Value::Object(throttle(own)))).collect();
    object([
        ("StageName", Some(json!(name))),
        ("AutoDeploy", Some(json!(true))),
        ("StageVariables", (!stage.stage_variables.is_empty()).then(|| json!(stage.stage_variables))),
        ("DefaultRouteSettings", (!default.is_empty()).then_some(Value::Object(default))),
        ("RouteSettings", (!routes.is_empty()).then_some(Value::Object(routes))),
        ("AccessLogSettings", stage.access_log_settings.as_ref().map(|log| json!({"Format": log.format.value}))),
    ])
}
