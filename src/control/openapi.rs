//! `ImportApi`, `ReimportApi` and `ExportApi`: APIs as OpenAPI 3.0 documents. Here they are written; the importer of templates
//! reads them.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-export.html>

use serde_json::{Map, Value, json};

use super::{
    Members,
    protocol::{Call, Failure, Reply},
    shapes, yaml,
};
use crate::{
    domain::http_api::{
        AuthorizationType, Authorizer, AuthorizerType, DEFAULT_ROUTE, DEFAULT_STAGE, Fault, HttpApi, Integration,
        IntegrationType, Route, Routing,
    },
    flows::http_apis::{
        Desk, deployments,
        documents::{self, Asked},
    },
};

const ANY_METHOD: &str = "x-amazon-apigateway-any-method";

/// Makes an API of a document, or gives it to the API `id`.
pub(super) async fn import(desk: &Desk, id: Option<&str>, call: &mut Call) -> Result<Reply, Failure> {
    let Some(Value::String(text)) = call.body.remove("body") else {
        return Err(Fault::bad("Body is a required parameter").into());
    };
    if let Some(name) = call.body.keys().next() {
        return Err(Fault::bad(format!("Invalid request body: unknown field `{name}`")).into());
    }
    let setup = &desk.cx.app.setup;
    let asked = Asked {
        text: &text,
        base_path: call.one("basepath"),
        fail_on_warnings: call.flag("failOnWarnings")?.unwrap_or_default(),
        region: &setup.region,
        account_id: &setup.account_id,
    };
    let imported = match id {
        None => documents::import(desk, &asked).await?,
        Some(id) => documents::reimport(desk, id, &asked).await?,
    };
    let mut shown = shapes::api(desk, &imported.api);
    for (member, told) in [("importInfo", imported.infos), ("warnings", imported.warnings)] {
        if !told.is_empty() {
            shown[member] = told.into();
        }
    }
    Ok(Reply::made(shown))
}

/// Writes an API as it is, or as a stage serves it.
pub(super) async fn export(desk: &Desk, id: &str, specification: &str, call: &Call) -> Result<Reply, Failure> {
    let api = desk.api(id).await?;
    if specification != "OAS30" {
        return Err(Fault::bad("Invalid specification specified. Must be one of [OAS30]").into());
    }
    if call.one("exportVersion").is_some_and(|version| version != "1.0") {
        return Err(Fault::bad("Invalid exportVersion specified. Must be one of [1.0]").into());
    }
    let as_yaml = match call.one("outputType") {
        Some("JSON") => false,
        Some("YAML") => true,
        Some(_) => return Err(Fault::bad("Invalid outputType specified. Must be one of [JSON, YAML]").into()),
        None => return Err(Fault::bad("OutputType is a required parameter").into()),
    };
    if !api.beyond.is_empty() {
        let text = format!("An OpenAPI document cannot say {}", api.beyond.join(", "));
        return Err(Fault::bad(text).into());
    }
    let with_extensions = call.flag("includeExtensions")?.unwrap_or(true);
    let stage = call.one("stageName").filter(|name| !name.is_empty());
    let routing = match stage {
        None => api.routing.clone(),
        Some(name) => match (&api.stage(name)?.deployment_id, &api.file) {
            (Some(deployment), _) => deployments::get(desk, id, deployment).await?.routing,
            // What a file says is served.
            (None, Some(_)) => api.routing.clone(),
            (None, None) => return Err(Fault::bad(format!("Stage {name} has no deployment to export")).into()),
        },
    };
    let whole = shapes::api(desk, &api);
    let text = |member: &str| whole[member].as_str().unwrap_or_default();
    let mut document = document(&api, &routing, with_extensions);
    document["info"]["version"] = api.settings.version.as_deref().unwrap_or_else(|| text("createdDate")).into();
    document["servers"] = json!([match stage.filter(|name| *name != DEFAULT_STAGE) {
        None => json!({"url": text("apiEndpoint")}),
        Some(name) => json!({
            "url": format!("{}/{{basePath}}", text("apiEndpoint")), "variables": {"basePath": {"default": name}}
        }),
    }]);
    Ok(if as_yaml {
        Reply::document("application/yaml", yaml::written(&document))
    } else {
        Reply::document("application/json", format!("{document:#}"))
    })
}

fn document(api: &HttpApi, routing: &Routing, with_extensions: bool) -> Value {
    let settings = &api.settings;
    let mut document = json!({"openapi": "3.0.1", "info": {"title": settings.name}, "paths": {}});
    if let Some(description) = &settings.description {
        document["info"]["description"] = description.as_str().into();
    }
    let tag = |(name, value): (&String, &String)| {
        if with_extensions {
            json!({"name": name, "x-amazon-apigateway-tag-value": value})
        } else {
            json!({"name": name})
        }
    };
    if !settings.tags.is_empty() {
        document["tags"] = settings.tags.iter().map(tag).collect();
    }
    for route in routing.routes.values() {
        let (method, path) = match route.route_key.split_once(' ') {
            None => (ANY_METHOD.to_owned(), format!("/{DEFAULT_ROUTE}")),
            Some(("ANY", path)) => (ANY_METHOD.to_owned(), path.to_owned()),
            Some((method, path)) => (method.to_ascii_lowercase(), path.to_owned()),
        };
        if method == ANY_METHOD && !with_extensions {
            // There is no other word for it.
            continue;
        }
        let parameters: Vec<Value> = path.split('/').filter_map(parameter).collect();
        if !parameters.is_empty() {
            document["paths"][&path]["parameters"] = parameters.into();
        }
        document["paths"][&path][&method] = operation(route, routing, with_extensions);
    }
    let scheme = |one: &Authorizer| (one.name.clone(), scheme(one, with_extensions));
    let mut schemes: Map<String, Value> = routing.authorizers.values().map(scheme).collect();
    if routing.routes.values().any(|route| route.authorization_type == AuthorizationType::AwsIam) {
        schemes.insert(signed(routing), signed_scheme(with_extensions));
    }
    if !schemes.is_empty() {
        document["components"]["securitySchemes"] = schemes.into();
    }
    if with_extensions {
        if let Some(cors) = &settings.cors_configuration {
            document["x-amazon-apigateway-cors"] = json!(cors);
        }
        if settings.disable_execute_api_endpoint {
            document["x-amazon-apigateway-endpoint-configuration"] = json!({"disableExecuteApiEndpoint": true});
        }
        document["x-amazon-apigateway-importexport-version"] = "1.0".into();
    }
    document
}

/// Documents must describe what stands in braces.
fn parameter(segment: &str) -> Option<Value> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    let description = format!("Generated path parameter for {name}");
    Some(json!({
        "name": name, "in": "path", "description": description, "required": true, "schema": {"type": "string"}
    }))
}

fn operation(route: &Route, routing: &Routing, with_extensions: bool) -> Value {
    let description = format!("Default response for {}", route.route_key);
    let mut operation = json!({"responses": {"default": {"description": description}}});
    if let Some(name) = &route.operation_name {
        operation["operationId"] = name.as_str().into();
    }
    let authorizer = route.authorizer_id.as_ref().and_then(|id| routing.authorizers.get(id));
    match (route.authorization_type, authorizer) {
        (AuthorizationType::AwsIam, _) => operation["security"] = json!([{signed(routing): []}]),
        (AuthorizationType::Jwt | AuthorizationType::Custom, Some(authorizer)) => {
            operation["security"] = json!([{&authorizer.name: route.authorization_scopes}]);
        }
        _ => {}
    }
    if with_extensions {
        if route.route_key == DEFAULT_ROUTE {
            operation["isDefaultRoute"] = true.into();
        }
        let id = route.target.as_deref().and_then(|target| target.strip_prefix("integrations/"));
        if let Some(integration) = id.and_then(|id| routing.integrations.get(id)) {
            operation["x-amazon-apigateway-integration"] = self::integration(integration);
        }
    }
    operation
}

/// Members under other names than calls have for them.
fn renamed(value: &impl serde::Serialize, names: &[(&str, &str)]) -> Members {
    let Ok(Value::Object(mut members)) = serde_json::to_value(value) else { return Members::new() };
    for (from, to) in names {
        if let Some(member) = members.remove(*from) {
            members.insert((*to).to_owned(), member);
        }
    }
    members
}

fn integration(integration: &Integration) -> Value {
    let kind = match integration.integration_type {
        IntegrationType::AwsProxy => "aws_proxy",
        IntegrationType::HttpProxy => "http_proxy",
        IntegrationType::Aws => "aws",
        IntegrationType::Http => "http",
        IntegrationType::Mock => "mock",
    };
    let names = [("integrationUri", "uri"), ("integrationMethod", "httpMethod"), ("credentialsArn", "credentials")];
    let mut members = renamed(integration, &names);
    members.remove("integrationType");
    members.remove("apiGatewayManaged");
    members.insert("type".to_owned(), kind.into());
    members.into()
}

/// The name of the scheme of routes that ask for signatures, which no authorizer has.
fn signed(routing: &Routing) -> String {
    let is_taken = |name: &str| routing.authorizers.values().any(|one| one.name == name);
    let mut name = "sigv4".to_owned();
    while is_taken(&name) {
        name.push('_');
    }
    name
}

/// It makes no authorizer, so that the routes that name it are closed again where they are imported.
fn signed_scheme(with_extensions: bool) -> Value {
    let mut scheme = json!({"type": "apiKey", "name": "Authorization", "in": "header"});
    if with_extensions {
        scheme["x-amazon-apigateway-authtype"] = "awsSigv4".into();
    }
    scheme
}

/// Without extensions a scheme is only a name, and a route that it guards is closed where it is imported.
fn scheme(authorizer: &Authorizer, with_extensions: bool) -> Value {
    let (mut scheme, kind) = match authorizer.authorizer_type {
        AuthorizerType::Jwt => (json!({"type": "oauth2", "flows": {}}), "jwt"),
        AuthorizerType::Request => (json!({"type": "apiKey", "name": header(authorizer), "in": "header"}), "request"),
    };
    if with_extensions {
        let mut members = renamed(authorizer, &[("authorizerCredentialsArn", "authorizerCredentials")]);
        members.remove("name");
        members.remove("authorizerType");
        members.insert("identitySource".to_owned(), authorizer.identity_source.join(",").into());
        members.insert("type".to_owned(), kind.into());
        scheme["x-amazon-apigateway-authorizer"] = members.into();
    }
    scheme
}

/// The header that a function judges by, if it is one.
fn header(authorizer: &Authorizer) -> &str {
    match &authorizer.identity_source[..] {
        [one] => one.strip_prefix("$request.header.").unwrap_or("Unused"),
        _ => "Unused",
    }
}
