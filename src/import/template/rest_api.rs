//! `AWS::ApiGateway::*`: REST APIs with their resources, methods, authorizers and stages.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGateway.html>

use super::{
    base_path::Base,
    desired::Desired,
    document::{Node, Value},
    domains,
    http_api::{self, Api, Authorizer, Demand, Kind, Route},
    integration::function_of,
    made::{Made, text_map, typed},
    openapi,
    properties::Properties,
    rest_integration,
    scope::Scope,
    validation::{self, Validator},
};
use crate::config::{Mistake, Placed, tree};

/// Deeper than any tree of resources: what leads further leads in a circle.
const DEEPEST: usize = 256;

/// What a stage has without settings of its own, where a template gives only one of the two.
const USUAL_RATE: &str = "10000";
const USUAL_BURST: &str = "5000";

/// Makes an API. Its methods come with resources of their own, or stand in its `Body`.
pub(super) fn api(name: &str, mut properties: Properties, desired: &mut Desired) {
    let scope = properties.scope;
    let at = properties.at.clone();
    let mut api = Api::new(scope.api_id(name), &at, true);
    let said = properties.text("Name");
    properties.copy_word("DisableExecuteApiEndpoint", &mut api.made, "disable_execute_api_endpoint");
    // Here every warning stops the start unless told otherwise.
    properties.take("FailOnWarnings");
    let of_import = properties.map("Parameters").map(|map| map.value).unwrap_or_default();
    for (other, node) in of_import.iter().filter(|(name, _)| *name != "basepath") {
        let message = format!("`Parameters` of {name} are followed for `basepath` only, found {other:?}");
        properties.scope.notes().tell(&node.at, message);
    }
    let base = of_import.get("basepath");
    let base = base.and_then(|node| Some(Placed { value: node.as_text()?.to_owned(), at: node.at.clone() }));
    api.base = Base::read(&properties, base.as_ref());
    properties.pass_over(&[
        "ApiKeySourceType",
        "Description",
        "EndpointAccessMode",
        "EndpointConfiguration",
        "MinimumCompressionSize",
        "Mode",
        "SecurityPolicy",
        "Tags",
    ]);
    let types = properties.texts("BinaryMediaTypes");
    binary(types, &mut api);
    properties.must_be_whole(&["Policy"]);
    openapi::guards_must_be_whole(&properties);
    let title = properties.take("Body").and_then(|body| openapi::body(scope, &body, &mut api));
    // Tools write an empty text where there is none.
    if let Some(node) = properties.take("Policy").filter(|node| node.as_text() != Some("")) {
        policy(scope, node, &mut api);
    }
    let generated = Placed { value: scope.generated_name(name), at };
    api.made.text("name", &desired.name_of_api(said.or(title), generated));
    properties.finish();
    desired.add_api(api);
}

/// The policy of an API, whose statements the gateway reads.
pub(super) fn policy(scope: Scope, node: Node, api: &mut Api) {
    let tree::Node { at, value } = typed(scope, "", "Policy", node);
    api.made.put("policy", &at, value);
}

/// The types of bodies that are bytes. A slash may be written as JSON pointers have it.
pub(super) fn binary(types: Option<Placed<Vec<Placed<String>>>>, api: &mut Api) {
    let Some(types) = types else { return };
    let kind = |kind: Placed<String>| Placed { value: kind.value.replace("~1", "/"), at: kind.at };
    api.made.texts("binary_media_types", &types.at, types.value.into_iter().map(kind).collect());
}

/// What the API answers in the place of the gateway's own words. `kind` is the refusal that it is for.
pub(super) fn gateway_response(kind: &str, properties: &mut Properties, api: &mut Api) {
    let mut made = Made::default();
    properties.copy_word("StatusCode", &mut made, "status_code");
    for (property, key) in [("ResponseParameters", "response_parameters"), ("ResponseTemplates", "response_templates")]
    {
        if let Some(map) = properties.map(property) {
            made.table(key, &map.at, text_map(properties.scope, property, map.value));
        }
    }
    if !api.made.insert("gateway_response", kind, &properties.at, made) {
        properties.refuse(&properties.at, format!("the API has two gateway responses for {kind}"));
    }
}

/// Makes a part of an API.
pub(super) fn part(kind: &str, name: &str, mut properties: Properties, desired: &mut Desired) {
    let Some(id) = properties.required("RestApiId") else { return drop(properties.rest()) };
    let scope = properties.scope;
    let Some(api) = desired.api(&id.value).filter(|api| api.is_rest) else {
        scope.notes().refuse(&id.at, format!("no template has the REST API {}", id.value));
        return drop(properties.rest());
    };
    match kind {
        "AWS::ApiGateway::Authorizer" => {
            let called = properties.required("Name").map(|text| text.value);
            if let Some(mut authorizer) = authorizer(&mut properties, None) {
                authorizer.name = called;
                api.add_authorizer(scope, name, authorizer);
            }
        }
        // Methods look for the path of their resource.
        "AWS::ApiGateway::Resource" => {
            properties.required("ParentId");
            properties.required("PathPart");
        }
        "AWS::ApiGateway::GatewayResponse" => {
            if let Some(kind) = properties.required("ResponseType") {
                gateway_response(&kind.value, &mut properties, api);
            }
        }
        "AWS::ApiGateway::Method" => method(&mut properties, api),
        "AWS::ApiGateway::RequestValidator" => {
            properties.take("Name");
            api.validation.validators.insert(scope.part_id(name), Validator::read(&mut properties));
        }
        "AWS::ApiGateway::Stage" => stage(&mut properties, api),
        "AWS::ApiGateway::Deployment" => deployment(&mut properties, api),
        _ => drop(properties.rest()),
    }
    properties.finish();
}

/// An authorizer. One that cannot be made leaves its methods without any, which is a mistake of theirs, never an open door.
/// `header` is the one that a security scheme names.
pub(super) fn authorizer(properties: &mut Properties, header: Option<&str>) -> Option<Authorizer> {
    let at = properties.at.clone();
    let said = properties.required("Type")?;
    properties.pass_over(&["AuthType", "AuthorizerCredentials"]);
    properties.must_all_be_whole();
    let mut made = Made::default();
    let word = said.value.to_ascii_uppercase();
    let kind = match word.as_str() {
        "TOKEN" | "REQUEST" => Kind::Function,
        "COGNITO_USER_POOLS" => Kind::Pools,
        "JWT" => Kind::Jwt,
        other => {
            properties.warn(&said.at, format!("authorizers of the type {other} are not supported"));
            properties.rest();
            return None;
        }
    };
    let source = properties.text("IdentitySource").filter(|source| !source.value.is_empty());
    let source = source.or_else(|| {
        let header = header.filter(|_| kind == Kind::Pools || word == "TOKEN")?;
        Some(Placed { value: format!("method.request.header.{header}"), at: at.clone() })
    });
    if let Some(source) = source {
        made.text("identity_source", &source);
    }
    let expression = properties.text("IdentityValidationExpression");
    match expression.filter(|expression| !expression.value.is_empty()) {
        Some(expression) if word == "REQUEST" => {
            properties
                .scope
                .notes()
                .tell(&expression.at, "a REQUEST authorizer uses no `IdentityValidationExpression`");
        }
        Some(expression) => made.text("identity_validation_expression", &expression),
        None => {}
    }
    if kind == Kind::Jwt {
        if let Some(mut jwt) = properties.inner("JwtConfiguration") {
            jwt_configuration(&mut jwt, &mut made);
            jwt.finish();
        }
        properties.pass_over(&["AuthorizerResultTtlInSeconds"]);
    } else if kind == Kind::Pools {
        if let Some(arns) = properties.texts("ProviderARNs") {
            let pool = |arn: Placed<String>| {
                let value = arn.value.rsplit('/').next().unwrap_or_default().to_owned();
                Placed { value, at: arn.at }
            };
            made.texts("pools", &arns.at, arns.value.into_iter().map(pool).collect());
        }
        properties.pass_over(&["AuthorizerResultTtlInSeconds", "AuthorizerUri"]);
    } else {
        if let Some(uri) = properties.required("AuthorizerUri") {
            let value = function_of(&uri.value).to_owned();
            made.text("function", &Placed { value, at: uri.at });
        }
        properties.copy_word("AuthorizerResultTtlInSeconds", &mut made, "result_ttl_in_seconds");
        properties.pass_over(&["ProviderARNs"]);
    }
    made.text("type", &Placed { value: word, at: said.at });
    Some(Authorizer { at, name: None, kind, made })
}

/// A map within a list, with members as CloudFormation writes them.
fn inside<'a>(of: &Properties<'a>, what: &str, node: Node) -> Option<Properties<'a>> {
    let Value::Map(map) = &node.value else {
        of.refuse(&node.at, format!("`{what}` must hold maps"));
        return None;
    };
    Some(Properties::new(of.scope, &node.at, what, http_api::capitalised(map, &[])))
}

/// Issuers with audiences and claims of their own. CloudFormation writes members with capitals, OpenAPI without.
fn jwt_configuration(jwt: &mut Properties, made: &mut Made) {
    for (property, key) in [("DefaultAlgorithms", "default_algorithms"), ("defaultAlgorithms", "default_algorithms")] {
        jwt.copy_texts(property, made, key);
    }
    for property in ["Issuers", "issuers"] {
        for node in jwt.list(property).map(|list| list.value).unwrap_or_default() {
            let Some(mut issuer) = inside(jwt, property, node) else { continue };
            let mut table = Made::default();
            issuer.copy_text("Issuer", &mut table, "issuer");
            issuer.copy_texts("Audiences", &mut table, "audiences");
            for node in issuer.list("AdditionalClaims").map(|list| list.value).unwrap_or_default() {
                let Some(mut claim) = inside(jwt, "AdditionalClaims", node) else { continue };
                let mut own = Made::default();
                claim.copy_text("ClaimName", &mut own, "claim_name");
                claim.copy_text("Format", &mut own, "format");
                claim.copy_word("Required", &mut own, "required");
                claim.copy_texts("ExpectedValues", &mut own, "expected_values");
                table.push("additional_claims", &claim.at.clone(), own);
                claim.finish();
            }
            made.push("issuers", &issuer.at.clone(), table);
            issuer.finish();
        }
    }
}

fn method(properties: &mut Properties, api: &mut Api) {
    let scope = properties.scope;
    let at = properties.at.clone();
    let verb = properties.required("HttpMethod");
    let path = properties.required("ResourceId").and_then(|id| path(scope, &id));
    let key = verb.zip(path).map(|(verb, path)| Placed { value: format!("{} {path}", verb.value), at: verb.at });
    if let Some(key) = &key {
        properties.of.clone_from(&key.value);
    }
    properties.pass_over(&["MethodResponses", "OperationName"]);
    let required = validation::of_method(properties, api);
    let has_key = properties.boolean("ApiKeyRequired").filter(|said| said.value);
    let demand = demand(properties, api);
    let made = properties.inner("Integration").map(|mut inner| {
        let made = rest_integration::integration(&mut inner);
        inner.finish();
        made
    });
    if let Some(has_key) = &has_key {
        let message = format!("{}: API keys are not checked here; the method is left out", properties.of);
        properties.warn(&has_key.at, message);
    }
    let Some(key) = key else { return };
    let Some(demand) = demand.filter(|_| has_key.is_none()) else { return api.close(&at, key) };
    match made {
        Some(integration) => api.routes.push(Route { at, required, ..Route::new(key, demand, integration) }),
        None => properties.refuse(&at, format!("the method {:?} has no `Integration`", key.value)),
    }
}

/// The path of a resource: its own part behind that of its parent. The root's id ends with a slash.
fn path(scope: Scope, id: &Placed<String>) -> Option<String> {
    let mut path = String::new();
    let mut id = id.clone();
    for _ in 0..DEEPEST {
        if id.value.ends_with('/') {
            return Some(if path.is_empty() { "/".to_owned() } else { path });
        }
        let is_resource = |found: &(Scope, &super::Resource)| found.1.kind.value == "AWS::ApiGateway::Resource";
        let Some((of, resource)) = scope.part(&id.value).filter(is_resource) else {
            scope.notes().refuse(&id.at, format!("no template has the resource {}", id.value));
            return None;
        };
        let property = |name: &str| of.resolve(resource.properties.get(name)?);
        let (part, parent) = (property("PathPart")?, property("ParentId")?);
        path = format!("/{}{path}", part.as_text()?);
        id = Placed { value: parent.as_text()?.to_owned(), at: parent.at.clone() };
    }
    scope.notes().refuse(&id.at, "the resource leads to itself");
    None
}

/// Who may call a method. `None` when that cannot be said: then there is no such method.
fn demand(properties: &mut Properties, api: &Api) -> Option<Demand> {
    properties.must_be_whole(&["AuthorizationType", "AuthorizerId", "AuthorizationScopes"]);
    let kind = properties.required("AuthorizationType")?;
    let id = properties.text("AuthorizerId");
    let scopes = properties.texts("AuthorizationScopes").filter(|scopes| !scopes.value.is_empty());
    let wanted = match kind.value.as_str() {
        "NONE" => {
            if let Some(scopes) = scopes {
                let message = "`AuthorizationScopes` of an open method are not checked by the service either";
                properties.scope.notes().tell(&scopes.at, message);
            }
            if let Some(id) = id {
                let message = "`AuthorizerId` needs an `AuthorizationType` CUSTOM, COGNITO_USER_POOLS or JWT";
                properties.refuse(&id.at, message);
                return None;
            }
            return Some((None, None));
        }
        "CUSTOM" => Kind::Function,
        "COGNITO_USER_POOLS" => Kind::Pools,
        "JWT" => Kind::Jwt,
        other => {
            let message = format!("`AuthorizationType` {other} is not supported; the method is left out");
            properties.warn(&kind.at, message);
            return None;
        }
    };
    let Some(id) = id else {
        properties.refuse(&properties.at, "a method with an `AuthorizationType` needs an `AuthorizerId`");
        return None;
    };
    let found = api.authorizers.get(&id.value);
    if found.is_none_or(|authorizer| authorizer.kind != wanted) {
        let message = format!("{}: {} is no authorizer for the type {}", properties.of, id.value, kind.value);
        let known = api.authorizers.keys().map(String::as_str);
        properties.scope.notes().note(Mistake::new(&id.at, message).nearest(&id.value, known));
        return None;
    }
    if wanted == Kind::Function
        && let Some(scopes) = scopes
    {
        let message = "`AuthorizationScopes` are not checked with authorizers of the type CUSTOM";
        properties.scope.notes().tell(&scopes.at, message);
        return Some((Some(id), None));
    }
    Some((Some(id), scopes))
}

fn stage(properties: &mut Properties, api: &mut Api) {
    let at = properties.at.clone();
    properties.required("DeploymentId");
    let Some(name) = properties.required("StageName") else { return };
    let made = stage_settings(properties, api);
    if api.stages.insert(name.value.clone(), (at, made)).is_some() {
        properties.refuse(&name.at, format!("the API has two stages {}", name.value));
    }
}

/// A deployment may bring a stage along; one that has a resource of its own is that.
fn deployment(properties: &mut Properties, api: &mut Api) {
    properties.pass_over(&["Description"]);
    let name = properties.text("StageName");
    let described = properties.inner("StageDescription").map(|mut inner| {
        let made = stage_settings(&mut inner, api);
        inner.finish();
        made
    });
    if let Some(name) = name {
        api.stages.entry(name.value).or_insert_with(|| (name.at, described.unwrap_or_default()));
    }
}

fn stage_settings(properties: &mut Properties, api: &Api) -> Made {
    let mut made = Made::default();
    if let Some(variables) = properties.map("Variables") {
        made.table("stage_variables", &variables.at, text_map(properties.scope, "Variables", variables.value));
    }
    let mut routes = Made::default();
    for node in properties.list("MethodSettings").map(|list| list.value).unwrap_or_default() {
        let at = node.at.clone();
        let Value::Map(map) = node.value else {
            properties.refuse(&at, "`MethodSettings` must hold maps");
            continue;
        };
        let mut inner = Properties::new(properties.scope, &at, "MethodSettings", map);
        let (path, verb) = (inner.text("ResourcePath"), inner.text("HttpMethod"));
        let limits = limits(&mut inner);
        inner.finish();
        let (Some(limits), Some(path), Some(verb)) = (limits, path, verb) else { continue };
        // Slashes are written as JSON pointers have them.
        let path = path.value.strip_prefix('/').unwrap_or(&path.value).replace("~1", "/");
        if path == "*" && verb.value == "*" {
            made.table("default_route_settings", &at, limits);
            continue;
        }
        let path = if path.starts_with('/') { path } else { format!("/{path}") };
        let fits = |key: &str| {
            key.split_once(' ').is_some_and(|(own, at)| at == path && (verb.value == "*" || verb.value == own))
        };
        let named: Vec<_> = api.routes.iter().filter(|route| fits(&route.key.value)).collect();
        if named.is_empty() {
            let message = format!("`MethodSettings` name no method of the API: {} {path}", verb.value);
            properties.warn(&at, message);
        }
        for route in named {
            routes.table(&route.key.value, &at, limits.clone());
        }
    }
    if !routes.0.is_empty() {
        made.table("route_settings", &properties.at, routes);
    }
    if let Some(mut log) = properties.inner("AccessLogSetting") {
        let mut settings = Made::default();
        log.copy_text("Format", &mut settings, "format");
        log.pass_over(&["DestinationArn"]);
        made.table("access_log_settings", &log.at.clone(), settings);
        log.finish();
    }
    if let Some(canary) = properties.take("CanarySetting") {
        properties.warn(&canary.at, "`CanarySetting` is not supported");
    }
    properties.pass_over(&[
        "CacheClusterEnabled",
        "CacheClusterSize",
        "ClientCertificateId",
        "Description",
        "DocumentationVersion",
        "Tags",
        "TracingEnabled",
    ]);
    made
}

/// `None` without limits: -1 says so too.
fn limits(properties: &mut Properties) -> Option<Made> {
    let rate = properties.text("ThrottlingRateLimit");
    let burst = properties.text("ThrottlingBurstLimit");
    properties.pass_over(&[
        "CacheDataEncrypted",
        "CacheTtlInSeconds",
        "CachingEnabled",
        "DataTraceEnabled",
        "LoggingLevel",
        "MetricsEnabled",
    ]);
    let is_off = |limit: &Option<Placed<String>>| limit.as_ref().is_some_and(|limit| limit.value.starts_with('-'));
    if is_off(&rate) || is_off(&burst) {
        return None;
    }
    let at = rate.as_ref().or(burst.as_ref())?.at.clone();
    let mut made = Made::default();
    let word = |limit: Option<Placed<String>>, usual: &str| limit.map_or_else(|| usual.to_owned(), |limit| limit.value);
    made.word("throttling_rate_limit", &at, word(rate, USUAL_RATE));
    made.word("throttling_burst_limit", &at, word(burst, USUAL_BURST));
    Some(made)
}

/// A custom domain's path for an API, in the words of the newer kind of API.
pub(super) fn mapping(properties: Properties, desired: &mut Desired) {
    let mut properties = properties;
    let mut map = properties.rest();
    for (from, to) in [("RestApiId", "ApiId"), ("BasePath", "ApiMappingKey")] {
        if let Some(node) = map.remove(from) {
            map.insert(to.to_owned(), node);
        }
    }
    // The service writes the empty path so.
    map.retain(|name, node| name != "ApiMappingKey" || node.as_text() != Some("(none)"));
    let renamed = Properties::new(properties.scope, &properties.at, properties.of.clone(), map);
    domains::mapping(renamed, desired);
}
