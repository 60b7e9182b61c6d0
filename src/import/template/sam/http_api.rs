//! `AWS::Serverless::HttpApi`: an API whose document is made of the events that name it.
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-httpapi.html>

use super::{
    super::{
        document::{Map, Node, Value},
        notes::Notes,
        stack::{Resource, Stack},
    },
    as_map, definition, domain,
    events::Route,
    guard::{Guards, sources},
    leftover_guards, leftovers, switch, take_any_case,
};
use crate::config::{Place, Placed};

pub(super) const ANY: &str = "x-amazon-apigateway-any-method";
const KNOWN: [&str; 8] =
    ["Auth", "CorsConfiguration", "DefinitionBody", "DefinitionUri", "Domain", "Name", "StageName", "StageVariables"];

/// Puts the API and its stage into `stack`.
pub(super) fn make(name: &str, resource: Resource, routes: Vec<Route>, stack: &mut Stack, notes: &Notes) {
    let at = resource.at.clone();
    let mut properties = resource.properties.clone();
    let auth = properties.remove("Auth").and_then(|node| as_map(node, "`Auth`", notes));
    let auth = auth.map(|(at, map)| read_auth(&at, map, notes)).unwrap_or_default();
    let body = definition::take(&mut properties, stack, notes);
    let mut body = body.unwrap_or_else(|| fresh(&at));
    let mut stage_settings = Map::new();
    let route_settings = properties.remove("RouteSettings").and_then(|node| as_map(node, "`RouteSettings`", notes));
    let mut route_settings = route_settings.map(|(_, map)| map).unwrap_or_default();
    add_paths(&mut body, &at, &routes, &auth, &mut route_settings, notes);
    add_schemes(&mut body, &at, auth.schemes);
    if let Some(cors) = properties.remove("CorsConfiguration")
        && let Some(cors) = cors_of(cors, notes)
    {
        body.insert("x-amazon-apigateway-cors".to_owned(), cors);
    }
    if !route_settings.is_empty() {
        stage_settings.insert("RouteSettings".to_owned(), Node { at: at.clone(), value: Value::Map(route_settings) });
    }
    for same in ["AccessLogSettings", "DefaultRouteSettings", "StageVariables"] {
        if let Some(node) = properties.remove(same) {
            stage_settings.insert(same.to_owned(), node);
        }
    }
    let stage = properties.remove("StageName").unwrap_or_else(|| Node::text(&at, "$default"));
    let mut api = Map::from([("Body".to_owned(), Node { at: at.clone(), value: Value::Map(body) })]);
    for same in ["Name", "Description", "DisableExecuteApiEndpoint", "FailOnWarnings", "Tags"] {
        if let Some(node) = properties.remove(same) {
            api.insert(same.to_owned(), node);
        }
    }
    properties.remove("PropagateTags");
    if let Some(own) = properties.remove("Domain") {
        domain::add(name, own, &stage, &resource, stack, notes);
    }
    leftovers(properties, name, &KNOWN, notes);
    let stage_name = match stage.as_text() {
        None | Some("$default") => format!("{name}ApiGatewayDefaultStage"),
        Some(other) => format!("{name}{other}Stage"),
    };
    stage_settings.insert("StageName".to_owned(), stage);
    stage_settings.insert("AutoDeploy".to_owned(), Node::text(&at, "true"));
    stage_settings.insert("ApiId".to_owned(), Node::map(&at, [("Ref", Node::text(&at, name))]));
    for (name, kind, properties) in
        [(name.to_owned(), "AWS::ApiGatewayV2::Api", api), (stage_name, "AWS::ApiGatewayV2::Stage", stage_settings)]
    {
        let kind = Placed { value: kind.to_owned(), at: resource.kind.at.clone() };
        let condition = resource.condition.clone();
        stack.resources.insert(name, Resource { at: at.clone(), kind, properties, condition, metadata: None });
    }
}

fn fresh(at: &Place) -> Map {
    let title = Node::map(at, [("Ref", Node::text(at, "AWS::StackName"))]);
    let info = Node::map(at, [("version", Node::text(at, "1.0")), ("title", title)]);
    Map::from([("openapi".to_owned(), Node::text(at, "3.0.1")), ("info".to_owned(), info)])
}

fn read_auth(at: &Place, mut map: Map, notes: &Notes) -> Guards {
    let mut auth = Guards::of(&mut map, notes);
    let iam = switch(map.remove("EnableIamAuthorizer").as_ref(), "EnableIamAuthorizer", notes);
    if iam == Some(true) {
        auth.know_iam(at);
    }
    let authorizers = map.remove("Authorizers").and_then(|node| as_map(node, "`Authorizers`", notes));
    leftover_guards(map, "Auth", &["Authorizers", "DefaultAuthorizer", "EnableIamAuthorizer"], notes);
    for (name, node) in authorizers.map(|(_, map)| map).unwrap_or_default() {
        let Some((at, mut members)) = as_map(node, &format!("the authorizer {name}"), notes) else { continue };
        if let Some(scopes) = members.remove("AuthorizationScopes") {
            auth.scopes.insert(name.clone(), scopes);
        }
        let of_function = members.contains_key("FunctionArn");
        let (kind, extension) = if of_function {
            ("apiKey", request(&at, &mut members, notes))
        } else {
            ("oauth2", jwt(&at, &mut members, notes))
        };
        leftovers(
            members,
            &format!("the authorizer {name}"),
            &["IdentitySource", "JwtConfiguration", "FunctionArn"],
            notes,
        );
        let scheme = [("type", Node::text(&at, kind)), ("x-amazon-apigateway-authorizer", extension)];
        auth.schemes.insert(name, Node::map(&at, scheme));
    }
    auth.check_default(notes);
    auth
}

fn jwt(at: &Place, members: &mut Map, notes: &Notes) -> Node {
    let mut extension = Map::from([("type".to_owned(), Node::text(at, "jwt"))]);
    match members.remove("IdentitySource") {
        Some(node) => drop(extension.insert("identitySource".to_owned(), node)),
        None => notes.refuse(at, "a JWT authorizer has no `IdentitySource`"),
    }
    if let Some((at, mut jwt)) =
        members.remove("JwtConfiguration").and_then(|node| as_map(node, "`JwtConfiguration`", notes))
    {
        let mut configuration = Map::new();
        for name in ["issuer", "audience"] {
            if let Some(node) = take_any_case(&mut jwt, name) {
                configuration.insert(name.to_owned(), node);
            }
        }
        leftover_guards(jwt, "JwtConfiguration", &["issuer", "audience"], notes);
        extension.insert("jwtConfiguration".to_owned(), Node { at, value: Value::Map(configuration) });
    }
    Node { at: at.clone(), value: Value::Map(extension) }
}

/// An authorizer that asks a function.
fn request(at: &Place, members: &mut Map, notes: &Notes) -> Node {
    let mut extension = Map::from([("type".to_owned(), Node::text(at, "request"))]);
    for (from, to) in [
        ("FunctionArn", "authorizerUri"),
        ("FunctionInvokeRole", "authorizerCredentials"),
        ("AuthorizerPayloadFormatVersion", "authorizerPayloadFormatVersion"),
        ("EnableSimpleResponses", "enableSimpleResponses"),
    ] {
        if let Some(node) = members.remove(from) {
            extension.insert(to.to_owned(), node);
        }
    }
    if let Some(node) = members.remove("EnableFunctionDefaultPermissions") {
        notes.tell(&node.at, "`EnableFunctionDefaultPermissions` means nothing here");
    }
    if let Some((at, mut identity)) = members.remove("Identity").and_then(|node| as_map(node, "`Identity`", notes)) {
        extension.insert("identitySource".to_owned(), Node::list(&at, sources(&mut identity, "$request", "$", notes)));
        if let Some(node) = identity.remove("ReauthorizeEvery") {
            extension.insert("authorizerResultTtlInSeconds".to_owned(), node);
        }
        leftovers(
            identity,
            "Identity",
            &["Headers", "QueryStrings", "StageVariables", "Context", "ReauthorizeEvery"],
            notes,
        );
    }
    Node { at: at.clone(), value: Value::Map(extension) }
}

/// `true` allows every origin; a list allows these; a map is the service's own.
fn cors_of(node: Node, notes: &Notes) -> Option<Node> {
    let at = node.at.clone();
    match &node.value {
        Value::Text(text) if text == "true" => {
            Some(Node::map(&at, [("allowOrigins", Node::list(&at, vec![Node::text(&at, "*")]))]))
        }
        Value::List(_) => Some(Node::map(&at, [("allowOrigins", node.clone())])),
        Value::Map(_) => Some(node),
        Value::Text(text) if text != "false" => {
            notes.refuse(&at, format!("`CorsConfiguration` must be true, a list or a map, found {text:?}"));
            None
        }
        Value::Text(_) | Value::Null => None,
    }
}

pub(super) fn inner_map<'a>(map: &'a mut Map, key: &str, at: &Place) -> Option<&'a mut Map> {
    let node = map.entry(key.to_owned()).or_insert_with(|| Node { at: at.clone(), value: Value::Map(Map::new()) });
    match &mut node.value {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

/// Browsers send no token when they ask if they may ask.
fn is_options(method: &str) -> bool {
    method.eq_ignore_ascii_case("options")
}

fn add_schemes(body: &mut Map, at: &Place, schemes: Map) {
    if schemes.is_empty() {
        return;
    }
    let components = inner_map(body, "components", at);
    if let Some(known) = components.and_then(|components| inner_map(components, "securitySchemes", at)) {
        known.extend(schemes);
    }
}

fn add_paths(body: &mut Map, at: &Place, routes: &[Route], auth: &Guards, settings: &mut Map, notes: &Notes) {
    let Some(paths) = inner_map(body, "paths", at) else { return };
    // What the document itself holds is behind the default authorizer too, but for OPTIONS, as the service's transform has it.
    for operations in paths.values_mut() {
        let Value::Map(operations) = &mut operations.value else { continue };
        for (method, operation) in operations.iter_mut().filter(|(method, _)| !is_options(method)) {
            let at = operation.at.clone();
            let Value::Map(members) = &mut operation.value else { continue };
            if let Some(default) = auth.default.as_ref().filter(|_| method != "parameters") {
                auth.stand_behind(default, &at, members);
            }
        }
    }
    for route in routes {
        let (path, method) = match (&route.path, &route.method) {
            (Some(path), Some(method)) => (path.clone(), method.to_ascii_lowercase()),
            (None, None) => ("/$default".to_owned(), "any".to_owned()),
            _ => {
                notes.refuse(&route.at, "an HttpApi event has both a `Path` and a `Method`, or neither");
                continue;
            }
        };
        let is_default = path == "/$default" || path == "$default";
        let path = if is_default { "/$default".to_owned() } else { path };
        let method = if is_default || method == "any" || method == "x-amazon-apigateway-any-method" {
            ANY.to_owned()
        } else {
            method
        };
        let operation = operation(route, is_default, auth, notes);
        let Some(operations) = inner_map(paths, &path, &route.at) else {
            notes.refuse(&route.at, format!("the document has no map for {path}"));
            continue;
        };
        if operations.insert(method.clone(), operation).is_some() {
            notes.refuse(&route.at, format!("{method} {path} is there already"));
        }
        if let Some(node) = &route.settings {
            let verb = if method == ANY { "ANY".to_owned() } else { method.to_ascii_uppercase() };
            let key = if is_default { "$default".to_owned() } else { format!("{verb} {path}") };
            settings.insert(key, node.clone());
        }
    }
}

fn operation(route: &Route, is_default: bool, auth: &Guards, notes: &Notes) -> Node {
    let at = &route.at;
    let text = |text: &str| Node::text(at, text);
    let mut members = Map::new();
    let uri = route.calls(&mut members);
    let format = route.payload_format.clone().unwrap_or_else(|| text("2.0"));
    let mut integration = Map::from([
        ("type".to_owned(), text("aws_proxy")),
        ("httpMethod".to_owned(), text("POST")),
        ("payloadFormatVersion".to_owned(), format),
        ("uri".to_owned(), uri),
    ]);
    if let Some(timeout) = &route.timeout {
        integration.insert("timeoutInMillis".to_owned(), timeout.clone());
    }
    let integration = Node { at: at.clone(), value: Value::Map(integration) };
    members.insert("x-amazon-apigateway-integration".to_owned(), integration);
    if is_default {
        members.insert("isDefaultRoute".to_owned(), text("true"));
    }
    let is_options = route.method.as_deref().is_some_and(is_options);
    auth.stand_before(route, auth.default.as_ref().filter(|_| !is_options), &mut members, notes);
    Node { at: at.clone(), value: Value::Map(members) }
}
