//! Templates out, and in again: the same state.

use std::{fs, path::Path};

use poolhouse::{
    config::{Config, Flags, Sources},
    export, import, store,
};

use serde_json::json;

use crate::api::town::{Town, towns};

/// Something of everything that a template can say.
const TEMPLATE: &str = r#"
Parameters:
  Secret: {Type: String, NoEcho: true}
Resources:
  Pool:
    Type: AWS::Cognito::UserPool
    Metadata: {Poolhouse: {oidc: strict}}
    Properties:
      UserPoolName: whole
      MfaConfiguration: OPTIONAL
      EnabledMfas: [SOFTWARE_TOKEN_MFA]
      AutoVerifiedAttributes: [email]
      UsernameAttributes: [email]
      Policies: {PasswordPolicy: {MinimumLength: 10, RequireUppercase: true, TemporaryPasswordValidityDays: 3}}
      Schema:
        - {Name: email, Required: true, Mutable: true, AttributeDataType: String}
        - {Name: team, AttributeDataType: String, Mutable: true, StringAttributeConstraints: {MinLength: "1", MaxLength: "20"}}
      LambdaConfig: {PreTokenGeneration: !GetAtt Hello.Arn}
      UserPoolTags: {team: blue}
      WebAuthnRelyingPartyID: login.example.com
      WebAuthnUserVerification: preferred
  Client:
    Type: AWS::Cognito::UserPoolClient
    Properties:
      UserPoolId: !Ref Pool
      ClientName: web
      GenerateSecret: true
      AllowedOAuthFlows: [code]
      AllowedOAuthFlowsUserPoolClient: true
      AllowedOAuthScopes: [openid, reports/read]
      CallbackURLs: [https://app.example.com/callback]
      SupportedIdentityProviders: [COGNITO, Partner]
      AccessTokenValidity: 30
      TokenValidityUnits: {AccessToken: minutes}
  Group: {Type: AWS::Cognito::UserPoolGroup, Properties: {UserPoolId: !Ref Pool, GroupName: staff, Precedence: 4, Description: All}}
  Server:
    Type: AWS::Cognito::UserPoolResourceServer
    Properties: {UserPoolId: !Ref Pool, Identifier: reports, Name: Reports, Scopes: [{ScopeName: read, ScopeDescription: Read}]}
  Domain: {Type: AWS::Cognito::UserPoolDomain, Properties: {UserPoolId: !Ref Pool, Domain: whole-pages, ManagedLoginVersion: 2}}
  Partner:
    Type: AWS::Cognito::UserPoolIdentityProvider
    Properties:
      UserPoolId: !Ref Pool
      ProviderName: Partner
      ProviderType: OIDC
      ProviderDetails:
        client_id: partner
        client_secret: !Ref Secret
        attributes_request_method: GET
        oidc_issuer: https://partner.example.com
        authorize_scopes: openid
      AttributeMapping: {email: email}
      IdpIdentifiers: [partner.example.com]
  Hello:
    Type: AWS::Lambda::Function
    Properties: {FunctionName: hello, Runtime: nodejs22.x, Handler: index.handler, Timeout: 4, Environment: {Variables: {A: b}}, Code: {ZipFile: "exports.handler = async (event) => event"}}
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: whole, ProtocolType: HTTP, CorsConfiguration: {AllowOrigins: ["https://app.example.com"], MaxAge: 9}}}
  Jwt:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties: {ApiId: !Ref Api, Name: Jwt, AuthorizerType: JWT, IdentitySource: [$request.header.Authorization], JwtConfiguration: {Issuer: !GetAtt Pool.ProviderURL, Audience: [!Ref Client]}}
  Asks:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties: {ApiId: !Ref Api, Name: Asks, AuthorizerType: REQUEST, AuthorizerUri: !GetAtt Hello.Arn, AuthorizerPayloadFormatVersion: "2.0", EnableSimpleResponses: true, IdentitySource: [$request.header.Authorization], AuthorizerResultTtlInSeconds: 60}
  Run: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt Hello.Arn, PayloadFormatVersion: "2.0", ResponseParameters: {"200": {ResponseParameters: [{Source: "yes", Destination: "append:header.x-seen"}]}}}}
  Proxy: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: !Ref Api, IntegrationType: HTTP_PROXY, IntegrationUri: "http://127.0.0.1:1/{proxy}", IntegrationMethod: ANY, PayloadFormatVersion: "1.0", TimeoutInMillis: 900, RequestParameters: {"overwrite:header.x-sub": $context.authorizer.claims.sub}}}
  One: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Api, RouteKey: GET /one, Target: !Sub "integrations/${Run}", AuthorizationType: CUSTOM, AuthorizerId: !Ref Asks}}
  Two: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Api, RouteKey: "ANY /{proxy+}", Target: !Sub "integrations/${Proxy}", AuthorizationType: JWT, AuthorizerId: !Ref Jwt, AuthorizationScopes: [reports/read]}}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: dev, AutoDeploy: true, StageVariables: {a: b}, DefaultRouteSettings: {ThrottlingRateLimit: 10, ThrottlingBurstLimit: 5}, RouteSettings: {"GET /one": {ThrottlingRateLimit: 2.5, ThrottlingBurstLimit: 1}}, AccessLogSettings: {Format: $context.requestId}}
  Host: {Type: AWS::ApiGatewayV2::DomainName, Properties: {DomainName: api.example.com}}
  Mapping: {Type: AWS::ApiGatewayV2::ApiMapping, Properties: {DomainName: !Ref Host, ApiId: !Ref Api, Stage: !Ref Stage, ApiMappingKey: v1}}
  Rest: {Type: AWS::ApiGateway::RestApi, Properties: {Name: rest, BinaryMediaTypes: [image~1png], Policy: {Statement: [{Effect: Allow, Principal: "*", Action: "execute-api:Invoke", Resource: "execute-api:/*"}]}}}
  Users: {Type: AWS::ApiGateway::Authorizer, Properties: {RestApiId: !Ref Rest, Name: Users, Type: COGNITO_USER_POOLS, IdentitySource: method.request.header.X-Token, ProviderARNs: [!GetAtt Pool.Arn]}}
  Tokens: {Type: AWS::ApiGateway::Authorizer, Properties: {RestApiId: !Ref Rest, Name: Tokens, Type: TOKEN, IdentitySource: method.request.header.X-Token, IdentityValidationExpression: "[a-z]+", AuthorizerUri: !GetAtt Hello.Arn, AuthorizerResultTtlInSeconds: 7}}
  Requests: {Type: AWS::ApiGateway::Authorizer, Properties: {RestApiId: !Ref Rest, Name: Requests, Type: REQUEST, IdentitySource: "method.request.header.X-Token,context.resourcePath", AuthorizerUri: !GetAtt Hello.Arn}}
  Shop: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Rest, ParentId: !GetAtt Rest.RootResourceId, PathPart: shop}}
  Item: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Rest, ParentId: !Ref Shop, PathPart: "{id}"}}
  GetRoot: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref Rest, ResourceId: !GetAtt Rest.RootResourceId, HttpMethod: GET, AuthorizationType: CUSTOM, AuthorizerId: !Ref Tokens, Integration: {Type: AWS_PROXY, IntegrationHttpMethod: POST, Uri: !GetAtt Hello.Arn}}}
  GetShop: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref Rest, ResourceId: !Ref Shop, HttpMethod: ANY, AuthorizationType: CUSTOM, AuthorizerId: !Ref Requests, Integration: {Type: MOCK, RequestTemplates: {application/json: '{"statusCode": 200}'}, IntegrationResponses: [{StatusCode: 202, ResponseParameters: {method.response.header.x-a: "'b'"}, ResponseTemplates: {application/json: "{}"}}]}}}
  Ask: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref Rest, ResourceId: !Ref Shop, HttpMethod: OPTIONS, AuthorizationType: NONE, Integration: {Type: MOCK, RequestTemplates: {application/json: "{statusCode:200}"}, IntegrationResponses: [{StatusCode: 200, ResponseParameters: {method.response.header.Access-Control-Allow-Origin: "'https://a.example'"}, ResponseTemplates: {application/json: '#set($origin = $input.params("Origin")) #if($origin == "") #set($origin = $input.params("origin")) #end #if($origin.matches("https://a[.]example") || $origin.matches("https://.+[.]b[.]example")) #set($context.responseOverride.header.Access-Control-Allow-Origin = $origin) #end'}}]}}}
  Valid: {Type: AWS::ApiGateway::RequestValidator, Properties: {RestApiId: !Ref Rest, ValidateRequestParameters: true}}
  GetItem: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref Rest, ResourceId: !Ref Item, HttpMethod: GET, RequestValidatorId: !Ref Valid, RequestParameters: {method.request.querystring.q: true}, AuthorizationType: COGNITO_USER_POOLS, AuthorizerId: !Ref Users, AuthorizationScopes: [reports/read], Integration: {Type: HTTP_PROXY, IntegrationHttpMethod: GET, Uri: "http://127.0.0.1:1/{item}", TimeoutInMillis: 800, RequestParameters: {integration.request.path.item: method.request.path.id, integration.request.header.x-sub: context.authorizer.claims.sub, integration.request.querystring.a: "'b'"}}}}
  Denied: {Type: AWS::ApiGateway::GatewayResponse, Properties: {RestApiId: !Ref Rest, ResponseType: ACCESS_DENIED, StatusCode: 404, ResponseParameters: {gatewayresponse.header.x-a: "'b'"}, ResponseTemplates: {application/json: "{}"}}}
  Deployed: {Type: AWS::ApiGateway::Deployment, Properties: {RestApiId: !Ref Rest}}
  Live: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref Rest, DeploymentId: !Ref Deployed, StageName: live, Variables: {a: b}, AccessLogSetting: {Format: $context.requestId}, MethodSettings: [{ResourcePath: "/*", HttpMethod: "*", ThrottlingRateLimit: 10, ThrottlingBurstLimit: 5}, {ResourcePath: "/~1shop~1{id}", HttpMethod: GET, ThrottlingRateLimit: 2.5, ThrottlingBurstLimit: 1}]}}
  RestMapping: {Type: AWS::ApiGateway::BasePathMapping, Properties: {DomainName: !Ref Host, RestApiId: !Ref Rest, Stage: !Ref Live, BasePath: rest}}
"#;

fn load(folder: &Path, name: &str, text: &str, secret: &str) -> Config {
    let (file, template) = (folder.join("poolhouse.toml"), folder.join(name));
    fs::write(&file, "").unwrap();
    fs::write(&template, text).unwrap();
    let flags = Flags {
        templates: vec![template.display().to_string()],
        parameters: vec![(secret.to_owned(), "partner-secret".to_owned())],
        ..Flags::default()
    };
    let sources = Sources { file: Some(file), environment: Vec::new(), flags };
    let loaded = import::load(&sources, Some(folder.join(format!("code-{name}"))));
    let loaded = loaded.unwrap_or_else(|said| panic!("{said:#?}"));
    assert_eq!(import::check(&loaded.config), []);
    loaded.config
}

async fn exported(town: &Town, config: &Config) -> String {
    import::apply(&town.cx(), config).await.unwrap_or_else(|error| panic!("{error:#}"));
    // Twice, so that what is there already is left as it is.
    import::apply(&town.cx(), config).await.unwrap_or_else(|error| panic!("{error:#}"));
    let export = export::cloudformation(&town.cx(), config, None).await.unwrap();
    let secret = "the secret of the client";
    assert!(export.left_out.iter().all(|line| line.starts_with(secret)), "{:?}", export.left_out);
    serde_json::to_string_pretty(&export.template).unwrap()
}

/// Without a word the template would let pass whom the file keeps out.
#[tokio::test]
async fn what_no_template_can_say_of_an_api_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("poolhouse.toml");
    let text = "[[pool]]\nid = 'us-east-1_Example01'\n[[pool.client]]\nid = '1example23456789abcdefghij'\n\
                [function.judge]\nscript = 'judge.js'\n\
                [[api]]\nname = 'shop'\n[api.cors_configuration]\ndefault_route_quirk = true\n\
                [api.authorizer.staff]\ntype = 'JWT'\nissuer = 'pool:us-east-1_Example01'\n\
                audience = ['1example23456789abcdefghij']\nadditional_issuers = ['https://partner.example']\n\
                on_jwks_unavailable = 503\nrequire_token_use = 'access'\nrequired_claims = { tenant = 'blue' }\n\
                [api.authorizer.judged]\ntype = 'REQUEST'\nfunction = 'judge'\npayload_format = '2.0'\n\
                identity_source = '$request.header.a'\nresult_ttl_ends_with_token = true\n\
                [[api.route]]\nkey = 'GET /a'\nauthorizer = 'staff'\n\
                integration = { http = 'http://127.0.0.1:1', forward_claims = { sub = 'x-sub' } }\n\
                [[api.route]]\nkey = 'GET /b'\nauthorizer = 'judged'\nallow_encoded_slash = true\n\
                integration = { function = 'judge', claims_json = true }\n";
    fs::write(&file, text).unwrap();
    fs::write(folder.path().join("judge.js"), "exports.handler = async () => ({});").unwrap();
    let config = poolhouse::config::load(&Sources { file: Some(file), ..Sources::default() }).unwrap();
    let town = towns().await.into_iter().next().unwrap();
    let export = export::cloudformation(&town.cx(), &config, None).await.unwrap();
    for left in [
        "`default_route_quirk` of the API shop",
        "`additional_issuers` of the authorizer staff of the API shop",
        "`on_jwks_unavailable` of the authorizer staff of the API shop",
        "`require_token_use` of the authorizer staff of the API shop",
        "`required_claims` of the authorizer staff of the API shop",
        "`result_ttl_ends_with_token` of the authorizer judged of the API shop",
        "`forward_claims` of the route \"GET /a\" of the API shop",
        "`allow_encoded_slash` of the route \"GET /b\" of the API shop",
        "`claims_json` of the route \"GET /b\" of the API shop",
    ] {
        assert!(export.left_out.iter().any(|line| line == left), "{left}\n{:#?}", export.left_out);
    }
}

/// Without the route a wider one would answer in its place.
#[tokio::test]
async fn a_route_that_answers_by_itself_is_closed_in_the_template() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("poolhouse.toml");
    let text = "[[api]]\nname = 'shop'\n\
                [[api.route]]\nkey = 'ANY /{proxy+}'\nintegration = { http = 'http://127.0.0.1:1' }\n\
                [[api.route]]\nkey = 'GET /closed'\nintegration = { respond = { status = 403, body = 'no' } }\n\
                [[api]]\nname = 'till'\nprotocol_type = 'REST'\n[api.stage.v1]\n\
                [[api.route]]\nkey = 'GET /alone'\nintegration = { respond = { body = '$alone' } }\n\
                [[api.route]]\nkey = 'ANY /closed'\nintegration = { http = 'http://127.0.0.1:1' }\n\
                [[api.route]]\nkey = 'GET /closed'\nintegration = { respond = { status = 403, body = '$no' } }\n";
    fs::write(&file, text).unwrap();
    let config = poolhouse::config::load(&Sources { file: Some(file), ..Sources::default() }).unwrap();
    let town = towns().await.into_iter().next().unwrap();
    let export = export::cloudformation(&town.cx(), &config, None).await.unwrap();
    let template = serde_json::to_value(&export.template).unwrap();
    let resources = template["Resources"].as_object().unwrap();
    let route = |key: &str| {
        let mut routes = resources.values().filter(|one| one["Type"] == "AWS::ApiGatewayV2::Route");
        routes.find(|one| one["Properties"]["RouteKey"] == key).unwrap_or_else(|| panic!("{key}: {template:#}"))
    };
    let (closed, wide) = (&route("GET /closed")["Properties"], &route("ANY /{proxy+}")["Properties"]);
    assert_eq!((closed["AuthorizationType"].as_str(), closed.get("Target")), (Some("AWS_IAM"), None));
    assert_eq!((wide.get("AuthorizationType"), wide["Target"].is_object()), (None, true));
    let told = "the route \"GET /closed\" of the API shop, which answers by itself";
    assert!(export.left_out.iter().any(|line| line == told), "{:#?}", export.left_out);
    let methods = resources.values().filter(|one| one["Type"] == "AWS::ApiGateway::Method");
    let mut methods: Vec<_> =
        methods.map(|one| [&one["Properties"]["HttpMethod"], &one["Properties"]["AuthorizationType"]]).collect();
    methods.sort_by_key(|method| method[0].to_string());
    // Nothing else would answer for what stands alone.
    assert_eq!(methods, [[&json!("ANY"), &json!("NONE")], [&json!("GET"), &json!("AWS_IAM")]]);
    let told = "the answer of the route \"GET /closed\" of the API till";
    assert!(export.left_out.iter().any(|line| line == told), "{:#?}", export.left_out);
}

#[tokio::test]
async fn what_is_exported_and_imported_is_the_same_state_under_the_same_ids() {
    for (full, empty) in towns().await.into_iter().zip(towns().await) {
        let folder = tempfile::tempdir().unwrap();
        let config = load(folder.path(), "whole.yaml", TEMPLATE, "Secret");
        let first = exported(&full, &config).await;
        assert!(!first.contains("partner-secret"), "{first}");
        let again = load(folder.path(), "exported.json", &first, "PoolWholePartnerclientsecret");
        assert_eq!(exported(&empty, &again).await, first);
        let id = &config.pools[0].id;
        let pool =
            async |town: &Town| store::pools::find(&mut town.cx().read().await.unwrap(), id).await.unwrap().unwrap();
        let (before, after) = (pool(&full).await, pool(&empty).await);
        assert_eq!((before.settings, before.strict_oidc), (after.settings, after.strict_oidc));
        let client = async |town: &Town| {
            let id = &config.pools[0].clients[0].id;
            store::clients::find(&mut town.cx().read().await.unwrap(), id).await.unwrap().unwrap()
        };
        let (before, after) = (client(&full).await, client(&empty).await);
        assert_eq!((before.settings, before.name), (after.settings, after.name));
        // The towns have one seed, so what they make up is equal; what counts is that it was made, and not carried over.
        assert_eq!((before.secrets.len(), after.secrets.len()), (1, 1));
        assert!(!first.contains(before.secrets[0].value.expose()), "{first}");
        assert_eq!((config.apis.len(), again.apis.len()), (2, 2));
        for api in &config.apis {
            let other = again.apis.iter().find(|other| other.id == api.id).unwrap();
            let keys = |api: &poolhouse::config::api::Api| {
                let named = |route: &poolhouse::config::api::Route| {
                    (route.key.clone(), route.scopes.clone(), route.authorizer.as_ref().map(|name| name.value.clone()))
                };
                let mut keys: Vec<_> = api.routes.iter().map(named).collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(api), keys(other));
            assert_eq!(api.authorizers, other.authorizers);
        }
    }
}
