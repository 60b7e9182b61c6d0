//! Templates that make one API together, and what guards it in each.

use std::fs;

use poolhouse::config::api::{Authorizer, Integration};

use super::{API, load_with, mistakes, read};

/// Teams copy their templates, and with them the logical ids.
#[test]
fn parts_of_one_logical_id_are_parts_of_their_templates() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let shared = "Resources:\n  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP}}\n  \
                  Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Api, StageName: $default, AutoDeploy: true}}\n\
                  Outputs:\n  Id: {Value: !Ref Api, Export: {Name: api}}\n";
    let parts = API.lines().filter(|line| !line.starts_with("  Api:") && !line.starts_with("  Stage:"));
    let parts = parts.collect::<Vec<_>>().join("\n").replace("!Ref Api", "!ImportValue api");
    let of = |team: &str| {
        parts
            .replace("127.0.0.1:1", &format!("127.0.0.1:1/{team}"))
            .replace("ANY /{proxy+}", &format!("ANY /{team}/{{proxy+}}"))
            .replace("Audience: [c]", &format!("Audience: [{team}]"))
            .replace("Name: jwt", &format!("Name: jwt-{team}"))
    };
    let files = [("shared.yaml", shared), ("one.yaml", &of("one")), ("two.yaml", &of("two"))]
        .map(|(name, text)| write(name, text));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let config = load_with(&files, |_| {}).unwrap_or_else(|said| panic!("{said:#?}")).config;
    let [api] = &config.apis[..] else { panic!("{:?}", config.apis) };
    assert_eq!(api.routes.len(), 2);
    for team in ["one", "two"] {
        let route = api.routes.iter().find(|route| route.key.contains(team)).unwrap();
        let Integration::Http { url, .. } = &route.integration else { panic!("{:?}", route.integration) };
        assert_eq!(url.value, format!("http://127.0.0.1:1/{team}/{{proxy}}"));
        let name = &route.authorizer.as_ref().unwrap().value;
        let Authorizer::Jwt(jwt) = &api.authorizers[name] else { panic!("{name}") };
        assert_eq!((name.as_str(), jwt.audience[0].value.as_str()), (&*format!("jwt-{team}"), team));
    }

    // So it is with resources of REST APIs, each below the other's root.
    let shared = "Resources:\n  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a}}\n  \
                  Deployment: {Type: AWS::ApiGateway::Deployment, Properties: {RestApiId: !Ref Api, StageName: v1}}\n\
                  Outputs:\n  Id: {Value: !Ref Api, Export: {Name: api}}\n  \
                  Root: {Value: !GetAtt Api.RootResourceId, Export: {Name: root}}\n";
    let of = |team: &str| {
        format!(
            "Resources:\n  Own: {{Type: AWS::ApiGateway::Resource, Properties: {{RestApiId: !ImportValue api, ParentId: \
             !ImportValue root, PathPart: {team}}}}}\n  Get: {{Type: AWS::ApiGateway::Method, Properties: {{RestApiId: \
             !ImportValue api, ResourceId: !Ref Own, HttpMethod: GET, AuthorizationType: NONE, Integration: {{Type: \
             HTTP_PROXY, IntegrationHttpMethod: GET, Uri: 'http://127.0.0.1:1/{team}'}}}}}}\n"
        )
    };
    let files = [("shared.yaml", shared), ("one.yaml", &of("one")), ("two.yaml", &of("two"))]
        .map(|(name, text)| write(name, text));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let config = load_with(&files, |_| {}).unwrap_or_else(|said| panic!("{said:#?}")).config;
    let keys: Vec<&str> = config.apis[0].routes.iter().map(|route| route.key.as_str()).collect();
    assert_eq!(keys, ["GET /one", "GET /two"]);
}

/// A value that is not known here is a warning, and nobody ignores it where it would open something.
#[test]
fn what_guards_an_api_has_no_gaps_even_where_warnings_are_ignored() {
    let pool = "  Pool: {Type: AWS::Cognito::UserPool, Properties: {UserPoolName: p}}\n";
    let unknown = "!GetAtt Pool.Color";
    let route = |from: &str, to: &str| {
        let text = API.replace(from, to);
        assert_ne!(text, API, "{from}");
        format!("{text}{pool}")
    };
    let rest = |properties: &str| {
        format!("Resources:\n  Api: {{Type: AWS::ApiGateway::RestApi, Properties: {{Name: a, {properties}}}}}\n{pool}")
    };
    let document = |operation: &str| {
        let body = format!(
            "Body: {{openapi: 3.0.1, info: {{title: a, version: v}}, paths: {{/a: {{{operation}}}}}, components: \
             {{securitySchemes: {{jwt: {{type: oauth2, x-amazon-apigateway-authorizer: {{type: jwt, identitySource: \
             $request.header.Authorization, jwtConfiguration: {{issuer: 'https://issuer.example', audience: [c]}}}}}}}}}}}}"
        );
        let conditions = "Conditions: {Always: !Equals [a, a]}";
        format!("{conditions}\nResources:\n  Api: {{Type: AWS::ApiGatewayV2::Api, Properties: {{{body}}}}}\n{pool}")
    };
    let policy = format!(
        "{{Statement: [{{Effect: Allow, Principal: '*', Action: '*', Resource: '*', Condition: {{IpAddress: {{'aws:SourceIp': \
         {unknown}}}}}}}]}}"
    );
    let integration = "x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: 'http://127.0.0.1:1/', \
                       payloadFormatVersion: '1.0'}";
    for (text, said) in [
        (route("AuthorizationScopes: [a]", &format!("AuthorizationScopes: [{unknown}]")), "`AuthorizationScopes` of"),
        (route("AuthorizationType: JWT", &format!("AuthorizationType: {unknown}")), "`AuthorizationType` of"),
        (rest(&format!("Policy: {policy}")), "`Policy` of"),
        (
            document(&format!("get: {{{integration}, security: [{{jwt: [{unknown}]}}]}}")),
            "`security` of get guards an API, and holds a value that is not known here",
        ),
        (
            document(&format!(
                "get: {{'Fn::If': [Always, {{{integration}, security: [{{jwt: [{unknown}]}}]}}, !Ref 'AWS::NoValue']}}"
            )),
            "`security` of get guards an API",
        ),
        (
            document("").replace("audience: [c]", &format!("audience: [c, {unknown}]")),
            "`jwtConfiguration` of the authorizer jwt",
        ),
        (route("IdentitySource: [", &format!("IdentitySource: [{unknown}, ")), "`IdentitySource` of Jwt guards an API"),
        (document(&format!("GET: {{{integration}}}")), "`GET` of /a is not supported (did you mean `get`?)"),
        (document("$ref: 'other.yaml'"), "`$ref` of /a is not supported"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.yaml");
        fs::write(&file, &text).unwrap();
        let lines = load_with(&[&file.display().to_string()], |flags| flags.ignore_warnings = true).err();
        let lines = lines.unwrap_or_else(|| panic!("taken: {text}"));
        assert!(lines.iter().any(|line| line.contains(said)), "{said}\n{lines:#?}");
        assert!(mistakes(&text).iter().any(|line| line.contains(said)));
    }
    // Elsewhere it stays a warning.
    let text =
        format!("{API}  Other: {{Type: AWS::Cognito::UserPool, Properties: {{UserPoolName: {unknown}}}}}\n{pool}");
    assert_eq!(read(&text, |flags| flags.ignore_warnings = true).config.apis[0].routes.len(), 1);
}
