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
