//! Templates of REST APIs: what they become, and what is said of what they cannot become.

use poolhouse::config::{
    Config,
    api::{Api, Authorizer, Integration, LambdaKind, Protocol, ResponseType, Route},
    function::Runs,
};

use super::templates::{bare, load, load_with, mistakes, read};

fn api<'c>(config: &'c Config, name: &str) -> &'c Api {
    let found = config.apis.iter().find(|api| api.name == name);
    found.unwrap_or_else(|| panic!("{name}: {:?}", config.apis.iter().map(|api| &api.name).collect::<Vec<_>>()))
}

fn route<'a>(api: &'a Api, key: &str) -> &'a Route {
    let found = api.routes.iter().find(|route| route.key == key);
    found.unwrap_or_else(|| panic!("{key}: {:?}", api.routes.iter().map(|route| &route.key).collect::<Vec<_>>()))
}

/// Whether nothing but this status is said.
fn is_closed(route: &Route, wanted: u16) -> bool {
    matches!(&route.integration, Integration::Respond { status, .. } if *status == wanted)
}

/// The authorizer's name is the configuration's; what it is tells its kind.
fn guard<'a>(api: &'a Api, key: &str) -> Option<&'a Authorizer> {
    route(api, key).authorizer.as_ref().map(|name| &api.authorizers[&name.value])
}

#[test]
fn an_assembly_of_rest_apis_is_read_unchanged() {
    let loaded = load("tests/templates/pets.cdk.out").unwrap_or_else(|said| panic!("{said:#?}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let config = &loaded.config;
    let (guarded, whole, asked) = (api(config, "Guarded"), api(config, "Whole"), api(config, "Asked"));
    assert!([guarded, whole, asked].iter().all(|api| api.protocol == Protocol::Rest));
    let Some(Authorizer::Pools(pools)) = guard(guarded, "GET /pets") else { panic!("{:?}", guarded.authorizers) };
    assert_eq!((pools.pools[0].value.as_str(), pools.header.as_str()), (config.pools[0].id.as_str(), "authorization"));
    assert_eq!(route(guarded, "ANY /pets/{id}").scopes, ["pets/read"]);
    assert!(route(guarded, "GET /pets").scopes.is_empty() && guard(guarded, "GET /closed").is_none());
    let preflight = &route(guarded, "OPTIONS /pets/{id}").integration;
    let Integration::Respond { status, headers, body, allow_origins } = preflight else { panic!("a mock") };
    assert_eq!(allow_origins, &["http://localhost:3000"]);
    assert_eq!((*status, body.as_str()), (204, ""));
    assert_eq!(headers["access-control-allow-origin"], "https://app.example");
    let Integration::Respond { status: 200, body, .. } = &route(guarded, "GET /health").integration else { panic!() };
    assert_eq!(body, r#"{"ok":true}"#);
    let stage = &guarded.stages["prod"];
    assert_eq!((&*stage.stage_variables["color"], stage.default_route_settings.burst_limit), ("blue", Some(200)));
    assert_eq!(guarded.policy.as_ref().unwrap().value["Statement"][1]["Effect"], "Deny");
    assert_eq!(guarded.gateway_responses[&ResponseType::Unauthorized].status_code, Some(401));
    let Some(Authorizer::Lambda(token)) = guard(whole, "ANY /{proxy+}") else { panic!("{:?}", whole.authorizers) };
    assert!(matches!(&token.kind, LambdaKind::RestToken { validation: Some(text) } if text.value == "[a-z]+"));
    assert!(guard(whole, "ANY /").is_some() && whole.stages.contains_key("live"));
    let Some(Authorizer::Lambda(request)) = guard(asked, "GET /pets") else { panic!("{:?}", asked.authorizers) };
    assert_eq!((&request.kind, request.result_ttl_in_seconds), (&LambdaKind::RestRequest, 0));
    let sources: Vec<_> = request.identity_source.iter().map(|source| source.value.as_str()).collect();
    assert_eq!(sources, ["$request.header.x-token", "$request.querystring.q"]);
}

#[test]
fn a_serverless_rest_api_becomes_what_the_services_own_transform_makes_of_it() {
    let ours = load("tests/templates/pets.yaml").unwrap_or_else(|said| panic!("{said:#?}")).config;
    let theirs = load_with(&["tests/templates/transformed/pets.json"], |flags| flags.ignore_warnings = true);
    let theirs = theirs.unwrap_or_else(|said| panic!("{said:#?}")).config;
    for (ours, theirs) in ours.apis.iter().zip(&theirs.apis) {
        assert_eq!(bare(ours), bare(theirs));
    }
    // The names of APIs come from that of the stack, and are told apart here.
    let names: Vec<_> = ours.apis.iter().map(|api| api.name.as_str()).collect();
    assert_eq!(names, ["pets", "pets-ServerlessRestApi", "pets-Whole"]);
    let whole = api(&ours, "pets-Whole");
    assert_eq!(whole.stages.keys().collect::<Vec<_>>(), ["Stage", "live"]);
    assert!(guard(whole, "OPTIONS /{proxy+}").is_some() && guard(api(&ours, "pets"), "OPTIONS /pets").is_none());
    assert!(guard(api(&ours, "pets-ServerlessRestApi"), "GET /implicit").is_none());
}

const API: &str = r#"
Resources:
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a}}
  Deployment: {Type: AWS::ApiGateway::Deployment, Properties: {RestApiId: !Ref Api}}
  Stage: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref Api, DeploymentId: !Ref Deployment, StageName: v1}}
  Pool: {Type: AWS::Cognito::UserPool, Properties: {UserPoolName: p}}
  Users: {Type: AWS::ApiGateway::Authorizer, Properties: {RestApiId: !Ref Api, Name: users, Type: COGNITO_USER_POOLS, IdentitySource: method.request.header.Authorization, ProviderARNs: [!GetAtt Pool.Arn]}}
  Shop: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: shop}}
  Rest: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !Ref Shop, PathPart: "{proxy+}"}}
  Get:
    Type: AWS::ApiGateway::Method
    Properties: {RestApiId: !Ref Api, ResourceId: !Ref Rest, HttpMethod: ANY, AuthorizationType: COGNITO_USER_POOLS, AuthorizerId: !Ref Users, AuthorizationScopes: [a], Integration: {Type: HTTP_PROXY, IntegrationHttpMethod: ANY, Uri: "http://127.0.0.1:1/{path}", RequestParameters: {integration.request.path.path: method.request.path.proxy}}}
"#;

#[test]
fn no_method_is_opened_by_what_is_not_understood() {
    let config = read(API, |_| {}).config;
    let only = &config.apis[0].routes[0];
    assert_eq!((only.key.as_str(), &*only.scopes[0]), ("ANY /shop/{proxy+}", "a"));
    assert!(matches!(&only.integration, Integration::Http { url, .. } if url.value == "http://127.0.0.1:1/{proxy}"));
    for (from, to, said) in [
        (
            "AuthorizationType: COGNITO_USER_POOLS",
            "AuthorizationType: AWS_IAM",
            "`AuthorizationType` AWS_IAM is not supported",
        ),
        (
            "AuthorizationType: COGNITO_USER_POOLS",
            "AuthorizationType: CUSTOM",
            "Users is no authorizer for the type CUSTOM",
        ),
        (
            "AuthorizationType: COGNITO_USER_POOLS",
            "AuthorizationType: NONE",
            "`AuthorizerId` needs an `AuthorizationType`",
        ),
        ("AuthorizerId: !Ref Users, ", "", "needs an `AuthorizerId`"),
        (
            "HttpMethod: ANY, ",
            "HttpMethod: ANY, ApiKeyRequired: true, ",
            "API keys are not checked here; the method is left out",
        ),
        (
            "HttpMethod: ANY, ",
            "HttpMethod: ANY, RequestValidatorId: x, ",
            "ANY /shop/{proxy+}: there is no validator x",
        ),
        ("Type: HTTP_PROXY", "Type: HTTP", "integrations of the type HTTP are not supported"),
        (
            "Type: HTTP_PROXY, ",
            "Type: MOCK, RequestTemplates: {application/json: '$input'}, ",
            "its request template names more than a status",
        ),
        (
            "Type: HTTP_PROXY, ",
            "Type: HTTP_PROXY, ConnectionType: VPC_LINK, ",
            "`ConnectionType` VPC_LINK is not supported",
        ),
        ("Type: COGNITO_USER_POOLS, Id", "Type: SAML, Id", "authorizers of the type SAML are not supported"),
        ("ResourceId: !Ref Rest", "ResourceId: nowhere", "no template has the resource nowhere"),
        ("ParentId: !Ref Shop", "ParentId: !Ref Rest", "the resource leads to itself"),
        (
            "{Name: a}",
            "{Name: a, BinaryMediaTypes: [png]}",
            "`api.binary_media_types` must hold types such as image/png",
        ),
        ("StageName: v1", "StageName: v1, CanarySetting: {PercentTraffic: 1}", "`CanarySetting` is not supported"),
        ("RestApiId: !Ref Api, DeploymentId", "RestApiId: other, DeploymentId", "no template has the REST API other"),
        (
            "method.request.path.proxy",
            "method.request.body.x",
            "`api.route.integration.request_parameters` of a REST API",
        ),
    ] {
        let text = API.replacen(from, to, 1);
        assert_ne!(text, API, "{from}");
        let found = mistakes(&text);
        assert!(found.iter().any(|line| line.starts_with("t.yaml:") && line.contains(said)), "{said}\n{found:#?}");
    }
    for (from, to) in [
        ("AuthorizationType: COGNITO_USER_POOLS", "AuthorizationType: AWS_IAM"),
        ("HttpMethod: ANY, ", "HttpMethod: ANY, ApiKeyRequired: true, "),
    ] {
        // A wider method must not answer in its place.
        let config = read(&API.replacen(from, to, 1), |flags| flags.ignore_warnings = true).config;
        assert!(is_closed(route(&config.apis[0], "ANY /shop/{proxy+}"), 403), "{to}");
    }
    let config = read(&API.replacen("Type: HTTP_PROXY", "Type: HTTP", 1), |flags| flags.ignore_warnings = true).config;
    let broken = route(&config.apis[0], "ANY /shop/{proxy+}");
    assert!(is_closed(broken, 500) && broken.authorizer.is_some());
}

/// Parameters that a validator asks for are asked for; bodies are not looked at, which is said where there is a model of them.
#[test]
fn validators_ask_for_parameters() {
    let asking = |validator: &str, method: &str| {
        let resource = format!(
            "  Valid: {{Type: AWS::ApiGateway::RequestValidator, Properties: {{RestApiId: !Ref Api, Name: v, {validator}}}}}\n"
        );
        API.replacen("HttpMethod: ANY, ", &format!("HttpMethod: ANY, RequestValidatorId: !Ref Valid, {method}, "), 1)
            + &resource
    };
    let parameters = "RequestParameters: {method.request.querystring.q: true, method.request.header.X-A: 'true', method.request.header.b: false}";
    let required = |text: &str| {
        let loaded = read(text, |_| {});
        let api = &loaded.config.apis[0];
        route(api, "ANY /shop/{proxy+}").required_parameters.iter().map(|part| part.value.clone()).collect::<Vec<_>>()
    };
    let model = format!("{parameters}, RequestModels: {{application/json: Empty}}");
    let both = "ValidateRequestParameters: true, ValidateRequestBody: true";
    assert_eq!(required(&asking(both, parameters)), ["header.X-A", "querystring.q"]);
    assert!(required(&asking("ValidateRequestBody: false", &model)).is_empty());
    assert!(required(&asking(both, parameters).replace("RequestValidatorId: !Ref Valid, ", "")).is_empty());
    let said = mistakes(&asking(both, &model));
    assert!(said[0].contains("bodies are not held against models here"), "{said:#?}");

    let validators = "x-amazon-apigateway-request-validators: {some: {validateRequestParameters: true, validateRequestBody: false}, none: {validateRequestBody: false, validateRequestParameters: false}}
x-amazon-apigateway-request-validator: some
parameters: {Shared: {name: s, in: query, required: true, type: string}}
";
    let own = "parameters: [{name: h, in: header, required: true, type: string}, {name: o, in: query, required: false, type: string}, {$ref: '#/parameters/Shared'}]";
    let text = SWAGGER.replacen("produces: [application/json]", own, 1);
    let of = |text: &str| {
        let config = swagger(text, false).unwrap_or_else(|said| panic!("{said:#?}"));
        let parts = &route(api(&config, "shop"), "GET /a").required_parameters;
        parts.iter().map(|part| part.value.clone()).collect::<Vec<_>>()
    };
    assert!(of(&text).is_empty());
    assert_eq!(of(&format!("{text}{validators}")), ["header.h", "querystring.s"]);
    let of_path = "/a:\n    parameters: [{name: p, in: header, required: true, type: string}]";
    assert_eq!(
        of(&format!("{}{validators}", text.replacen("/a:", of_path, 1))),
        ["header.p", "header.h", "querystring.s"]
    );
    let none = text.replacen(own, &format!("{own}, x-amazon-apigateway-request-validator: none"), 1);
    assert!(of(&format!("{none}{validators}")).is_empty());
}

/// A check that is not made because it could not be read would let in what it keeps out.
#[test]
fn parts_of_a_document_that_cannot_be_read_are_mistakes() {
    let get = "x-amazon-apigateway-integration: {type: mock, requestTemplates: {application/json: '{\"statusCode\": 200}'}, responses: \
               {default: {statusCode: 200}}}";
    let document = |more: &str, of_get: &str| {
        format!("swagger: '2.0'\ninfo: {{title: t, version: '1'}}\n{more}\npaths: {{/a: {{get: {{{of_get}{get}}}}}}}\n")
    };
    let validators = "x-amazon-apigateway-request-validators: {all: {validateRequestParameters: true}}";
    let validated = "x-amazon-apigateway-request-validator: all, ";
    for (more, of_get, said) in [
        ("x-amazon-apigateway-gateway-responses: {DEFAULT_4XX: x}", "", "has no map for DEFAULT_4XX, found"),
        ("x-amazon-apigateway-request-validators: {all: x}", "", "the validator all must be a map, found"),
        ("securityDefinitions: {judge: x}", "", "the security scheme judge must be a map, found"),
        (validators, "parameters: [{$ref: '#/parameters/none'}], ", "there is no #/parameters/none"),
    ] {
        let found = mistakes(&document(more, &format!("{validated}{of_get}")));
        assert!(found.iter().any(|line| line.starts_with("t.yaml:") && line.contains(said)), "{said}\n{found:#?}");
    }
    let server = "openapi: 3.0.1\ninfo: {title: t, version: '1'}\npaths: {}\nservers: [{url: x, \
                  x-amazon-apigateway-endpoint-configuration: disabled}]\n";
    let found = mistakes(server);
    assert!(found.iter().any(|line| line.contains("of a server must be a map, found")), "{found:#?}");
    let validator = "  All: {Type: AWS::ApiGateway::RequestValidator, Properties: {RestApiId: !Ref Api, ValidateRequestParameters: true}}\n";
    for (name, value) in [("method.request.header.a", "maybe"), ("request.header.a", "true")] {
        let parameters =
            format!(" HttpMethod: ANY, RequestValidatorId: !Ref All, RequestParameters: {{{name}: {value}}}, ");
        let found = mistakes(&format!("{}{validator}", API.replace(" HttpMethod: ANY, ", &parameters)));
        assert!(found.iter().any(|line| line.contains(&format!("{name:?} is no"))), "{found:#?}");
    }
}

#[test]
fn types_of_bytes_are_named_in_templates_and_documents() {
    let config = read(&API.replace("{Name: a}", "{Name: a, BinaryMediaTypes: [image~1png, '*/*']}"), |_| {}).config;
    assert_eq!(config.apis[0].binary_media_types, ["image/png", "*/*"]);
    let document = format!("{SWAGGER}x-amazon-apigateway-binary-media-types: [image/*]\n");
    let config = swagger(&document, false).unwrap_or_else(|said| panic!("{said:#?}"));
    assert_eq!(api(&config, "shop").binary_media_types, ["image/*"]);
}

#[test]
fn stages_come_with_deployments_and_limits_with_methods() {
    let text = API.replace(
        "{RestApiId: !Ref Api}}",
        "{RestApiId: !Ref Api, StageName: old, StageDescription: {Variables: {a: b}}}}",
    );
    let limits = "StageName: v1, AccessLogSetting: {Format: $context.requestId $context.resourcePath}, MethodSettings: [\
                  {ResourcePath: /*, HttpMethod: '*', ThrottlingBurstLimit: 7, LoggingLevel: INFO}, \
                  {ResourcePath: '/~1shop~1{proxy+}', HttpMethod: ANY, ThrottlingRateLimit: 3, ThrottlingBurstLimit: 2}]";
    let api = &read(&text.replace("StageName: v1", limits), |_| {}).config.apis[0];
    let (old, new) = (&api.stages["old"], &api.stages["v1"]);
    assert_eq!((old.stage_variables["a"].as_str(), old.default_route_settings.burst_limit), ("b", None));
    assert_eq!(
        (new.default_route_settings.rate_limit, new.default_route_settings.burst_limit),
        (Some(10_000.0), Some(7))
    );
    assert_eq!(new.route_settings["ANY /shop/{proxy+}"].1.rate_limit, Some(3.0));
    assert!(new.access_log_settings.is_some());
    // A limit that is for nothing, and an import's parameter that says nothing here, are told of.
    for (path, verb) in [("/~1shopp", "ANY"), ("/*", "GET"), ("/~1shop~1{proxy+}", "GET")] {
        let limits = format!(
            "StageName: v1, MethodSettings: [{{ResourcePath: '{path}', HttpMethod: '{verb}', ThrottlingBurstLimit: 7}}]"
        );
        let found = mistakes(&API.replace("StageName: v1", &limits));
        assert!(
            found.iter().any(|line| line.contains("`MethodSettings` name no method of the API")),
            "{path} {found:#?}"
        );
    }
    let imported = API.replace("{Name: a}", "{Name: a, Parameters: {endpointConfigurationTypes: REGIONAL}}");
    let notices = read(&imported, |_| {}).notices;
    assert!(notices.iter().any(|notice| notice.message.contains("followed for `basepath` only")), "{notices:?}");
}

const SWAGGER: &str = r#"
swagger: "2.0"
info: {title: shop, version: "1"}
basePath: /v1
x-amazon-apigateway-policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: "*", Action: "execute-api:Invoke", Resource: "execute-api:/*"}]}
x-amazon-apigateway-gateway-responses:
  DEFAULT_4XX: {responseParameters: {gatewayresponse.header.Access-Control-Allow-Origin: "'*'"}}
securityDefinitions:
  users: {type: apiKey, name: X-Auth, in: header, x-amazon-apigateway-authtype: cognito_user_pools, x-amazon-apigateway-authorizer: {type: cognito_user_pools, providerARNs: ["arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_Example01"]}}
  judge: {type: apiKey, name: X-Auth, in: header, x-amazon-apigateway-authorizer: {type: token, authorizerUri: "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:admin-user/invocations", authorizerResultTtlInSeconds: 5}}
  key: {type: apiKey, name: x-api-key, in: header}
  iam: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4}
paths:
  /a:
    get: {produces: [application/json], responses: {}, security: [{users: [read]}], x-amazon-apigateway-integration: {type: HTTP_PROXY, httpMethod: GET, uri: "http://127.0.0.1:1/a"}}
    x-amazon-apigateway-any-method: {security: [{judge: []}], x-amazon-apigateway-integration: {type: mock, requestTemplates: {application/json: '{"statusCode": 404}'}, responses: {"4\\d\\d": {statusCode: 418}, default: {statusCode: 200}}}}
  /b:
    get: {x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: "http://127.0.0.1:1/b"}}
"#;

fn swagger(text: &str, ignore: bool) -> Result<Config, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yaml");
    std::fs::write(&file, text).unwrap();
    let shown = file.display().to_string();
    let flags =
        poolhouse::config::Flags { templates: vec![shown.clone()], ignore_warnings: ignore, ..Default::default() };
    let sources = poolhouse::config::Sources { file: Some("poolhouse.toml".into()), environment: Vec::new(), flags };
    let clean = |mistake: &poolhouse::config::Mistake| mistake.to_string().replace(&shown, "t.yaml");
    match poolhouse::import::load(&sources, None) {
        Ok(loaded) => Ok(loaded.config),
        Err(said) => Err(said.iter().map(clean).collect()),
    }
}

#[test]
fn a_swagger_document_is_a_rest_api() {
    let config = swagger(SWAGGER, false).unwrap_or_else(|said| panic!("{said:#?}"));
    let api = api(&config, "shop");
    assert_eq!(api.protocol, Protocol::Rest);
    let Some(Authorizer::Pools(pools)) = guard(api, "GET /a") else { panic!("{:?}", api.authorizers) };
    assert_eq!((pools.header.as_str(), &*pools.pools[0].value), ("x-auth", "us-east-1_Example01"));
    assert_eq!(route(api, "GET /a").scopes, ["read"]);
    let Some(Authorizer::Lambda(judge)) = guard(api, "ANY /a") else { panic!("{:?}", api.authorizers) };
    assert_eq!((judge.function.value.as_str(), judge.result_ttl_in_seconds), ("admin-user", 5));
    assert!(matches!(route(api, "ANY /a").integration, Integration::Respond { status: 418, .. }));
    assert!(guard(api, "GET /b").is_none() && api.policy.is_some());
    assert!(api.gateway_responses.contains_key(&ResponseType::Default4xx));
    for (from, to, said, open) in [
        ("[{users: [read]}]", "[{users: [read], key: []}]", "API keys are not checked here", false),
        ("[{users: [read]}]", "[{users: [read]}, {key: []}]", "API keys are not checked here", false),
        ("[{users: [read]}]", "[{iam: []}]", "the security scheme iam makes no authorizer", false),
        ("[{users: [read]}]", "[{NONE: []}]", "", true),
    ] {
        let text = SWAGGER.replacen(from, to, 1);
        match swagger(&text, false) {
            Ok(_) => assert_eq!(said, ""),
            Err(found) => {
                assert!(
                    found.iter().any(|line| line.starts_with("t.yaml:") && line.contains(said)),
                    "{said}\n{found:#?}"
                );
            }
        }
        let config = swagger(&text, true).unwrap_or_else(|said| panic!("{said:#?}"));
        let shop = config.apis.iter().find(|api| api.name == "shop").unwrap();
        assert_eq!(!is_closed(route(shop, "GET /a"), 403), open, "{to}");
    }
    let found = swagger(&SWAGGER.replace("\"2.0\"", "\"1.2\""), false).unwrap_err();
    assert!(found.iter().any(|line| line.contains("a REST API takes Swagger 2.0, not Swagger 1.2")), "{found:#?}");
}

#[test]
fn a_domain_leads_to_a_rest_api_below_a_path() {
    let text = format!(
        "{API}  Domain: {{Type: AWS::ApiGateway::DomainName, Properties: {{DomainName: api.example.com, RegionalCertificateArn: x, EndpointConfiguration: {{Types: [REGIONAL]}}}}}}\n  \
         Mapping: {{Type: AWS::ApiGateway::BasePathMapping, Properties: {{DomainName: !Ref Domain, RestApiId: !Ref Api, Stage: !Ref Stage, BasePath: v1}}}}\n"
    );
    let config = read(&text, |_| {}).config;
    let mapping = &config.domains[0].mappings[0];
    assert_eq!((&*mapping.api.value, &*mapping.stage.value, &*mapping.key), ("a", "v1", "v1"));
}

#[test]
fn a_serverless_resource_policy_is_a_policy() {
    let text = r#"
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      Auth: {ResourcePolicy: {IpRangeWhitelist: [10.0.0.0/8]}}
      DefinitionBody: {swagger: "2.0", info: {title: a, version: "1"}, paths: {/a: {get: {x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: "http://127.0.0.1:1/"}}}}}
"#;
    let config = read(text, |_| {}).config;
    let policy = &config.apis[0].policy.as_ref().unwrap().value;
    assert_eq!(policy["Statement"][1]["Condition"]["NotIpAddress"]["aws:SourceIp"][0], "10.0.0.0/8");
}

#[test]
fn a_jwt_authorizer_of_a_rest_api_has_issuers_with_claims() {
    let jwt = "Type: JWT, JwtConfiguration: {DefaultAlgorithms: [ES256], Issuers: [{Issuer: https://issuer.example, Audiences: [a], \
               AdditionalClaims: [{ClaimName: tenant, Format: SINGLE_STRING, Required: true, ExpectedValues: [blue]}]}]}, Id";
    let text = API.replace("Type: COGNITO_USER_POOLS, Id", jwt).replace(", ProviderARNs: [!GetAtt Pool.Arn]", "");
    let text = text.replace("AuthorizationType: COGNITO_USER_POOLS", "AuthorizationType: JWT");
    let config = read(&text, |_| {}).config;
    let Some(Authorizer::RestJwt(made)) = guard(&config.apis[0], "ANY /shop/{proxy+}") else { panic!("{config:?}") };
    assert_eq!((made.header.as_str(), made.algorithms.as_slice()), ("authorization", &["ES256"][..]));
    let issuer = &made.issuers[0];
    assert_eq!((issuer.audiences[0].value.as_str(), issuer.claims[0].required), ("a", true));
    assert_eq!(
        (issuer.claims[0].name.as_str(), issuer.claims[0].expected.as_slice()),
        ("tenant", &["blue".to_owned()][..])
    );
    assert_eq!(route(&config.apis[0], "ANY /shop/{proxy+}").scopes, ["a"]);
}

/// What the Serverless Framework packages: its template, beside the code as it was written.
#[test]
fn a_packaged_service_of_the_serverless_framework_is_read_unchanged() {
    const PACKAGED: &str = "tests/templates/shop/.serverless/cloudformation-template-update-stack.json";
    let loaded = load(PACKAGED).unwrap_or_else(|said| panic!("{said:#?}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let config = &loaded.config;
    let handlers: Vec<_> =
        config.functions.iter().map(|function| (function.name.as_str(), function.handler.as_str())).collect();
    assert_eq!(handlers, [("shop-dev-hello", "handler"), ("shop-dev-judge", "judge")]);
    for function in &config.functions {
        let Runs::Script(script) = &function.runs else { panic!("{:?}", function.runs) };
        assert!(script.ends_with("tests/templates/shop/hello.js"), "{}", script.display());
    }
    let is_rest = |api: &&Api| api.protocol == Protocol::Rest;
    let rest = config.apis.iter().find(is_rest).unwrap();
    let http = config.apis.iter().find(|api| !is_rest(api)).unwrap();
    assert!(rest.policy.is_none() && rest.stages.contains_key("dev") && http.stages.contains_key("$default"));
    assert!(guard(rest, "GET /plain").is_none());
    assert!(
        matches!(guard(rest, "POST /asked/{id}"), Some(Authorizer::Lambda(judge)) if judge.function.value == "shop-dev-judge")
    );
    for (key, origin, others) in [
        ("OPTIONS /plain", "*", &[][..]),
        ("OPTIONS /asked/{id}", "https://a.example", &["https://a.example", "https://*.b.example"][..]),
    ] {
        let Integration::Respond { status: 200, headers, allow_origins, body } = &route(rest, key).integration else {
            panic!("{key}")
        };
        assert_eq!((headers["access-control-allow-origin"].as_str(), body.as_str()), (origin, ""), "{key}");
        assert_eq!(allow_origins, others);
    }
    assert!(guard(http, "$default").is_none());
    assert!(matches!(guard(http, "GET /v2"), Some(Authorizer::Jwt(_))) && route(http, "GET /v2").scopes == ["read"]);
    assert_eq!(http.cors.as_ref().unwrap().allow_origins.len(), 1);
    // What a build made lies in an archive, and nothing else runs in its place.
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".serverless")).unwrap();
    let file = folder.path().join(".serverless/t.json");
    std::fs::copy(PACKAGED, &file).unwrap();
    let said = load(&file.display().to_string()).err().unwrap();
    assert!(said.iter().any(|line| line.contains("HelloLambdaFunction lies in S3")), "{said:#?}");
}
