//! `AWS::Serverless::Api`: a REST API whose document is made of the events that name it.
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-api.html>

use std::collections::BTreeSet;

use super::{
    super::{
        document::{Map, Node, Value},
        notes::Notes,
        stack::{Resource, Stack},
    },
    as_map, definition, domain,
    events::Route,
    guard::{Guards, KEYS, sources},
    http_api::{ANY, inner_map},
    leftover_guards, leftovers, literal, switch,
};
use crate::config::{Place, Placed};

const INTEGRATION: &str = "x-amazon-apigateway-integration";
/// The scheme of the key of an API.
const API_KEY: &str = "api_key";
const AUTHORIZER: &str = "x-amazon-apigateway-authorizer";
/// What stands behind `any` in the list of methods that a browser may use.
const EVERY_METHOD: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
const KNOWN: [&str; 12] = [
    "AccessLogSetting",
    "Auth",
    "Cors",
    "DefinitionBody",
    "DefinitionUri",
    "Domain",
    "GatewayResponses",
    "MethodSettings",
    "Name",
    "OpenApiVersion",
    "StageName",
    "Variables",
];

/// Who may call, as the API says it.
struct Auth {
    guards: Guards,
    guards_preflight: bool,
    /// Whether methods ask for a key where their events say nothing, and answers to preflight requests too.
    keys: bool,
    keys_preflight: bool,
    policy: Option<Node>,
}

/// Puts the API, its deployment and its stage into `stack`.
pub(super) fn make(name: &str, resource: Resource, routes: Vec<Route>, stack: &mut Stack, notes: &Notes) {
    let at = resource.at.clone();
    let mut properties = resource.properties.clone();
    let version = properties.remove("OpenApiVersion");
    let is_3 = version.as_ref().and_then(Node::as_text).is_some_and(|version| version.starts_with('3'));
    let auth = properties.remove("Auth").and_then(|node| as_map(node, "`Auth`", notes));
    let mut auth = auth.map_or_else(|| read_auth(&at, Map::new(), notes), |(at, map)| read_auth(&at, map, notes));
    let body = definition::take(&mut properties, stack, notes);
    let mut body = body.unwrap_or_else(|| fresh(&at, is_3));
    add_paths(&mut body, &at, &routes, &auth.guards, notes);
    if let Some(cors) = properties.remove("Cors") {
        add_preflight(&mut body, &cors, notes);
    }
    guard(&mut body, &auth);
    ask_for_keys(&mut body, &routes, &mut auth, notes);
    add_schemes(&mut body, &at, &auth.guards);
    if let Some(policy) = auth.policy {
        body.insert("x-amazon-apigateway-policy".to_owned(), policy);
    }
    if let Some(node) = properties.remove("GatewayResponses") {
        add_gateway_responses(&mut body, node, notes);
    }
    let mut stage = Map::new();
    for same in
        ["AccessLogSetting", "CacheClusterEnabled", "CacheClusterSize", "CanarySetting", "MethodSettings", "Variables"]
    {
        stage.extend(properties.remove(same).map(|node| (same.to_owned(), node)));
    }
    stage.extend(properties.remove("TracingEnabled").map(|node| ("TracingEnabled".to_owned(), node)));
    let mut api = Map::from([("Body".to_owned(), Node { at: at.clone(), value: Value::Map(body) })]);
    for same in [
        "ApiKeySourceType",
        "BinaryMediaTypes",
        "Description",
        "DisableExecuteApiEndpoint",
        "FailOnWarnings",
        "MinimumCompressionSize",
        "Mode",
        "Name",
        "Policy",
        "SecurityPolicy",
        "Tags",
    ] {
        api.extend(properties.remove(same).map(|node| (same.to_owned(), node)));
    }
    // They say where and how the service keeps it, not what it does.
    for meaningless in ["AlwaysDeploy", "EndpointConfiguration", "MergeDefinitions", "Models", "PropagateTags"] {
        if let Some(node) = properties.remove(meaningless) {
            notes.tell(&node.at, format!("`{meaningless}` of {name} means nothing here"));
        }
    }
    let Some(stage_name) = properties.remove("StageName") else {
        notes.refuse(&at, format!("{name} has no `StageName`"));
        return;
    };
    if let Some(own) = properties.remove("Domain") {
        domain::add(name, own, &stage_name, &resource, stack, notes);
    }
    leftovers(properties, name, &KNOWN, notes);
    let within = || Node::map(&at, [("Ref", Node::text(&at, name))]);
    let deployment_name = format!("{name}Deployment");
    let mut deployment = Map::from([("RestApiId".to_owned(), within())]);
    if version.is_none() {
        // The model's own stage, which is there unless a version of the document is asked for.
        deployment.insert("StageName".to_owned(), Node::text(&at, "Stage"));
    }
    let resource_name = match stage_name.as_text() {
        Some(text) => format!("{name}{text}Stage"),
        None => format!("{name}Stage"),
    };
    stage.insert("StageName".to_owned(), stage_name);
    stage.insert("RestApiId".to_owned(), within());
    stage.insert("DeploymentId".to_owned(), Node::map(&at, [("Ref", Node::text(&at, deployment_name.clone()))]));
    for (name, kind, properties) in [
        (name.to_owned(), "AWS::ApiGateway::RestApi", api),
        (deployment_name, "AWS::ApiGateway::Deployment", deployment),
        (resource_name, "AWS::ApiGateway::Stage", stage),
    ] {
        let kind = Placed { value: kind.to_owned(), at: resource.kind.at.clone() };
        let condition = resource.condition.clone();
        stack.resources.insert(name, Resource { at: at.clone(), kind, properties, condition, metadata: None });
    }
}

fn fresh(at: &Place, is_3: bool) -> Map {
    let title = Node::map(at, [("Ref", Node::text(at, "AWS::StackName"))]);
    let info = Node::map(at, [("version", Node::text(at, "1.0")), ("title", title)]);
    let (key, version) = if is_3 { ("openapi", "3.0.1") } else { ("swagger", "2.0") };
    Map::from([(key.to_owned(), Node::text(at, version)), ("info".to_owned(), info)])
}

fn read_auth(at: &Place, mut map: Map, notes: &Notes) -> Auth {
    let mut says = |name: &str| switch(map.remove(name).as_ref(), name, notes);
    let mut auth = Auth {
        guards_preflight: says("AddDefaultAuthorizerToCorsPreflight").unwrap_or(true),
        keys: says(KEYS).unwrap_or(false),
        keys_preflight: says("AddApiKeyRequiredToCorsPreflight").unwrap_or(true),
        guards: Guards::of(&mut map, notes),
        policy: None,
    };
    map.remove("InvokeRole");
    if let Some((at, members)) = map.remove("ResourcePolicy").and_then(|node| as_map(node, "`ResourcePolicy`", notes)) {
        auth.policy = Some(policy(&at, members, notes));
    }
    let authorizers = map.remove("Authorizers").and_then(|node| as_map(node, "`Authorizers`", notes));
    let known = ["AddDefaultAuthorizerToCorsPreflight", "Authorizers", "DefaultAuthorizer", "ResourcePolicy"];
    leftover_guards(map, "Auth", &known, notes);
    for (name, node) in authorizers.map(|(_, map)| map).unwrap_or_default() {
        let Some((at, mut members)) = as_map(node, &format!("the authorizer {name}"), notes) else { continue };
        auth.guards.scopes.extend(members.remove("AuthorizationScopes").map(|scopes| (name.clone(), scopes)));
        let scheme = scheme(&at, &mut members, notes);
        let known = ["AuthorizationScopes", "FunctionArn", "FunctionPayloadType", "Identity", "UserPoolArn"];
        leftovers(members, &format!("the authorizer {name}"), &known, notes);
        auth.guards.schemes.insert(name, scheme);
    }
    auth.guards.know_iam(at);
    auth.guards.check_default(notes);
    auth
}

/// `ResourcePolicy`: statements of the user's own, and networks that may call or may not.
fn policy(at: &Place, mut members: Map, notes: &Notes) -> Node {
    let text = |text: &str| Node::text(at, text);
    let statement = |effect: &str, condition: Option<(&str, Node)>| {
        let mut statement = Map::from([
            ("Effect".to_owned(), text(effect)),
            ("Action".to_owned(), text("execute-api:Invoke")),
            ("Principal".to_owned(), text("*")),
            ("Resource".to_owned(), text("execute-api:/*")),
        ]);
        statement.extend(condition.map(|(test, networks)| {
            let condition = Node::map(at, [(test, Node::map(at, [("aws:SourceIp", networks)]))]);
            ("Condition".to_owned(), condition)
        }));
        Node { at: at.clone(), value: Value::Map(statement) }
    };
    let mut statements = Vec::new();
    match members.remove("CustomStatements") {
        Some(Node { value: Value::List(own), .. }) => statements.extend(own),
        Some(one @ Node { value: Value::Map(_), .. }) => statements.push(one),
        // Without its statements an API would be open.
        Some(other) => {
            let message = format!("`CustomStatements` must be a list or a map, found {}", other.kind());
            notes.refuse(&other.at, message);
        }
        None => {}
    }
    for (property, test) in [("IpRangeWhitelist", "NotIpAddress"), ("IpRangeBlacklist", "IpAddress")] {
        if let Some(networks) = members.remove(property) {
            statements.push(statement("Allow", None));
            statements.push(statement("Deny", Some((test, networks))));
        }
    }
    leftover_guards(members, "ResourcePolicy", &["CustomStatements", "IpRangeBlacklist", "IpRangeWhitelist"], notes);
    Node::map(at, [("Version", text("2012-10-17")), ("Statement", Node::list(at, statements))])
}

/// The security scheme of an authorizer: of pools, or of a function that gets the token or the request.
fn scheme(at: &Place, members: &mut Map, notes: &Notes) -> Node {
    let text = |text: &str| Node::text(at, text);
    let mut identity = match members.remove("Identity").and_then(|node| as_map(node, "`Identity`", notes)) {
        Some((_, map)) => map,
        None => Map::new(),
    };
    let header = identity.remove("Header").unwrap_or_else(|| text("Authorization"));
    let expression = identity.remove("ValidationExpression");
    let ttl = identity.remove("ReauthorizeEvery");
    let mut extension = Map::new();
    let mut name = header;
    if let Some(pools) = members.remove("UserPoolArn") {
        extension.insert("type".to_owned(), text("cognito_user_pools"));
        let is_list = matches!(pools.value, Value::List(_));
        extension.insert("providerARNs".to_owned(), if is_list { pools } else { Node::list(at, vec![pools]) });
        extension.extend(expression.map(|node| ("identityValidationExpression".to_owned(), node)));
    } else {
        let payload = members.remove("FunctionPayloadType");
        let payload = payload.and_then(|node| literal(&node, "FunctionPayloadType", notes));
        let of_request = payload.as_ref().is_some_and(|payload| payload.value == "REQUEST");
        if let Some(other) = payload.filter(|payload| !["REQUEST", "TOKEN"].contains(&payload.value.as_str())) {
            notes.refuse(&other.at, format!("`FunctionPayloadType` must be REQUEST or TOKEN, found {:?}", other.value));
        }
        extension.insert("type".to_owned(), text(if of_request { "request" } else { "token" }));
        extension.extend(members.remove("FunctionArn").map(|node| ("authorizerUri".to_owned(), node)));
        extension.extend(ttl.map(|node| ("authorizerResultTtlInSeconds".to_owned(), node)));
        if of_request {
            name = text("Unused");
            let sources = sources(&mut identity, "method.request", "", notes);
            let sources: Vec<&str> = sources.iter().filter_map(Node::as_text).collect();
            if !sources.is_empty() {
                extension.insert("identitySource".to_owned(), text(&sources.join(", ")));
            }
        } else {
            extension.extend(expression.map(|node| ("identityValidationExpression".to_owned(), node)));
        }
    }
    for meaningless in ["DisableFunctionDefaultPermissions", "FunctionInvokeRole"] {
        members.remove(meaningless);
    }
    let known = ["Context", "Header", "Headers", "QueryStrings", "ReauthorizeEvery", "StageVariables"];
    leftovers(identity, "Identity", &known, notes);
    let extension = Node { at: at.clone(), value: Value::Map(extension) };
    Node::map(at, [("type", text("apiKey")), ("name", name), ("in", text("header")), (AUTHORIZER, extension)])
}

fn add_schemes(body: &mut Map, at: &Place, guards: &Guards) {
    // That of the service's own signatures is there where it is asked for.
    let is_asked_for = |name: &str| {
        let asks = |operation: &Node| {
            let list = operation.get("security").and_then(Node::as_list).unwrap_or_default();
            list.iter().any(|one| one.get(name).is_some())
        };
        let paths = body.get("paths").and_then(Node::as_map);
        paths.into_iter().flatten().filter_map(|(_, path)| path.as_map()).flatten().any(|(_, node)| asks(node))
    };
    let mut schemes = guards.schemes.clone();
    if !is_asked_for("AWS_IAM") {
        schemes.remove("AWS_IAM");
    }
    if schemes.is_empty() {
        return;
    }
    let known = if body.contains_key("swagger") {
        inner_map(body, "securityDefinitions", at)
    } else {
        inner_map(body, "components", at).and_then(|components| inner_map(components, "securitySchemes", at))
    };
    if let Some(known) = known {
        known.extend(schemes);
    }
}

fn add_paths(body: &mut Map, at: &Place, routes: &[Route], guards: &Guards, notes: &Notes) {
    let Some(paths) = inner_map(body, "paths", at) else { return };
    for route in routes {
        let (Some(path), Some(method)) = (&route.path, &route.method) else { continue };
        let method = verb(method);
        let operation = operation(route, guards, notes);
        let Some(operations) = inner_map(paths, path, &route.at) else {
            notes.refuse(&route.at, format!("the document has no map for {path}"));
            continue;
        };
        if operations.insert(method.clone(), operation).is_some() {
            notes.refuse(&route.at, format!("{method} {path} is there already"));
        }
    }
}

/// A method as documents write it.
fn verb(method: &str) -> String {
    match method.to_ascii_lowercase().as_str() {
        "any" | ANY => ANY.to_owned(),
        other => other.to_owned(),
    }
}

fn operation(route: &Route, guards: &Guards, notes: &Notes) -> Node {
    let at = &route.at;
    let text = |text: &str| Node::text(at, text);
    let mut members = Map::new();
    let uri = route.calls(&mut members);
    let mut integration = Map::from([
        ("type".to_owned(), text("aws_proxy")),
        ("httpMethod".to_owned(), text("POST")),
        ("uri".to_owned(), uri),
    ]);
    integration.extend(route.timeout.clone().map(|timeout| ("timeoutInMillis".to_owned(), timeout)));
    let integration = Node { at: at.clone(), value: Value::Map(integration) };
    members.insert(INTEGRATION.to_owned(), integration);
    // The default comes with the methods that the document itself has.
    guards.stand_before(route, None, &mut members, notes);
    Node { at: at.clone(), value: Value::Map(members) }
}

/// Puts what says nothing of its own behind the default authorizer, and preflight requests too unless told otherwise.
fn guard(body: &mut Map, auth: &Auth) {
    let Some(default) = &auth.guards.default else { return };
    let Some(Node { value: Value::Map(paths), .. }) = body.get_mut("paths") else { return };
    for operations in paths.values_mut() {
        let Value::Map(operations) = &mut operations.value else { continue };
        for (method, operation) in operations {
            let at = operation.at.clone();
            let Value::Map(members) = &mut operation.value else { continue };
            let is_method = members.contains_key(INTEGRATION);
            if is_method && (auth.guards_preflight || method != "options") {
                auth.guards.stand_behind(default, &at, members);
            }
        }
    }
}

/// Names the key of the API in every method that asks for one.
fn ask_for_keys(body: &mut Map, routes: &[Route], auth: &mut Auth, notes: &Notes) {
    let Some(Node { value: Value::Map(paths), .. }) = body.get_mut("paths") else { return };
    for (path, operations) in paths {
        let Value::Map(operations) = &mut operations.value else { continue };
        for (method, operation) in operations {
            let of_event = |route: &&Route| {
                route.path.as_ref() == Some(path) && route.method.as_deref().map(verb).as_ref() == Some(method)
            };
            let said = routes.iter().find(of_event).and_then(|route| switch(route.auth.get(KEYS), KEYS, notes));
            let usual = auth.keys && (method != "options" || auth.keys_preflight);
            let at = operation.at.clone();
            let Value::Map(members) = &mut operation.value else { continue };
            if !said.unwrap_or(usual) || !members.contains_key(INTEGRATION) {
                continue;
            }
            let text = |text: &str| Node::text(&at, text);
            let scheme = [("type", text("apiKey")), ("name", text("x-api-key")), ("in", text("header"))];
            auth.guards.schemes.entry(API_KEY.to_owned()).or_insert_with(|| Node::map(&at, scheme));
            let security = members.entry("security".to_owned()).or_insert_with(|| Node::list(&at, Vec::new()));
            if let Value::List(requirements) = &mut security.value {
                requirements.push(Node::map(&at, [(API_KEY, Node::list(&at, Vec::new()))]));
            }
        }
    }
}

/// `Cors`: answers for browsers that ask if they may ask. Methods that are there already are left alone.
fn add_preflight(body: &mut Map, cors: &Node, notes: &Notes) {
    let at = &cors.at;
    let text = |text: &str| Node::text(at, text);
    let mut settings = match &cors.value {
        Value::Map(map) if !map.keys().any(|key| key == "Ref" || key.starts_with("Fn::")) => map.clone(),
        _ => Map::from([("AllowOrigin".to_owned(), cors.clone())]),
    };
    let origin = settings.remove("AllowOrigin").unwrap_or_else(|| text("'*'"));
    let (headers, methods) = (settings.remove("AllowHeaders"), settings.remove("AllowMethods"));
    let age = settings.remove("MaxAge");
    let credentials = settings.remove("AllowCredentials");
    let credentials = credentials.filter(|node| switch(Some(node), "AllowCredentials", notes) == Some(true));
    let known = ["AllowCredentials", "AllowHeaders", "AllowMethods", "AllowOrigin", "MaxAge"];
    leftovers(settings, "Cors", &known, notes);
    if credentials.is_some() && origin.as_text() == Some("'*'") {
        notes.refuse(at, "`AllowCredentials` of `Cors` needs an `AllowOrigin` other than '*'");
    }
    let Some(Node { value: Value::Map(paths), .. }) = body.get_mut("paths") else { return };
    for operations in paths.values_mut() {
        let Value::Map(operations) = &mut operations.value else { continue };
        if operations.contains_key("options") {
            continue;
        }
        let mut own: BTreeSet<String> = operations.keys().map(|method| method.to_ascii_uppercase()).collect();
        own.insert("OPTIONS".to_owned());
        if operations.contains_key(ANY) {
            own = EVERY_METHOD.map(str::to_owned).into();
        }
        let own = own.into_iter().collect::<Vec<_>>().join(",");
        let members = [
            ("Origin", Some(origin.clone())),
            ("Headers", headers.clone()),
            ("Methods", Some(methods.clone().unwrap_or_else(|| text(&format!("'{own}'"))))),
            ("Credentials", credentials.as_ref().map(|_| text("'true'"))),
        ];
        let header = |(name, value): (&str, Option<Node>)| {
            Some((format!("method.response.header.Access-Control-Allow-{name}"), value?))
        };
        let mut parameters: Map = members.into_iter().filter_map(header).collect();
        parameters.extend(age.clone().map(|age| ("method.response.header.Access-Control-Max-Age".to_owned(), age)));
        let answer = Node::map(
            at,
            [
                ("statusCode", text("200")),
                ("responseTemplates", Node::map(at, [("application/json", text("{}\n"))])),
                ("responseParameters", Node { at: at.clone(), value: Value::Map(parameters) }),
            ],
        );
        let integration = Node::map(
            at,
            [
                ("type", text("mock")),
                ("requestTemplates", Node::map(at, [("application/json", text("{\"statusCode\" : 200}"))])),
                ("responses", Node::map(at, [("default", answer)])),
            ],
        );
        operations.insert("options".to_owned(), Node::map(at, [(INTEGRATION, integration)]));
    }
}

/// `GatewayResponses`, whose parameters go by the part of the answer that they stand in.
fn add_gateway_responses(body: &mut Map, node: Node, notes: &Notes) {
    let at = node.at.clone();
    let Some((_, responses)) = as_map(node, "`GatewayResponses`", notes) else { return };
    let mut written = Map::new();
    for (kind, node) in responses {
        let at = node.at.clone();
        let Some((_, mut members)) = as_map(node, &format!("the gateway response {kind}"), notes) else { continue };
        let mut response = Map::new();
        response.extend(members.remove("StatusCode").map(|node| ("statusCode".to_owned(), node)));
        response.extend(members.remove("ResponseTemplates").map(|node| ("responseTemplates".to_owned(), node)));
        if let Some((at, mut parts)) =
            members.remove("ResponseParameters").and_then(|node| as_map(node, "`ResponseParameters`", notes))
        {
            let mut parameters = Map::new();
            for (part, before) in [("Headers", "header"), ("Paths", "path"), ("QueryStrings", "querystring")] {
                let Some((_, values)) = parts.remove(part).and_then(|node| as_map(node, part, notes)) else { continue };
                let named = |(name, node)| (format!("gatewayresponse.{before}.{name}"), node);
                parameters.extend(values.into_iter().map(named));
            }
            leftovers(parts, "ResponseParameters", &["Headers", "Paths", "QueryStrings"], notes);
            response.insert("responseParameters".to_owned(), Node { at, value: Value::Map(parameters) });
        }
        let known = ["ResponseParameters", "ResponseTemplates", "StatusCode"];
        leftovers(members, &format!("the gateway response {kind}"), &known, notes);
        written.insert(kind, Node { at, value: Value::Map(response) });
    }
    body.insert("x-amazon-apigateway-gateway-responses".to_owned(), Node { at, value: Value::Map(written) });
}
