//! Templates: what they become, and what is said of what they cannot become.

mod serverless;
mod statements;
mod together;

use std::{fs, path::Path};

use poolhouse::{
    config::{
        Flags, Sources,
        api::{Authorizer, Integration, Issuer, PayloadFormat},
        function::Runs,
    },
    flows::{clients, groups, pools, users},
    import::{self, Loaded},
    store,
};

use crate::api::town::towns;

/// Loads templates as the command line does, with inline code in a folder of its own.
pub(super) fn load_with(files: &[&str], change: impl FnOnce(&mut Flags)) -> Result<Loaded, Vec<String>> {
    let mut flags = Flags { templates: files.iter().map(|file| (*file).to_owned()).collect(), ..Flags::default() };
    change(&mut flags);
    let empty = tempfile::tempdir().unwrap();
    let file = empty.path().join("poolhouse.toml");
    fs::write(&file, "").unwrap();
    let code = std::env::temp_dir().join(format!("poolhouse-test-{}", std::process::id()));
    let sources = Sources { file: Some(file), environment: Vec::new(), flags };
    import::load(&sources, Some(code)).map_err(|all| all.iter().map(ToString::to_string).collect())
}

pub(super) fn load(file: &str) -> Result<Loaded, Vec<String>> {
    load_with(&[file], |_| {})
}

/// A template of this text, and what is said of it; its file is called `t.yaml`.
pub(super) fn mistakes(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yaml");
    fs::write(&file, text).unwrap();
    let shown = file.display().to_string();
    let said = match load(&shown) {
        Ok(loaded) => panic!("{:?}", loaded.config.pools),
        Err(said) => said,
    };
    said.into_iter().map(|line| line.replace(&shown, "t.yaml")).filter(|line| !line.starts_with("templates:")).collect()
}

pub(super) fn read(text: &str, change: impl FnOnce(&mut Flags)) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yaml");
    fs::write(&file, text).unwrap();
    load_with(&[&file.display().to_string()], change).unwrap_or_else(|said| panic!("{said:#?}"))
}

#[test]
fn a_cloud_assembly_with_a_python_function_is_read_unchanged() {
    let loaded = load("tests/templates/hello.cdk.out").unwrap_or_else(|said| panic!("{said:#?}"));
    let config = &loaded.config;
    let (pool, api, function) = (&config.pools[0], &config.apis[0], &config.functions[0]);
    assert!(pool.id.starts_with("us-east-1_") && pool.id.len() == 19, "{}", pool.id);
    assert_eq!(pool.settings.value["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"], true);
    let client = &pool.clients[0];
    assert_eq!(client.settings.value["AccessTokenValidity"], 1440);
    assert_eq!(client.settings.value["TokenValidityUnits"]["IdToken"], "minutes");
    let Runs::Command { command, directory } = &function.runs else { panic!("{:?}", function.runs) };
    assert_eq!(command, &["python3", "-m", "awslambdaric", "lambda_function.lambda_handler"]);
    assert!(directory.join("lambda_function.py").is_file());
    assert_eq!(function.timeout.as_secs(), 40);
    let Authorizer::Jwt(authorizer) = &api.authorizers["jwtAuth"] else { panic!("{:?}", api.authorizers) };
    let issuer = format!("https://cognito-idp.us-east-1.amazonaws.com/{}", pool.id);
    assert_eq!(authorizer.issuer, Issuer::Url(issuer));
    assert_eq!(authorizer.audience[0].value, client.id);
    assert_eq!(api.stages.keys().collect::<Vec<_>>(), ["api"]);
    assert_eq!(api.cors.as_ref().unwrap().max_age, Some(123));
    let route = &api.routes[0];
    assert_eq!((route.key.as_str(), route.authorizer.as_ref().unwrap().value.as_str()), ("GET /hello", "jwtAuth"));
    assert!(matches!(&route.integration, Integration::Function { name, .. } if name.value == function.name));
    // Said, not refused: roles and the assembly's own metadata.
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert!(loaded.notices.iter().any(|notice| notice.message.contains("AWS::IAM::Role means nothing here")));
    assert!(loaded.files.iter().any(|file| file.ends_with("manifest.json")));
    let place = &pool.clients[0].at;
    assert!(place.source.ends_with("HttpApiGatewayJwtCognitoStack.template.json") && place.line > 1, "{place}");
}

#[test]
fn ids_stay_the_same_and_can_be_pinned() {
    let hello = "tests/templates/hello.cdk.out";
    let (first, second) = (load(hello).unwrap().config, load(hello).unwrap().config);
    assert_eq!(first.pools[0].id, second.pools[0].id);
    assert_eq!(first.pools[0].clients[0].id, second.pools[0].clients[0].id);
    let pin = |logical: &str, id: &str| load_with(&[hello], |flags| flags.ids.push((logical.into(), id.into())));
    let pinned = pin("UserPool6BA7E5F2", "us-east-1_Pinned001").unwrap().config;
    assert_eq!(pinned.pools[0].id, "us-east-1_Pinned001");
    let Authorizer::Jwt(authorizer) = &pinned.apis[0].authorizers["jwtAuth"] else { panic!() };
    assert!(matches!(&authorizer.issuer, Issuer::Url(url) if url.ends_with("/us-east-1_Pinned001")));
    let unknown = pin("UserPool6BA7E5F3", "us-east-1_Pinned001").err().unwrap();
    assert!(unknown[0].contains("no pool, client or API has the logical id UserPool6BA7E5F3"), "{unknown:?}");
    assert!(unknown[0].contains("did you mean `UserPool6BA7E5F2`"), "{unknown:?}");
    let wrong = pin("UserPool6BA7E5F2", "no pool").err().unwrap();
    assert!(wrong.iter().any(|line| line.contains("`pool.id` must be")), "{wrong:?}");
}

#[tokio::test]
async fn applying_a_template_twice_changes_nothing() {
    for town in towns().await {
        let cx = town.cx();
        let loaded = load("tests/templates/groups.yaml").unwrap_or_else(|said| panic!("{said:#?}"));
        assert_eq!(import::check(&loaded.config), []);
        import::apply(&cx, &loaded.config).await.unwrap();
        let id = &loaded.config.pools[0].id;
        let (pool, admin) = users::find(&cx, id, "adminuser").await.unwrap();
        assert_eq!(pool.name, "groups");
        assert_eq!(groups::all_names(&cx, id).await.unwrap(), ["admin", "regular"]);
        let held = store::groups::of_user(&mut cx.read().await.unwrap(), id, &admin.sub, "", 9).await.unwrap();
        assert_eq!(held.len(), 2);
        assert_eq!(clients::all_ids(&cx, id).await.unwrap().len(), 2);
        import::apply(&cx, &loaded.config).await.unwrap();
        assert_eq!(users::find(&cx, id, "adminuser").await.unwrap().1, admin);
        assert!(pools::all_ids(&cx).await.unwrap().contains(id));
    }
}

/// A configuration without the places and ids in which its sources differ.
pub(super) fn bare(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:#?}");
    let places = regex_lite(&text);
    places.replace(char::is_whitespace, "")
}

fn regex_lite(text: &str) -> String {
    let mut kept = String::new();
    let mut depth = 0;
    for line in text.lines() {
        let trimmed = line.trim_start();
        if depth == 0 && trimmed.contains("Place {") {
            depth = 1;
            continue;
        }
        if depth > 0 {
            depth += usize::from(trimmed.ends_with('{'));
            depth -= usize::from(trimmed.starts_with('}'));
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

#[test]
fn a_serverless_template_becomes_what_the_services_own_transform_makes_of_it() {
    let ours = load("tests/templates/groups.yaml").unwrap_or_else(|said| panic!("{said:#?}")).config;
    let theirs = load_with(&["tests/templates/transformed/groups.json"], |flags| flags.ignore_warnings = true);
    let theirs = theirs.unwrap_or_else(|said| panic!("{said:#?}")).config;
    assert_eq!(bare(&ours.apis), bare(&theirs.apis));
    assert_eq!(bare(&ours.pools), bare(&theirs.pools));
    assert!(bare(&ours.apis).contains("GET/AdminUser"));
}

#[test]
fn assembly_and_serverless_template_ask_for_the_same_routes() {
    let serverless = load("tests/templates/groups.yaml").unwrap().config;
    let assembly = load("tests/templates/groups.cdk.out").unwrap_or_else(|said| panic!("{said:#?}")).config;
    for config in [&serverless, &assembly] {
        let (pool, api) = (&config.pools[0], &config.apis[0]);
        let Some(Authorizer::Jwt(authorizer)) = api.authorizers.values().next() else { panic!() };
        let web = &authorizer.audience[0].value;
        let mut routes: Vec<_> = api.routes.iter().map(|route| (route.key.clone(), route.scopes.clone())).collect();
        routes.sort();
        let wanted = [("GET /AdminUser", "admin"), ("GET /RegularUser", "regular")];
        assert_eq!(routes, wanted.map(|(key, group)| (key.to_owned(), vec![format!("{group}-{web}")])));
        assert_eq!(pool.users[0].groups.len() + pool.users[1].groups.len(), 3);
        assert!(config.functions.iter().all(|function| matches!(function.runs, Runs::Script(_))));
        assert!(pool.settings.value["LambdaConfig"]["PreTokenGeneration"].as_str().unwrap().contains(":function:"));
    }
}

#[test]
fn an_openapi_document_stands_in_front_of_pools_and_functions_of_the_configuration() {
    let flags = Flags { templates: vec!["tests/templates/groups.openapi.yaml".to_owned()], ..Flags::default() };
    let sources = Sources { file: Some("poolhouse.toml".into()), environment: Vec::new(), flags };
    let config = import::load(&sources, None).unwrap_or_else(|said| panic!("{said:#?}")).config;
    let api = config.apis.iter().find(|api| api.routes.len() == 2 && api.at.source.ends_with("groups.openapi.yaml"));
    let api = api.unwrap();
    assert_eq!(api.routes[0].scopes, ["admin-1example23456789abcdefghij"]);
    let Authorizer::Jwt(authorizer) = &api.authorizers["JWTAuth"] else { panic!() };
    let issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Example01";
    assert_eq!(authorizer.issuer, Issuer::Url(issuer.to_owned()));
    assert!(matches!(&api.routes[0].integration, Integration::Function { name, .. } if name.value == "admin-user"));
}

const FUNCTIONS: &str = r#"
Parameters:
  Stage: {Type: String, Default: dev, AllowedValues: [dev, prod]}
  Names: {Type: CommaDelimitedList, Default: "one, two"}
Mappings:
  Days: {dev: {Refresh: 1}, prod: {Refresh: 30}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsDev: !Not [!Condition IsProd]
  Either: !Or [!Condition IsProd, !Condition IsDev]
Resources:
  Pool:
    Type: AWS::Cognito::UserPool
    Properties:
      UserPoolName: !Sub "${AWS::StackName}-${Stage}-${Own}"
      DeletionProtection: !If [IsProd, ACTIVE, !Ref "AWS::NoValue"]
"#;

#[test]
fn functions_parameters_mappings_and_conditions_are_followed() {
    let text = FUNCTIONS.replace(
        "\"${AWS::StackName}-${Stage}-${Own}\"",
        "[\"${AWS::StackName}-${Stage}-${Own}\", {Own: !Select [1, !Ref Names]}]",
    ) + r#"
  Client:
    Type: AWS::Cognito::UserPoolClient
    Condition: Either
    Properties:
      UserPoolId: !Ref Pool
      ClientName: !Join ["-", [!Select [0, !Split [",", "a,b"]], !Ref "AWS::Region"]]
      RefreshTokenValidity: !FindInMap [Days, !Ref Stage, Refresh]
      EnableTokenRevocation: "true"
  Never:
    Type: AWS::DynamoDB::Table
    Condition: IsProd
Outputs:
  Arn: {Value: !GetAtt Pool.Arn}
  Url: {Value: !Sub "${Pool.ProviderURL}/${!literal}"}
"#;
    let loaded = read(&text, |_| {});
    let pool = &loaded.config.pools[0];
    assert_eq!(pool.name, "t-dev-two");
    assert!(!pool.settings.value.contains_key("DeletionProtection"));
    let client = &pool.clients[0];
    assert_eq!(client.name, "a-us-east-1");
    assert_eq!(client.settings.value["RefreshTokenValidity"], 1);
    assert_eq!(client.settings.value["EnableTokenRevocation"], true);
    let output = |name: &str| loaded.outputs.iter().find(|(_, known, _)| known == name).unwrap().2.clone();
    assert_eq!(output("Arn"), format!("arn:aws:cognito-idp:us-east-1:123456789012:userpool/{}", pool.id));
    assert!(output("Url").ends_with("/${literal}"));
    let in_prod = text.replace("Never:\n    Type: AWS::DynamoDB::Table", "Never:\n    Type: AWS::IAM::Role");
    let loaded = read(&in_prod, |flags| flags.parameters.push(("Stage".into(), "prod".into())));
    assert_eq!(loaded.config.pools[0].settings.value["DeletionProtection"], "ACTIVE");
    assert_eq!(loaded.config.pools[0].clients[0].settings.value["RefreshTokenValidity"], 30);
}

#[test]
fn every_mistake_is_named_with_its_line() {
    let pool =
        |line: &str| format!("Resources:\n  Pool:\n    Type: AWS::Cognito::UserPool\n    Properties:\n      {line}\n");
    for (text, said) in [
        (pool("UserPolName: x"), "t.yaml:5: `UserPolName` of Pool is not supported (did you mean `UserPoolName`?)"),
        (pool("MfaConfiguration: !Ref Nobody"), "t.yaml:5: there is no resource or parameter Nobody"),
        (
            pool("UserPoolName: !GetAtt Pool.Color"),
            "t.yaml:5: `Color` of Pool, an AWS::Cognito::UserPool, has no value here",
        ),
        (pool("UserPoolName: !Transform x"), "t.yaml:5: the function `Fn::Transform` is not supported"),
        (pool("UserPoolName: !Sub '${Pool'"), "t.yaml:5: `Fn::Sub` has a `${` without its `}`"),
        (pool("UserPoolName: [a]"), "t.yaml:5: `UserPoolName` of Pool must be a single value, found a list"),
        (
            "Resources:\n  T:\n    Type: AWS::DynamoDB::Table\n".into(),
            "t.yaml:3: T: AWS::DynamoDB::Table is not supported",
        ),
        (
            "Resources:\n  T:\n    Type: AWS::Cognito::UserPol\n".into(),
            "t.yaml:3: T: AWS::Cognito::UserPol is not supported (did you mean `AWS::Cognito::UserPool`?)",
        ),
        ("Resources: {}\nTransfrom: x\n".into(), "t.yaml:2: unknown section `Transfrom`"),
        ("just text\n".into(), "t.yaml:1: this is no template: it has neither `Resources` nor `openapi`"),
        ("Resources:\n  Pool: [\n".into(), "t.yaml:3: "),
    ] {
        let found = mistakes(&text);
        assert!(found.iter().any(|line| line.starts_with(said)), "{said}\n{found:#?}");
    }
}

const API: &str = r#"
Resources:
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP}}
  Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Api, StageName: $default, AutoDeploy: true}}
  Backend: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: !Ref Api, IntegrationType: HTTP_PROXY, IntegrationMethod: ANY, IntegrationUri: "http://127.0.0.1:1/{proxy}", PayloadFormatVersion: 1.0}}
  Jwt:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties: {ApiId: !Ref Api, Name: jwt, AuthorizerType: JWT, IdentitySource: ["$request.header.Authorization"], JwtConfiguration: {Issuer: "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Elsewhere", Audience: [c]}}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: "ANY /{proxy+}", Target: !Sub "integrations/${Backend}", AuthorizationType: JWT, AuthorizerId: !Ref Jwt, AuthorizationScopes: [a]}
"#;

#[test]
fn no_route_is_opened_by_what_is_not_understood() {
    let config = read(API, |_| {}).config;
    assert_eq!((config.apis[0].routes.len(), &*config.apis[0].routes[0].scopes[0]), (1, "a"));
    for (from, to, said) in [
        (
            "AuthorizationType: JWT",
            "AuthorizationType: AWS_IAM",
            "`AuthorizationType` AWS_IAM is not supported; the route is closed",
        ),
        (
            "AuthorizationType: JWT",
            "AuthorizationType: CUSTOM",
            "Setting the authorization type to CUSTOM requires a valid authorizer",
        ),
        ("AuthorizationType: JWT, AuthorizerId: !Ref Jwt", "AuthorizationType: JWT", "needs an `AuthorizerId`"),
        ("AuthorizationType: JWT, ", "", "`AuthorizerId` needs an `AuthorizationType` JWT or CUSTOM"),
        ("AuthorizerType: JWT", "AuthorizerType: PASSKEY", "authorizers of the type PASSKEY are not supported"),
        ("AutoDeploy: true", "AutoDeploy: false", "neither `DeploymentId` nor `AutoDeploy`"),
        ("us-east-1.amazonaws", "us-east1.amazonaws", "names no region: \"us-east1\" is none such as us-east-1"),
        ("ProtocolType: HTTP", "ProtocolType: WEBSOCKET", "APIs of the type WEBSOCKET are not supported"),
        ("HTTP_PROXY,", "HTTP_PROXY, ConnectionType: VPC_LINK,", "`ConnectionType` VPC_LINK is not supported"),
        ("integrations/${Backend}", "integrations/none", "has no such integration: none"),
        ("Target: !Sub \"integrations/${Backend}\", ", "", "has no `Target`: it answers 500"),
        ("Audience: [c]", "Audience: []", "must name a client"),
    ] {
        let text = API.replace(from, to);
        assert_ne!(text, API, "{from}");
        let found = mistakes(&text);
        assert!(found.iter().any(|line| line.starts_with("t.yaml:") && line.contains(said)), "{said}\n{found:#?}");
    }
    // Whoever ignores warnings gets closed routes, never open ones, and what is broken keeps its guard.
    let ignored = |from: &str, to: &str| {
        let config = read(&API.replace(from, to), |flags| flags.ignore_warnings = true).config;
        let [route] = &config.apis[0].routes[..] else { panic!("{:?}", config.apis[0].routes) };
        let Integration::Respond { status, .. } = &route.integration else { panic!("{:?}", route.integration) };
        (*status, route.authorizer.is_some())
    };
    assert_eq!(ignored("AuthorizationType: JWT", "AuthorizationType: AWS_IAM"), (403, false));
    assert_eq!(ignored("HTTP_PROXY,", "HTTP_PROXY, ConnectionType: VPC_LINK,"), (500, true));
    assert_eq!(ignored("Target: !Sub \"integrations/${Backend}\", ", ""), (500, true));
}

#[test]
fn quick_creation_and_its_overrides_make_one_guarded_route() {
    let text = r#"
Resources:
  Function:
    Type: AWS::Lambda::Function
    Properties: {Runtime: nodejs22.x, Handler: index.handler, Role: x, Code: {ZipFile: "exports.handler = async () => 'hi'"}}
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: quick, ProtocolType: HTTP, Target: !GetAtt Function.Arn}}
  Jwt:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties: {ApiId: !Ref Api, Name: jwt, AuthorizerType: JWT, IdentitySource: [$request.querystring.access_token], JwtConfiguration: {Issuer: "https://issuer.example", Audience: [c]}}
  Overrides:
    Type: AWS::ApiGatewayV2::ApiGatewayManagedOverrides
    Properties: {ApiId: !Ref Api, Integration: {TimeoutInMillis: 1000, PayloadFormatVersion: "1.0"}, Route: {AuthorizationType: JWT, AuthorizerId: !Ref Jwt, AuthorizationScopes: [email]}, Stage: {DefaultRouteSettings: {ThrottlingRateLimit: 5, ThrottlingBurstLimit: 2}}}
"#;
    let config = read(text, |_| {}).config;
    let (api, route) = (&config.apis[0], &config.apis[0].routes[0]);
    assert_eq!((route.key.as_str(), route.timeout_in_millis, &*route.scopes[0]), ("$default", 1000, "email"));
    assert_eq!(route.authorizer.as_ref().unwrap().value, "jwt");
    assert_eq!(api.stages["$default"].default_route_settings.burst_limit, Some(2));
    let Runs::Script(script) = &config.functions[0].runs else { panic!() };
    assert_eq!(fs::read_to_string(script).unwrap(), "exports.handler = async () => 'hi'");
    assert!(Path::new(script).ends_with("t-Function/index.js"));
}

/// Numbers for versions, a list of sources, `Fn::Sub` in both forms, an open route called NONE, and scopes that nobody checks.
#[test]
fn oddities_of_real_tools_are_understood() {
    let text = r#"
Resources:
  Judge:
    Type: AWS::Lambda::Function
    Properties: {FunctionName: judge, Runtime: nodejs22.x, Handler: index.handler, Role: x, Code: {ZipFile: "exports.handler = async () => ({})"}}
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Body:
        openapi: 3.0.1
        info: {title: odd, version: "1"}
        paths:
          /open: {get: {security: [{NONE: []}], x-amazon-apigateway-integration: {type: aws_proxy, payloadFormatVersion: 2.0, uri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Judge.Arn}/invocations"}}}
          /judged: {get: {security: [{judge: [a]}], x-amazon-apigateway-integration: {type: AWS_PROXY, payloadFormatVersion: 1.0, uri: !Sub ["${Own}", {Own: !GetAtt Judge.Arn}]}}}
        components:
          securitySchemes:
            judge: {type: apiKey, name: Unused, in: header, x-amazon-apigateway-authorizer: {type: request, identitySource: [$request.header.a, $request.querystring.b], authorizerPayloadFormatVersion: 2, enableSimpleResponses: true, authorizerResultTtlInSeconds: "60", authorizerUri: !GetAtt Judge.Arn}}
  Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Api, StageName: $default, AutoDeploy: true}}
  Backend: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: !Ref Api, IntegrationType: HTTP_PROXY, IntegrationUri: "http://127.0.0.1:1/", IntegrationMethod: ANY, PayloadFormatVersion: 1}}
  Scoped: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Api, RouteKey: GET /scoped, Target: !Sub "integrations/${Backend}", AuthorizationType: NONE, AuthorizationScopes: [a]}}
  Custom: {Type: AWS::ApiGatewayV2::Authorizer, Properties: {ApiId: !Ref Api, Name: custom, AuthorizerType: REQUEST, AuthorizerPayloadFormatVersion: "2.0", AuthorizerUri: !GetAtt Judge.Arn}}
  Guarded: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Api, RouteKey: GET /guarded, Target: !Sub "integrations/${Backend}", AuthorizationType: CUSTOM, AuthorizerId: !Ref Custom, AuthorizationScopes: [a]}}
"#;
    let loaded = read(text, |_| {});
    let api = &loaded.config.apis[0];
    let route = |key: &str| api.routes.iter().find(|route| route.key == key).unwrap();
    let formats = ["GET /open", "GET /judged"].map(|key| match &route(key).integration {
        Integration::Function { name, format } if name.value == "judge" => *format,
        other => panic!("{other:?}"),
    });
    assert_eq!(formats, [PayloadFormat::V2, PayloadFormat::V1]);
    for key in ["GET /open", "GET /scoped"] {
        assert!(route(key).authorizer.is_none() && route(key).scopes.is_empty(), "{key}");
    }
    assert!(loaded.notices.iter().any(|notice| notice.message.contains("`AuthorizationScopes` of an open route")));
    let Authorizer::Lambda(judge) = &api.authorizers[&route("GET /judged").authorizer.as_ref().unwrap().value] else {
        panic!("{:?}", api.authorizers)
    };
    let sources: Vec<_> = judge.identity_source.iter().map(|source| source.value.as_str()).collect();
    assert_eq!((sources, judge.result_ttl_in_seconds), (vec!["$request.header.a", "$request.querystring.b"], 60));
    assert!(route("GET /judged").scopes.is_empty() && route("GET /guarded").scopes.is_empty());
    assert_eq!(route("GET /guarded").authorizer.as_ref().unwrap().value, "custom");
}

#[test]
fn a_domain_with_mutual_tls_asks_for_a_local_trust_store() {
    const TEMPLATE: &str = "
Resources:
  Closed:
    Type: AWS::ApiGatewayV2::DomainName
    Properties:
      DomainName: Closed.example.com
      MutualTlsAuthentication:
        TruststoreUri: s3://bucket/clients.pem
        TruststoreVersion: v1
";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("clients.pem"), "").unwrap();
    fs::write(folder.path().join("t.yaml"), TEMPLATE).unwrap();
    let file = folder.path().join("poolhouse.toml");
    let load = |gateway: &str| {
        fs::write(&file, gateway).unwrap();
        let templates = vec![folder.path().join("t.yaml").display().to_string()];
        let flags = Flags { templates, ..Flags::default() };
        import::load(&Sources { file: Some(file.clone()), environment: Vec::new(), flags }, None)
    };
    let refused = load("[gateway]\ntls = 'self-signed'\n").map(drop).unwrap_err();
    let said: Vec<String> = refused.iter().map(ToString::to_string).collect();
    assert!(
        said.iter().any(|line| line.contains("t.yaml:8: ") && line.contains("s3://bucket/clients.pem")),
        "{said:#?}"
    );
    let stores = "truststores = { 's3://bucket/clients.pem' = 'clients.pem' }\n";
    let clear = load(&format!("[gateway]\n{stores}")).map(drop).unwrap_err();
    assert!(clear.iter().any(|mistake| mistake.to_string().contains("needs `gateway.tls`")), "{clear:#?}");
    let loaded = load(&format!("[gateway]\ntls = 'self-signed'\n{stores}")).unwrap();
    let mutual = loaded.config.domains[0].mutual_tls.as_ref().unwrap();
    assert_eq!(mutual.truststore_uri.value, "s3://bucket/clients.pem");
    assert_eq!(mutual.truststore_version.as_deref(), Some("v1"));
}

#[test]
fn base_paths_of_documents_are_ignored_prepended_or_split() {
    const HTTP: &str = "
Resources:
  Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Api, StageName: s, AutoDeploy: true}}
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      BasePath: HOW
      Body:
        openapi: 3.0.1
        info: {title: t, version: '1'}
        servers: [{url: 'https://x/{basePath}', variables: {basePath: {default: one/two}}}]
        paths:
          /: {get: {x-amazon-apigateway-integration: &to {type: http_proxy, httpMethod: GET, uri: 'http://127.0.0.1:1/'}}}
          /a: {get: {x-amazon-apigateway-integration: *to}}
          /$default: {x-amazon-apigateway-any-method: {x-amazon-apigateway-integration: *to}}
";
    const REST: &str = "
Resources:
  Deployment: {Type: AWS::ApiGateway::Deployment, Properties: {RestApiId: !Ref Api, StageName: s}}
  Api:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Parameters: {basepath: HOW}
      Body:
        swagger: '2.0'
        info: {title: t, version: '1'}
        basePath: /one/two
        paths:
          /: {get: {x-amazon-apigateway-integration: &to {type: http_proxy, httpMethod: GET, uri: 'http://127.0.0.1:1/'}}}
          /a: {get: {x-amazon-apigateway-integration: *to}}
";
    for (text, default) in [(HTTP, Some("$default")), (REST, None)] {
        for (how, expected) in [
            ("ignore", ["GET /", "GET /a"]),
            ("prepend", ["GET /one/two", "GET /one/two/a"]),
            ("split", ["GET /two", "GET /two/a"]),
        ] {
            let config = read(&text.replace("HOW", how), |_| {}).config;
            let mut keys: Vec<_> = config.apis[0].routes.iter().map(|route| route.key.as_str()).collect();
            keys.sort_unstable();
            let expected: Vec<_> = default.into_iter().chain(expected).collect();
            assert_eq!(keys, expected, "{how}");
        }
        let said = mistakes(&text.replace("HOW", "prefix"));
        assert!(said[0].contains("the base path can be ignore, prepend, split, found \"prefix\""), "{said:#?}");
    }
}

/// What the service fills in, also in the body of a resource; a list of sources in one text; and what stands beside a server.
#[test]
fn a_documents_variables_sources_and_servers_count_wherever_it_stands() {
    let document = r#"
        openapi: 3.0.1
        info: {title: odd, version: "1"}
        servers: [{url: "https://x.example", x-amazon-apigateway-endpoint-configuration: {disableExecuteApiEndpoint: true}}]
        paths:
          /jwt: {get: {security: [{jwt: []}], x-amazon-apigateway-integration: &to {type: http_proxy, httpMethod: GET, uri: "http://127.0.0.1:1/", payloadFormatVersion: "1.0"}}}
          /asked: {get: {security: [{asked: []}], x-amazon-apigateway-integration: *to}}
        components:
          securitySchemes:
            jwt: {type: oauth2, x-amazon-apigateway-authorizer: {type: jwt, identitySource: $request.header.Authorization, jwtConfiguration: {issuer: "https://cognito-idp.${AWS::Region}.amazonaws.com/${AWS::Region}_Elsewhere", audience: [a]}}}
            asked: {type: apiKey, name: Unused, in: header, x-amazon-apigateway-authorizer: {type: request, identitySource: "$request.header.a, $request.querystring.b", authorizerPayloadFormatVersion: "2.0", identityValidationExpression: unused, authorizerUri: "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:judge/invocations"}}
"#;
    let text = format!(
        "Resources:
  Judge: {{Type: AWS::Lambda::Function, Properties: {{FunctionName: judge, Runtime: nodejs22.x, Handler: index.handler, Role: x, Code: {{ZipFile: 'exports.handler = async () => ({{}})'}}}}}}
  Stage: {{Type: AWS::ApiGatewayV2::Stage, Properties: {{ApiId: !Ref Api, StageName: $default, AutoDeploy: true}}}}
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Body:{document}"
    );
    let loaded = read(&text, |_| {});
    let api = &loaded.config.apis[0];
    assert!(api.disable_execute_api_endpoint);
    let Authorizer::Jwt(jwt) = &api.authorizers["jwt"] else { panic!("{:?}", api.authorizers) };
    assert!(
        matches!(&jwt.issuer, Issuer::Url(url) if url == "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Elsewhere")
    );
    let Authorizer::Lambda(asked) = &api.authorizers["asked"] else { panic!("{:?}", api.authorizers) };
    let sources: Vec<_> = asked.identity_source.iter().map(|source| source.value.as_str()).collect();
    assert_eq!(
        (sources, asked.function.value.as_str()),
        (vec!["$request.header.a", "$request.querystring.b"], "judge")
    );
}
