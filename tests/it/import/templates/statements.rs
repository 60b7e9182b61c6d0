//! What a template says and what is made of it, statement by statement: built, or told of by its name, and never passed over.

use poolhouse::config::api::Integration;

use super::{API, mistakes, read};

fn is_told(text: &str, said: &str) {
    let found = mistakes(text);
    assert!(found.iter().any(|line| line.starts_with("t.yaml:") && line.contains(said)), "{said}\n{found:#?}");
}

/// A template with one part in the place of another.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

#[test]
fn overrides_change_what_quick_creation_made_and_nothing_else() {
    let overrides = "Overrides: {Type: AWS::ApiGatewayV2::ApiGatewayManagedOverrides, Properties: {ApiId: !Ref Api, \
                     Route: {OperationName: all}, Integration: {TimeoutInMillis: 1000, IntegrationMethod: GET}, \
                     Stage: {AutoDeploy: true, StageVariables: {a: b}}}}";
    let quick = replaced(API, "ProtocolType: HTTP}", "ProtocolType: HTTP, Target: 'http://127.0.0.1:2/quick'}");
    let quick = replaced(
        &quick,
        "  Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Api, StageName: $default, AutoDeploy: true}}",
        &format!("  {overrides}"),
    );
    let loaded = read(&quick, |_| {});
    let api = &loaded.config.apis[0];
    let route = |key: &str| api.routes.iter().find(|route| route.key == key).unwrap();
    let (made, own) = (route("$default"), route("ANY /{proxy+}"));
    assert_eq!((made.timeout_in_millis, own.timeout_in_millis), (1000, 30_000));
    assert_eq!((made.authorizer.is_some(), own.authorizer.is_some(), own.scopes.len()), (false, true, 1));
    let Integration::Http { url, method } = &made.integration else { panic!("{:?}", made.integration) };
    assert_eq!((&*url.value, method.as_deref()), ("http://127.0.0.1:2/quick", Some("GET")));
    assert_eq!(api.stages["$default"].stage_variables["a"], "b");

    // A guard that is not built closes that route alone.
    let iam = replaced(&quick, "OperationName: all", "AuthorizationType: AWS_IAM");
    let api = &read(&iam, |flags| flags.ignore_warnings = true).config.apis[0];
    let route = |key: &str| api.routes.iter().find(|route| route.key == key).unwrap();
    assert!(matches!(route("$default").integration, Integration::Respond { status: 403, .. }));
    assert!(matches!(route("ANY /{proxy+}").integration, Integration::Http { .. }));
    is_told(&format!("{API}  {overrides}\n"), "the API was not created by a `Target`");
}

#[test]
fn a_deployment_deploys_the_stage_that_it_names() {
    let text = replaced(API, "AutoDeploy: true", "Description: later");
    is_told(&text, "and no deployment names it");
    let deployment = |stage: &str| {
        let kind = "AWS::ApiGatewayV2::Deployment";
        format!("{text}  Deployed: {{Type: {kind}, Properties: {{ApiId: !Ref Api, StageName: {stage}}}}}\n")
    };
    let api = &read(&deployment("$default"), |_| {}).config.apis[0];
    assert_eq!(api.stages.keys().collect::<Vec<_>>(), ["$default"]);
    is_told(&deployment("live"), "the deployment names no stage of its API: live");
}

/// A resource that is not made could be the guard of one that is.
#[test]
fn a_condition_that_cannot_be_read_is_a_mistake() {
    let with = |condition: &str, of_stage: &str| {
        let text = replaced(API, "  Stage: {Type", &format!("  Stage: {{Condition: {of_stage}, Type"));
        format!("Conditions:\n  IsOn: {condition}{text}")
    };
    for (condition, of_stage, said) in [
        ("!And a", "IsOn", "`Fn::And` needs a list of conditions, found"),
        ("!Or {a: b}", "IsOn", "`Fn::Or` needs a list of conditions, found a map"),
        ("!Not [!Or a]", "IsOn", "`Fn::Or` needs a list of conditions"),
        ("!Equals [a, a]", "!Equals [a, b]", "`Condition` of Stage must name a condition, found a map"),
    ] {
        is_told(&with(condition, of_stage), said);
    }
    assert_eq!(read(&with("!Not [!Equals [a, b]]", "IsOn"), |_| {}).config.apis[0].stages.len(), 1);
}

#[test]
fn a_document_that_has_no_operations_where_they_belong_is_a_mistake() {
    let text = "openapi: 3.0.1\ninfo: {title: t, version: '1'}\npaths:\n  /a: nothing\n";
    is_told(text, "`paths` has no map for /a, found");
    let text = "openapi: 3.0.1\ninfo: {title: t, version: '1'}\npaths:\n  /a:\n    get:\n      security:\n      \
                x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: 'http://127.0.0.1:1'}\n";
    is_told(text, "`security` of GET /a must be a list");
    is_told(&replaced(text, "security:", "security: [jwt]"), "`security` of GET /a must hold maps");
}

#[test]
fn functions_are_called_with_post_whatever_a_template_says() {
    let function = "arn:aws:lambda:us-east-1:123456789012:function:hello";
    let text = replaced(
        API,
        "IntegrationType: HTTP_PROXY, IntegrationMethod: ANY",
        "IntegrationType: AWS_PROXY, IntegrationMethod: GET",
    );
    let text = replaced(&text, "http://127.0.0.1:1/{proxy}", function);
    let hello = "  Hello: {Type: AWS::Lambda::Function, Properties: {FunctionName: hello, Runtime: nodejs22.x, Handler: index.handler, \
                 Role: x, Code: {ZipFile: 'exports.handler = async () => 1'}}}\n";
    let told = |text: &str| {
        let notices = read(text, |_| {}).notices;
        notices.iter().any(|notice| notice.message.contains("functions are called with POST"))
    };
    assert!(told(&format!("{text}{hello}")));
    assert!(!told(&format!("{}{hello}", text.replace("IntegrationMethod: GET", "IntegrationMethod: POST"))));
}

#[test]
fn a_serverless_template_is_told_of_what_it_cannot_mean() {
    let of = |kind: &str, properties: &str| {
        let head = "Transform: AWS::Serverless-2016-10-31\nResources:\n";
        format!("{head}  It: {{Type: 'AWS::{kind}', Properties: {{StageName: v1, {properties}}}}}\n")
    };
    let function = |events: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31\nResources:\n  Pool: {{Type: AWS::Cognito::UserPool}}\n  F: {{Type: \
             AWS::Serverless::Function, Properties: {{Runtime: nodejs22.x, Handler: index.handler, InlineCode: 'exports.handler = \
             async () => 1', Events: {{E: {events}}}}}}}\n"
        )
    };
    let judge = "FunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:judge'";
    for (text, said) in [
        (
            "Transform: AWS::Serverless-2016-10-31\nGlobals: {Function: fast}\nResources: {}\n".to_owned(),
            "`Globals.Function` must be a map",
        ),
        (of("Serverless::HttpApi", "RouteSettings: fast"), "`RouteSettings` must be a map"),
        (of("Serverless::HttpApi", "CorsConfiguration: \"'*'\""), "`CorsConfiguration` must be true, a list or a map"),
        (
            of(
                "Serverless::HttpApi",
                &format!("Auth: {{Authorizers: {{a: {{{judge}, Identity: {{Headers: Authorization}}}}}}}}"),
            ),
            "`Headers` of an `Identity` must be a list",
        ),
        (
            of("Serverless::Api", &format!("Auth: {{Authorizers: {{a: {{{judge}, FunctionPayloadType: Request}}}}}}")),
            "`FunctionPayloadType` must be REQUEST or TOKEN",
        ),
        (
            of("Serverless::Api", "Auth: {ResourcePolicy: {CustomStatements: deny}}"),
            "`CustomStatements` must be a list or a map",
        ),
        (function("{Type: Cognito, Properties: {UserPool: !Ref Pool}}"), "a Cognito event has no `Trigger`"),
        (function("{Type: Cognito, Properties: {UserPool: !Ref Pool, Trigger: {a: b}}}"), "`Trigger` must be a text"),
    ] {
        is_told(&text, said);
    }
    for (kind, event) in
        [("HttpApi", "HttpApi, Properties: {ApiId: !Ref Api"), ("Api", "Api, Properties: {RestApiId: !Ref Api")]
    {
        let (document, version) = if kind == "Api" { ("swagger", "2.0") } else { ("openapi", "3.0.1") };
        let text = function(&format!("{{Type: {event}, Path: /a, Method: get}}}}"));
        let body = format!("{{{document}: '{version}', info: {{title: t, version: '1'}}, paths: {{/a: nothing}}}}");
        let api = format!(
            "  Api: {{Type: 'AWS::Serverless::{kind}', Properties: {{StageName: v1, DefinitionBody: {body}}}}}\n"
        );
        is_told(&format!("{text}{api}"), "the document has no map for /a");
    }
}

/// As an HTTP API it would answer requests that it was never meant for.
#[test]
fn a_websocket_api_is_left_out_with_all_its_parts() {
    let chat = "  Chat: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: chat, ProtocolType: WEBSOCKET, \
                RouteSelectionExpression: $request.body.action}}\n  Hook: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: \
                !Ref Chat, IntegrationType: HTTP_PROXY, IntegrationUri: 'http://127.0.0.1:1/', IntegrationMethod: POST}}\n  Connect: \
                {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Chat, RouteKey: $connect, Target: !Sub \
                'integrations/${Hook}'}}\n  Live: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Chat, StageName: v1, \
                AutoDeploy: true}}\n";
    let text = format!("{API}{chat}");
    let found = mistakes(&text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("APIs of the type WEBSOCKET are not supported"));
    let apis = &read(&text, |flags| flags.ignore_warnings = true).config.apis;
    assert_eq!(apis.iter().map(|api| api.name.as_str()).collect::<Vec<_>>(), ["a"]);
}
