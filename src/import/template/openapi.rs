//! OpenAPI 3.0 with the gateway's extensions: the `Body` of an API, or a document by itself. REST APIs take Swagger 2.0 too.
//!
//! Parts that describe (schemas, responses, summaries) mean nothing to a gateway and are passed over.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html>

use super::{
    base_path,
    document::{Map, Node, Value},
    http_api::{self, Api, Authorizer, Demand, Kind, Route, capitalised},
    integration,
    made::Made,
    properties::Properties,
    rest_api, rest_integration,
    sam::CONDITION,
    scope::Scope,
    validation,
};
use crate::config::{Mistake, Place, Placed};

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
const ANY_METHOD: &str = "x-amazon-apigateway-any-method";
const INTEGRATION: &str = "x-amazon-apigateway-integration";
const AUTHORIZER: &str = "x-amazon-apigateway-authorizer";
const POLICY: &str = "x-amazon-apigateway-policy";
const RESPONSES: &str = "x-amazon-apigateway-gateway-responses";
const ENDPOINT: &str = "x-amazon-apigateway-endpoint-configuration";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// What stands beside methods in a path, and describes only.
const OF_A_PATH: [&str; 4] = ["description", "parameters", "servers", "summary"];
const OF_AN_OPERATION: [&str; 11] = [
    "callbacks",
    "consumes",
    "deprecated",
    "description",
    "externalDocs",
    "operationId",
    "produces",
    "requestBody",
    "responses",
    "schemes",
    "summary",
];

/// What describes a whole document of Swagger 2.0, or says where it once was served.
const OF_A_SWAGGER: [&str; 6] = ["consumes", "definitions", "host", "produces", "responses", "schemes"];

/// Refuses gaps in what guards an API whose document is still as it was written.
pub(super) fn guards_must_be_whole(properties: &Properties) {
    if let Some(body) = properties.raw("Body") {
        walk(properties.scope, body, "the OpenAPI document");
    }
}

/// Roles are the service's own affair.
fn made_of(scope: Scope, authorizer: &Node, of: &str) {
    match authorizer.as_map().map(|map| (map, scope.chosen(map))) {
        Some((_, Some(chosen))) => made_of(scope, chosen, of),
        Some((map, None)) => {
            for (name, inner) in map.iter().filter(|(name, _)| *name != "authorizerCredentials") {
                scope.must_be_whole(inner, &format!("`{name}` of the authorizer {of}"));
            }
        }
        None => scope.must_be_whole(authorizer, &format!("the authorizer {of}")),
    }
}

/// Looks for guards wherever they stand, also where a condition decides that they do.
fn walk(scope: Scope, node: &Node, of: &str) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| walk(scope, item, of)),
        Value::Map(map) => match scope.chosen(map) {
            Some(chosen) => walk(scope, chosen, of),
            None => {
                for (name, inner) in map {
                    match name.as_str() {
                        "security" | POLICY => scope.must_be_whole(inner, &format!("`{name}` of {of}")),
                        AUTHORIZER => made_of(scope, inner, of),
                        _ => walk(scope, inner, name),
                    }
                }
            }
        },
        Value::Null | Value::Text(_) => {}
    }
}

/// Reads a document without functions into an API; the service's variables in it are filled in. Returns its title.
pub(super) fn body(scope: Scope, body: &Node, api: &mut Api) -> Option<Placed<String>> {
    let notes = scope.notes();
    let filled = filled(scope, body);
    let Value::Map(map) = &filled.value else {
        notes.refuse(&body.at, format!("an OpenAPI document must be a map, found {}", body.kind()));
        return None;
    };
    let mut document = Properties::new(scope, &body.at, "the OpenAPI document", map.clone());
    let swagger = document.text("swagger");
    if let Some(version) = swagger.as_ref().filter(|version| !api.is_rest || !version.value.starts_with("2.0")) {
        let takes = if api.is_rest { "a REST API takes Swagger 2.0" } else { "an HTTP API takes OpenAPI 3.0" };
        notes.refuse(&version.at, format!("{takes}, not Swagger {}", version.value));
        document.rest();
        return None;
    }
    if swagger.is_none()
        && let Some(version) = document.required("openapi").filter(|version| !version.value.starts_with("3.0"))
    {
        let kind = if api.is_rest { "a REST" } else { "an HTTP" };
        notes.refuse(&version.at, format!("{kind} API takes OpenAPI 3.0, found {}", version.value));
    }
    let title = document.inner("info").and_then(|mut info| {
        let title = info.text("title");
        api.keep(|written| (written.description, written.version) = (info.text("description"), info.text("version")));
        info.rest();
        title
    });
    let servers = document.take("servers");
    let base = base_path::of(&mut document, servers.as_ref(), swagger.is_some(), api.base);
    let components = document.inner("components");
    let (mut schemes, mut shared) = (Map::new(), Map::new());
    if let Some(mut components) = components {
        schemes = components.map("securitySchemes").map(|map| map.value).unwrap_or_default();
        shared = components.map("x-amazon-apigateway-integrations").map(|map| map.value).unwrap_or_default();
        api.validation.shared = components.map("parameters").map(|map| map.value).unwrap_or_default();
        for described in ["schemas", "responses", "examples", "requestBodies", "headers", "links", "callbacks"] {
            components.take_raw(described);
        }
        components.finish();
    }
    if swagger.is_some() {
        schemes = document.map("securityDefinitions").map(|map| map.value).unwrap_or_default();
        api.validation.shared = document.map("parameters").map(|map| map.value).unwrap_or_default();
        OF_A_SWAGGER.iter().for_each(|described| drop(document.take_raw(described)));
    }
    for (name, node) in &schemes {
        scheme(scope, name, node, api);
    }
    if api.is_rest {
        if let Some(policy) = document.take(POLICY) {
            rest_api::policy(scope, policy, api);
        }
        for (kind, node) in document.map(RESPONSES).map(|map| map.value).unwrap_or_default() {
            let Value::Map(map) = &node.value else {
                notes.refuse(&node.at, format!("`{RESPONSES}` has no map for {kind}, found {}", node.kind()));
                continue;
            };
            let mut properties = Properties::new(scope, &node.at, RESPONSES, capitalised(map, &[]));
            rest_api::gateway_response(&kind, &mut properties, api);
            properties.finish();
        }
        rest_api::binary(document.texts("x-amazon-apigateway-binary-media-types"), api);
        validation::of_document(scope, &mut document, api);
        document.pass_over(&[
            "x-amazon-apigateway-api-key-source",
            "x-amazon-apigateway-documentation",
            "x-amazon-apigateway-minimum-compression-size",
            "x-amazon-apigateway-security-policy",
        ]);
    }
    let cors = if api.is_rest { None } else { document.map("x-amazon-apigateway-cors") };
    if let Some(cors) = cors {
        api.keep(|written| written.cors = Some(cors.value.clone()));
        let mut cors = Properties::new(scope, &cors.at, "x-amazon-apigateway-cors", capitalised(&cors.value, &[]));
        api.made.table("cors_configuration", &cors.at.clone(), http_api::cors(&mut cors));
        cors.finish();
    }
    // In Swagger it stands in the document, in OpenAPI beside the address of a server.
    let of_servers = servers.as_ref().and_then(Node::as_list).into_iter().flatten();
    let endpoint_of = |server: &Node| {
        let node = server.get(ENDPOINT)?;
        if node.as_map().is_none() {
            notes.refuse(&node.at, format!("`{ENDPOINT}` of a server must be a map, found {}", node.kind()));
        }
        node.as_map().cloned()
    };
    let of_servers: Vec<_> = of_servers.filter_map(endpoint_of).collect();
    for map in document.map(ENDPOINT).map(|map| map.value).into_iter().chain(of_servers) {
        let at = map.values().next().map_or_else(|| body.at.clone(), |node| node.at.clone());
        let mut endpoint = Properties::new(scope, &at, ENDPOINT, map);
        endpoint.copy_word("disableExecuteApiEndpoint", &mut api.made, "disable_execute_api_endpoint");
        endpoint.pass_over(&["ipAddressType", "types", "vpcEndpointIds"]);
        endpoint.finish();
    }
    if let Some(node) = document.take("security") {
        // The service does not apply it; a document that relies on it would be open.
        notes.warn(&node.at, "`security` of the whole document is not applied: name it in each operation");
    }
    document.take("x-amazon-apigateway-importexport-version");
    document.take_raw("externalDocs");
    let tags = document.take("tags");
    api.keep(|written| written.tags = tags);
    let paths = document.map("paths").map(|map| map.value).unwrap_or_default();
    for (path, node) in paths {
        let Value::Map(operations) = &node.value else {
            notes.refuse(&node.at, format!("`paths` has no map for {path}, found {}", node.kind()));
            continue;
        };
        let path = base_path::before(&base, path);
        let of_path = operations.get("parameters").and_then(Node::as_list);
        api.validation.of_path = of_path.unwrap_or_default().to_vec();
        for (method, operation) in operations {
            let is_method = METHODS.contains(&method.as_str()) || method == ANY_METHOD;
            if is_method {
                self::operation(scope, &path, method, operation, &schemes, &shared, api);
            } else if !OF_A_PATH.contains(&method.as_str()) {
                let known = METHODS.into_iter().chain([ANY_METHOD]);
                let message = format!("`{method}` of {path} is not supported");
                let mistake = Mistake::new(&operation.at, message).nearest(method, known);
                // Left out, it would leave its requests to a wider path.
                let is_meant = |known: &str| known.eq_ignore_ascii_case(method);
                match method == "$ref" || METHODS.into_iter().chain([ANY_METHOD, "trace"]).any(is_meant) {
                    true => notes.note(mistake),
                    false => notes.warn_of(mistake),
                }
            }
        }
    }
    document.finish();
    title
}

/// A security scheme, which becomes an authorizer when it says how.
fn scheme(scope: Scope, name: &str, node: &Node, api: &mut Api) {
    let Value::Map(map) = &node.value else {
        return scope
            .notes()
            .refuse(&node.at, format!("the security scheme {name} must be a map, found {}", node.kind()));
    };
    let mut scheme = Properties::new(scope, &node.at, format!("the security scheme {name}"), map.clone());
    let kind = scheme.text("type");
    let discovery = scheme.text("openIdConnectUrl");
    let header = scheme.text("name");
    for described in
        ["authorizationUrl", "bearerFormat", "description", "flow", "flows", "in", "scheme", "scopes", "tokenUrl"]
    {
        scheme.take_raw(described);
    }
    let authtype = scheme.text("x-amazon-apigateway-authtype");
    let Some(extension) = scheme.map(AUTHORIZER) else {
        // It is refused where an operation asks for it.
        if let Some(authtype) = authtype {
            scope.notes().tell(&authtype.at, format!("the security scheme {name} makes no authorizer"));
        }
        return scheme.finish();
    };
    scheme.finish();
    if api.is_rest {
        let members = capitalised(&extension.value, &[]);
        let mut properties = Properties::new(scope, &extension.at, AUTHORIZER, members);
        let authorizer = rest_api::authorizer(&mut properties, header.as_ref().map(|name| name.value.as_str()));
        properties.finish();
        api.authorizers.extend(authorizer.map(|authorizer| (name.to_owned(), authorizer)));
        return;
    }
    let mut members = capitalised(&extension.value, &[("type", "AuthorizerType")]);
    if let Some(node) = members.get_mut("IdentitySource")
        && let Some(text) = node.as_text().filter(|text| text.contains(','))
    {
        *node = Node::list(
            &node.at,
            text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(|one| Node::text(&node.at, one)).collect(),
        );
    }
    if let Some(Node { value: Value::Map(jwt), at }) = members.get("JwtConfiguration") {
        let mut jwt = capitalised(jwt, &[]);
        let issuer = discovery.as_ref().and_then(|url| url.value.strip_suffix(DISCOVERY));
        if let Some(issuer) = issuer {
            jwt.entry("Issuer".to_owned()).or_insert_with(|| Node::text(at, issuer));
        }
        let node = Node { at: at.clone(), value: Value::Map(jwt) };
        members.insert("JwtConfiguration".to_owned(), node);
    }
    api.keep(|written| drop(written.authorizers.insert(name.to_owned(), members.clone())));
    let mut properties = Properties::new(scope, &extension.at, AUTHORIZER, members);
    let authorizer = http_api::authorizer(&mut properties, "AuthorizerType");
    properties.finish();
    let Some(authorizer) = authorizer else { return };
    if let Some(kind) = kind.filter(|kind| !fits(&authorizer, &kind.value)) {
        let message = format!("a security scheme of the type {} cannot be such an authorizer", kind.value);
        return scope.notes().refuse(&kind.at, message);
    }
    api.authorizers.insert(name.to_owned(), authorizer);
}

fn fits(authorizer: &Authorizer, kind: &str) -> bool {
    match authorizer.kind {
        Kind::Jwt => matches!(kind, "oauth2" | "openIdConnect" | "http"),
        Kind::Function | Kind::Pools => matches!(kind, "apiKey" | "http"),
    }
}

fn operation(scope: Scope, path: &str, method: &str, node: &Node, schemes: &Map, shared: &Map, api: &mut Api) {
    let at = node.at.clone();
    let is_any = method == ANY_METHOD;
    let verb = if is_any { "ANY".to_owned() } else { method.to_ascii_uppercase() };
    let Value::Map(map) = &node.value else {
        return scope.notes().refuse(&at, format!("{verb} {path} must be a map, found {}", node.kind()));
    };
    let mut operation = Properties::new(scope, &at, format!("{verb} {path}"), map.clone());
    if let Some(condition) = operation.text(CONDITION)
        && !scope.condition(&condition.at, &condition.value).unwrap_or(true)
    {
        return drop(operation.rest());
    }
    let called = operation.text("operationId");
    let required = validation::of_operation(&mut operation, api);
    for described in OF_AN_OPERATION {
        operation.take_raw(described);
    }
    operation.take("tags");
    let default = !api.is_rest && operation.boolean("isDefaultRoute").is_some_and(|said| said.value);
    let key =
        if default || path == "/$default" { http_api::DEFAULT_STAGE.to_owned() } else { format!("{verb} {path}") };
    let auth = operation.inner("x-amazon-apigateway-auth");
    // Nothing where a list belongs says nothing about who may pass, least of all that everybody may.
    if let Some(nothing) = map.get("security").filter(|node| node.value == Value::Null) {
        scope
            .notes()
            .refuse(&nothing.at, format!("`security` of {verb} {path} must be a list, found {}", nothing.kind()));
    }
    let security = operation.list("security");
    let integration = operation.take(INTEGRATION);
    operation.finish();
    let is_refused = auth.is_some_and(|mut auth| {
        let kind = auth.text("type").filter(|kind| kind.value != "NONE");
        auth.finish();
        kind.is_some_and(|kind| {
            let message = format!("authorization of the type {} is not supported; the route is closed", kind.value);
            scope.notes().warn(&kind.at, message);
            true
        })
    });
    let demand = match security {
        _ if is_refused => None,
        Some(security) => demand(scope, &key, &security, schemes, api),
        None => Some((None, None)),
    };
    let closed = demand.is_none();
    if closed && api.written.is_none() {
        return api.close(&at, Placed { value: key, at: at.clone() });
    }
    let message = format!("{verb} {path} has no `{INTEGRATION}`");
    let made = match &integration {
        Some(integration) => integration_of(scope, &key, integration, shared, api),
        // The service deploys no such method.
        None if api.is_rest => return scope.notes().refuse(&at, message),
        // A call may give it one later.
        None => {
            let told = if api.written.is_some() { message } else { format!("{message}: it answers 500") };
            scope.notes().warn(&at, told);
            None
        }
    };
    api.keep(|written| drop(written.operations.insert(key.clone(), called)));
    let key = Placed { value: key, at };
    api.routes.push(Route { required, closed, ..Route::new(key, demand.unwrap_or_default(), made) });
}

/// Who may pass. `None` when that cannot be said: then nobody does.
fn demand(scope: Scope, key: &str, security: &Placed<Vec<Node>>, schemes: &Map, api: &Api) -> Option<Demand> {
    let refuse = |at: &Place, message: String| {
        scope.notes().refuse(at, message);
        None
    };
    if let Some(other) = security.value.iter().find(|one| one.as_map().is_none()) {
        return refuse(&other.at, format!("`security` of {key} must hold maps, found {}", other.kind()));
    }
    let mut named = security.value.iter().filter_map(Node::as_map).flatten();
    let Some((name, asked)) = named.next() else { return Some((None, None)) };
    let mut all = std::iter::once(name).chain(named.clone().map(|(name, _)| name));
    if api.is_rest && all.any(|name| is_api_key(schemes, name)) {
        scope.notes().warn(&security.at, format!("{key}: API keys are not checked here; the method is left out"));
        return None;
    }
    if let Some((_, second)) = named.next() {
        return refuse(&second.at, format!("{key} has more than one security requirement, which no route can have"));
    }
    let Some(authorizer) = api.authorizers.get(name) else {
        // A scheme of this name that nobody defines is how the Serverless Application Model says that a route is open.
        if name == "NONE" && !schemes.contains_key(name) {
            return Some((None, None));
        }
        if schemes.contains_key(name) {
            scope.notes().warn(&asked.at, format!("the security scheme {name} makes no authorizer; {key} is closed"));
            return None;
        }
        let message = format!("{key} names no security scheme: {name}");
        let known = schemes.keys().map(String::as_str);
        scope.notes().note(Mistake::new(&asked.at, message).nearest(name, known));
        return None;
    };
    let listed = match &asked.value {
        Value::List(listed) => listed.as_slice(),
        Value::Null => &[],
        _ => return refuse(&asked.at, format!("{key}: the scopes of {name} must be a list, found {}", asked.kind())),
    };
    if let Some(other) = listed.iter().find(|one| one.as_text().is_none()) {
        return refuse(&other.at, format!("{key}: a scope of {name} must be a text, found {}", other.kind()));
    }
    let text = |node: &Node| node.as_text().map(|text| Placed { value: text.to_owned(), at: node.at.clone() });
    let scopes: Vec<_> = listed.iter().filter_map(text).collect();
    let at = asked.at.clone();
    let scopes = (authorizer.kind != Kind::Function && !scopes.is_empty()).then_some(Placed { value: scopes, at });
    Some((Some(Placed { value: name.clone(), at: asked.at.clone() }), scopes))
}

/// A scheme without an authorizer for the header of API keys, which usage plans count.
fn is_api_key(schemes: &Map, name: &str) -> bool {
    schemes.get(name).is_some_and(|scheme| {
        let says = |member: &str, what: &str| {
            scheme.get(member).and_then(Node::as_text).is_some_and(|text| text.eq_ignore_ascii_case(what))
        };
        says("name", "x-api-key") && says("type", "apiKey") && scheme.get(AUTHORIZER).is_none()
    })
}

fn integration_of(scope: Scope, key: &str, node: &Node, shared: &Map, api: &mut Api) -> Option<Made> {
    let reference = node.get("$ref").and_then(Node::as_text);
    let found = match reference {
        Some(reference) => {
            let name = reference.rsplit('/').next().unwrap_or_default();
            let found = shared.get(name);
            if found.is_none() {
                scope.notes().refuse(&node.at, format!("there is no {reference}"));
            }
            found?
        }
        None => node,
    };
    let Value::Map(map) = &found.value else {
        scope.notes().refuse(&found.at, format!("`{INTEGRATION}` must be a map, found {}", found.kind()));
        return None;
    };
    if api.is_rest {
        let members = rest_integration::from_openapi(map);
        let mut properties = Properties::new(scope, &found.at, INTEGRATION, members);
        let made = rest_integration::integration(&mut properties);
        properties.finish();
        return made;
    }
    let renamed = [
        ("type", "IntegrationType"),
        ("uri", "IntegrationUri"),
        ("httpMethod", "IntegrationMethod"),
        ("credentials", "CredentialsArn"),
    ];
    let members = capitalised(map, &renamed);
    let mut properties = Properties::new(scope, &found.at, INTEGRATION, members.clone());
    let made = integration::integration(&mut properties);
    properties.finish();
    if made.is_some() {
        api.keep(|written| drop(written.integrations.insert(key.to_owned(), members)));
    }
    made
}

/// A document that stands by itself, which is served as `$default`.
pub(super) fn by_itself(scope: Scope, root: &Node) -> Api {
    let mut api = Api::new(scope.api_id("Api"), &root.at, is_rest(root));
    let title = body(scope, root, &mut api);
    let title = title.unwrap_or_else(|| Placed { value: scope.stack.name.clone(), at: root.at.clone() });
    api.made.text("name", &title);
    api.stages.insert(http_api::DEFAULT_STAGE.to_owned(), (root.at.clone(), Made::default()));
    api
}

/// A document does not say for which kind of API it is. What HTTP APIs do not know makes it one of a REST API.
fn is_rest(root: &Node) -> bool {
    let of_rest = ["swagger", RESPONSES, "x-amazon-apigateway-policy"];
    let schemes = root.get("components").and_then(|components| components.get("securitySchemes"));
    let mut kinds = schemes
        .and_then(Node::as_map)
        .into_iter()
        .flatten()
        .filter_map(|(_, scheme)| scheme.get(AUTHORIZER)?.get("type")?.as_text().map(str::to_ascii_lowercase));
    of_rest.iter().any(|member| root.get(member).is_some())
        || kinds.any(|kind| matches!(kind.as_str(), "token" | "cognito_user_pools"))
}

/// Replaces `${AWS::Region}` and its like in every text.
fn filled(scope: Scope, node: &Node) -> Node {
    let basics = scope.world.basics;
    let value = match &node.value {
        Value::Null => Value::Null,
        Value::Text(text) => Value::Text(
            text.replace("${AWS::Region}", &basics.region)
                .replace("${AWS::AccountId}", &basics.account_id)
                .replace("${AWS::Partition}", "aws"),
        ),
        Value::List(items) => Value::List(items.iter().map(|item| filled(scope, item)).collect()),
        Value::Map(map) => Value::Map(map.iter().map(|(name, node)| (name.clone(), filled(scope, node))).collect()),
    };
    Node { at: node.at.clone(), value }
}
