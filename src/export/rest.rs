//! REST APIs of the configuration as `AWS::ApiGateway::*`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Template, covered::is_covered, object};
use crate::config::{
    Config,
    api::{
        Api, Authorizer, DEFAULT_STAGE, GatewayResponse, Integration, LambdaKind, ResponseType, Route, Stage, Throttle,
    },
};

/// Writes an API with everything in it. Returns its logical id.
pub(super) fn api(api: &Api, config: &Config, template: &mut Template) -> String {
    let binary: Vec<String> = api.binary_media_types.iter().map(|kind| kind.replace('/', "~1")).collect();
    let members = object([
        ("Name", Some(json!(api.name))),
        ("BinaryMediaTypes", (!binary.is_empty()).then(|| json!(binary))),
        ("DisableExecuteApiEndpoint", api.disable_execute_api_endpoint.then_some(Value::Bool(true))),
        ("Policy", api.policy.as_ref().map(|policy| policy.value.clone())),
    ]);
    let logical = template.add("Api", &api.name, "AWS::ApiGateway::RestApi", members);
    template.ids.insert(logical.clone(), json!(api.id));
    let within = |members: Map<String, Value>| {
        let mut all = object([("RestApiId", Some(json!({"Ref": logical})))]);
        all.extend(members);
        all
    };
    let mut authorizers = BTreeMap::new();
    for (name, authorizer) in &api.authorizers {
        let Some((kind, members)) = self::authorizer(name, authorizer, config, template) else { continue };
        let own = template.add(&format!("{logical}Authorizer"), name, "AWS::ApiGateway::Authorizer", within(members));
        authorizers.insert(name.as_str(), (own, kind));
    }
    let is_validated = api.routes.iter().any(|route| !route.required_parameters.is_empty());
    let validator = is_validated.then(|| {
        let members = object([("Name", Some(json!("parameters"))), ("ValidateRequestParameters", Some(json!(true)))]);
        template.add(&format!("{logical}Validator"), "", "AWS::ApiGateway::RequestValidator", within(members))
    });
    let mut resources = BTreeMap::new();
    let mut methods = Vec::new();
    for route in &api.routes {
        let Some((verb, path)) = route.key.split_once(' ') else { continue };
        let authorizer = route.authorizer.as_ref().and_then(|name| authorizers.get(name.value.as_str()));
        // The service would take it for a mapping template.
        let is_template = matches!(&route.integration, Integration::Respond { body, allow_origins, .. }
            if body.contains(['$', '#']) || !body.is_empty() && !allow_origins.is_empty());
        let is_unguarded = route.authorizer.is_some() && authorizer.is_none();
        let kind = format!("{logical}Method");
        if is_unguarded || is_template {
            let what = if is_unguarded { "the route" } else { "the answer of the route" };
            template.left_out.push(format!("{what} {:?} of the API {}", route.key, api.name));
            if !is_covered(&route.key, api) {
                continue;
            }
            let members = object([
                ("HttpMethod", Some(json!(verb))),
                ("ResourceId", Some(resource(path, &logical, &mut resources, template))),
                ("AuthorizationType", Some(json!("AWS_IAM"))),
                ("Integration", Some(json!({"Type": "MOCK"}))),
            ]);
            methods.push(template.add(&kind, &route.key, "AWS::ApiGateway::Method", within(members)));
            continue;
        }
        let mut members = object([
            ("HttpMethod", Some(json!(verb))),
            ("ResourceId", Some(resource(path, &logical, &mut resources, template))),
            ("AuthorizationType", Some(json!(authorizer.map_or("NONE", |(_, kind)| kind)))),
            ("AuthorizerId", authorizer.map(|(own, _)| json!({"Ref": own}))),
            ("AuthorizationScopes", (!route.scopes.is_empty()).then(|| json!(route.scopes))),
            ("Integration", Some(Value::Object(integration(route, config, template)))),
        ]);
        if let Some(validator) = validator.as_ref().filter(|_| !route.required_parameters.is_empty()) {
            let named = route.required_parameters.iter();
            let named: Map<String, Value> =
                named.map(|part| (format!("method.request.{}", part.value), json!(true))).collect();
            members.insert("RequestParameters".to_owned(), named.into());
            members.insert("RequestValidatorId".to_owned(), json!({"Ref": validator}));
        }
        if let Integration::Respond { status, headers, .. } = &route.integration {
            let told: Map<String, Value> = headers.keys().map(|name| (answered(name), json!(true))).collect();
            members.insert(
                "MethodResponses".to_owned(),
                json!([{"StatusCode": status.to_string(), "ResponseParameters": told}]),
            );
        }
        methods.push(template.add(&kind, &route.key, "AWS::ApiGateway::Method", within(members)));
    }
    for (kind, response) in &api.gateway_responses {
        let members = gateway_response(*kind, response);
        let own = format!("{logical}Response");
        methods.push(template.add(&own, kind.name(), "AWS::ApiGateway::GatewayResponse", within(members)));
    }
    // The same however the routes are written down.
    methods.sort_unstable();
    stages(api, &logical, &methods, template);
    logical
}

/// A deployment takes what is there when it is made, so it waits for the methods.
fn stages(api: &Api, logical: &str, methods: &[String], template: &mut Template) {
    let within = || json!({"Ref": logical});
    let deployment = object([("RestApiId", Some(within()))]);
    let deployment = template.add(&format!("{logical}Deployment"), "", "AWS::ApiGateway::Deployment", deployment);
    if let Some(resource) = template.resources.get_mut(&deployment) {
        resource["DependsOn"] = json!(methods);
    }
    for (name, stage) in &api.stages {
        if name == DEFAULT_STAGE {
            let left = format!("the stage $default of the REST API {}, which has stages with names only", api.name);
            template.left_out.push(left);
            continue;
        }
        let members = object([
            ("RestApiId", Some(within())),
            ("DeploymentId", Some(json!({"Ref": deployment}))),
            ("StageName", Some(json!(name))),
            ("Variables", (!stage.stage_variables.is_empty()).then(|| json!(stage.stage_variables))),
            ("MethodSettings", method_settings(stage)),
            ("AccessLogSetting", stage.access_log_settings.as_ref().map(|log| json!({"Format": log.format.value}))),
        ]);
        template.add(&format!("{logical}Stage"), name, "AWS::ApiGateway::Stage", members);
    }
}

fn method_settings(stage: &Stage) -> Option<Value> {
    let one = |path: &str, verb: &str, throttle: &Throttle| {
        let limits = throttle.rate_limit.zip(throttle.burst_limit);
        limits.map(|(rate, burst)| {
            json!({"ResourcePath": path, "HttpMethod": verb, "ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst})
        })
    };
    let default = one("/*", "*", &stage.default_route_settings);
    let own = stage.route_settings.iter().filter_map(|(key, (_, throttle))| {
        let (verb, path) = key.split_once(' ')?;
        one(&format!("/{}", path.replace('/', "~1")), verb, throttle)
    });
    let all: Vec<Value> = default.into_iter().chain(own).collect();
    (!all.is_empty()).then(|| all.into())
}

/// A reference to the resource of a path, which is made with its parents where it is not there yet.
fn resource(path: &str, api: &str, known: &mut BTreeMap<String, String>, template: &mut Template) -> Value {
    let mut parent = json!({"Fn::GetAtt": [api, "RootResourceId"]});
    let mut whole = String::new();
    for part in path.split('/').skip(1).filter(|part| !part.is_empty()) {
        whole = format!("{whole}/{part}");
        let own = match known.get(&whole) {
            Some(own) => own.clone(),
            None => {
                let members = object([
                    ("RestApiId", Some(json!({"Ref": api}))),
                    ("ParentId", Some(parent.clone())),
                    ("PathPart", Some(json!(part))),
                ]);
                let own = template.add(&format!("{api}Resource"), &whole, "AWS::ApiGateway::Resource", members);
                known.insert(whole.clone(), own.clone());
                own
            }
        };
        parent = json!({"Ref": own});
    }
    parent
}

/// The authorizer with the word that methods have for its kind.
fn authorizer(
    name: &str,
    authorizer: &Authorizer,
    config: &Config,
    template: &Template,
) -> Option<(&'static str, Map<String, Value>)> {
    match authorizer {
        Authorizer::Pools(pools) => {
            let arn = |id: &str| match template.known.get(id) {
                Some(logical) => json!({"Fn::GetAtt": [logical, "Arn"]}),
                None => json!(format!("arn:aws:cognito-idp:{}:{}:userpool/{id}", config.region, config.account_id)),
            };
            let members = object([
                ("Name", Some(json!(name))),
                ("Type", Some(json!("COGNITO_USER_POOLS"))),
                ("IdentitySource", Some(json!(format!("method.request.header.{}", pools.header)))),
                ("ProviderARNs", Some(pools.pools.iter().map(|pool| arn(&pool.value)).collect())),
                ("IdentityValidationExpression", pools.validation.as_ref().map(|text| json!(text.value))),
            ]);
            Some(("COGNITO_USER_POOLS", members))
        }
        Authorizer::Lambda(lambda) => {
            let (kind, validation) = match &lambda.kind {
                LambdaKind::RestToken { validation } => ("TOKEN", validation.as_ref()),
                LambdaKind::RestRequest => ("REQUEST", None),
                LambdaKind::Http { .. } => return None,
            };
            let sources: Vec<String> = lambda.identity_source.iter().map(|source| as_rest(&source.value)).collect();
            let members = object([
                ("Name", Some(json!(name))),
                ("Type", Some(json!(kind))),
                ("AuthorizerUri", Some(uri(template.function(&lambda.function.value, config)))),
                ("AuthorizerResultTtlInSeconds", Some(lambda.result_ttl_in_seconds.into())),
                ("IdentitySource", (!sources.is_empty()).then(|| json!(sources.join(",")))),
                ("IdentityValidationExpression", validation.map(|text| json!(text.value))),
            ]);
            Some(("CUSTOM", members))
        }
        // CloudFormation has no properties for it yet.
        Authorizer::Jwt(_) | Authorizer::RestJwt(_) => None,
    }
}

/// A part of a request in the words of REST APIs.
fn as_rest(expression: &str) -> String {
    match expression.strip_prefix("$request.") {
        Some(rest) => format!("method.request.{rest}"),
        None => expression.trim_start_matches('$').to_owned(),
    }
}

/// What the service calls for a function.
fn uri(arn: Value) -> Value {
    let text = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function}/invocations";
    json!({"Fn::Sub": [text, {"Function": arn}]})
}

fn answered(header: &str) -> String {
    format!("method.response.header.{header}")
}

fn integration(route: &Route, config: &Config, template: &Template) -> Map<String, Value> {
    let timeout = Some(route.timeout_in_millis.into());
    match &route.integration {
        Integration::Function { name, .. } => object([
            ("Type", Some(json!("AWS_PROXY"))),
            ("IntegrationHttpMethod", Some(json!("POST"))),
            ("Uri", Some(uri(template.function(&name.value, config)))),
            ("TimeoutInMillis", timeout),
        ]),
        Integration::Http { url, method } => {
            let inside = url.value.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0));
            let captured = inside.filter(|name| !name.starts_with("stageVariables."));
            let mut parameters: Map<String, Value> = captured
                .map(|name| (format!("integration.request.path.{name}"), json!(format!("method.request.path.{name}"))))
                .collect();
            for (key, value) in &route.request_parameters {
                let Some(part) = key.strip_prefix("overwrite:") else { continue };
                let value = &value.value;
                let value = if value.starts_with('$') { as_rest(value) } else { format!("'{value}'") };
                parameters.insert(format!("integration.request.{part}"), json!(value));
            }
            object([
                ("Type", Some(json!("HTTP_PROXY"))),
                ("IntegrationHttpMethod", Some(json!(method.as_deref().unwrap_or("ANY")))),
                ("Uri", Some(json!(url.value))),
                ("RequestParameters", (!parameters.is_empty()).then_some(Value::Object(parameters))),
                ("TimeoutInMillis", timeout),
            ])
        }
        Integration::Respond { status, headers, body, allow_origins } => {
            let kind = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            let kind = kind.map_or("text/plain;charset=UTF-8", |(_, kind)| kind.as_str());
            let told: Map<String, Value> =
                headers.iter().map(|(name, value)| (answered(name), json!(format!("'{value}'")))).collect();
            let mut templates = Map::new();
            // The service's answer has the origin of a mapping template or a body.
            let text = if allow_origins.is_empty() { body.clone() } else { origins(allow_origins) };
            templates.insert(kind.to_owned(), json!(text));
            object([
                ("Type", Some(json!("MOCK"))),
                ("RequestTemplates", Some(json!({"application/json": "{\"statusCode\": 200}"}))),
                (
                    "IntegrationResponses",
                    Some(json!([{
                        "StatusCode": status.to_string(), "ResponseParameters": told, "ResponseTemplates": templates
                    }])),
                ),
            ])
        }
    }
}

/// The mapping template of a mock that names the origin which asks.
fn origins(allowed: &[String]) -> String {
    let test = |origin: &String| format!("$origin.matches(\"{}\")", origin.replace('.', "[.]").replace('*', ".+"));
    let tests: Vec<String> = allowed.iter().map(test).collect();
    format!(
        "#set($origin = $input.params(\"Origin\"))\n#if($origin == \"\") #set($origin = $input.params(\"origin\")) #end\n\
         #if({}) #set($context.responseOverride.header.Access-Control-Allow-Origin = $origin) #end",
        tests.join(" || ")
    )
}

fn gateway_response(kind: ResponseType, response: &GatewayResponse) -> Map<String, Value> {
    let parameter = |(name, value): (&String, &crate::config::Placed<String>)| {
        (format!("gatewayresponse.header.{name}"), json!(value.value.trim_start_matches('$')))
    };
    let headers: Map<String, Value> = response.headers.iter().map(parameter).collect();
    let templates: Map<String, Value> =
        response.templates.iter().map(|(kind, text)| (kind.clone(), json!(text.value))).collect();
    object([
        ("ResponseType", Some(json!(kind.name()))),
        ("StatusCode", response.status_code.map(|code| json!(code.to_string()))),
        ("ResponseParameters", (!headers.is_empty()).then_some(Value::Object(headers))),
        ("ResponseTemplates", (!templates.is_empty()).then_some(Value::Object(templates))),
    ])
}
